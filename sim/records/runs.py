"""The run over days and its bill as plain data, for results.json and summary.csv."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from sim.catalog import Range
from sim.outcome.economics import RunBill
from sim.outcome.outcome import Outcome
from sim.outcome.run.training_run import RUN_PERCENTILES, TrainingRun

_AMOUNTS = ("energy_joules", "rental_usd", "purchase_usd")


def run_record(run: TrainingRun | None) -> dict[str, Any] | None:
    """The simulated runs; None where only a step was simulated."""
    if run is None:
        return None
    conditions, checkpoints = run.conditions, run.conditions.checkpoints
    return {
        "runs": len(run.runs.times_s),
        "reliability": run.reliability.name,
        **_times(run),
        "time_to_train_mean_s": run.mean_s,
        "start_up_s": conditions.start_up_s,
        "recovery_s": conditions.mean_recovery_s,
        "checkpoint_size_bytes": checkpoints.size_bytes,
        "checkpoint_blocking_s": checkpoints.blocking_s,
        "checkpoint_write_s": checkpoints.write_s,
        "lines_mean_s": {line: float(seconds.mean()) for line, seconds in run.runs.lines_s.items()},
    }


def bill_record(bill: RunBill | None) -> dict[str, Any] | None:
    """What the median run costs, each amount with its cheap and its dear end; null is unknown."""
    if bill is None:
        return None
    amounts = {name: range_record(getattr(bill, name)) for name in _AMOUNTS}
    each = {f"{name}_per_token": range_record(bill.per_token(getattr(bill, name))) for name in _AMOUNTS}
    words = {
        name: [str(one) for one in getattr(bill, name)]
        for name in ("rental_dates", "purchase_dates", "unknown", "assumed")
    }
    return {"device_hours": bill.device_hours, **amounts, **each, **words}


def range_record(amount: Range | None) -> dict[str, float] | None:
    """A range as plain data; null is unknown."""
    return None if amount is None else dataclasses.asdict(amount)


def losses_record(outcome: Outcome) -> list[dict[str, Any]]:
    """What each law expects; fitted: on models like this one."""
    return [dataclasses.asdict(one) for one in outcome.expected_losses]


def run_columns(outcome: Outcome) -> dict[str, Any]:
    """Columns of summary.csv: empty where only a step was simulated, and where a price is unknown."""
    run, bill = outcome.run, outcome.bill
    columns: dict[str, Any] = {"undisturbed_s": outcome.undisturbed_s, **(_times(run) if run else {})}
    for amount in _AMOUNTS:
        known: Range | None = getattr(bill, amount, None)
        columns |= {
            f"{amount}_low": known.low if known else None,
            amount: known.typical if known else None,
            f"{amount}_high": known.high if known else None,
        }
    return columns


def _times(run: TrainingRun) -> dict[str, Any]:
    between_s = run.conditions.between_failures_s
    return {
        **{f"time_to_train_p{percent}_s": run.percentile_s(percent) for percent in RUN_PERCENTILES},
        "goodput": run.goodput,
        "failures": run.mean_failures,
        "mean_time_between_failures_s": between_s if math.isfinite(between_s) else None,
        "checkpoint_every_steps": run.conditions.checkpoints.every_steps or None,
    }
