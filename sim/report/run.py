"""`scaletax run`: the answer on one screen, and the whole report of the same findings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.outcome.comparison.metrics import time_span_s
from sim.outcome.outcome import Outcome
from sim.page.blocks import Block, Bullets, Code, Page, Said, Section, page, section
from sim.page.numbers import (
    counted,
    duration,
    few,
    gibibytes_of,
    large,
    number,
    percent,
    usd_span,
    whole,
)
from sim.page.terminal import TALLEST, fitting, screen
from sim.records.document import results_document, summary_rows
from sim.records.files import resolved_files, write_folder
from sim.report.catalogue.citations import sources_section
from sim.report.comparison_tables import WITHOUT, comparison_sections, without_table
from sim.report.entries import entries_answer, entries_section, entries_table
from sim.report.point_tables import (
    Point,
    is_narrow,
    links_table,
    metric_table,
    mfu_title,
    points_table,
    present,
)
from sim.report.sentences import not_compared, notes_by_place, sentences
from sim.report.stragglers import step_answer, steps_table
from sim.report.styles import SCREEN, ChartStyle
from sim.report.verdict import answer, verdict
from sim.report.web.points import account_section, measured_section, scaling_section, shared_data, what_if_section
from sim.report.web.steps import NO_TRACES, memory_section, timeline_section
from sim.scenario import Scenario
from sim.study.findings import MOST_ROWS, Findings, knee_of
from sim.study.points import Curve, differs
from sim.study.stack_range import StackStep, stack_ranges

_MOST_ANSWERS = 3
_FEWEST_ROWS = 6
"""Fewer rows stand on a first screen only where long names leave no room."""


def run_screen(found: Findings, elapsed_s: float | None = None) -> list[Block]:
    """The first screen: what was run, the answer, a dozen points, and how far to believe them.

    elapsed_s: how long it took; nothing is said of it where it is None.
    """
    if not found.outcomes and not found.refusals:
        return [Said("no points")]
    answers = [Said(text, "answer") for text in run_answer(found)]
    beside = [Said(text) for text in _beside(found, step_answer(found.curves))]

    def blocks(said: int, most: int) -> list[Block]:
        rows = [] if found.has_published else found.telling(most)
        shown = entries_table(found, most) if found.has_published else points_table(rows)
        last = [Said(trust(found, rows))] if found.outcomes else []
        return [_headline(found, elapsed_s, len(shown.rows)), *answers[:said], *beside, fitting(shown), *last]

    # Long answers and names leave room for fewer rows, and few rows for fewer answers. A line is left for what is next.
    tries = [(said, most) for said in range(len(answers), 0, -1) for most in range(MOST_ROWS, _FEWEST_ROWS - 1, -1)]
    tries += [(1, most) for most in range(_FEWEST_ROWS - 1, 0, -1)]
    return next(
        (one for one in (blocks(*each) for each in tries) if screen(one).count("\n") <= TALLEST - 2), blocks(1, 1)
    )


def run_page(found: Findings, traces: Mapping[str, str] = NO_TRACES) -> Page:
    """The whole report. traces: files beside it, by the name of the point whose step they have."""
    every = [(curve, point) for curve in found.curves for point in curve.points]
    differing = [(curve, point) for curve, point in every if differs(point)]
    compared = comparison_sections(found.comparison) if found.comparison else []
    titles = dict.fromkeys(outcome.scenario.title for outcome in found.outcomes)
    lead = [_headline(found, None), *(Said(text, "answer") for text in run_answer(found))]
    lead += [Said(trust(found))] if found.outcomes else []
    return page(
        " / ".join(titles) or "Nothing to simulate",
        lead,
        [
            entries_section(found) if found.has_entries else None,
            section("What the numbers say", Bullets((*sentences(found.curves), *_beside(found, [])))),
            scaling_section(every, found.curves),
            account_section(every),
            *compared[:1],
            timeline_section(found.outcomes, traces),
            what_if_section(every, without_table(every), WITHOUT),
            memory_section(every),
            measured_section(every),
            *compared[1:],
            section("The step", metric_table(every, "step"), metric_table(every, "memory"), key="points"),
            section("The run and its cost", metric_table(every, "run"), metric_table(every, "cost"), key="run"),
            section(
                "Steps where devices differ", steps_table(found.curves), metric_table(differing, "spread"), key="steps"
            ),
            section("Busiest links", links_table(every), key="links"),
            section(
                "How far to believe it",
                metric_table(every, "belief"),
                Bullets((*notes_by_place(found.outcomes), *_caveats(found))),
                key="belief",
            ),
            sources_section(figure for outcome in found.outcomes for figure in outcome.figures),
            section("What the columns mean", Bullets(tuple(f"{one.title}: {one.meaning}." for one in present(every)))),
            scenario_section([outcome.scenario for outcome in found.outcomes]),
        ],
        shared_data(every),
    )


def write_run(
    found: Findings, directory: Path, charts: bool | None = None, style: ChartStyle = SCREEN, trace: int = 0
) -> list[Path]:
    """Write results.json, summary.csv, the report, the resolved scenario, charts and traces; return their paths.

    directory: made if need be; files of an earlier run in it are replaced, other files are left alone.
    charts: whether to draw; None asks the scenarios. style: of the charts. trace: steps that traces are written of.
    Everything is written beside its place and moved there at the end, so that stopping leaves nothing half-written.
    Raises InputError when the folder cannot be written.
    """
    from sim.page.borders import csv_text
    from sim.records.comparison import comparison_rows
    from sim.records.document import entry_rows
    from sim.records.traces.chrome import trace_files

    if charts is None:
        charts = any(outcome.scenario.report.charts for outcome in found.outcomes)
    texts: dict[str, str | bytes] = {"summary.csv": csv_text(summary_rows(found.outcomes))}
    if found.has_entries:
        texts["entries.csv"] = csv_text(entry_rows(found))
    if found.comparison:
        texts["comparison.csv"] = csv_text(comparison_rows(found.comparison))
    texts |= resolved_files([outcome.scenario for outcome in found.outcomes])
    traces = trace_files(found.outcomes, trace) if trace else {}
    for files in traces.values():
        texts |= files
    page = run_page(found, {name: next(iter(files)) for name, files in traces.items()})

    def draw(folder: Path) -> list[Path]:
        # Drawing is the one heavy import of this room.
        from sim.report.charts import chart_files

        return chart_files(found.outcomes, folder, style)

    document = results_document(found, verdict(found.comparison) if found.comparison else ())
    return write_folder(directory, document, texts, draw if charts and found.outcomes else None, page)


def scenario_section(scenarios: Sequence[Scenario], name: str = "resolved") -> Section | None:
    """What was simulated, every default written out, to copy and run again."""
    return (
        section(
            "The scenario",
            *(Code(text, file) for file, text in resolved_files(scenarios, name).items()),
            key="scenario",
        )
        if scenarios
        else None
    )


def next_line(written: Sequence[Path], *commands: str) -> Said:
    """Where to look, and what to type: after the files of a command are there. commands: empty ones are left out."""
    report = next((path for path in written if path.name == "report.html"), written[0])
    return Said(f"Next: {report}", then=tuple(filter(None, commands)))


def run_answer(found: Findings) -> list[str]:
    """What the points say, in at most three sentences."""
    if found.comparison and found.comparison.equals:
        return answer(found.comparison)[:_MOST_ANSWERS]
    if found.has_entries:
        return entries_answer(found)
    if unlike := not_compared(found.outcomes):
        return unlike
    bests = [(curve, min(curve.points, key=lambda point: point.time_to_train_s)) for curve in found.curves]
    bests.sort(key=lambda pair: pair[1].time_to_train_s)
    if len(found.outcomes) == 1:
        return [_alone(*bests[0])]
    return [_of_sizes(*bests[0]) if len(bests) == 1 else _soonest(bests)]


def trust(found: Findings, rows: Sequence[Point] = ()) -> str:
    """One line: what the bands are, how many points lie outside what was compared, what is assumed.

    rows: of the table beside it, which has the bands, and where knees are marked.
    """
    points = found.outcomes
    outside = sum(one.confidence.step is not None and bool(one.confidence.standing.outside) for one in points)
    never = sum(one.confidence.step is None for one in points)
    of = counted(len(points), "point")
    band = "checked?" if rows else "the band of each point"
    parts = [f"8 of 10 errors lie within {band} (-: too fast)"] if never < len(points) else []
    parts += [f"{outside} of {of} outside what was compared"] if outside else []
    parts += [f"{never}{'' if outside else f' of {of}'} like nothing that was measured"] if never else []
    assumed = dict.fromkeys(str(one) for point in points if point.bill for one in point.bill.assumed)
    parts += [f"assumed: {few(list(assumed), 2)}"] if assumed else []
    # The mark is explained where there is no room for a word beside it.
    parts += ["*: knee"] if any(point is knee_of(curve) for curve, point in rows) else []
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
    used = (
        f"{whole(point.tokens_per_s / point.devices)} tokens/s per device, {mfu_title([point])} {percent(point.mfu, 0)}"
    )
    used += f" ({percent(point.mfu_half, 0)} of the bf16 peak)" if is_narrow(point) else ""
    memory = gibibytes_of(point.memory.peak_bytes, point.memory.capacity_bytes)
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


def _soonest(bests: Sequence[Point]) -> str:
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


def _caveats(found: Findings) -> list[str]:
    """What holds for every report, and what was asked for and not simulated."""
    absent = found.comparison.absent if found.comparison else ()
    formats = dict.fromkeys(" and ".join(point.formats) for point in found.outcomes)
    unlike = (
        f"MFU of a point is against the peak of its own formats ({', '.join(formats)}): compare points of different"
        " precision by time, not by MFU."
    )
    devices = {point.device_title for point in found.outcomes}
    return [
        *(f"{place}: not among the points that were simulated." for place in absent),
        "MFU counts attention over the full square, as most papers do; MFU, causal counts its causal half.",
        *([unlike] if len(formats) > 1 else []),
        *(["One device-hour is one hour of one device, whatever its size and price."] if len(devices) > 1 else []),
        "Ranges of costs take every price at its low and at its high end: bounds, no probability.",
        "Between two sizes, devices are interpolated in logarithms of devices and time; nothing is extrapolated.",
    ]
