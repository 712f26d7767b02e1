"""What the simulator is meant to reach on published measurements, and whether it does.

Every target is over check rows of listed sources. They are stated here once, and never changed to fit a result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from sim.validation.compare import Comparison
from sim.validation.conventions import device_of, family_of
from sim.validation.errors import Errors, memory_errors, step_errors
from sim.validation.labels import label_of
from sim.validation.reach import Reach
from sim.validation.recent import GROUPS, Speedup, speedups
from sim.validation.scaling import Series, mean_scaling_error

Measure = Literal["mean_absolute", "median_absolute", "p90_absolute", "worst"]
FEWEST_ROWS = 5
"""A source needs as many to be called the worst."""
HEADLINE = ("a100", "h100")
"""Families of devices that the headline is over."""
_DIGITS = 7
"""What differs beyond them is how sums were rounded."""


@dataclass(frozen=True, slots=True)
class Target:
    """One figure to reach. limit, reached: shares, hundredths of a percentage point where unit is "points", or ratios.

    reached: None where no row speaks of it. over: what it was counted over, in words. others: what other programs
    reach on the same rows.
    """

    what: str
    measure: str
    limit: float
    reached: float | None
    over: str
    unit: Literal["%", "points", "ratio"] = "%"
    others: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where nothing was measured."""
        return None if self.reached is None else round(self.reached, _DIGITS) <= self.limit


_WORDS: dict[Measure, str] = {
    "mean_absolute": "mean absolute",
    "median_absolute": "median absolute",
    "p90_absolute": "P90 absolute",
    "worst": "worst row",
}


def is_dense_ampere_or_hopper(one: Comparison) -> bool:
    """Whether a row counts for the headline: a listed source, A100 or H100. Only dense bf16/fp16 is simulated."""
    return one.case.known and family_of(one.row) in HEADLINE


def headline(checks: Sequence[Comparison]) -> Errors | None:
    """Errors over the check rows of all listed sources on A100 and H100."""
    return step_errors([one for one in checks if is_dense_ampere_or_hopper(one)])


def targets(
    checks: Sequence[Comparison], series: Sequence[Series] = (), reached: Sequence[Reach] = ()
) -> tuple[Target, ...]:
    """Every target over some check rows and the series they make; rows of sources that are not listed do not count.

    reached: how many of the rows on dense training are simulated.
    """
    known = [one for one in checks if one.case.known]
    dense = [one for one in known if is_dense_ampere_or_hopper(one)]
    what = "dense bf16/fp16 on A100 and H100"
    return (
        _target(what, dense, "mean_absolute", 0.045),
        _target(what, dense, "median_absolute", 0.035),
        _target(what, dense, "p90_absolute", 0.10),
        _worst_source(known),
        _target(
            "vtrain-single, 2 to 8 GPUs", _from(known, "vtrain-single"), "mean_absolute", 0.06,
            "vTrain 8.37 %, Calculon 39 %, LCS 46 %",
        ),
        _target(
            "vtrain-multi, 64 to 512 GPUs", _from(known, "vtrain-multi"), "mean_absolute", 0.06,
            "vTrain 14.73 %, Calculon 15.3 %, LCS 22.8 %",
        ),
        _target(_KORTHIKANTI, _from(known, "calculon-seqsel"), "mean_absolute", 0.02, "Calculon 3.65 %"),
        _target(_KORTHIKANTI, _from(known, "calculon-seqsel"), "worst", 0.04, "Calculon 8.87 %"),
        _target(
            "SimuMax B200, dense", _from(known, "simumax-b200"), "mean_absolute", 0.05, "SimuMax 5.6 %"
        ),
        _target(
            "peak memory, where measured", known, "mean_absolute", 0.05, "SimuMax 0.5 %, Calculon 6.7 to 8.5 %",
            memory_errors,
        ),
        _target("CS-2 throughput", [one for one in known if device_of(one.row) == "cs-2"], "mean_absolute", 0.06),
        _scaling_target("scaling loss, smallest to largest cluster", series, 0.02),
        _scaling_target("scaling loss, beyond a node", [one for one in series if one.leaves_node], 0.03),
        *(
            _target(group.name, [one for one in known if group.holds(one.row)], "mean_absolute", group.limit)
            for group in GROUPS
        ),
        _speedup_target(speedups(known)),
        *(Target(f"rows on {one.what}", "left out", 0.05, one.left_out, f"{one.rows} rows") for one in reached),
    )  # fmt: skip


_KORTHIKANTI = "Korthikanti 2022, Table 5"


def _from(comparisons: Sequence[Comparison], label: str) -> list[Comparison]:
    return [one for one in comparisons if label_of(one.row.source) == label]


def _target(
    what: str,
    rows: Sequence[Comparison],
    measure: Measure,
    limit: float,
    others: str = "",
    count: Callable[[Sequence[Comparison]], Errors | None] = step_errors,
) -> Target:
    errors = count(rows)
    reached = None if errors is None else abs(float(getattr(errors, measure)))
    return Target(what, _WORDS[measure], limit, reached, f"{errors.rows if errors else 0} rows", others=others)


def _scaling_target(what: str, series: Sequence[Series], limit: float) -> Target:
    return Target(what, "mean absolute", limit, mean_scaling_error(series), f"{len(series)} series", "points")


def _speedup_target(pairs: Sequence[Speedup]) -> Target:
    mean = fmean(abs(one.error) for one in pairs) if pairs else None
    what = "speedup of a narrow format over half precision, at one plan"
    return Target(what, "mean absolute", 0.08, mean, f"{len(pairs)} pairs", "ratio")


def _worst_source(known: Sequence[Comparison]) -> Target:
    by_label: dict[str, list[Comparison]] = defaultdict(list)
    for one in known:
        by_label[label_of(one.row.source)].append(one)
    found = {label: step_errors(rows) for label, rows in by_label.items() if len(rows) >= FEWEST_ROWS}
    means = {label: errors.mean_absolute for label, errors in found.items() if errors}
    what, words = f"worst source with {FEWEST_ROWS} rows or more", _WORDS["mean_absolute"]
    if not means:
        return Target(what, words, 0.08, None, "0 sources")
    worst = max(means, key=lambda label: means[label])
    return Target(what, words, 0.08, means[worst], worst)
