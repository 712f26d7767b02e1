"""Measured spread of step times: statistics over the steps of MLPerf submissions, as data.

Roles are given by a rule, not by looking at errors. Of the GPT-3 rows, in the order of their ids, the first of every
four is "fit": constants are fitted on them. The other GPT-3 rows are "check". Rows of Llama 3.1 405B are
"upper-bound": their steps next to evaluations weigh so much that the coefficient of variation only bounds what
devices do. Rows of LoRA are "other": runs of 60 to 130 steps, on sequences of varying length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from sim.validation.rows import read_rows

LONGEST_COUNTED = 3.0
"""Steps of more than this many medians stay out of the coefficient of variation, as in the measured rows."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of the steps of a run.

    coefficient_of_variation: standard deviation over mean. p95_over_median, p99_over_median: what 95 and 99 % of the
    steps do not exceed, over the median.
    """

    median_s: float
    coefficient_of_variation: float
    p95_over_median: float
    p99_over_median: float

    @property
    def p95_delay_s(self) -> float:
        """95th percentile less median."""
        return (self.p95_over_median - 1.0) * self.median_s

    @property
    def p99_delay_s(self) -> float:
        """99th percentile less median."""
        return (self.p99_over_median - 1.0) * self.median_s

    @property
    def deviation_s(self) -> float:
        """Standard deviation, the mean taken for the median."""
        return self.coefficient_of_variation * self.median_s


@dataclass(frozen=True, slots=True)
class SpreadRow:
    """One submission.

    submission: round, submitter and system in the source. topology: the nearest on the shelf; empty where nothing is
    simulated. steps: samples, over all runs. max_over_median: all samples. share_of_slow_steps: those of more than
    1.1 medians. First steps and steps next to evaluations are among the samples of all statistics.
    """

    id: str
    name: str
    """The id without that of the source."""
    role: str
    benchmark: str
    source: str
    submission: str
    topology: str
    devices: int
    steps: int
    spread: Spread
    max_over_median: float
    share_of_slow_steps: float


_READER = TypeAdapter(SpreadRow)


def read_step_spread() -> list[SpreadRow]:
    """Read all rows that the project carries."""
    return [_row(raw) for raw in read_rows("step_spread.csv")]


def _row(raw: dict[str, str]) -> SpreadRow:
    keys = ("median_step_time_s", "cv", "p95_over_median", "p99_over_median")
    made = {"name": raw["id"].removeprefix("mlperfjit-"), "spread": Spread(*(float(raw[key]) for key in keys))}
    return _READER.validate_python({**raw, **made})


def spread_of(times_s: NDArray[np.float64]) -> Spread:
    """The same statistics of simulated steps. times_s: (S,)."""
    median_s = float(np.median(times_s))
    counted_s = times_s[times_s <= LONGEST_COUNTED * median_s]
    p95_s, p99_s = np.percentile(times_s, (95, 99))
    return Spread(
        median_s,
        float(counted_s.std(ddof=1) / counted_s.mean()),
        float(p95_s / median_s),
        float(p99_s / median_s),
    )
