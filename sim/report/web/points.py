"""Data of points for the charts of a page: every metric, how far to believe it, the account of the step and the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.outcome.comparison.metrics import Span, error_span, time_span_s
from sim.outcome.ledger import Ledger
from sim.outcome.lines import GROUPS, line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Chart, Said, Section, Table, section
from sim.page.borders import printable
from sim.page.numbers import UNKNOWN, number, percent, percent_span, short_time, signed_percent, usd_span
from sim.records import metrics
from sim.records.belief import error_band
from sim.report.colours import LINE_COLOURS, page_colour
from sim.report.point_tables import Point, account_table, line_meanings, points_table
from sim.study.points import Curve

_FAMILIES: Mapping[str, str] = {
    "step": "the step",
    "run": "the run",
    "cost": "cost and energy",
    "spread": "steps that differ",
    "memory": "memory",
}
"""Families of metrics that are drawn, and what a menu calls them."""
HOVER = (
    metrics.STEP_TIME, metrics.TIME_TO_TRAIN, metrics.MFU_FULL, metrics.MFU_CAUSAL, metrics.TAX, metrics.MEMORY_PEAK,
)  # fmt: skip
TIMES = (metrics.STEP_TIME.key, metrics.TIME_TO_TRAIN.key)
MOST_BARS = 40
STEP_ACCOUNT, _RUN = ("step", "the step"), ("run", "the whole run")


def drawn_metrics() -> list[metrics.Metric]:
    """Metrics that a menu offers: all but those that say how far to believe a point, and the account's lines."""
    return [one for one in metrics.METRICS if one.family in _FAMILIES]


def shared_data(rows: Sequence[Point]) -> dict[str, Any]:
    """What all charts of points draw from: metrics, points in the order of the rows, lines of the account."""
    return {
        "metrics": [metric_data(one) for one in drawn_metrics()],
        "points": [_point(curve, point) for curve, point in rows],
        "lines": lines_data(),
    }


def lines_data() -> list[dict[str, str]]:
    """Lines of the account: what they are called, what they mean, and their colours."""
    return [
        {"key": line, "title": line_title(line), "group": group, "meaning": meaning, "colour": LINE_COLOURS[line]}
        for group, lines in GROUPS.items()
        for line, meaning in lines.items()
    ]


def metric_data(one: metrics.Metric) -> dict[str, Any]:
    """A metric for a menu and an axis. size: how much of the stored unit the unit of the axis is."""
    return {
        "key": one.key,
        "title": one.title,
        "axis": one.axis,
        "size": one.unit.axis_size,
        "family": _FAMILIES.get(one.family, one.family),
        "meaning": one.meaning,
    }


def scaling_section(rows: Sequence[Point], curves: Sequence[Curve]) -> Section | None:
    """Any metric of all points, along the devices, or one beside the other where no system has several sizes."""
    if len(rows) < 2:
        return None
    along = any(len(curve.sizes) > 1 for curve in curves)
    index = {id(point): nth for nth, (_, point) in enumerate(rows)}
    lines = [
        {
            "label": printable(curve.label),
            "colour": page_colour(nth),
            "points": [index[id(one)] for one in curve.points],
        }
        for nth, curve in enumerate(curves)
    ]
    data = {
        "title": "devices" if along else "",
        "along": along,
        "log": True,
        "categories": None if along else [printable(curve.place(point)) for curve, point in rows],
        "curves": lines,
        "first": metrics.TIME_TO_TRAIN.key,
        "logarithmic": list(TIMES) if along else [],
        "ideal": list(TIMES),
        "hover": [one.key for one in HOVER],
    }
    about = f"{len(rows)} points: a metric of your choice {'against the number of devices' if along else 'of each'}"
    title = "How it scales" if along else "The points side by side"
    return section(title, Chart("scaling", "scaling", about, data, (points_table(rows),)), key="scaling")


