"""What the numbers of a comparison say, in sentences that are computed from them: other numbers, another verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.catalog import Range
from sim.outcome.comparison.matching import Match
from sim.outcome.comparison.metrics import time_span_s
from sim.outcome.lines import line_title
from sim.outcome.outcome import Outcome
from sim.page.numbers import UNKNOWN, counted, duration, fixed, listed, megawatt_hours, number, percent, rounded, whole
from sim.records.belief import NOT_CHECKED, error_band
from sim.study.compare import Bend, Comparison, Equal
from sim.study.criteria import Ahead, Criterion, Kind, criteria
from sim.study.points import Curve

OUTSIDE = "outside the sizes"
_FASTER = 1.005


class _Called(NamedTuple):
    """A criterion in words, and how its amounts are written."""

    title: str
    write: Callable[[float], str]


CRITERIA: dict[Kind, _Called] = {
    "tax": _Called("distribution tax at equal time", percent),
    "idle": _Called("device-time without use at equal time", percent),
    "rental": _Called("rental at equal time", lambda usd: f"{rounded(usd)} USD"),
    "owned": _Called("cost if owned at equal time", lambda usd: f"{rounded(usd)} USD"),
    "energy": _Called("energy at equal time", megawatt_hours),
    "fastest": _Called("time of the fastest size simulated", duration),
}


def verdict(comparison: Comparison) -> list[str]:
    """Sentences: what is as fast, who is ahead in what, where curves bend, how sure all is; tables have the rest."""
    if not comparison.equals:
        return ["There is only one system, and nothing to compare it with."]
    return [
        *(_as_fast(comparison, curve, point) for curve, point in comparison.references),
        in_all(comparison),
        *(bend_sentence(bend) for bend in comparison.bends),
        _certainty(comparison),
    ]


def answer(comparison: Comparison) -> list[str]:
    """For a first screen: of each reference, the largest first, its time and how much of every system is as fast."""
    found = []
    for curve, point in sorted(comparison.references, key=lambda pair: -pair[1].devices):
        equals = [equal for equal in comparison.equals if equal.reference[1] is point]
        sure = ", within the error bands of both" if any(equal.lowest for equal in equals) else ""
        reached = [f"{devices_span(equal)} {equal.curve.label}" for equal in equals if not _is_never(equal)]
        others = [f"{whole(equal.curve.largest.devices)} {equal.curve.label}" for equal in equals if _is_never(equal)]
        verb = "trains" if point.devices == 1 else "train"
        text = f"{whole(point.devices)} {curve.label} {verb} it in {duration(point.time_to_train_s)}."
        as_fast = f" As fast{sure}: {', '.join(reached)}." if reached else ""
        found.append(f"{text}{as_fast}{f' Never as fast, up to {listed(others)}.' if others else ''}")
    return found


def _is_never(equal: Equal) -> bool:
    """Whether no number of devices of a system is as fast, whatever the errors."""
    return "never" == equal.match.reach == (equal.lowest or equal.match).reach


def devices_span(equal: Equal) -> str:
    """How many devices are as fast, with the error bands of both where they apply: "121-220", "up to 14"."""
    low, high = equal.lowest, equal.highest
    if low is None or high is None:
        return f"{devices_text(equal.match)} (not checked)"
    if high.reach in ("more", "never"):
        return f"{devices_text(low)} or more" if low.reach == "within" else devices_text(high)
    if low.reach == "fewer":
        return devices_text(low) if high.reach == "fewer" else f"up to {whole(high.devices)}"
    return f"{whole(low.devices)}-{whole(high.devices)}"


def bend_sentence(bend: Bend) -> str:
    """Where one curve bends and what bends it."""
    curve, knee, growth = bend.curve, bend.knee, bend.growth
    if growth is None:
        return f"{curve.label} was simulated at one size: nothing is known of its knee."
    if knee.place == "last":
        slope = knee.elasticity_before or 0.0
        start = (
            f"{curve.label} does not reach its knee with {number(knee.devices)} devices: up to there the last 1 % of"
            f" devices saves {fixed(slope)} % of the time"
        )
        span = f"from {counted(curve.smallest.devices, 'device')} to there"
    else:
        after = curve.points[knee.index + 1]
        gain = curve.points[knee.index].time_to_train_s / after.time_to_train_s
        where = "is past its knee with" if knee.place == "first" else "has its knee at"
        faster = f"{fixed(gain)} times as fast" if gain > _FASTER else "no faster"
        start = (
            f"{curve.label} {where} {number(knee.devices)} devices:"
            f" {number(after.devices / knee.devices)} times as many are {faster}"
        )
        span = f"from there to {after.devices:,}"
    if growth.share is None:
        return f"{start}; device-time does not grow {span}."
    return (
        f"{start}; what grows most {span} is {line_title(growth.line)}, {percent(growth.share)} of the additional"
        " device-time."
    )


def devices_text(match: Match) -> str:
    """ "412", "fewer than 8", "more than 4,096", or that the curve does not get there."""
    count = number(match.devices)
    if match.reach == "within":
        return count
    return (
        f"never: the curve does not reach it with {count}" if match.reach == "never" else f"{match.reach} than {count}"
    )


def devices_band(lowest: Match | None, highest: Match | None) -> str:
    """The same at both ends of the error bands: "380 to 450"."""
    if lowest is None or highest is None:
        return NOT_CHECKED
    ends = devices_text(lowest), devices_text(highest)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def devices_within(match: Match, lowest: Match | None, highest: Match | None) -> str:
    """Both: "412 (380 to 450)", or once what is the same: "fewer than 8"."""
    own, band = devices_text(match), devices_band(lowest, highest)
    return own if own == band else f"{own} ({band})"


def amount(row: Criterion, whose: Range | None, devices: int | None = None) -> str:
    """An amount that is compared, with its range where it has one: "63,700 USD (25,500 to 95,500)"."""
    if whose is None:
        return OUTSIDE if row.ahead == OUTSIDE else UNKNOWN
    typical = CRITERIA[row.kind].write(whose.typical)
    if devices is not None:
        return f"{typical} with {devices:,}"
    if row.kind in ("rental", "owned"):
        return f"{typical} ({rounded(whose.low)} to {rounded(whose.high)})"
    return typical


def in_all(comparison: Comparison) -> str:
    """Which things each side is ahead in, and how many could not be compared."""
    rows = criteria(comparison)
    count = Counter(row.ahead for row in rows)
    system = comparison.references[0][0].system
    mine, theirs = _leading(rows, "reference", "other"), _leading(rows, "other", "reference")
    return (
        f"In all, {system} is ahead more often than behind in {mine}; the other systems are in {theirs}. Of"
        f" {counted(len(rows), 'comparison')} {count['unknown']} are unknown, {count['not checked']} not checked,"
        f" {count['outside the sizes']} outside the sizes, and {count['not told apart']} cannot be told apart; how much"
        " each weighs is for the reader to say."
    )


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


def _leading(rows: Sequence[Criterion], ahead: Ahead, behind: Ahead) -> str:
    """Things in which one side is ahead more often than behind."""
    counts = Counter((row.kind, row.ahead) for row in rows)
    kinds = dict.fromkeys(row.kind for row in rows)
    found = [CRITERIA[kind].title for kind in kinds if counts[kind, ahead] > counts[kind, behind]]
    return listed(found or ["nothing"])


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
        f"{unchecked if outside else ''}{_prices(comparison.points)}"
    )


def _prices(points: Sequence[Outcome]) -> str:
    """What of the prices and the power comes from no source, and what no source states."""
    bills = [point.bill for point in points if point.bill is not None]
    assumed = list(dict.fromkeys(str(one) for bill in bills for one in bill.assumed))
    unknown = list(dict.fromkeys(str(one) for bill in bills for one in bill.unknown))
    return "".join(
        f" {kind}: {listed(found)}." for kind, found in (("Assumed", assumed), ("Unknown", unknown)) if found
    )
