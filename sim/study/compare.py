"""Puts a comparison together: the curves, the points that they are measured against, and what equals what."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.catalog import Range
from sim.errors import InputError, closest, some_of
from sim.outcome.comparison.knee import Growth, Knee, knee, largest_growth
from sim.outcome.comparison.matching import Afforded, Match, at_devices, fastest_within, matching_devices
from sim.outcome.comparison.metrics import (
    account,
    energy_joules,
    error_span,
    meter_watts,
    owned_usd,
    rental_usd,
    time_span_s,
)
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted
from sim.scenario import Scenario
from sim.study.points import Curve, curves

Amount = Callable[[Outcome], float | None]
LIMITS: dict[str, Amount] = {"rental": rental_usd, "owned": owned_usd, "power": meter_watts}
"""What can be equal instead of time, by its name in files: USD, USD, watts."""


@dataclass(frozen=True, slots=True)
class Bend:
    """The knee of a curve, and what grows most beyond it; up to the largest size where the knee is not reached."""

    curve: Curve
    knee: Knee
    growth: Growth | None


@dataclass(frozen=True, slots=True)
class Equal:
    """What of a curve equals a point of another.

    match: by time. lowest, highest: the same with the error bands of both stacks at their worst; None where one is not
    known or does not apply. rental_usd, owned_usd, energy_joules: of as many devices, over both bands as well, which
    end where the sizes do; None where unknown or outside the curve; energy in the typical facility. tax, useful: their
    distribution tax, and the useful share of their device-time. afforded: the fastest for the same rental, cost when
    owned, and power; a name is left out where it is unknown of one of the two, None where even the smallest size is
    above it. counterfactual: match, if the curve's steps lacked one thing while the point stays.
    """

    reference: tuple[Curve, Outcome]
    curve: Curve
    match: Match
    lowest: Match | None
    highest: Match | None
    rental_usd: Range | None
    owned_usd: Range | None
    energy_joules: Range | None
    tax: float | None
    useful: float | None
    afforded: dict[str, Afforded | None]
    counterfactual: dict[str, Match]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the report says. absent: sizes that were asked for but are not among the points."""

    curves: tuple[Curve, ...]
    bends: tuple[Bend, ...]
    references: tuple[tuple[Curve, Outcome], ...]
    equals: tuple[Equal, ...]
    absent: tuple[str, ...]

    @property
    def points(self) -> list[Outcome]:
        """All points, curve by curve."""
        return [point for curve in self.curves for point in curve.points]


def check_comparison(scenarios: Sequence[Scenario]) -> None:
    """Raise InputError where there is nothing to compare with, or the points do not do the same work."""
    for scenario in scenarios:
        asked = scenario.report.comparison
        if asked is None:
            continue
        where = f"{scenario.path}: [report.comparison]"
        names = list(dict.fromkeys(one.system.name for one in scenarios))
        if asked.system not in names:
            problem = f"unknown system '{asked.system}'{closest(asked.system, names)}"
            raise InputError(where, problem, f"systems: {some_of(names, asked.system)}")
        alike = {(repr(one.model), one.training.tokens, one.training.sequence, one.entry) for one in scenarios}
        if len(alike) > 1:
            raise InputError(
                where,
                "the points do not all train the same model on the same tokens",
                "write a file for each model, with base = this one",
            )
        sizes = sorted({one.system.devices for one in scenarios if one.system.name == asked.system})
        if not set(asked.devices) & set(sizes):
            raise InputError(
                where,
                f"'{asked.system}' has none of these sizes: {some_of(map(str, asked.devices))}",
                f"its sizes: {some_of(map(str, sizes))}",
            )


def compare(outcomes: Sequence[Outcome]) -> Comparison | None:
    """Compare the systems with the points that the scenario names; None where it names none, or none was simulated."""
    asked = next((one.scenario.report.comparison for one in outcomes if one.scenario.report.comparison), None)
    if asked is None:
        return None
    every = tuple(_one_point_a_size(curve) for curve in curves(outcomes))
    own = [curve for curve in every if curve.points[0].scenario.system.name == asked.system]
    references = tuple((curve, point) for curve in own for point in curve.points if point.devices in asked.devices)
    there = {point.devices for _, point in references}
    absent = tuple(f"{asked.system} on {counted(size, 'device')}" for size in asked.devices if size not in there)
    others = [curve for curve in every if curve not in own]
    return Comparison(
        every,
        tuple(bend(curve) for curve in every),
        references,
        tuple(equal(reference, curve) for reference in references for curve in others),
        absent,
    )


def bend(curve: Curve) -> Bend:
    """Where a curve bends, and what bends it."""
    found = knee(sizes_of(curve), times_of(curve))
    points = curve.points
    if len(points) == 1:
        return Bend(curve, found, None)
    start, end = (0, -1) if found.place == "last" else (found.index, found.index + 1)
    return Bend(curve, found, largest_growth(account(points[start]), account(points[end])))


