"""Statistics of relative errors, over all rows of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from sim.validation.compare import Comparison


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of some rows as shares; signed ones are negative where the prediction is too small.

    p10, p90: percentiles of the signed error. p90_absolute: what nine of ten rows stay below. worst: the signed error
    that is largest without its sign, of worst_row.
    """

    rows: int
    mean: float
    mean_absolute: float
    median_absolute: float
    p90_absolute: float
    p10: float
    p90: float
    worst: float
    worst_row: str


def errors_of(named: Iterable[tuple[str, float]]) -> Errors | None:
    """Statistics of (row, signed error) pairs; None of none."""
    pairs = list(named)
    if not pairs:
        return None
    signed = np.array([error for _, error in pairs])
    absolute = np.abs(signed)
    worst_row, worst = pairs[int(absolute.argmax())]
    low, high = np.percentile(signed, (10, 90))
    return Errors(
        rows=len(pairs),
        mean=fmean(signed),
        mean_absolute=fmean(absolute),
        median_absolute=float(np.median(absolute)),
        p90_absolute=float(np.percentile(absolute, 90)),
        p10=float(low),
        p90=float(high),
        worst=worst,
        worst_row=worst_row,
    )


def step_errors(comparisons: Sequence[Comparison]) -> Errors | None:
    """Errors of the step time."""
    return errors_of((one.row.id, one.error) for one in comparisons)


def memory_errors(comparisons: Sequence[Comparison]) -> Errors | None:
    """Errors of the peak memory, over the rows that measured it."""
    return errors_of((one.row.id, one.memory_error) for one in comparisons if one.memory_error is not None)
