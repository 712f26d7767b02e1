"""How much of one system equals a point of another: interpolated between simulated sizes, never beyond them.

Legend: a curve is one system at N sizes. devices: (N,) ascending, each once. times_s: (N,) above zero. Between two
sizes times and amounts are straight lines of logarithms, as they are where time falls by a power of the size.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

_NO_GAIN = 0.01
"""A last enlargement that saves less than this share of the time says that larger sizes would not help either."""
_SAME = 1e-9

Reach = Literal["within", "fewer", "more", "never"]


@dataclass(frozen=True, slots=True)
class Match:
    """The fewest devices of a curve that are as fast as a target.

    reach: "within" the sizes of the curve; "fewer" than the smallest, which is faster already; "more" than the largest,
    which is slower but still gained on the size before it; "never" where it did not. devices: how many within, else the
    size at that end.
    """

    reach: Reach
    devices: float


def matching_devices(devices: Sequence[float], times_s: Sequence[float], target_s: float) -> Match:
    """The fewest devices that train in the target time.

    Hand-worked: 10 and 1,000 devices in 100 and 10 s: 31.6 s is half way in logarithms, 100 devices.
    """
    first_s = times_s[0]
    if first_s <= target_s:
        alike = math.isclose(first_s, target_s, rel_tol=_SAME)
        return Match("within" if alike else "fewer", float(devices[0]))
    for (few, many), (slow_s, fast_s) in zip(pairwise(devices), pairwise(times_s), strict=True):
        if fast_s <= target_s:
            return Match("within", _between(few, many, _share(slow_s, fast_s, target_s)))
    still_falls = len(times_s) > 1 and times_s[-1] < (1 - _NO_GAIN) * min(times_s[:-1])
    return Match("more" if still_falls else "never", float(devices[-1]))


def at_devices(devices: Sequence[float], values: Sequence[float], count: float) -> float:
    """A positive value of a curve at a number of devices inside its sizes.

    Raises ValueError outside: nothing is extrapolated.
    """
    if not devices[0] * (1 - _SAME) <= count <= devices[-1] * (1 + _SAME):
        raise ValueError(f"{count} devices are not between {devices[0]} and {devices[-1]}")
    if len(devices) == 1:
        return float(values[0])
    upper = min(max(bisect.bisect_left(devices, count), 1), len(devices) - 1)
    lower = upper - 1
    share = _share(devices[lower], devices[upper], count)
    return _between(values[lower], values[upper], min(max(share, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Afforded:
    """The fastest that a limit allows."""

    devices: float
    time_s: float


def fastest_within(
    devices: Sequence[float], times_s: Sequence[float], amounts: Sequence[float], limit: float
) -> Afforded | None:
    """The fastest place of a curve whose amount (USD, watts) is not above a limit; None where every size is above it.

    Hand-worked: 10 and 1,000 devices in 100 and 10 s for 10 and 1,000 W: 100 W allow 100 devices, 31.6 s.
    """
    places = [
        Afforded(float(count), time_s)
        for count, time_s, amount in zip(devices, times_s, amounts, strict=True)
        if amount <= limit * (1 + _SAME)
    ]
    for index in range(len(devices) - 1):
        low, high = amounts[index], amounts[index + 1]
        if (low - limit) * (high - limit) < 0:
            share = _share(low, high, limit)
            count = _between(devices[index], devices[index + 1], share)
            places.append(Afforded(count, _between(times_s[index], times_s[index + 1], share)))
    return min(places, key=lambda place: (place.time_s, place.devices), default=None)


def _share(start: float, end: float, value: float) -> float:
    """How far a value is on the way between two others, in logarithms."""
    return math.log(value / start) / math.log(end / start)


def _between(start: float, end: float, share: float) -> float:
    """What lies so far on the way, in logarithms; both ends exactly."""
    if share == 1.0:
        return float(end)
    return float(start * (end / start) ** share)