def equal(reference: tuple[Curve, Outcome], curve: Curve) -> Equal:
    """Hold one curve to one point."""
    point = reference[1]
    sizes, times_s = sizes_of(curve), times_of(curve)
    match = matching_devices(sizes, times_s, point.time_to_train_s)
    lowest, highest = _worst_matches(curve, point)
    counts = [(one or match).devices for one in (lowest, match, highest)]
    within = match.reach == "within"
    afforded = {}
    for name, amount in LIMITS.items():
        limit, amounts = amount(point), [amount(one) for one in curve.points]
        known = [one for one in amounts if one is not None]
        if limit is not None and len(known) == len(amounts):
            afforded[name] = fastest_within(sizes, times_s, known, limit)
    return Equal(
        reference,
        curve,
        match,
        lowest,
        highest,
        _range_at(curve, counts, lambda one: one.bill.rental_usd if one.bill else None) if within else None,
        _range_at(curve, counts, lambda one: one.bill.purchase_usd if one.bill else None) if within else None,
        _range_at(curve, counts, _typical_energy) if within else None,
        # Tax between two sizes: that of what is not tax, which is never zero, in logarithms.
        1.0 - at_devices(sizes, [1.0 - one.ledger.tax for one in curve.points], match.devices) if within else None,
        at_devices(sizes, [one.useful_share for one in curve.points], match.devices) if within else None,
        afforded,
        {
            name: matching_devices(sizes, counterfactual_times_s(curve, name), point.time_to_train_s)
            for name in counterfactual_names([curve])
        },
    )


def sizes_of(curve: Curve) -> list[float]:
    """(N,) device counts."""
    return [float(point.devices) for point in curve.points]


def times_of(curve: Curve) -> list[float]:
    """(N,) times to train, in seconds."""
    return [point.time_to_train_s for point in curve.points]


def counterfactual_names(systems: Sequence[Curve]) -> list[str]:
    """Counterfactuals that every point of the curves has, in the order in which they were run."""
    points = [point for curve in systems for point in curve.points]
    names = dict.fromkeys(name for point in points for name in point.counterfactual_step_times_s)
    return [name for name in names if all(name in point.counterfactual_step_times_s for point in points)]


def counterfactual_times_s(curve: Curve, name: str) -> list[float]:
    """(N,) times to train if steps took what they take without one thing: in the ratio of the steps."""
    return [
        float(point.time_to_train_s * point.counterfactual_step_times_s[name] / point.step_time_s)
        for point in curve.points
    ]


def _worst_matches(curve: Curve, point: Outcome) -> tuple[Match | None, Match | None]:
    """The fewest and the most devices within both error bands; None where one does not apply at all sizes around them.

    True times are simulated ones over 1 + error: n devices match where T(n) / (1 + e(n)) = t / (1 + e).
    """
    spans = [error_span(one) for one in curve.points]
    any_span, own = next(filter(None, spans), None), time_span_s(point)
    if any_span is None or own is None:
        return None, None
    # A size without a band has that of another one until it turns out to matter.
    sizes, bands = sizes_of(curve), [one or any_span for one in spans]
    fast_s, slow_s = (
        [time_s / (1 + error) for time_s, error in zip(times_of(curve), errors, strict=True)]
        for errors in ([band.high for band in bands], [band.low for band in bands])
    )
    lowest, highest = matching_devices(sizes, fast_s, own.high), matching_devices(sizes, slow_s, own.low)
    first = bisect.bisect_right(sizes, lowest.devices) - 1
    last = bisect.bisect_left(sizes, highest.devices)
    return (None, None) if None in spans[first : last + 1] else (lowest, highest)


def _range_at(curve: Curve, counts: Sequence[float], amount: Callable[[Outcome], Range | None]) -> Range | None:
    """An amount at the fewest, the matching and the most devices: low, typical and high end of it."""
    ranges = [amount(point) for point in curve.points]
    known = [one for one in ranges if one is not None]
    if len(known) < len(ranges):
        return None
    sizes = sizes_of(curve)
    ends = [[one.ends[end] for one in known] for end in range(3)]
    typical = at_devices(sizes, ends[1], counts[1])
    low = min(at_devices(sizes, ends[0], count) for count in counts)
    high = max(at_devices(sizes, ends[2], count) for count in counts)
    return Range(low, typical, high)


def _typical_energy(point: Outcome) -> Range | None:
    """In the typical facility, which is the same for all that is compared."""
    joules = energy_joules(point)
    return None if joules is None else Range(joules, joules, joules)


def _one_point_a_size(curve: Curve) -> Curve:
    """The curve with the fastest point of each size."""
    by_size: dict[int, Outcome] = {}
    for point in sorted(curve.points, key=lambda one: -one.time_to_train_s):
        by_size[point.devices] = point
    return Curve(tuple(by_size[size] for size in sorted(by_size)), curve.variant)
