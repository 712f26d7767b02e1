"""Tables of points: the few of a first screen, and every metric and every line of the account for a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sim.outcome.lines import GROUPS, LINES, SPLIT_LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Bullets, Column, Table, figure, table, words
from sim.page.numbers import TEXT, duration, gibibytes, percent, usd_span, whole, whole_percent
from sim.records import metrics
from sim.records.belief import error_band
from sim.study.findings import knee_of
from sim.study.points import Curve

Point = tuple[Curve, Outcome]
_BAR = 6
"""Characters of the bar of a whole."""
_NAMED_TAX = 0.005
"""What is lost where it is less has no bar and no name."""
_NAMED_LINE = 0.1
"""A line with a smaller part of what is lost is not named second."""

_NAMED: tuple[Column[Point], ...] = (
    words("system", lambda row: row[0].label, key=True),
    figure("devices", lambda row: row[1].devices, whole, key=True),
)


def points_table(rows: Sequence[Point]) -> Table:
    """Points for a first screen; the name of the only system stands above what varies of it."""
    systems = {curve.system for curve, _ in rows}
    is_one = len(systems) == 1 and all(curve.variant for curve, _ in rows)
    knees = {id(curve): knee_of(curve) for curve, _ in rows}
    return table(
        rows,
        [
            words(
                next(iter(systems)) if is_one else "system",
                lambda row: row[0].variant if is_one else row[0].label,
                key=True,
            ),
            Column(
                "devices",
                lambda row: whole(row[1].devices) + ("*" if row[1] is knees[id(row[0])] else ""),
                value=lambda row: row[1].devices,
            ),
            words("plan", lambda row: row[1].plan.summary(), from_width=118),
            figure("step", lambda row: row[1].step_time_s, duration, from_width=100),
            figure("time", lambda row: row[1].time_to_train_s, duration),
            figure(mfu_title([point for _, point in rows]), lambda row: row[1].mfu, whole_percent),
            *_half_column([point for _, point in rows]),
            Column("lost to splitting", lambda row: lost(row[1]), right=False, value=lambda row: row[1].ledger.tax),
            words("then", lambda row: lines_of(row[1])[1], from_width=96),
            figure("peak memory", lambda row: row[1].memory.peak_bytes, gibibytes, from_width=132),
            Column("rented", _rented, from_width=146),
            Column("checked?", lambda row: error_band(row[1])),
        ],
    )


def _half_column(points: Sequence[Outcome]) -> list[Column[Point]]:
    """MFU against half precision, where that is another figure."""
    column: Column[Point] = figure(metrics.MFU_HALF.title, lambda row: row[1].mfu_half, whole_percent)
    return [column] if any(map(is_narrow, points)) else []


def is_narrow(point: Outcome) -> bool:
    """Whether MFU is held against a higher peak than that of half precision."""
    return point.peak_flops_per_s > point.half_peak_flops_per_s


def mfu_title(points: Sequence[Outcome]) -> str:
    """What MFU is called on a screen: as in reports, by how the scenario counts attention."""
    causal = {point.scenario.report.flop_convention == "causal-attention" for point in points}
    return metrics.MFU_CAUSAL.title if causal == {True} else metrics.MFU_FULL.title


def lost(point: Outcome) -> str:
    """The distribution tax with a bar, and the line that most of it goes to: "31 % ### data comm"."""
    tax = point.ledger.tax
    bar = "#" * math.ceil(_BAR * tax) if tax >= _NAMED_TAX else ""
    return f"{percent(tax, 0):>5} {bar:<{_BAR}} {lines_of(point)[0]}".rstrip()


def lines_of(point: Outcome) -> tuple[str, str]:
    """The two lines that most of the distribution tax goes to; nothing where there is hardly any."""
    ledger, tax = point.ledger, point.ledger.tax
    first, second = sorted(SPLIT_LINES, key=lambda line: -ledger.share(line))[:2]
    if tax < _NAMED_TAX:
        return "", ""
    return line_title(first), line_title(second) if ledger.share(second) >= _NAMED_LINE * tax else ""


def metric_table(rows: Sequence[Point], family: metrics.Family) -> Table:
    """Every metric of one family that any of the points has."""
    plan = [words("plan", _plan)] if family == "step" else []
    own = [one for one in present(rows) if one.family == family]
    return table(rows if own else [], [*_NAMED, *plan, *map(_column, own)])


def present(rows: Sequence[Point]) -> list[metrics.Metric]:
    """Metrics that any of the points has."""
    return [one for one in metrics.METRICS if any(one.value(point) not in (None, "") for _, point in rows)]


def _plan(row: Point) -> str:
    return row[1].plan.summary()


def _column(metric: metrics.Metric) -> Column[Point]:
    if metric.unit is TEXT:
        return words(metric.title, lambda row: metric.text(row[1]))

    def value(row: Point) -> float | None:
        found = metric.value(row[1])
        return found if isinstance(found, (int, float)) else None

    return Column(metric.title, lambda row: metric.text(row[1]), value=value)


def account_table(rows: Sequence[Point]) -> Table:
    """Shares of all device-seconds, line by line, of the lines that any of the points has."""

    def line_column(line: str) -> Column[Point]:
        return figure(line_title(line), lambda row: row[1].ledger.share(line), percent)

    lines = [line for line in LINES if any(point.ledger.share(line) > 0 for _, point in rows)]
    return table(rows, [*_NAMED, *map(line_column, lines)])


def line_meanings(rows: Sequence[Point]) -> Bullets:
    """What the lines are that any of the points has."""
    lines = {line: meaning for group in GROUPS.values() for line, meaning in group.items()}
    present = [line for line in lines if any(point.ledger.share(line) > 0 for _, point in rows)]
    return Bullets(tuple(f"{line_title(line)}: {lines[line]}." for line in present))


def _rented(row: Point) -> str:
    bill = row[1].bill
    return usd_span(bill.rental_usd.low, bill.rental_usd.high) if bill and bill.rental_usd else "unknown"


def links_table(rows: Sequence[Point]) -> Table:
    """The class of the busiest link of every point that sends something."""
    return table(
        [(curve, point, link) for curve, point in rows if (link := point.links.bottleneck)],
        [
            words("system", lambda row: row[0].label, key=True),
            figure("devices", lambda row: row[1].devices, whole, key=True),
            words("busiest links", lambda row: row[2].label),
            words("the busiest", lambda row: row[2].busiest),
            figure("busy", lambda row: row[2].busiest_utilisation, percent),
            figure("mean of all", lambda row: row[2].mean_utilisation, percent),
        ],
    )
