"""Which plan a GPU system runs: the user's, or the best that a search finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sim.cost.compute import Machine
from sim.errors import InputError
from sim.hardware.network import Network
from sim.hardware.topology import Topology
from sim.outcome.effort import Effort
from sim.parallel.check import check_plan
from sim.parallel.plan import Plan
from sim.planner.effort import effort
from sim.planner.fit import does_not_fit, fullest_stage
from sim.planner.search import search
from sim.scenario.types import Scenario


class Choice(NamedTuple):
    """A plan; how hard it was to find, and the network that it was tried on: None where nobody looked for it."""

    plan: Plan
    effort: Effort | None = None
    network: Network | None = None


def choose_plan(scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology]) -> Choice:
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
        found = search(scenario, machines[0], topologies[0])
        return Choice(found.best.plan, effort(found), found.network)
    plan = check_plan(scenario.system.plan, scenario, machines[0].stack)
    fullest = fullest_stage(scenario, plan, machines)
    if not fullest.fits:
        raise does_not_fit(scenario, machines, topologies, fullest)
    return Choice(plan)
