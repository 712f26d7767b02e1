"""The run over days, its bill, and steps that differ as plain data: what results.json has of them beside metrics."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog import Range, Variation
from sim.outcome.economics import RunBill
from sim.outcome.run.training_run import TrainingRun
from sim.outcome.step_times import HeldUp, StepTimes

_AMOUNTS = ("energy_joules", "rental_usd", "purchase_usd")
_MOST_HELD_UP = 10


def run_record(run: TrainingRun | None) -> dict[str, Any] | None:
    """The simulated runs; None where only a step was simulated."""
    if run is None:
        return None
    conditions, checkpoints = run.conditions, run.conditions.checkpoints
    return {
        "runs": len(run.runs.times_s),
        "reliability": run.reliability.name,
        "time_to_train_mean_s": run.mean_s,
        "start_up_s": conditions.start_up_s,
        "recovery_s": conditions.mean_recovery_s,
        "checkpoint_size_bytes": checkpoints.size_bytes,
        "checkpoint_blocking_s": checkpoints.blocking_s,
        "checkpoint_write_s": checkpoints.write_s,
        "lines_mean_s": {line: float(seconds.mean()) for line, seconds in run.runs.lines_s.items()},
    }


def bill_record(bill: RunBill | None) -> dict[str, Any] | None:
    """What a token of the median run costs, from low to high, and what that rests on; null is unknown."""
    if bill is None:
        return None
    amounts = {name: bill.per_token(getattr(bill, name)) for name in _AMOUNTS}
    words = ("rental_dates", "purchase_dates", "unknown", "assumed")
    return {
        **{f"{name}_per_token": range_record(amount) for name, amount in amounts.items()},
        **{name: [str(one) for one in getattr(bill, name)] for name in words},
    }


def range_record(amount: Range | None) -> dict[str, float] | None:
    """A range as plain data; null is unknown."""
    return None if amount is None else dataclasses.asdict(amount)


def variation_record(variation: Variation) -> dict[str, Any]:
    """A variation by its name, and all its numbers as they were used; figures are cited elsewhere."""
    record = dataclasses.asdict(variation)
    del record["figures"]
    return record


def step_times_record(steps: StepTimes | None) -> dict[str, Any] | None:
    """The simulated steps; None where devices are alike."""
    if steps is None:
        return None
    return {
        "late_s": dict(steps.late_s),
        "held_up": [_held_up(one) for one in steps.held_up[:_MOST_HELD_UP]],
        "times_s": steps.times_s.tolist(),
    }


def _held_up(one: HeldUp) -> dict[str, Any]:
    """One of the stragglers; its place in the plan is null where it is no device."""
    if one.device is None:
        places = dict.fromkeys(("device", "actor", "replica", "rank"))
        return {"by": one.by, "steps": one.steps, **places, "node": one.node}
    return dataclasses.asdict(one)
