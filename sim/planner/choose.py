"""Which plan a GPU system runs: the user's, or the best that a search finds."""

from __future__ import annotations

from collections.abc import Sequence

from sim.cost.compute import Machine
from sim.errors import InputError
from sim.hardware.topology import Topology
from sim.parallel.plan import Plan, check_plan
from sim.planner.fit import does_not_fit, fullest_stage
from sim.planner.search import search
from sim.scenario.types import Scenario


def choose_plan(scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology]) -> Plan:
    """Return the plan that the system runs.

    machines, topologies: of each part of the system.
    Raises InputError when the user's plan is not legal or limits leave none, DoesNotFit (item by item, with what would
    fit) when the memory is not there.
    """
    if scenario.system.plan.rule == "best":
        if scenario.system.parts:
            raise InputError(
                f"{scenario.where} plan",
                'plan = "best" with [[system.part]]: the search knows hardware of one kind only',
                "write a table [system.plan] with tensor, pipeline and micro_batch",
            )
        return search(scenario, machines[0], topologies[0]).best.plan
    plan = check_plan(scenario.system.plan, scenario, machines[0].stack)
    fullest = fullest_stage(scenario, plan, machines)
    if not fullest.fits:
        raise does_not_fit(scenario, machines, topologies, fullest)
    return plan
