"""`scaletax sweep`: the answer on one screen, and a report of all curves."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from sim.outcome.comparison.metrics import Span
from sim.page.blocks import Block, Bullets, Column, Page, Said, Table, page, section, table, words
from sim.page.html import html
from sim.page.markdown import markdown
from sim.page.numbers import counted, duration, few, listed, number, percent, percent_span, whole
from sim.page.terminal import fitting, screen
from sim.records.belief import NOT_CHECKED
from sim.records.metrics import Metric
from sim.records.series import DEVICES, Row
from sim.records.series import Column as Along
from sim.records.swept import MORE, Place, Swept
from sim.sweep.tables import CSV_NAME, whole_file

_LINES, _MOST_ROWS, _MOST_ERRORS = 24, 12, 2
"""Of a first screen."""
_MOST_REPORTED = 1000


def sweep_screen(found: Swept, folder: Path) -> list[Block]:
    """The first screen: how many points, the answer, errors, a dozen points, how far to believe it, what to do next."""
    where = shlex.quote(str(folder))
    head = [*_head(found), *map(Said, _some(found.problems, _MOST_ERRORS))]
    feet = [*_trust(found), Said(f"Next: scaletax plot {where} | {where}/report.html, {CSV_NAME}")]

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
    meanings = tuple(f"{metric.title}: {metric.meaning}." for metric in MORE)
    sections = [
        section("Points", _points(found, rows), *more),
        section("Points that failed", Bullets(tuple(_some(found.problems, _MOST_REPORTED)))),
        section("What the columns mean", Bullets(meanings)),
    ]
    return page(found.title, [*_head(found), *_trust(found)], sections)


def write_sweep(report: Page, folder: Path) -> None:
    """Write report.md and report.html into the folder of a sweep. Raises InputError where that cannot be."""
    for name, text in (("report.md", markdown(report)), ("report.html", html(report))):
        with whole_file(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")


def _head(found: Swept) -> list[Said]:
    total, done, failed = found.counts
    told = f"{found.title}: {done:,} of {counted(total, 'point')} done, {failed:,} failed, {found.new:,} new"
    return [Said(told), *(Said(text, "answer") for text in _answers(found))]


def _answers(found: Swept) -> list[str]:
    """The fastest point beside the fastest of another system or the slowest, and the knees."""
    if not found.curves:
        return ["No point was simulated."]
    if found.differing:
        by_mfu = sorted(found.places(), key=lambda place: _mfu(_row(place)))
        low, high = (f"{_named(found, place)} ({percent(_mfu(_row(place)), 0)})" for place in (by_mfu[0], by_mfu[-1]))
        ends = f"Highest MFU: {high}; lowest: {low}."
        return [f"The points differ in {listed(found.differing)}, so their times are not compared.", ends]
    order = sorted(found.places(), key=_time_s)
    best, slowest = order[0], order[-1]
    rival = next((place for place in order if _row(place)["system"] != _row(best)["system"]), None)
    if rival:
        ratio = _time_s(rival) / _time_s(best)
        longer = "as long" if ratio < 1.005 else f"{number(ratio)} times as long"
        told = f"; then {_named(found, rival)}, {longer}, {_sure(_row(best), _row(rival))}"
    else:
        told = f"; slowest: {_named(found, slowest)}, {duration(_time_s(slowest))}" if slowest != best else ""
    bends = [
        f"{f'{curve.label} at ' if len(found.curves) > 1 else ''}{whole(curve.xs[curve.bend])}"
        for curve in found.curves
        if curve.bend is not None
    ]
    knees = [f"Knee, past which more devices save little time: {few(bends)} devices."] if bends else []
    return [f"Fastest: {_named(found, best)}, {duration(_time_s(best))}{told}.", *knees]


def _trust(found: Swept) -> list[Said]:
    """One line: the widest error band, and how many points lie outside what was compared with measurements."""
    rows = found.rows
    bands = [(row["step_time_error_p10"], row["step_time_error_p90"]) for row in rows if _is_checked(row)]
    outside = sum(_is_checked(row) and bool(row["outside_checked_range"]) for row in rows)
    of, never = counted(len(rows), "point"), len(rows) - len(bands)
    parts = []
    if bands:
        band = percent_span(min(low for low, _ in bands), max(high for _, high in bands))
        parts.append(f"8 of 10 errors on unseen sources within {band} (-: too fast)")
    parts += [f"{outside:,} of {of} outside what its stack was compared with"] if outside else []
    parts += [f"{never:,} of {of} like nothing that was measured"] if never else []
    return [Said(f"Trust: {'; '.join(parts)}.")] if parts else []


def _some(problems: Sequence[str], most: int) -> list[str]:
    more = len(problems) - most
    rest = [f"and {counted(more, 'other error')}: see the column error of {CSV_NAME}"] if more > 0 else []
    return [*problems[:most], *rest]


def _points(found: Swept, rows: Sequence[Place], *, on_screen: bool = False) -> Table:
    """Points, curve by curve. on_screen: a curve is named at its first point only, where there are several."""
    x, firsts = found.x, {id(place[0]): place for place in reversed(rows)}
    title = f"{x.words} (* knee)" if any(index == curve.bend for curve, index in rows) else x.words
    labels = max(len(place[0].label) for place in rows) if len(found.curves) > 1 else 0

    def at(place: Place) -> str:
        return x.text(_row(place)) + "*" * (place[1] == place[0].bend)

    longest = max(len(at(place)) for place in rows)

    def named(place: Place) -> str:
        label = place[0].label if labels and place is firsts[id(place[0])] else ""
        return f"{label:{labels}} {at(place):>{longest}}"

    def of(one: Along) -> Column[Place]:
        return Column(one.words, lambda place: one.text(_row(place)), right=not one.categories)

    def metric(one: Metric) -> Column[Place]:
        return Column(one.title, lambda place: one.written(_row(place)[one.key]))

    text, numbers = ([of(one) for one in found.beside if bool(one.categories) is is_text] for is_text in (True, False))
    names = [words("curve", lambda place: place[0].label, key=True), Column(title, at, key=True)]
    return table(
        rows,
        [
            *([Column(title, named)] if on_screen else names),
            Column("time", lambda place: duration(_time_s(place))),
            Column("MFU", lambda place: percent(_mfu(_row(place)), 0)),
            Column("lost to splitting", lambda place: percent(_row(place)["distribution_tax"], 0)),
            *text,
            words("plan", lambda place: str(_row(place)["plan"])),
            Column("checked?", lambda place: _band(_row(place))),
            *numbers,
            *map(metric, MORE),
        ],
    )


def _row(place: Place) -> Row:
    curve, index = place
    return curve.rows[index]


def _time_s(place: Place) -> float:
    return float(_row(place)["time_to_train_s"])


def _mfu(row: Row) -> float:
    """By the convention of its scenario."""
    return float(row["mfu_causal" if row["flop_convention"] == "causal-attention" else "mfu_full"])


def _named(found: Swept, place: Place) -> str:
    """A point in a sentence: "A100 on 64 devices", "micro_batch 2, global_batch 512 sequences"."""
    row, x = _row(place), found.x
    if x.keys == DEVICES.keys:
        return f"{place[0].label} on {counted(row['devices'], 'device')}"
    return ", ".join([place[0].label, next(one for one in (*found.beside, x) if one.categories or one is x).said(row)])


def _is_checked(row: Row) -> bool:
    return row["step_time_error_p10"] is not None


def _band(row: Row) -> str:
    return percent_span(row["step_time_error_p10"], row["step_time_error_p90"]) if _is_checked(row) else NOT_CHECKED


def _sure(one: Row, other: Row) -> str:
    """Whether two times differ by more than their errors: one of -10 % is a run of 1 / 0.9 of what is simulated."""
    if not (_is_checked(one) and _is_checked(other)):
        return NOT_CHECKED
    low, high = (
        Span(
            row["time_to_train_s"] / (1 + row["step_time_error_p90"]),
            row["time_to_train_s"] / (1 + row["step_time_error_p10"]),
        )
        for row in (one, other)
    )
    return "more than both errors" if low.apart(high) else "within their errors, so not told apart"
