"""What the numbers of a comparison say, in sentences that are computed from them: other numbers, another verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sim.machines import kind_of
from sim.outcome.comparison.metrics import time_span_s
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, duration, number
from sim.report.accuracy import NOT_CHECKED, error_band
from sim.report.comparison.words import devices_within, share
from sim.study.compare import Bend, Comparison
from sim.study.criteria import Ahead, Criterion, criteria
from sim.study.points import Curve

_FASTER = 1.005
_RESULTS: dict[Ahead, str] = {
    "reference": "{place} has less than {others}",
    "other": "{place} has more than {others}",
    "not told apart": "{place} cannot be told apart from {others}",
    "not checked": "not checked for {place} and {others}",
    "unknown": "unknown for {place} and {others}",
    "outside the sizes": "not compared for {place} and {others}, whose sizes do not reach so low or so high",
}


def verdict(comparison: Comparison) -> list[str]:
    """Sentences: what is as fast, who has less of what, where curves bend, how hard plans are, how sure all is."""
    if not comparison.equals:
        return ["There is only one system, and nothing to compare it with."]
    rows = criteria(comparison)
    return [
        *(_as_fast(comparison, curve, point) for curve, point in comparison.references),
        *_by_criterion(rows),
        *(_taxes(curve) for curve in comparison.curves),
        *(bend_sentence(bend) for bend in comparison.bends),
        *(_effort(curve) for curve in comparison.curves),
        _in_all(comparison, rows),
        _certainty(comparison),
    ]


def short_verdict(comparison: Comparison) -> list[str]:
    """Of the same sentences those for one screen: what is as fast, the count of who is ahead, how sure it is."""
    sentences = verdict(comparison)
    return [*sentences[: len(comparison.references)], *sentences[-2:]] if comparison.equals else sentences


def bend_sentence(bend: Bend) -> str:
    """Where one curve bends and what bends it."""
    curve, knee, growth = bend.curve, bend.knee, bend.growth
    if growth is None:
        return f"{curve.label} was simulated at one size: nothing is known of its knee."
    if knee.place == "last":
        slope = knee.elasticity_before or 0.0
        start = (
            f"{curve.label} does not reach its knee with {number(knee.devices)} devices: up to there the last 1 % of"
            f" devices saves {slope:.2f} % of the time"
        )
        span = f"from {counted(curve.smallest.devices, 'device')} to there"
    else:
        after = curve.points[knee.index + 1]
        gain = curve.points[knee.index].time_to_train_s / after.time_to_train_s
        where = "is past its knee with" if knee.place == "first" else "has its knee at"
        faster = f"{gain:.2f} times as fast" if gain > _FASTER else "no faster"
        start = (
            f"{curve.label} {where} {number(knee.devices)} devices:"
            f" {number(after.devices / knee.devices)} times as many are {faster}"
        )
        span = f"from there to {after.devices:,}"
    if growth.share is None:
        return f"{start}; device-time does not grow {span}."
    return f"{start}; {span} {growth.line} grows most, {share(growth.share)} of the additional device-time."


def _as_fast(comparison: Comparison, curve: Curve, point: Outcome) -> str:
    """How long one reference takes, and how much of every other system is as fast."""
    band = time_span_s(point)
    sure = (
        f"{duration(band.low)} to {duration(band.high)} within the error band of its steps"
        if band
        else f"error {NOT_CHECKED}"
    )
    matches = [
        f"{equal.curve.label} {devices_within(equal.match, equal.lowest, equal.highest)}"
        for equal in comparison.equals
        if equal.reference[1] is point
    ]
    return (
        f"{curve.place(point)} trains in {duration(point.time_to_train_s)} ({sure}). Devices that are as fast (in"
        f" brackets: within the error bands of both): {'; '.join(matches)}."
    )


def _by_criterion(rows: Sequence[Criterion]) -> list[str]:
    """One sentence for each thing that is compared."""
    found = []
    for name in dict.fromkeys(row.name for row in rows):
        parts = [_with_result([row for row in rows if row.name == name], ahead) for ahead in _RESULTS]
        found.append(f"{name[0].upper()}{name[1:]}: {'; '.join(part for part in parts if part)}.")
    return found


def _with_result(rows: Sequence[Criterion], ahead: Ahead) -> str:
    """Everything with one result: place by place, the systems together."""
    places: dict[str, list[str]] = {}
    for row in rows:
        if row.ahead == ahead:
            numbers = "" if ahead in ("unknown", "outside the sizes") else f" ({row.numbers})"
            places.setdefault(row.place, []).append(row.system + numbers)
    return "; ".join(_RESULTS[ahead].format(place=place, others=_listed(others)) for place, others in places.items())


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _taxes(curve: Curve) -> str:
    """What is lost to distribution at every size."""
    sizes = ", ".join(f"{share(point.ledger.tax)} on {point.devices:,}" for point in curve.points)
    return f"Distribution tax of {curve.label}: {sizes}."


def _effort(curve: Curve) -> str:
    """How many plans split the model itself, and how hard that of the largest size was to find."""
    split = sum(kind_of(point.plan).splits_model(point.plan) for point in curve.points)
    text = f"{curve.label}: {split:,} of {counted(len(curve.points), 'plan')} split the model itself"
    effort = curve.largest.effort
    if effort is None:
        return f"{text}; how many there were to choose from is not counted."
    text += (
        f"; for {counted(curve.largest.devices, 'device')} {effort.fitting:,} of {counted(effort.legal, 'legal plan')}"
        f" fit, {effort.within_5_percent:,} within 5 % of the best"
    )
    if effort.rule_of_thumb_over_best is None:
        return f"{text}, and no plan by a rule of thumb does."
    by_rule = number(float(effort.rule_of_thumb_over_best))
    return f"{text}, and a plan by a rule of thumb takes {by_rule} times as long."


def _in_all(comparison: Comparison, rows: Sequence[Criterion]) -> str:
    """Which things each side is ahead in, and how many could not be compared."""
    count = Counter(row.ahead for row in rows)
    system = comparison.references[0][0].system
    mine, theirs = _leading(rows, "reference", "other"), _leading(rows, "other", "reference")
    return (
        f"In all, {system} is ahead more often than behind in {mine}; the other systems are in {theirs}. Of"
        f" {counted(len(rows), 'comparison')} {count['unknown']} are unknown, {count['not checked']} not checked,"
        f" {count['outside the sizes']} outside the sizes, and {count['not told apart']} cannot be told apart; how much"
        " each weighs is for the reader to say."
    )


def _leading(rows: Sequence[Criterion], ahead: Ahead, behind: Ahead) -> str:
    """Things in which one side is ahead more often than behind."""
    names = list(dict.fromkeys(row.name for row in rows))
    counts = Counter((row.name, row.ahead) for row in rows)
    return _listed([name for name in names if counts[name, ahead] > counts[name, behind]] or ["nothing"])


def _certainty(comparison: Comparison) -> str:
    """The error bands, of how many points each, and how many points no published row is like."""
    bands = Counter((point.stack, error_band(point)) for point in comparison.points)
    words = "; ".join(f"{stack} {band} ({counted(points, 'point')})" for (stack, band), points in bands.items())
    outside = sum(1 for point in comparison.points if point.confidence.step is None)
    unchecked = (
        f" No published row is like {outside} of {counted(len(comparison.points), 'point')}: nothing is known of their"
        " errors."
    )
    return (
        f"Error bands of step times (P10 to P90 on sources never seen): {words}."
        f"{unchecked if outside else ''}{_prices(comparison)}"
    )


def _prices(comparison: Comparison) -> str:
    """What of the prices and the power comes from no source, and what no source states."""
    bills = [point.bill for point in comparison.points if point.bill is not None]
    assumed = list(dict.fromkeys(str(one) for bill in bills for one in bill.assumed))
    unknown = list(dict.fromkeys(str(one) for bill in bills for one in bill.unknown))
    return "".join(
        f" {kind}: {_listed(found)}." for kind, found in (("Assumed", assumed), ("Unknown", unknown)) if found
    )
