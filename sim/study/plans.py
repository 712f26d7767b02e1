"""Runs the searches of a report one by one; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.errors import ScaletaxError
from sim.planning import PlanStudy, SizeStudy, compared, plan_study
from sim.scenario import Scenario

_TRIED = 8
"""Plans that the engine tries at each of several sizes."""


class SystemStudy(NamedTuple):
    """A system: what was found at its largest size that holds the model, and at all sizes where there are several."""

    found: PlanStudy
    sizes: tuple[SizeStudy, ...]


def systems_of(scenarios: Sequence[Scenario], sizes: Sequence[int]) -> list[list[Scenario]]:
    """Scenarios that differ in nothing but the number of devices, together, the smallest first.

    sizes: numbers of devices that every system is looked at with as well.
    """
    systems: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        systems.setdefault(repr(_sized(scenario, 0)), []).append(scenario)
    return [
        sorted(
            {one.system.devices: one for one in [*(_sized(own[0], size) for size in sizes), *own]}.values(),
            key=lambda one: one.system.devices,
        )
        for own in systems.values()
    ]


def study_all(
    systems: Sequence[Sequence[Scenario]], top: int, jobs: int = 1, done: Callable[[], object] = lambda: None
) -> tuple[list[SystemStudy], list[ScaletaxError]]:
    """Search for every system at every size.

    top: plans that the engine tries at least, at the largest size. jobs: processes that try them. done: called after
    each search. Raises the first error where nothing was found at all.
    """
    studies: list[SystemStudy] = []
    failures: list[ScaletaxError] = []
    for sizes in systems:
        found: list[tuple[int, PlanStudy | ScaletaxError]] = []
        for scenario in sizes:
            found.append((scenario.system.devices, _attempt(scenario, top if scenario is sizes[-1] else _TRIED, jobs)))
            done()
        failures += [one for _, one in found if isinstance(one, ScaletaxError)]
        plans = [one for _, one in found if isinstance(one, PlanStudy)]
        if plans:
            studies.append(SystemStudy(plans[-1], tuple(compared(found)) if len(found) > 1 else ()))
    if not studies:
        raise failures[0]
    return studies, failures


def _attempt(scenario: Scenario, top: int, jobs: int) -> PlanStudy | ScaletaxError:
    try:
        return plan_study(scenario, top, jobs)
    except ScaletaxError as error:
        return error


def _sized(scenario: Scenario, devices: int) -> Scenario:
    """The scenario with another number of devices, as no point of a sweep."""
    return dataclasses.replace(
        scenario, system=dataclasses.replace(scenario.system, devices=devices), axes={}, path=scenario.path
    )
