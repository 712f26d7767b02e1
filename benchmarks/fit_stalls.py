"""Fits the two constants of stalls to the fit rows of the measured step times, and prints them.

Run by hand: python benchmarks/fit_stalls.py (ten minutes or so on one core; the same figures every time).

What is fitted, on the five GPT-3 rows with role `fit` of sim/validation/step_spread.csv: the squared logarithm of
simulated over measured delay, a mean over rows, weighted over

- p95 - median and p99 - median in seconds, weight 1 each. Steps beside evaluations and first steps are one or two in
  a hundred of the samples, so these percentiles are what ordinary steps do; in seconds, because the simulated steps
  are not exactly as long as the measured ones.
- the standard deviation, weight 1/4: a few steps that no stall made dominate it, so it is more an upper bound.

Simulated as in sim/validation/spread_comparison.py, with all other parts of the profile as its file has them. A grid
on the logarithms of both constants, and the minimum of the paraboloid through its best points.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from sim.catalog import Stalls, Variation
from sim.validation.spread_comparison import Cluster, cluster_of, compared_profile, gpt3_rows
from sim.validation.step_spread import Spread, SpreadRow, spread_of

WEIGHTS = {"p95_delay_s": 1.0, "p99_delay_s": 1.0, "deviation_s": 0.25}
PER_DEVICE_HOUR = tuple(0.3 * 2 ** (power / 2) for power in range(9))
MEAN_S = tuple(0.015 * 2 ** (power / 2) for power in range(5))
STEPS = 500
BEST = 12
"""Points of the grid that the paraboloid is put through."""
Clusters = Mapping[str, Cluster]


def loss(rows: Sequence[SpreadRow], clusters: Clusters, variation: Variation, steps: int) -> float:
    """What is to be small."""
    return fmean(misfit(row.spread, spread_of(clusters[row.id].times_s(variation, steps))) for row in rows)


def misfit(measured: Spread, simulated: Spread) -> float:
    """Weighted squared logarithms of one row."""
    logs = {name: math.log(getattr(simulated, name) / getattr(measured, name)) for name in WEIGHTS}
    return sum(weight * logs[name] ** 2 for name, weight in WEIGHTS.items())


def with_stalls(per_device_hour: float, mean_s: float) -> Variation:
    """The profile with other stalls."""
    return dataclasses.replace(compared_profile(), stalls=Stalls(per_device_hour, mean_s))


def bottom(losses: Mapping[tuple[float, float], float]) -> tuple[float, float]:
    """Minimum of the paraboloid in both logarithms, by least squares through the best points."""
    points = sorted(losses, key=lambda point: losses[point])[:BEST]
    x, y = np.log(np.array(points)).T
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    _, bx, by, cxx, cxy, cyy = np.linalg.lstsq(terms, np.array([losses[point] for point in points]), rcond=None)[0]
    found = np.linalg.solve([[2 * cxx, cxy], [cxy, 2 * cyy]], [-bx, -by])
    return float(np.exp(found[0])), float(np.exp(found[1]))


def main() -> None:
    """Fit, and print constants and rows."""
    rows = gpt3_rows("fit")
    clusters = {row.id: cluster_of(row) for row in rows}
    losses = {}
    for point in itertools.product(PER_DEVICE_HOUR, MEAN_S):
        losses[point] = loss(rows, clusters, with_stalls(*point), STEPS)
        print(f"{point[0]:6.3f} per device and hour, {1e3 * point[1]:6.1f} ms: {losses[point]:.3f}", flush=True)
    best = min(losses, key=lambda point: losses[point])
    per_device_hour, mean_s = bottom(losses)
    print(f"fitted on {', '.join(row.id for row in rows)}")
    print(f"best of the grid: {best[0]:.3f} per device and hour, {1e3 * best[1]:.1f} ms ({losses[best]:.3f})")
    print(f"paraboloid: stalls.per_device_hour = {per_device_hour:.3f}, stalls.mean_s = {1e3 * mean_s:.1f} ms")


if __name__ == "__main__":
    main()