def account_section(rows: Sequence[Point]) -> Section | None:
    """Where every device-second goes, as bars that open into their lines."""
    told = [nth for nth, _ in enumerate(rows)][:MOST_BARS]
    of = [STEP_ACCOUNT, *([_RUN] if any(point.run for _, point in rows) else [])]
    about = f"Stacked bars of {len(told)} points: the share of all device-seconds of each line of the account"
    chart = Chart("account", "account", about, {"points": told, "of": of}, (account_table(rows), line_meanings(rows)))
    title = "Where every device-second of a step goes"
    return section(title, chart, key="account") if rows else None


def measured_section(rows: Sequence[Point]) -> Section | None:
    """A box for a step time that somebody measured, held against a point and its band."""
    return section("My measured step time", measured_chart(len(rows)), key="measured") if rows else None


def measured_chart(points: int) -> Chart:
    """The box, for the first so many points of a page."""
    about = "The gap between a measured step time and the simulated one, beside the error band"
    return Chart("measured", "measured", about, {"points": list(range(points))})


def what_if_section(rows: Sequence[Point], behind: Table, said: str) -> Section | None:
    """How much less time a step takes with one thing removed. behind: the same steps; said: what they are."""
    points = [
        {"label": printable(curve.place(point)), "bars": _gains(point)}
        for curve, point in rows
        if point.counterfactual_step_times_s
    ]
    if not points:
        return None
    data = {"points": points, "axis": "less time a step (%)", "colour": page_colour(0)}
    about = "Bars: by how much the step is shorter with one thing removed, the same plan run again"
    return section("What if", Said(said), Chart("what-if", "bars", about, data, (behind,)), key="what-if")


def account_data(ledger: Ledger) -> dict[str, Any]:
    """An account: all its device-seconds, and of every line that is not 0 its own.

    lines: line -> [device-seconds, share, seconds a device, device-seconds], the last three as text.
    """
    texts = {
        line: [device_s, percent(ledger.share(line)), short_time(device_s / ledger.devices), number(device_s)]
        for line, device_s in ledger.device_seconds.items()
        if device_s > 0
    }
    return {"total_s": ledger.total_s, "devices": ledger.devices, "lines": texts}


def _point(curve: Curve, point: Outcome) -> dict[str, Any]:
    drawn = [(one, value) for one in drawn_metrics() if (value := one.value(point)) is not None]
    band = error_span(point)
    return {
        "label": printable(curve.place(point)),
        "x": point.devices,
        "values": {one.key: value for one, value in drawn},
        "texts": {one.key: one.written(value) for one, value in drawn},
        "hover": _hover(point),
        "spans": _spans(point, band),
        "band": None if band is None else [band.low, band.high],
        "band_text": "" if band is None else percent_span(band.low, band.high),
        "accounts": {STEP_ACCOUNT[0]: account_data(point.ledger)}
        | ({_RUN[0]: account_data(point.run.ledger)} if point.run else {}),
    }


def _hover(point: Outcome) -> list[tuple[str, str]]:
    """What a point says of itself."""
    rented = point.bill.rental_usd if point.bill else None
    return [
        ("plan", printable(point.plan.summary())),
        *((one.title, one.text(point)) for one in HOVER),
        ("rented, low to high", usd_span(rented.low, rented.high) if rented else UNKNOWN),
        ("checked?", error_band(point)),
    ]


def _spans(point: Outcome, band: Span | None) -> dict[str, list[float]]:
    """Metric -> where the measured value lies for eight of ten errors, in its stored unit."""
    whole = time_span_s(point)
    if band is None or whole is None:
        return {}
    step_s = point.step_time_s
    return {
        metrics.STEP_TIME.key: [step_s / (1 + band.high), step_s / (1 + band.low)],
        metrics.TIME_TO_TRAIN.key: [whole.low, whole.high],
    }


def _gains(point: Outcome) -> list[tuple[str, float, list[tuple[str, str]], str]]:
    """Name, share of the step that is gained, what hovering says, and the share as text; the largest gain first."""
    gains = []
    for name, without_s in point.counterfactual_step_times_s.items():
        gain = 1 - without_s / point.step_time_s
        said = [("as it is", short_time(point.step_time_s)), (name, short_time(without_s)), ("less", percent(gain))]
        gains.append((name, gain, said, signed_percent(-gain)))
    return sorted(gains, key=lambda one: -one[1])
