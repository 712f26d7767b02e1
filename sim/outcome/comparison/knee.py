"""Where the curve of time against devices bends, and which line of the account bends it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES


@dataclass(frozen=True, slots=True)
class Knee:
    """The size up to which it is worth adding devices.

    place: "inside" the sizes; at the "first" one, where the curve is past its knee already; at the "last" one, where
    the knee is not reached. elasticity_before, elasticity_after: by how much per cent the time falls for a per cent
    more devices, up to the next size on either side; None where there is none.
    """

    index: int
    devices: float
    place: Literal["inside", "first", "last"]
    elasticity_before: float | None
    elasticity_after: float | None


def elasticities(devices: Sequence[float], times_s: Sequence[float]) -> list[float]:
    """Of time against devices between neighbouring sizes, -d ln T / d ln n: 1 is ideal, 0 no gain.

    devices: (N,) ascending, each once. Returns N - 1. Hand-worked: twice as many in 0.5^0.5 of the time: 0.5.
    """
    return [
        -math.log(fast_s / slow_s) / math.log(many / few)
        for (few, many), (slow_s, fast_s) in zip(pairwise(devices), pairwise(times_s), strict=True)
    ]


def knee(devices: Sequence[float], times_s: Sequence[float]) -> Knee:
    """The size with the largest efficiency per execution time, which is the smallest n T^2.

    On a smooth curve that is where the elasticity is 1/2: from there on, doubling the devices saves less than 29 % of
    the time. Amdahl's T = s + p / n has its knee at n = p / s. The size is one of those simulated, whatever their
    spacing. Source: Eager, Zahorjan, Lazowska 1989, "Speedup versus efficiency in parallel systems".
    Hand-worked: 1, 2, 4 devices in 8, 5, 4 s: n T^2 is 64, 50, 64, so 2.
    """
    scores = [math.log(count) + 2.0 * math.log(time_s) for count, time_s in zip(devices, times_s, strict=True)]
    index = min(range(len(scores)), key=scores.__getitem__)
    slopes = elasticities(devices, times_s)
    last = len(scores) - 1
    return Knee(
        index,
        float(devices[index]),
        "last" if index == last else "first" if index == 0 else "inside",
        slopes[index - 1] if index > 0 else None,
        slopes[index] if index < last else None,
    )


@dataclass(frozen=True, slots=True)
class Growth:
    """The line whose device-seconds grow most from one size to a larger one.

    total_device_s: growth of all lines together, so of devices times time; zero on an ideal curve.
    """

    line: str
    device_s: float
    total_device_s: float

    @property
    def share(self) -> float | None:
        """Of the growth of everything; None where nothing grows. Above 1 where other lines shrink."""
        return self.device_s / self.total_device_s if self.total_device_s > 0.0 else None


def largest_growth(smaller: Ledger, larger: Ledger) -> Growth:
    """What bends a curve between two sizes: on an ideal one devices times time stay, and a line that grows bends it.

    Both are accounts of the same work. Exact, because the lines of each sum to devices times time.
    """
    grown = {line: larger.device_seconds[line] - smaller.device_seconds[line] for line in LINES}
    line = max(LINES, key=grown.__getitem__)
    return Growth(line, grown[line], larger.total_s - smaller.total_s)
