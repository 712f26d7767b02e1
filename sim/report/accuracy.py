"""How far to believe a point: the error band beside its step time, a note on it, a warning outside what was checked."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.catalog import Accuracy
from sim.outcome.outcome import Outcome
from sim.report.points import counted

NOT_CHECKED = "not checked"


def error_band(outcome: Outcome) -> str:
    """Beside a step time: "-6 to +3 %", of how few rows, or that none was compared that is like it."""
    accuracy, errors = outcome.confidence.accuracy, outcome.confidence.errors
    if accuracy is None or errors is None:
        return NOT_CHECKED
    low, high = (f"{round(100 * error):+d}" for error in errors)
    few = f" ({counted(accuracy.rows, 'row')})" if accuracy.has_few_rows else ""
    return f"{low} to {high} %{few}"


def accuracy_notes(outcome: Outcome) -> list[str]:
    """One note: how far simulated step times of the stack were off on published rows; of few rows a warning says it."""
    stack, accuracy = outcome.stack, outcome.confidence.accuracy
    if accuracy is None:
        return [f"{stack} on {outcome.device_title}: not compared with any published row"]
    if accuracy.has_few_rows:
        return []
    return [
        f"{stack}: where it was checked, simulated step times were {_off(accuracy)} off (P10 to P90 of"
        f" {accuracy.rows:,} published check rows; negative: too fast, and MFU too high)"
    ]


def few_rows_warnings(outcome: Outcome) -> list[str]:
    """A warning where a stack's errors are those of few rows: it comes before all others."""
    accuracy = outcome.confidence.accuracy
    if accuracy is None or not accuracy.has_few_rows:
        return []
    return [
        f"{accuracy.stack}: only {counted(accuracy.rows, 'published row')} to check it on; simulated step times were"
        f" {_off(accuracy)} off there (negative: too fast)"
    ]


def warnings_of(outcome: Outcome) -> list[str]:
    """Warnings: few rows to check the stack on, and everything in which a point lies outside of them."""
    return [
        *few_rows_warnings(outcome),
        *(
            f"{outcome.stack} was only checked on {words}; outside, errors may be larger"
            for words in outcome.confidence.outside
        ),
    ]


def accuracy_record(outcome: Outcome) -> dict[str, Any]:
    """The same for results.json.

    Errors are null where no row like the point was compared, checked_on where no published row checks the stack.
    """
    accuracy, outside = outcome.confidence.accuracy, outcome.confidence.outside
    return {
        **_errors(outcome),
        "checked_on": None if accuracy is None else dataclasses.asdict(accuracy),
        "outside": list(outside),
    }


def accuracy_columns(outcome: Outcome) -> dict[str, Any]:
    """The same for one row of summary.csv; errors are empty where no row like the point was compared."""
    accuracy = outcome.confidence.accuracy
    return {
        **_errors(outcome),
        "check_rows": 0 if accuracy is None else accuracy.rows,
        "outside_checked_range": "; ".join(outcome.confidence.outside),
    }


def _errors(outcome: Outcome) -> dict[str, float | None]:
    low, high = outcome.confidence.errors or (None, None)
    return {"step_time_error_p10": low, "step_time_error_p90": high}


def _off(accuracy: Accuracy) -> str:
    return f"{accuracy.error_p10:+.1%} to {accuracy.error_p90:+.1%}"
