"""How far to believe a point: the error band beside its step time, a note on it, a warning outside what was checked."""

from __future__ import annotations

import dataclasses
from typing import Any

from sim.outcome.outcome import Outcome
from sim.report.points import counted


def error_band(outcome: Outcome) -> str:
    """Beside a step time: "-6 to +3 %", or that there are too few rows for that."""
    accuracy = outcome.confidence.accuracy
    if accuracy is None:
        return "unchecked"
    if accuracy.has_few_rows:
        return f"only {counted(accuracy.rows, 'row')}"
    return f"{round(100 * accuracy.error_p10):+d} to {round(100 * accuracy.error_p90):+d} %"


def accuracy_notes(outcome: Outcome) -> list[str]:
    """One note: how far simulated step times of the stack were off on published rows."""
    stack, accuracy = outcome.scenario.system.stack, outcome.confidence.accuracy
    if accuracy is None:
        return [f"{stack} on {outcome.device_title}: not compared with any published row"]
    band = f"{accuracy.error_p10:+.1%} to {accuracy.error_p90:+.1%}"
    if accuracy.has_few_rows:
        return [f"{stack}: only {counted(accuracy.rows, 'published row')} to check it on; step times were {band} off"]
    return [
        f"{stack}: simulated step times were {band} off (P10 to P90 of {accuracy.rows:,} published check rows;"
        " negative: too fast, and MFU too high)"
    ]


def warnings_of(outcome: Outcome) -> list[str]:
    """A warning for everything in which a point lies outside the rows that its stack was checked on."""
    stack = outcome.scenario.system.stack
    return [
        f"{stack} was only checked on {words}; outside, errors may be larger" for words in outcome.confidence.outside
    ]


def accuracy_record(outcome: Outcome) -> dict[str, Any]:
    """The same for results.json; checked_on is null where no published row checks the stack."""
    accuracy, outside = outcome.confidence.accuracy, outcome.confidence.outside
    return {"checked_on": None if accuracy is None else dataclasses.asdict(accuracy), "outside": list(outside)}


def accuracy_columns(outcome: Outcome) -> dict[str, Any]:
    """The same for one row of summary.csv; empty where no published row checks the stack."""
    accuracy = outcome.confidence.accuracy
    return {
        "step_time_error_p10": None if accuracy is None else accuracy.error_p10,
        "step_time_error_p90": None if accuracy is None else accuracy.error_p90,
        "check_rows": 0 if accuracy is None else accuracy.rows,
        "outside_checked_range": "; ".join(outcome.confidence.outside),
    }
