"""What charts of points draw from, in one form for runs, searches and sweeps: metrics, points, curves, accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.outcome.ledger import Ledger
from sim.outcome.lines import GROUPS, line_title
from sim.page.blocks import Chart
from sim.page.borders import printable
from sim.page.numbers import number, percent, percent_span, short_time
from sim.records import metrics
from sim.records.belief import NOT_CHECKED
from sim.report.colours import LINE_COLOURS, page_colour

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
"""Metrics that a point says of itself, whichever is drawn."""
TIMES = (metrics.STEP_TIME.key, metrics.TIME_TO_TRAIN.key)
STEP_ACCOUNT, RUN_ACCOUNT = ("step", "the step"), ("run", "the whole run")
MOST_WHOLE = 60
"""A page of more points has a few metrics of each, because it has to stay small enough to send."""
_FEW = (*HOVER, metrics.by_key()["tokens_per_s_per_device"], metrics.GOODPUT)
MOST_BARS = 40
"""Points whose account, gains and memory are drawn."""
_ROUNDING = 1e-12
"""A line with a smaller share of an account is what rounding leaves of a difference of equal times."""


def drawn_metrics(points: int) -> list[metrics.Metric]:
    """Metrics that the menu of a page of so many points offers: a few where there are many points.

    They are all but those that say how far to believe a point, and the account's lines.
    """
    return [one for one in metrics.METRICS if one.family in _FAMILIES] if points <= MOST_WHOLE else list(_FEW)


def page_data(held: Sequence[metrics.Metric], points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all charts of a page draw from. held: metrics of the menu."""
    return {
        "metrics": [_metric_data(one, points) for one in held],
        "points": list(points),
        "lines": [
            {"key": line, "title": line_title(line), "group": group, "meaning": meaning, "colour": LINE_COLOURS[line]}
            for group, lines in GROUPS.items()
            for line, meaning in lines.items()
        ],
    }


def _metric_data(one: metrics.Metric, points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A metric of the menu. size: how much of the stored unit the unit of its axis is."""
    values = [value for point in points if isinstance(value := point["values"].get(one.key), (int, float))]
    told = replace(one, unit=one.unit.suited(max(values, default=0.0)))
    return {
        "key": one.key,
        "title": one.title,
        "axis": told.axis,
        "size": told.unit.axis_size,
        "family": _FAMILIES[one.family],
    }


def point_data(
    label: str,
    x: float | None,
    values: Mapping[metrics.Metric, metrics.Value],
    hover: Sequence[tuple[str, str]],
    band: tuple[float, float] | None,
    accounts: Mapping[str, Ledger],
) -> dict[str, Any]:
    """A point: its place along the axis, its metrics as numbers and text, what hovering says, its band and accounts.

    spans: metric -> where the measured value lies for eight of ten errors: an error is predicted / measured - 1.
    """
    held = {one.key: value for one, value in values.items() if value is not None}
    times = {key: float(held[key]) for key in TIMES if key in held}
    return {
        "label": printable(label),
        "x": x,
        "values": held,
        "texts": {one.key: one.written(value) for one, value in values.items() if value is not None},
        "hover": [(title, printable(text)) for title, text in hover],
        "spans": {key: [time / (1 + band[1]), time / (1 + band[0])] for key, time in times.items()} if band else {},
        "band": band,
        "band_text": percent_span(*band) if band else NOT_CHECKED,
        "accounts": {name: _account_data(ledger) for name, ledger in accounts.items()},
    }


def curve_data(label: str, nth: int, points: Sequence[int]) -> dict[str, Any]:
    """A curve. nth: of the page, for its colour. points: their places among the points of the page, along the axis."""
    return {"label": printable(label), "colour": page_colour(nth), "points": list(points)}


def curves_chart(
    about: str,
    curves: Sequence[Mapping[str, Any]],
    title: str = "devices",
    *,
    first: str = metrics.TIME_TO_TRAIN.key,
    along: bool = True,
    log: bool = True,
    ideal: bool = True,
    categories: Sequence[str] = (),
    behind: Sequence[Any] = (),
) -> Chart:
    """Any metric of all points against an axis, or of points side by side.

    title: of the axis. first: the metric that is drawn at first. along: whether curves have several points. log:
    whether the axis is logarithmic. ideal: whether times have lines of ideal scaling. categories: of an axis of words.
    """
    data = {
        "title": title if along else "",
        "along": along,
        "log": log,
        "categories": [printable(one) for one in categories] or None,
        "curves": list(curves),
        "first": first,
        "logarithmic": list(TIMES) if along else [],
        "ideal": list(TIMES) if ideal else [],
        "hover": [one.key for one in HOVER],
    }
    return Chart("scaling", "scaling", about, data, tuple(behind))


def account_chart(points: int, *, of_runs: bool, behind: Sequence[Any] = ()) -> Chart:
    """The account of the first so many points, as bars that open into their lines."""
    told = list(range(min(points, MOST_BARS)))
    of = [STEP_ACCOUNT, *([RUN_ACCOUNT] if of_runs else [])]
    about = f"Stacked bars of {len(told)} points: the share of all device-seconds of each line of the account"
    return Chart("account", "account", about, {"points": told, "of": of}, tuple(behind))


def measured_chart(points: int) -> Chart:
    """A box for a step time that somebody measured, held against one of the first so many points and its band."""
    about = "The gap between a measured step time and the simulated one, beside the error band"
    return Chart("measured", "measured", about, {"points": list(range(points))})


def _account_data(ledger: Ledger) -> dict[str, Any]:
    """An account: all its device-seconds, and of every line with more than rounding leaves its own.

    lines: line -> [device-seconds, share, seconds a device, device-seconds], the last three as text.
    """
    texts = {
        line: [device_s, percent(ledger.share(line)), short_time(device_s / ledger.devices), number(device_s)]
        for line, device_s in ledger.device_seconds.items()
        if device_s > _ROUNDING * ledger.total_s
    }
    return {"total_s": ledger.total_s, "devices": ledger.devices, "lines": texts}
