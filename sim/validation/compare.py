"""Prediction against measurement: signed errors, row by row and in summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sim.simulate import simulate
from sim.validation.measurements import Measurement, read_measurements


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measured and one predicted step time."""

    measurement: Measurement
    predicted_s: float

    @property
    def error(self) -> float:
        """Signed relative error of the step time: negative means predicted too fast."""
        return self.predicted_s / self.measurement.step_time_s - 1.0


def compare() -> list[Comparison]:
    """Simulate every measurement that the project carries."""
    return [Comparison(row, simulate(row.scenario).step_time_s) for row in read_measurements()]


def headline(comparisons: Sequence[Comparison]) -> str:
    """Mean signed and mean absolute error over the rows that nothing was fitted on."""
    errors = [row.error for row in comparisons if row.measurement.role == "check"]
    others = len(comparisons) - len(errors)
    return (
        f"{len(errors)} check rows: mean signed error {fmean(errors):+.1%}, mean absolute error"
        f" {fmean(abs(error) for error in errors):.1%}, largest {max(errors, key=abs):+.1%}"
        f" ({others} fit and estimate rows not counted)"
    )


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """The comparison as text."""
    from tabulate import tabulate

    rows = [
        (
            row.measurement.id,
            row.measurement.role,
            row.measurement.scenario.model.name,
            row.measurement.scenario.system.devices,
            row.measurement.scenario.system.stack,
            f"{row.measurement.step_time_s:.3f}",
            f"{row.predicted_s:.3f}",
            f"{row.error:+.1%}",
        )
        for row in comparisons
    ]
    headers = ("row", "role", "model", "devices", "stack", "measured [s]", "predicted [s]", "error")
    aligned = ("left", "left", "left", "right", "left", "right", "right", "right")
    table = tabulate(rows, headers, tablefmt="simple", colalign=aligned, disable_numparse=True)
    return f"{table}\n\n{headline(comparisons)}"
