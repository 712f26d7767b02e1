"""`scaletax sweep`: the answer on one screen, and a report of all curves."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

from sim.page.blocks import Block, Bullets, Column, Page, Said, Table, figure, page, section, table, words
from sim.page.html import html
from sim.page.markdown import markdown
from sim.page.numbers import counted, duration, few, listed, number, percent, percent_span, whole, whole_percent
from sim.page.terminal import fitting, screen
from sim.records.belief import NOT_CHECKED
from sim.records.metrics import MFU_HALF, Metric
from sim.records.series import DEVICES, Row
from sim.records.series import Column as Along
from sim.records.swept import MORE, Place, Swept
from sim.report.web.rows import swept_data, swept_sections
from sim.sweep.tables import CSV_NAME, whole_file

_LINES, _MOST_ROWS, _MOST_ERRORS = 24, 12, 2
"""Of a first screen."""
_MOST_REPORTED, _MOST_DRAWN = 1000, 300


def sweep_screen(found: Swept, folder: Path) -> list[Block]:
    """The first screen: how many points, the answer, errors, a dozen points, how far to believe it, what to do next."""
    where = shlex.quote(str(folder))
    head = [*_head(found, f"{found.title}: "), *map(Said, _some(found.problems, _MOST_ERRORS))]
    feet = [*_trust(found.rows), Said(f"Next: scaletax plot {where}", then=(f"{where}/report.html, {CSV_NAME}",))]

    def blocks(most: int) -> list[Block]:
        rows = found.telling(most)
        return [*head, *([fitting(_points(found, rows, on_screen=True), 4)] if rows else []), *feet]

    room = _LINES - screen(blocks(1)).count("\n") + 1
    return blocks(max(min(room, _MOST_ROWS), 1))


def sweep_page(found: Swept) -> Page:
    """The whole report: all curves, what failed, what the columns mean."""
    rows = found.telling(_MOST_REPORTED)
    left = len(found.places()) - len(rows)
    more = [Said(f"{counted(left, 'point')} more: see {CSV_NAME}.")] if left else []
    drawn = found.spread_out(_MOST_DRAWN)
    sections = [
        *swept_sections(found, drawn),
        section("Points", _points(found, rows), *more, key="points"),
        section("Points that failed", Bullets(tuple(_some(found.problems, _MOST_REPORTED)))),
        section("What the columns mean", Bullets(tuple(f"{metric.title}: {metric.meaning}." for metric in MORE))),
    ]
    return page(found.title, [*_head(found), *_trust(found.rows)], sections, swept_data(found, drawn))


def write_sweep(report: Page, folder: Path) -> None:
    """Write report.md and report.html into the folder of a sweep. Raises InputError where that cannot be."""
    for name, text in (("report.md", markdown(report)), ("report.html", html(report))):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _head(found: Swept, title: str = "") -> list[Said]:
    total, done, failed = found.counts
    told = f"{title}{done:,} of {counted(total, 'point')} done, {failed:,} failed, {found.new:,} new"
    several = any(curve.low != curve.high for curve in found.curves)
    seeds = [Said("Points that differ in their seed alone are one: the middle one.")] if several else []
    return [Said(told), *(Said(text, "answer") for text in _answers(found)), *seeds]


def _answers(found: Swept) -> list[str]:
    """The fastest point beside the fastest of another system or the slowest, and the knees."""
    if not found.curves:
        return ["No point was simulated."]
    if found.differing:
        is_narrow = any(place.is_narrow for place in found.places())
        of, title = (attrgetter("mfu_half"), MFU_HALF.title) if is_narrow else (attrgetter("mfu"), "MFU")
        by_mfu = sorted(found.places(), key=of)
        low, high = (f"{_named(found, place)} ({percent(of(place), 0)})" for place in (by_mfu[0], by_mfu[-1]))
        unlike = f"The points differ in {listed(found.differing)}, so their times are not compared."
        return [unlike, f"Highest {title}: {high}; lowest: {low}."]
    order = sorted(found.places(), key=lambda place: place.time_s)
    best, slowest = order[0], order[-1]
    rival = next((place for place in order if place.row["system"] != best.row["system"]), None)
    told = f"; slowest: {_named(found, slowest)}, {duration(slowest.time_s)}" if slowest != best else ""
    if rival:
        ratio = rival.time_s / best.time_s
        longer = "as long" if ratio < 1.005 else f"{number(ratio)} times as long"
        told = f"; then {_named(found, rival)}, {longer}, {_sure(best, rival)}"
    bent = [(f"{one.label} at " if len(found.curves) > 1 else "", one.xs, one.bend) for one in found.curves]
    bends = [f"{label}{whole(xs[bend])}" for label, xs, bend in bent if bend is not None]
    knees = [f"Knee, past which more devices save little time: {few(bends)} devices."] if bends else []
    return [f"Fastest: {_named(found, best)}, {duration(best.time_s)}{told}.", *knees]


def _named(found: Swept, place: Place) -> str:
    """A point in a sentence: "A100 on 64 devices", "micro batch 2, global batch 512 sequences"."""
    if found.x.keys == DEVICES.keys:
        return f"{place.curve.label} on {counted(place.row['devices'], 'device')}"
    told = next(one for one in (*found.beside, found.x) if one.categories or one is found.x)
    return f"{place.curve.label}, {told.said(place.row)}"


def _sure(best: Place, rival: Place) -> str:
    """Whether times differ by more than their errors: one of -10 % is a run of 1 / 0.9 of what is simulated."""
    if _band(best.row) is None or _band(rival.row) is None:
        return NOT_CHECKED
    slowest_s = best.time_s / (1 + best.row["step_time_error_p10"])
    apart = slowest_s < rival.time_s / (1 + rival.row["step_time_error_p90"])
    return "more than both errors" if apart else "within their errors, so not told apart"


def _band(row: Row) -> tuple[float, float] | None:
    low, high = row["step_time_error_p10"], row["step_time_error_p90"]
    return None if low is None else (low, high)


def _trust(rows: Sequence[Row]) -> list[Said]:
    """One line: the widest error band, and how many points lie outside what was compared with measurements."""
    bands = [band for row in rows if (band := _band(row))]
    outside = sum(bool(_band(row) and row["outside_checked_range"]) for row in rows)
    of, never = counted(len(rows), "point"), len(rows) - len(bands)
    widest = percent_span(min(low for low, _ in bands), max(high for _, high in bands)) if bands else ""
    parts = [f"8 of 10 errors on unseen sources within {widest} (-: too fast)"] if bands else []
    parts += [f"{outside:,} of {of} outside what its stack was compared with"] if outside else []
    parts += [f"{never:,} of {of} like nothing that was measured"] if never else []
    return [Said(f"Trust: {'; '.join(parts)}.")] if parts else []


def _some(problems: Sequence[str], most: int) -> list[str]:
    rest = f"and {counted(len(problems) - most, 'other error')}: see the column error of {CSV_NAME}"
    return [*problems[:most], *([rest] if len(problems) > most else [])]


def _points(found: Swept, rows: Sequence[Place], *, on_screen: bool = False) -> Table:
    """Points, curve by curve. on_screen: a curve is named at its first point only, where there are several."""
    x, firsts = found.x, {id(place.curve): place for place in reversed(rows)}
    title = f"{x.words} (* knee)" if any(place.nth == place.curve.bend for place in rows) else x.words
    labels = max((len(place.curve.label) for place in rows), default=0) if len(found.curves) > 1 else 0

    def at(place: Place) -> str:
        return x.text(place.row) + "*" * (place.nth == place.curve.bend)

    longest = max((len(at(place)) for place in rows), default=0)

    def named(place: Place) -> str:
        label = place.curve.label if labels and place is firsts[id(place.curve)] else ""
        return f"{label:{labels}} {at(place):>{longest}}"

    def checked(place: Place) -> str:
        band = _band(place.row)
        return percent_span(*band) if band else NOT_CHECKED

    def of(one: Along) -> Column[Place]:
        value = None if one.categories else lambda place: one.number(place.row)
        return Column(one.words, lambda place: one.text(place.row), right=not one.categories, value=value)

    def metric(one: Metric) -> Column[Place]:
        return Column(one.title, lambda place: one.written(place.row[one.key]), value=lambda place: place.row[one.key])

    number = None if x.categories else lambda place: x.number(place.row)
    half: Column[Place] = figure(MFU_HALF.title, lambda place: place.mfu_half, whole_percent)
    names = [words("curve", lambda place: place.curve.label, key=True), Column(title, at, key=True, value=number)]
    columns: list[Column[Place]] = [
        *([Column(title, named)] if on_screen else names),
        figure("time", lambda place: place.time_s, duration),
        figure("MFU", lambda place: place.mfu, whole_percent),
        *([half] if any(place.is_narrow for place in rows) else []),
        figure("lost to splitting", lambda place: place.row["distribution_tax"], whole_percent),
        *(of(one) for one in found.beside if one.categories),
        words("plan", lambda place: str(place.row["plan"])),
        Column("checked?", checked),
        *(of(one) for one in found.beside if not one.categories),
        *map(metric, MORE),
    ]
    return table(rows, columns)
