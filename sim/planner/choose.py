"""Which plan a GPU system runs: the user's, or the default rule's."""

from __future__ import annotations

from collections.abc import Sequence

from sim.cost.compute import Machine
from sim.errors import InputError
from sim.hardware.topology import Topology
from sim.parallel.plan import Plan, check_plan
from sim.planner.fit import does_not_fit, fullest_stage
from sim.planner.rule import default_plan
from sim.scenario.types import Scenario


def choose_plan(scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology]) -> Plan:
    """Return the plan that the system runs.

    machines, topologies: of each part of the system.
    Raises InputError when the user's plan is not legal, DoesNotFit (item by item, with what would fit) when its memory
    is not there.
    """
    if scenario.system.plan.rule == "best":
        if scenario.system.parts:
            raise InputError(
                f"{scenario.where} plan",
                'plan = "best" with [[system.part]]: the default rule knows hardware of one kind only',
                "write a table [system.plan] with tensor, pipeline and micro_batch",
            )
        return default_plan(scenario, machines[0], topologies[0])
    plan = check_plan(scenario.system.plan, scenario, machines[0].stack)
    fullest = fullest_stage(scenario, plan, machines)
    if not fullest.fits:
        raise does_not_fit(scenario, machines, topologies, fullest)
    return plan
