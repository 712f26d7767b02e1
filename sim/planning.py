"""What a search for plans has to tell: the best plans, what less memory would cost, how hard they were to find."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sim.errors import InputError, ScaletaxError
from sim.machines import Even, PlanRow, PlanStudy, facts_of
from sim.outcome.confidence import Confidence, confidence
from sim.parallel.step_plan import StepPlan
from sim.planner.effort import changes
from sim.prepare import look_up
from sim.scenario.types import PlanRequest, Scenario

__all__ = ["Even", "PlanRow", "PlanStudy", "SizeStudy", "believed", "compared", "plan_study"]


@dataclass(frozen=True, slots=True)
class SizeStudy:
    """One cluster size: what was found, or why nothing was; and what changes from the size before."""

    devices: int
    found: PlanStudy | ScaletaxError
    changed: tuple[str, ...] | None
    """Settings beside the replicas; None for the first size, and where a plan is missing."""


def plan_study(scenario: Scenario, top: int, jobs: int = 1) -> PlanStudy:
    """Search for the best plans of a scenario, whatever plan it has.

    top: how many the engine tries at least. jobs: processes that try them.

    Raises InputError for parts of different kinds, and what a search raises.
    """
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, plan=PlanRequest()))
    if scenario.system.parts:
        raise InputError(
            f"{scenario.where} part",
            "the search for a plan knows hardware of one kind only",
            "leave this system out, or give it a topology and devices",
        )
    found = look_up(scenario)
    return found.kind.study(found, top, jobs)


def believed(study: PlanStudy) -> Confidence:
    """How far to believe the step of the best plan, as it was searched for."""
    facts = facts_of(study.about)
    assert facts is not None
    is_guessed = study.about.scenario.system.stack_is_default
    return confidence(facts, is_guessed=is_guessed, is_searched=study.about.kind.has_degrees)


def compared(found: Sequence[tuple[int, PlanStudy | ScaletaxError]]) -> list[SizeStudy]:
    """What was found at several cluster sizes, and what changes from each to the next."""
    studies: list[SizeStudy] = []
    before: StepPlan | None = None
    for devices, one in found:
        plan = one.best[0].plan if isinstance(one, PlanStudy) else None
        changed = changes(before, plan) if before is not None and plan is not None else None
        studies.append(SizeStudy(devices, one, changed))
        before = plan
    return studies
