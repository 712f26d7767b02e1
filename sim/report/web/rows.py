"""Data of the points of a sweep for the charts of its page: rows of metrics, along the axis of the sweep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES
from sim.page.blocks import Chart, Section, section
from sim.page.borders import printable
from sim.page.numbers import percent_span
from sim.records import metrics
from sim.records.belief import NOT_CHECKED
from sim.records.series import Row
from sim.records.swept import Place, Swept
from sim.report.colours import page_colour
from sim.report.web.points import (
    HOVER,
    MOST_BARS,
    STEP_ACCOUNT,
    TIMES,
    account_data,
    drawn_metrics,
    lines_data,
    measured_chart,
    metric_data,
)

_MOST_WHOLE = 120
"""From more points on, a page has the metrics of its table alone, and no accounts."""
_FEW = (*HOVER, metrics.by_key()["tokens_per_s_per_device"], metrics.by_key()["goodput"])


def swept_data(found: Swept, places: Sequence[Place]) -> dict[str, Any]:
    """What the charts draw from: points in the order of the places, and metrics that they have."""
    whole = len(places) <= _MOST_WHOLE
    asked = drawn_metrics() if whole else list(_FEW)
    held = [one for one in asked if any(place.row.get(one.key) is not None for place in places)]
    return {
        "metrics": [metric_data(one) for one in held],
        "points": [_point(found, place, held, whole=whole) for place in places],
        "lines": lines_data(),
    }


def swept_sections(found: Swept, places: Sequence[Place]) -> list[Section | None]:
    """Curves along the axis, the account of the points, and a box for a measured step."""
    if not places:
        return []
    index = {(id(place.curve), place.nth): nth for nth, place in enumerate(places)}
    curves = list({id(place.curve): place.curve for place in places}.values())
    lines = [
        {
            "label": printable(curve.label),
            "colour": page_colour(nth),
            "points": [
                index[id(curve), point] for point in range(len(curve.xs)) if (id(curve), point) in index
            ],
        }
        for nth, curve in enumerate(curves)
    ]  # fmt: skip
    xs = [x for curve in curves for x in curve.xs]
    data = {
        "title": found.x.words,
        "along": True,
        "log": not found.x.categories and min(xs) > 0 and max(xs) >= 16 * min(xs),
        "categories": [printable(one) for one in found.x.categories] or None,
        "curves": lines,
        "first": metrics.MFU_FULL.key if found.differing else metrics.TIME_TO_TRAIN.key,
        "logarithmic": list(TIMES),
        "ideal": [],
        "hover": [one.key for one in HOVER],
    }
    about = f"{len(places)} points of a sweep: a metric of your choice against {found.x.words}"
    drawn = Chart("scaling", "scaling", about, data)
    has_account = len(places) <= _MOST_WHOLE and any(_account(place.row) for place in places)
    bars = Chart(
        "account", "account", "Stacked bars: the share of all device-seconds of each line of the account",
        {"points": list(range(len(places)))[:MOST_BARS], "of": [STEP_ACCOUNT]},
    )  # fmt: skip
    return [
        section(f"Along {found.x.words}", drawn, key="scaling"),
        section("Where every device-second of a step goes", bars, key="account") if has_account else None,
        section("My measured step time", measured_chart(len(places)), key="measured"),
    ]


def _account(row: Row) -> Ledger | None:
    """The account of a step; None where the row has none."""
    seconds = {line: float(row.get(f"{line}_device_s") or 0.0) for line in LINES}
    if not any(seconds.values()):
        return None
    return Ledger(seconds, int(row["devices"]), math.fsum(seconds.values()) / int(row["devices"]))


def _point(found: Swept, place: Place, held: Sequence[metrics.Metric], *, whole: bool) -> dict[str, Any]:
    row = place.row
    values = {one.key: row[one.key] for one in held if row.get(one.key) is not None}
    low, high = row.get("step_time_error_p10"), row.get("step_time_error_p90")
    band: tuple[float, float] | None = None if low is None or high is None else (low, high)
    band_text = percent_span(*band) if band else NOT_CHECKED
    account = _account(row) if whole else None
    return {
        "label": printable(f"{place.curve.label}, {found.x.said(row)}"),
        "x": found.x.number(row),
        "values": values,
        "texts": {one.key: one.written(values[one.key]) for one in held if one.key in values},
        "hover": [
            ("plan", printable(str(row["plan"]))),
            *((one.title, one.written(row[one.key])) for one in HOVER if row.get(one.key) is not None),
            ("checked?", band_text),
        ],
        "spans": {
            key: [values[key] / (1 + band[1]), values[key] / (1 + band[0])] for key in TIMES if band and key in values
        },
        "band": band,
        "band_text": band_text,
        "accounts": {STEP_ACCOUNT[0]: account_data(account)} if account else {},
    }  # fmt: skip
