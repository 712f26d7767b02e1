"""What the best plan would take in narrower formats that device and stack have: whether they are worth a look."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, cast

from sim.catalog import NARROW_PRECISIONS
from sim.errors import ScaletaxError
from sim.planning import PlanStudy
from sim.prepare import prepare
from sim.scenario import Scenario
from sim.scenario.training import RecipeRequest


class FasterFormat(NamedTuple):
    """precision: of [training]. speedup: how many times as fast a step of the same plan is, by the closed form."""

    precision: str
    speedup: float


def faster_formats(found: PlanStudy, with_plan: Scenario) -> tuple[FasterFormat, ...]:
    """Formats in which the best plan fits and is faster, the fastest first; none where a recipe is asked for by name.

    with_plan: the scenario with that plan written down.
    """
    training = with_plan.training
    if training.recipe != RecipeRequest():
        return ()
    peaks = [device.peak_flops_per_s for device in found.about.devices]
    others = [
        dataclasses.replace(with_plan, training=dataclasses.replace(training, precision=cast("Any", precision)))
        for precision in NARROW_PRECISIONS
        if all(one.get(precision, 0.0) > one[training.precision] for one in peaks)
    ]
    base_s = _step_s(with_plan) if others else None
    if base_s is None:
        return ()
    steps_s = {one.training.precision: _step_s(one) for one in others}
    faster = [FasterFormat(name, base_s / step_s) for name, step_s in steps_s.items() if step_s and step_s < base_s]
    return tuple(sorted(faster, key=lambda one: one.speedup, reverse=True))


def _step_s(scenario: Scenario) -> float | None:
    """Seconds of a step; None where the stack has no such recipe, or the plan does not fit."""
    try:
        prepared = prepare(scenario)
    except ScaletaxError:
        return None
    return prepared.kind.closed_form_s(prepared, prepared.networks[0])
