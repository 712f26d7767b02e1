"""Sections of a page about simulated points: how they scale, where the time goes, what each change would gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sim.outcome.ledger import Ledger
from sim.outcome.outcome import Outcome
from sim.page.blocks import Chart, Said, Section, Table, section
from sim.page.borders import printable
from sim.page.numbers import UNKNOWN, percent, short_time, usd_span
from sim.records.belief import error_band
from sim.records.metrics import Metric
from sim.report.colours import page_colour
from sim.report.point_tables import Point, account_table, line_meanings, points_table
from sim.report.web.data import (
    HOVER,
    MOST_BARS,
    RUN_ACCOUNT,
    STEP_ACCOUNT,
    account_chart,
    curve_data,
    curves_chart,
    drawn_metrics,
    measured_chart,
    page_data,
    point_data,
)
from sim.study.points import Curve

ACCOUNT_TITLE, MEASURED_TITLE = "Where every device-second of a step goes", "My measured step time"


def shared_data(rows: Sequence[Point]) -> dict[str, Any]:
    """What all charts of points draw from, in the order of the rows."""
    held = drawn_metrics(len(rows))
    return page_data(held, [_point(*row, held, with_account=nth < MOST_BARS) for nth, row in enumerate(rows)])


def scaling_section(rows: Sequence[Point], curves: Sequence[Curve]) -> Section | None:
    """Any metric of all points, along the devices, or one beside the other where no system has several sizes."""
    if len(rows) < 2:
        return None
    along = any(len(curve.sizes) > 1 for curve in curves)
    index = {id(point): nth for nth, (_, point) in enumerate(rows)}
    lines = [curve_data(curve.label, nth, [index[id(one)] for one in curve.points]) for nth, curve in enumerate(curves)]
    chart = curves_chart(
        f"{len(rows)} points: a metric of your choice {'against the number of devices' if along else 'of each'}",
        lines,
        along=along,
        categories=[] if along else [curve.place(point) for curve, point in rows],
        behind=[points_table(rows)],
    )
    return section("How it scales" if along else "The points side by side", chart, key="scaling")


def account_section(rows: Sequence[Point]) -> Section | None:
    """Where every device-second goes, as bars that open into their lines."""
    tables = (account_table(rows[:MOST_BARS]), line_meanings(rows))
    chart = account_chart(len(rows), of_runs=any(point.run for _, point in rows), behind=tables)
    return section(ACCOUNT_TITLE, chart, key="account") if rows else None


def measured_section(rows: Sequence[Point]) -> Section | None:
    """A box for a step time that somebody measured."""
    return section(MEASURED_TITLE, measured_chart(len(rows)), key="measured") if rows else None


def what_if_section(rows: Sequence[Point], behind: Table, said: str) -> Section | None:
    """How much less time a step takes with one thing removed. behind: the same steps; said: what they are."""
    points = [
        {"label": printable(curve.place(point)), "bars": _gains(point)}
        for curve, point in rows[:MOST_BARS]
        if point.counterfactual_step_times_s
    ]
    if not points:
        return None
    data = {"points": points, "axis": "less time a step (%)", "colour": page_colour(0)}
    about = "Bars: by how much the step is shorter with one thing removed, the same plan run again"
    return section("What if", Said(said), Chart("what-if", "bars", about, data, (behind,)), key="what-if")


def _point(curve: Curve, point: Outcome, held: Sequence[Metric], *, with_account: bool) -> dict[str, Any]:
    rented = point.bill.rental_usd if point.bill else None
    hover = [
        ("plan", point.plan.summary()),
        *((one.title, one.text(point)) for one in HOVER),
        ("rented, low to high", usd_span(rented.low, rented.high) if rented else UNKNOWN),
        ("checked?", error_band(point)),
    ]
    values = {one: one.value(point) for one in held}
    accounts: dict[str, Ledger] = {}
    if with_account:
        accounts = {STEP_ACCOUNT[0]: point.ledger} | ({RUN_ACCOUNT[0]: point.run.ledger} if point.run else {})
    return point_data(curve.place(point), point.devices, values, hover, point.confidence.errors, accounts)


def _gains(point: Outcome) -> list[tuple[str, float, list[tuple[str, str]], str]]:
    """Name, share of the step that is gained, what hovering says, and the share as text; the largest gain first."""
    gains = []
    for name, without_s in point.counterfactual_step_times_s.items():
        gain = 1 - without_s / point.step_time_s
        said = [("as it is", short_time(point.step_time_s)), (name, short_time(without_s)), ("less", percent(gain))]
        gains.append((name, gain, said, percent(gain)))
    return sorted(gains, key=lambda one: -one[1])
