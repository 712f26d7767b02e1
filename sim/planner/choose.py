"""Which plan a GPU system runs: the user's, or the default rule's."""

from __future__ import annotations

from sim.cost.compute import Machine
from sim.hardware.topology import Topology
from sim.parallel.plan import Plan, check_plan
from sim.planner.fit import does_not_fit, fullest_stage
from sim.planner.rule import default_plan
from sim.scenario.types import Scenario


def choose_plan(scenario: Scenario, machine: Machine, topology: Topology) -> Plan:
    """Return the plan that the system runs.

    Raises InputError when the user's plan is not legal, DoesNotFit (item by item, with what would fit) when its memory
    is not there.
    """
    if scenario.system.plan.rule == "best":
        return default_plan(scenario, machine, topology)
    plan = check_plan(scenario.system.plan, scenario, machine.stack)
    stage, memory = fullest_stage(scenario, plan, machine)
    if memory.total > machine.gpu.hbm_bytes:
        raise does_not_fit(scenario, machine, topology, stage, memory)
    return plan
