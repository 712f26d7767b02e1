"""Runs the searches of a report one by one; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.errors import ScaletaxError
from sim.planning import PlanStudy, SizeStudy, plan_study, size_studies
from sim.scenario import Scenario

_TRIED = 8
"""Plans that the engine tries at each of several sizes."""


class SystemStudy(NamedTuple):
    """A system: what was found for it as it is, and at other sizes."""

    found: PlanStudy
    sizes: tuple[SizeStudy, ...]


def study_all(
    scenarios: Sequence[Scenario],
    sizes: Sequence[int],
    top: int,
    jobs: int = 1,
    done: Callable[[int], object] = lambda count: None,
) -> tuple[list[SystemStudy], list[ScaletaxError]]:
    """Search for every scenario, and at every size.

    top: plans that the engine tries at least. jobs: processes that try them. done: called with how many searches have
    been made. Raises the first error where nothing was found at all.
    """
    studies: list[SystemStudy] = []
    failures: list[ScaletaxError] = []
    for scenario in scenarios:
        try:
            found = plan_study(scenario, top, jobs)
        except ScaletaxError as error:
            failures.append(error)
            done(1 + len(sizes))
            continue
        done(1)
        studies.append(SystemStudy(found, tuple(size_studies(scenario, sizes, _TRIED, jobs))))
        done(len(sizes))
    if not studies:
        raise failures[0]
    return studies, failures
