"""How devices differ and how long steps take as plain data, for results.json and summary.csv."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog import Variation
from sim.outcome.outcome import Outcome
from sim.outcome.step_times import PERCENTILES, HeldUp, StepTimes

_MOST_HELD_UP = 10


def resolution_record(outcome: Outcome) -> dict[str, str]:
    """Whether every device was simulated, and why."""
    return dataclasses.asdict(outcome.resolution)


def variation_record(variation: Variation) -> dict[str, Any]:
    """A variation by its name, and all its numbers as they were used; figures are cited elsewhere."""
    record = dataclasses.asdict(variation)
    del record["figures"]
    return record


def step_times_record(steps: StepTimes | None) -> dict[str, Any] | None:
    """The simulated steps; percentiles and spread are null where there is only one."""
    if steps is None:
        return None
    return {
        "steps": len(steps.times_s),
        **_times(steps),
        "late_s": dict(steps.late_s),
        "held_up": [_held_up(one) for one in steps.held_up[:_MOST_HELD_UP]],
        "times_s": steps.times_s.tolist(),
    }


def summary_columns(outcome: Outcome) -> dict[str, Any]:
    """The same for one row of a table; empty where devices are alike."""
    steps = outcome.step_times
    times = dict.fromkeys(_COLUMNS) if steps is None else _times(steps)
    return {
        "resolution": outcome.resolution.name,
        "variation": outcome.scenario.system.variation.name,
        "simulated_steps": None if steps is None else len(steps.times_s),
        **{f"step_time_{name}": value for name, value in times.items()},
    }


_COLUMNS = ("alike_s", "mean_s", *(f"p{percent}_s" for percent in PERCENTILES), "coefficient_of_variation")


def _times(steps: StepTimes) -> dict[str, float | None]:
    """Name -> seconds, and the coefficient of variation, as _COLUMNS has them."""
    several = len(steps.times_s) > 1
    spread = [steps.percentile_s(percent) if several else None for percent in PERCENTILES]
    values = (steps.alike_s, steps.mean_s, *spread, steps.coefficient_of_variation if several else None)
    return dict(zip(_COLUMNS, values, strict=True))


def _held_up(one: HeldUp) -> dict[str, Any]:
    """One of the stragglers; its place in the plan is null where it is no device."""
    if one.device is None:
        places = dict.fromkeys(("device", "actor", "replica", "rank"))
        return {"by": one.by, "steps": one.steps, **places, "node": one.node}
    return dataclasses.asdict(one)
