"""What the numbers of a comparison say, in sentences that are computed from them: other numbers, another verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sim.outcome.comparison.metrics import time_span_s
from sim.report.accuracy import error_band
from sim.report.comparison.compare import Bend, Comparison, Equal
from sim.report.comparison.criteria import Ahead, Criterion, criteria
from sim.report.comparison.words import devices_band, devices_text, number, ratio, share
from sim.report.points import Curve, counted
from sim.units import readable_time


def verdict(comparison: Comparison) -> list[str]:
    """Sentences: what is as fast, who is ahead in what, where curves bend, how hard plans were to find, how sure it is."""
    if not comparison.equals:
        return ["There is only one system, and nothing to compare it with."]
    held = [(equal, criteria(equal)) for equal in comparison.equals]
    return [
        *(_as_fast(comparison, index) for index in range(len(comparison.references))),
        *_by_criterion(held),
        *(bend_sentence(bend) for bend in comparison.bends),
        *(sentence for curve in comparison.curves if (sentence := _effort(curve))),
        _in_all(held),
        _certainty(comparison),
    ]


def bend_sentence(bend: Bend) -> str:
    """Where one curve bends and what bends it."""
    curve, knee, growth = bend.curve, bend.knee, bend.growth
    if growth is None:
        return f"{curve.label} was simulated at one size: nothing is known of its knee."
    if knee.place == "last":
        first = curve.points[0].devices
        start = f"{curve.label} does not reach its knee with {number(knee.devices)} devices"
        span = f"from {first:,} devices to there"
    else:
        after = curve.points[knee.index + 1]
        gain = curve.points[knee.index].time_to_train_s / after.time_to_train_s
        where = "is past its knee with" if knee.place == "first" else "has its knee at"
        start = (
            f"{curve.label} {where} {number(knee.devices)} devices: {ratio(after.devices / knee.devices)} times as many"
            f" are {ratio(gain)} times as fast"
        )
        span = f"from there to {after.devices:,}"
    if growth.share is None:
        return f"{start}; device-time does not grow {span}."
    return f"{start}; {span}, {growth.line} grows most ({share(growth.share)} of all additional device-time)."


def _as_fast(comparison: Comparison, index: int) -> str:
    """How long one reference takes, and how much of every other system is as fast."""
    curve, point = comparison.references[index]
    band = time_span_s(point)
    time = readable_time(point.time_to_train_s)
    within = f"{readable_time(band.low)} to {readable_time(band.high)} within" if band else "without"
    matches = [
        f"{devices_text(equal.match)} of {equal.curve.label} ({devices_band(equal.lowest, equal.highest)})"
        for equal in comparison.equals
        if equal.reference[1] is point
    ]
    return (
        f"{curve.place(point)} trains in {time} ({within} the error band of its steps). As fast are, within the bands of"
        f" both: {'; '.join(matches)}."
    )


def _by_criterion(held: Sequence[tuple[Equal, list[Criterion]]]) -> list[str]:
    """One sentence for each thing that is compared: who is ahead of whom."""
    found = []
    for index, criterion in enumerate(held[0][1]):
        rows = [(equal, row[index]) for equal, row in held]
        parts = [
            _ahead_of(rows, "reference", "{reference} is ahead of {other}"),
            _ahead_of(rows, "other", "{other} is ahead of {reference}"),
            _ahead_of(rows, "not told apart", "{reference} and {other} cannot be told apart"),
            _ahead_of(rows, "unknown", "{reference} and {other}: unknown"),
        ]
        name = criterion.name[0].upper() + criterion.name[1:]
        found.append(f"{name}: {'; '.join(part for part in parts if part)}.")
    return found


def _ahead_of(rows: Sequence[tuple[Equal, Criterion]], ahead: Ahead, words: str) -> str:
    """Everything with one result: by reference, the others together."""
    by_reference: dict[str, list[str]] = {}
    for equal, row in rows:
        if row.ahead == ahead:
            place = equal.reference[0].place(equal.reference[1])
            numbers = f" ({row.other} against {row.reference})"
            by_reference.setdefault(place, []).append(equal.curve.label + numbers)
    return "; ".join(
        words.format(reference=place, other=" and ".join(others)) for place, others in by_reference.items()
    )


def _effort(curve: Curve) -> str:
    """How hard the plan of the largest size was to find."""
    point = curve.largest
    effort = point.effort
    if effort is None:
        return f"{curve.label}: plans are not counted."
    text = (
        f"{curve.place(point)}: {counted(effort.legal, 'legal plan')}, {effort.fitting:,} fit,"
        f" {effort.within_5_percent:,} within 5 % of the best"
    )
    if effort.default_over_best is None:
        return f"{text}; no textbook plan fits."
    return f"{text}; a textbook plan takes {ratio(float(effort.default_over_best))} times as long."


def _in_all(held: Sequence[tuple[Equal, list[Criterion]]]) -> str:
    """The count of it, and which things each side is ahead in."""
    rows = [row for _, found in held for row in found]
    count = Counter(row.ahead for row in rows)
    system = held[0][0].reference[0].points[0].scenario.system.name
    mine, theirs = _leading(rows, "reference", "other"), _leading(rows, "other", "reference")
    return (
        f"In all, of {counted(len(rows), 'comparison')}, {system} is ahead in {count['reference']}, the other systems in"
        f" {count['other']}; {count['not told apart']} cannot be told apart and {count['unknown']} are unknown. More often"
        f" ahead than behind: {system} in {mine}; the others in {theirs}."
    )


def _leading(rows: Sequence[Criterion], ahead: Ahead, behind: Ahead) -> str:
    names = list(dict.fromkeys(row.name for row in rows))
    net = {name: sum((row.ahead == ahead) - (row.ahead == behind) for row in rows if row.name == name) for name in names}
    return ", ".join(name for name in names if net[name] > 0) or "nothing"


def _certainty(comparison: Comparison) -> str:
    """The error bands, and how many points lie outside what they were found on."""
    bands = {point.scenario.system.stack: error_band(point) for point in comparison.points}
    outside = sum(1 for point in comparison.points if point.confidence.outside)
    words = "; ".join(f"{stack} {band}" for stack, band in bands.items())
    return (
        f"Error bands of step times (P10 to P90 on published rows): {words}. {outside} of"
        f" {counted(len(comparison.points), 'point')} lie outside what their stack was checked on, where errors may be"
        " larger."
    )
