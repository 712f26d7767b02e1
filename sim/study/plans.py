"""Runs the searches of a report one by one, and the best plan of each; one that fails does not stop the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.counterfactual import counterfactuals
from sim.errors import InputError, ScaletaxError
from sim.outcome.outcome import Outcome
from sim.planning import PlanStudy, SizeStudy, compared, plan_study
from sim.scenario import Scenario
from sim.scenario.limits import left_out
from sim.scenario.types import Search
from sim.simulate import prepare, simulate_prepared
from sim.study.faster_formats import FasterFormat, faster_formats
from sim.training import with_run

_TRIED = 8
"""Plans that the engine tries at each of several sizes."""


class SystemStudy(NamedTuple):
    """A system: what was found at its largest size that holds the model, and at all sizes where there are several.

    run: the best plan simulated with the run that it is for, its bill and its counterfactuals; None where such a run
    would hardly end. faster: narrower formats in which that plan would be faster. left_out:
    what the scenario fixes of a plan and no search tries.
    """

    found: PlanStudy
    sizes: tuple[SizeStudy, ...] = ()
    run: Outcome | None = None
    faster: tuple[FasterFormat, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def time_s(self) -> float:
        """All tokens with the best plan, with failures where the run is known."""
        return self.run.time_to_train_s if self.run else self.undisturbed_s

    @property
    def undisturbed_s(self) -> float:
        """All tokens with the best plan, without failures."""
        training = self.found.about.scenario.training
        return training.tokens / (training.global_batch * training.sequence) * self.found.best[0].step_s


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
            sizes_found = tuple(compared(found)) if len(found) > 1 else ()
            faster = faster_formats(plans[-1], with_best_plan(plans[-1]))
            by_hand = left_out(sizes[-1].system.plan)
            studies.append(SystemStudy(plans[-1], sizes_found, _run_of(plans[-1]), faster, by_hand))
    if not studies:
        raise failures[0]
    return studies, failures


def _attempt(scenario: Scenario, top: int, jobs: int) -> PlanStudy | ScaletaxError:
    try:
        return plan_study(scenario, top, jobs)
    except ScaletaxError as error:
        return error


def with_best_plan(found: PlanStudy) -> Scenario:
    """The scenario with the best plan written down, on the devices that it uses."""
    scenario, plan = found.about.scenario, found.best[0].plan
    system = dataclasses.replace(scenario.system, plan=plan.request(), devices=plan.devices, search=Search())
    return dataclasses.replace(scenario, system=system)


def _run_of(found: PlanStudy) -> Outcome | None:
    """All devices are counted and paid for, those that the plan leaves unused as well."""
    try:
        used = prepare(with_best_plan(found))
        system = dataclasses.replace(used.scenario.system, devices=found.about.scenario.system.devices)
        prepared = dataclasses.replace(used, scenario=dataclasses.replace(used.scenario, system=system))
        outcome = with_run(prepared, simulate_prepared(prepared))
        return dataclasses.replace(outcome, counterfactual_step_times_s=counterfactuals(prepared, outcome))
    except InputError:
        return None


def _sized(scenario: Scenario, devices: int) -> Scenario:
    """The scenario with another number of devices, as no point of a sweep."""
    return dataclasses.replace(
        scenario, system=dataclasses.replace(scenario.system, devices=devices), axes={}, path=scenario.path
    )
