"""`scaletax run`: the answer on one screen, and the whole report of the same findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from sim.outcome.comparison.metrics import time_span_s
from sim.outcome.lines import LINES, SPLIT_LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.blocks import Block, Bullets, Column, Page, Said, Table, page, section, table, words
from sim.page.numbers import (
    TEXT,
    counted,
    duration,
    few,
    gibibytes,
    large,
    listed,
    number,
    percent,
    usd_span,
    whole,
)
from sim.records import metrics
from sim.records.belief import error_band
from sim.records.document import results_document, summary_rows
from sim.records.files import resolved_files, write_folder
from sim.report.comparison_tables import comparison_sections
from sim.report.entries import entries_answer, entries_section, entries_table
from sim.report.sentences import notes_by_place, sentences
from sim.report.stragglers import step_answer, step_sentences
from sim.report.verdict import answer, verdict
from sim.study.findings import MOST_ROWS, Findings, knee_of
from sim.study.points import Curve, differing_work
from sim.study.stack_range import StackStep, stack_ranges

_Point = tuple[Curve, Outcome]
_BAR = 6
"""Characters of the bar of a whole."""
_NAMED_TAX = 0.005
"""What is lost where it is less has no bar and no name."""
_NAMED_LINE = 0.1
"""A line with a smaller part of what is lost is not named second."""
_MOST_ANSWERS = 3


def run_screen(found: Findings, elapsed_s: float | None = None) -> list[Block]:
    """The first screen: what was run, the answer, a dozen points, and how far to believe them.

    elapsed_s: how long it took; nothing is said of it where it is None.
    """
    if not found.outcomes:
        return [Said("no points")]
    said = [
        *(Said(text, "answer") for text in run_answer(found)),
        *map(Said, _beside(found, step_answer(found.curves))),
    ]
    # An answer of several sentences leaves room for one row less.
    most = MOST_ROWS - (len(said) > 1)
    shown = entries_table(found, most) if found.has_entries else points_table(found.telling(most))
    return [_headline(found, elapsed_s, len(shown.rows)), *said, shown, Said(trust(found))]


def run_page(found: Findings) -> Page:
    """The whole report."""
    every = [(curve, point) for curve in found.curves for point in curve.points]
    compared = comparison_sections(found.comparison) if found.comparison else []
    titles = dict.fromkeys(outcome.scenario.title for outcome in found.outcomes)
    lead = [_headline(found, None), *(Said(text, "answer") for text in run_answer(found)), Said(trust(found))]
    return page(
        " / ".join(titles),
        lead,
        [
            entries_section(found) if found.has_entries else None,
            section("What the numbers say", Bullets((*sentences(found.outcomes), *_beside(found, [])))),
            *compared,
            section("The step", _metric_table(every, "step"), _metric_table(every, "memory")),
            section("The run and its cost", _metric_table(every, "run"), _metric_table(every, "cost")),
            section("Where every device-second of a step goes", _account_table(every), _meanings(every)),
            section("Steps where devices differ", _metric_table(every, "spread"))
            if step_sentences(found.curves)
            else None,
            section(
                "How far to believe it",
                _metric_table(every, "belief"),
                Bullets((*notes_by_place(found.outcomes), *_caveats(found))),
            ),
            section("What the columns mean", Bullets(tuple(f"{one.title}: {one.meaning}." for one in _present(every)))),
        ],
    )


def write_run(found: Findings, directory: Path, charts: bool | None = None) -> list[Path]:
    """Write results.json, summary.csv, the report, the resolved scenario and the charts; return their paths.

    directory: made if need be; files of an earlier run in it are replaced, other files are left alone.
    charts: whether to draw; None asks the scenarios.
    Everything is written beside its place and moved there at the end, so that stopping leaves nothing half-written.
    Raises InputError when the folder cannot be written.
    """
    from sim.page.borders import csv_text
    from sim.records.comparison import comparison_rows
    from sim.records.document import entry_rows

    if charts is None:
        charts = any(outcome.scenario.report.charts for outcome in found.outcomes)
    texts = {"summary.csv": csv_text(summary_rows(found.outcomes))}
    if found.has_entries:
        texts["entries.csv"] = csv_text(entry_rows(found))
    if found.comparison:
        texts["comparison.csv"] = csv_text(comparison_rows(found.comparison))
    texts |= resolved_files([outcome.scenario for outcome in found.outcomes])

    def draw(folder: Path) -> list[Path]:
        # Drawing is the one heavy import of this room.
        from sim.report.charts import chart_files

        return chart_files(found.outcomes, folder)

    document = results_document(found, verdict(found.comparison) if found.comparison else ())
    return write_folder(directory, document, texts, draw if charts and found.outcomes else None, run_page(found))


def next_line(written: Sequence[Path], command: str = "") -> Said:
    """Where to look, and what to type: after the files of a command are there. command: shows everything."""
    report = next((path for path in written if path.name == "report.html"), written[0])
    return Said(f"Next: {report}{f' | {command}' if command else ''}")


def points_table(rows: Sequence[_Point]) -> Table:
    """Points for a first screen."""
    knees = {id(curve): knee_of(curve) for curve, _ in rows}
    has_knee = any(point is knees[id(curve)] for curve, point in rows)
    return table(
        rows,
        [
            words("system", lambda row: row[0].label, key=True),
            Column(
                "devices, * knee" if has_knee else "devices",
                lambda row: whole(row[1].devices) + ("*" if row[1] is knees[id(row[0])] else ""),
            ),
            words("plan", lambda row: row[1].plan.summary(), from_width=118),
            Column("step", lambda row: duration(row[1].step_time_s), from_width=100),
            Column("time", lambda row: duration(row[1].time_to_train_s)),
            Column("MFU", lambda row: percent(row[1].mfu, 0)),
            words("lost to splitting", lambda row: lost(row[1])),
            words("next line", lambda row: lines_of(row[1])[1], from_width=96),
            Column("peak memory", lambda row: gibibytes(row[1].memory.peak_bytes), from_width=132),
            Column("rented", _rented, from_width=146),
            Column("checked?", lambda row: error_band(row[1])),
        ],
    )


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


def run_answer(found: Findings) -> list[str]:
    """What the points say, in at most three sentences."""
    if found.comparison and found.comparison.equals:
        return answer(found.comparison)[:_MOST_ANSWERS]
    if found.has_entries:
        return entries_answer(found)
    unlike = differing_work(found.outcomes)
    if unlike:
        points = counted(len(found.outcomes), "point")
        return [f"The {points} differ in {listed(unlike)}, so their times are not compared."]
    bests = [(curve, min(curve.points, key=lambda point: point.time_to_train_s)) for curve in found.curves]
    bests.sort(key=lambda pair: pair[1].time_to_train_s)
    if len(found.outcomes) == 1:
        return [_alone(*bests[0])]
    return [_of_sizes(*bests[0]) if len(bests) == 1 else _soonest(bests)]


def trust(found: Findings) -> str:
    """One line: what the bands are, how many points lie outside what was compared, what is assumed."""
    points = found.outcomes
    outside = sum(one.confidence.step is not None and bool(one.confidence.standing.outside) for one in points)
    never = sum(one.confidence.step is None for one in points)
    of = counted(len(points), "point")
    parts = ["checked? holds 8 of 10 errors (-: too fast)"] if never < len(points) else []
    parts += [f"{outside} of {of} outside what was compared"] if outside else []
    parts += [f"{never} of {of} like nothing that was measured"] if never else []
    assumed = dict.fromkeys(str(one) for point in points if point.bill for one in point.bill.assumed)
    parts += [f"assumed: {few(list(assumed), 2)}"] if assumed else []
    return f"Trust: {'; '.join(parts)}."


def _headline(found: Findings, elapsed_s: float | None, shown: int | None = None) -> Said:
    """What is run, where all points agree on it. shown: how many of the points are."""
    works = list(
        dict.fromkeys(
            f"{point.scenario.model.name}, {large(float(point.scenario.training.tokens))} tokens,"
            f" batch {point.scenario.training.global_batch:,} x {point.scenario.training.sequence:,}"
            for point in found.outcomes
        )
    )
    took = "" if elapsed_s is None else f", {duration(elapsed_s)}"
    some = f" ({shown} shown)" if shown is not None and shown < len(found.outcomes) else ""
    size = f"{counted(len(found.outcomes), 'point')}{some}{took}"
    titles = dict.fromkeys(outcome.scenario.title for outcome in found.outcomes)
    what = works[0] if len(works) == 1 else next(iter(titles)) if len(titles) == 1 else counted(len(works), "job")
    return Said(f"{what}: {size}")


def _beside(found: Findings, steps: Sequence[str]) -> list[str]:
    """What else must be said: several stacks, steps where devices differ, points that ended in an error."""
    ranges = stack_ranges(StackStep(one.scenario, one.stack, one.step_time_s) for one in found.outcomes)
    failed = [f"{counted(len(found.failures), 'point')} failed: see below."] if found.failures else []
    return [*ranges[:1], *steps, *failed]


def _alone(curve: Curve, point: Outcome) -> str:
    """A single point."""
    used = f"{whole(point.tokens_per_s / point.devices)} tokens/s per device, MFU {percent(point.mfu, 0)}"
    memory = f"{point.memory.peak_bytes / 2**30:.0f} of {gibibytes(point.memory.capacity_bytes)}"
    bill = point.bill.rental_usd if point.bill else None
    cost = f", {usd_span(bill.low, bill.high)} rented" if bill else ""
    return (
        f"{curve.place(point)}, {point.plan.summary()}: {duration(point.step_time_s)} a step, {used}, {memory};"
        f" {duration(point.time_to_train_s)} in all{cost}."
    )


def _of_sizes(curve: Curve, best: Outcome) -> str:
    """One system at several sizes: the fastest, and what it gains on the smallest."""
    if len(curve.sizes) == 1:
        return _alone(curve, best)
    small, bend = curve.smallest, knee_of(curve)
    at = f" The knee (*) is at {whole(bend.devices)}." if bend else ""
    if best is small:
        return f"{curve.place(best)} trains it in {duration(best.time_to_train_s)}; more devices do not help."
    faster = number(small.time_to_train_s / best.time_to_train_s)
    more = number(best.devices / small.devices)
    return (
        f"{curve.place(best)} trains it in {duration(best.time_to_train_s)}: {faster} times as fast as"
        f" {whole(small.devices)} with {more} times the devices.{at}"
    )


def _soonest(bests: Sequence[_Point]) -> str:
    """Which system trains soonest, and whether the next one can be told apart."""
    (curve, best), (rival, second) = bests[:2]
    spans = time_span_s(best), time_span_s(second)
    ratio = number(second.time_to_train_s / best.time_to_train_s)
    if spans[0] is None or spans[1] is None:
        sure = "not checked"
    else:
        sure = "more than both errors" if spans[0].apart(spans[1]) else "within their errors, so not told apart"
    if math.isclose(second.time_to_train_s, best.time_to_train_s, rel_tol=0.005):
        return f"{curve.place(best)} and {rival.place(second)} both train it in {duration(best.time_to_train_s)}."
    return (
        f"{curve.place(best)} trains it in {duration(best.time_to_train_s)}, {rival.place(second)} in"
        f" {duration(second.time_to_train_s)}: {ratio} times as long, {sure}."
    )


def _rented(row: _Point) -> str:
    bill = row[1].bill
    return usd_span(bill.rental_usd.low, bill.rental_usd.high) if bill and bill.rental_usd else "unknown"


_NAMED: tuple[Column[_Point], ...] = (
    words("system", lambda row: row[0].label, key=True),
    Column("devices", lambda row: whole(row[1].devices), key=True),
)


def _metric_table(rows: Sequence[_Point], family: metrics.Family) -> Table:
    """Every metric of one family that any of the points has."""
    plan = [words("plan", _plan)] if family == "step" else []
    own = [one for one in _present(rows) if one.family == family]
    return table(rows if own else [], [*_NAMED, *plan, *map(_column, own)])


def _present(rows: Sequence[_Point]) -> list[metrics.Metric]:
    """Metrics that any of the points has."""
    return [one for one in metrics.METRICS if any(one.value(point) not in (None, "") for _, point in rows)]


def _plan(row: _Point) -> str:
    return row[1].plan.summary()


def _column(metric: metrics.Metric) -> Column[_Point]:
    return Column(metric.title, lambda row: metric.text(row[1]), right=metric.unit is not TEXT)


def _account_table(rows: Sequence[_Point]) -> Table:
    """Shares of all device-seconds, line by line, of the lines that any of the points has."""

    def line_column(line: str) -> Column[_Point]:
        return Column(line_title(line), lambda row: percent(row[1].ledger.share(line)))

    present = [line for line in LINES if any(point.ledger.share(line) > 0 for _, point in rows)]
    return table(rows, [*_NAMED, *map(line_column, present)])


def _meanings(rows: Sequence[_Point]) -> Bullets:
    return Bullets(
        tuple(
            f"{line_title(one.key.removesuffix('_device_s'))}: {one.meaning}."
            for one in metrics.ACCOUNT
            if any(one.value(point) for _, point in rows)
        )
    )


def _caveats(found: Findings) -> list[str]:
    """What holds for every report, and what was asked for and not simulated."""
    absent = found.comparison.absent if found.comparison else ()
    return [
        *(f"{place}: not among the points that were simulated." for place in absent),
        "MFU counts attention over the full square, as most papers do; MFU, causal counts its causal half.",
        "Ranges of costs take every price at its low and at its high end: bounds, no probability.",
        "Between two sizes, devices are interpolated in logarithms of devices and time; nothing is extrapolated.",
    ]
