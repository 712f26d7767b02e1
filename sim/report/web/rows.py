"""Sections of a page about the points of a sweep: curves along its axis, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES
from sim.page.blocks import Section, section
from sim.page.numbers import percent_span
from sim.records import metrics
from sim.records.belief import NOT_CHECKED
from sim.records.series import Row
from sim.records.swept import Place, Swept
from sim.report.web.data import (
    HOVER,
    MOST_WHOLE,
    STEP_ACCOUNT,
    account_chart,
    curve_data,
    curves_chart,
    drawn_metrics,
    measured_chart,
    page_data,
    point_data,
)
from sim.report.web.points import ACCOUNT_TITLE, MEASURED_TITLE


def swept_data(found: Swept, places: Sequence[Place]) -> dict[str, Any]:
    """What the charts draw from: points in the order of the places, and metrics that they have."""
    asked = drawn_metrics(len(places))
    held = [one for one in asked if any(place.row.get(one.key) is not None for place in places)]
    return page_data(held, [_point(found, place, held, whole=len(places) <= MOST_WHOLE) for place in places])


def swept_sections(found: Swept, places: Sequence[Place]) -> list[Section | None]:
    """Curves along the axis, the account of the points, and a box for a measured step."""
    if not places:
        return []
    index = {(id(place.curve), place.nth): nth for nth, place in enumerate(places)}
    curves = list({id(place.curve): place.curve for place in places}.values())
    lines = [
        curve_data(curve.label, nth, [index[id(curve), at] for at in range(len(curve.xs)) if (id(curve), at) in index])
        for nth, curve in enumerate(curves)
    ]
    xs = [x for curve in curves for x in curve.xs]
    drawn = curves_chart(
        f"{len(places)} points of a sweep: a metric of your choice against {found.x.words}",
        lines,
        found.x.words,
        first=(metrics.MFU_FULL if found.differing else metrics.TIME_TO_TRAIN).key,
        log=not found.x.categories and min(xs) > 0 and max(xs) >= 16 * min(xs),
        ideal=False,
        categories=found.x.categories,
    )
    has_account = len(places) <= MOST_WHOLE and any(_accounts(place.row) for place in places)
    bars = account_chart(len(places), of_runs=False) if has_account else None
    return [
        section(f"Along {found.x.words}", drawn, key="scaling"),
        section(ACCOUNT_TITLE, bars, key="account"),
        section(MEASURED_TITLE, measured_chart(len(places)), key="measured"),
    ]


def _point(found: Swept, place: Place, held: Sequence[metrics.Metric], *, whole: bool) -> dict[str, Any]:
    row = place.row
    low, high = row.get("step_time_error_p10"), row.get("step_time_error_p90")
    band: tuple[float, float] | None = None if low is None or high is None else (low, high)
    hover = [
        ("plan", str(row["plan"])),
        *((one.title, one.written(row[one.key])) for one in HOVER if row.get(one.key) is not None),
        ("checked?", percent_span(*band) if band else NOT_CHECKED),
    ]
    label, values = f"{place.curve.label}, {found.x.said(row)}", {one: row.get(one.key) for one in held}
    return point_data(label, found.x.number(row), values, hover, band, _accounts(row) if whole else {})


def _accounts(row: Row) -> dict[str, Ledger]:
    """The account of a step; nothing where the row has none."""
    seconds = {line: float(row.get(f"{line}_device_s") or 0.0) for line in LINES}
    if not any(seconds.values()):
        return {}
    devices = int(row["devices"])
    return {STEP_ACCOUNT[0]: Ledger(seconds, devices, math.fsum(seconds.values()) / devices)}
