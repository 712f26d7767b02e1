"""Fits the two constants of stalls to the fit rows of the measured step times, and prints them.

Run by hand: python benchmarks/fit_stalls.py (ten minutes or so on one core; the same figures every time).

**What is fitted.** On the five GPT-3 rows with role `fit` of sim/validation/step_spread.csv, the squared logarithm of
simulated over measured delay, a mean over rows, weighted over

- p95 - median and p99 - median in seconds, weight 1 each. First steps and steps next to evaluations are a few in a
  thousand of the samples, so these percentiles are what ordinary steps do; in seconds, because the simulated steps
  are not exactly as long as the measured ones.
- the standard deviation, weight 1/4: a few steps that no stall made dominate it, so it is more of an upper bound.

**What is taken.** Rate and length are not told apart well: along a valley from rare long stalls to frequent short ones
the misfit changes by less than the rows differ among themselves. Taken is the smallest rate whose misfit, at the length
that suits it best, is within one standard error (over the rows) of the least misfit on the grid: no more stalls than
the rows ask for. The grid ends at a stall every three minutes, where stalls are no longer rare and become noise.

Simulated as in sim/validation/spread_comparison.py, with all other parts of the profile as its file has them.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from sim.catalog import Stalls, Variation
from sim.validation.spread_comparison import Cluster, cluster_of, compared_profile, gpt3_rows
from sim.validation.step_spread import Spread, SpreadRow, spread_of

WEIGHTS = {"p95_delay_s": 1.0, "p99_delay_s": 1.0, "deviation_s": 0.25}
PER_DEVICE_HOUR = tuple(0.3 * 2**power for power in range(7))
MEAN_S = tuple(0.0075 * 2 ** (power / 2) for power in range(7))
STEPS = 500
Point = tuple[float, float]
"""(stalls per device and hour, their mean length in seconds)"""


def misfits(
    rows: Sequence[SpreadRow], clusters: Mapping[str, Cluster], variation: Variation, steps: int
) -> list[float]:
    """What is to be small, row by row."""
    return [misfit(row.spread, spread_of(clusters[row.id].times_s(variation, steps))) for row in rows]


def misfit(measured: Spread, simulated: Spread) -> float:
    """Weighted squared logarithms of one row."""
    logs = {name: math.log(getattr(simulated, name) / getattr(measured, name)) for name in WEIGHTS}
    return sum(weight * logs[name] ** 2 for name, weight in WEIGHTS.items())


def with_stalls(per_device_hour: float, mean_s: float) -> Variation:
    """The profile with other stalls."""
    return dataclasses.replace(compared_profile(), stalls=Stalls(per_device_hour, mean_s))


def taken(found: Mapping[Point, Sequence[float]]) -> Point:
    """The point with the fewest stalls within one standard error of the best. found: point -> misfits of the rows."""
    best = min(found.values(), key=fmean)
    limit = fmean(best) + stdev(best) / math.sqrt(len(best))
    good = [point for point, rows in found.items() if fmean(rows) <= limit]
    rate = min(rate for rate, _ in good)
    return min((point for point in good if point[0] == rate), key=lambda point: fmean(found[point]))


def main() -> None:
    """Fit, and print constants and rows."""
    rows = gpt3_rows("fit")
    clusters = {row.id: cluster_of(row) for row in rows}
    found = {}
    for point in itertools.product(PER_DEVICE_HOUR, MEAN_S):
        found[point] = misfits(rows, clusters, with_stalls(*point), STEPS)
        each = " ".join(f"{one:6.2f}" for one in found[point])
        print(f"{point[0]:5.1f} an hour of {1e3 * point[1]:4.1f} ms: {fmean(found[point]):6.3f}  ({each})", flush=True)
    per_device_hour, mean_s = taken(found)
    print(f"fitted on {', '.join(row.id for row in rows)}")
    print(f"stalls.per_device_hour = {per_device_hour:.1f}, stalls.mean_s = {1e3 * mean_s:.1f} ms")


if __name__ == "__main__":
    main()
