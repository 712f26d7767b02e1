"""`scaletax plan`: what to set, on one screen; the whole report of the same searches; and their files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sim.errors import DoesNotFit, ScaletaxError
from sim.page.blocks import Block, Bullets, Column, Page, Said, Section, figure, page, section, table, words
from sim.page.borders import printable
from sim.page.numbers import counted, duration, duration_span, gibibytes, listed, percent, signed_percent, whole
from sim.page.terminal import screen
from sim.planning import PlanRow, PlanStudy, SizeStudy, believed
from sim.records.belief import band_words
from sim.records.files import resolved_files, write_folder
from sim.records.plans import plans_document
from sim.report.catalogue.citations import sources_section
from sim.report.comparison_tables import WITHOUT, without_table
from sim.report.plan_words import (
    REFUSED,
    answer,
    beside,
    changing,
    faster,
    found_words,
    hard,
    headline,
    place,
    precision_of,
    ranges,
    trust,
)
from sim.report.point_tables import metric_table
from sim.report.run import scenario_section
from sim.report.styles import SCREEN, ChartStyle
from sim.report.web.plans import plans_section, size_points, sizes_section
from sim.report.web.points import account_section, measured_section, shared_data, what_if_section
from sim.report.web.steps import memory_section, timeline_section
from sim.study.plans import SystemStudy, with_best_plan
from sim.study.points import Curve, named_system, slug

TOP = 10
"""Plans of a report, unless told otherwise."""
_MOST_ANSWERS = 3
_MOST_PLANS = 5
_MOST_ROWS = 8
_MOST_LINES = 21
"""Of a first screen, without what is next: files, a command and a hint, at most a line each."""


class _Line(NamedTuple):
    """A line of a table: a plan of a search, or the best one at a size. row: None where nothing was found."""

    study: SystemStudy
    devices: int
    row: PlanRow | None
    best: PlanRow | None = None
    size: SizeStudy | None = None

    @property
    def why_not(self) -> str:
        """Why there is no plan; nothing where there is one."""
        error = self.size.found if self.size else None
        if not isinstance(error, ScaletaxError):
            return ""
        return "nothing fits" if isinstance(error, DoesNotFit) else error.headline


def _of(title: str, value: Callable[[PlanRow], float], write: Callable[[float], str]) -> Column[_Line]:
    """A column of what a plan comes to."""

    def number(one: _Line) -> float | None:
        return value(one.row) if one.row else None

    return Column(title, lambda one: "-" if (found := number(one)) is None else write(found), value=number)


def _over(one: _Line) -> str:
    if one.row is None or one.best is None or one.row.step_s <= one.best.step_s:
        return "best"
    return signed_percent(one.row.step_s / one.best.step_s - 1)


def _tax(row: PlanRow) -> float:
    return row.tax or 0.0


def _band(one: _Line) -> str:
    found = one.size.found if one.size else one.study.found
    return band_words(believed(found).step) if isinstance(found, PlanStudy) else "-"


def _unused(one: _Line) -> str:
    left = one.devices - one.row.plan.devices if one.row else 0
    return whole(left) if left else ""


def _changed(one: _Line) -> str:
    if one.size is None or one.size.changed is None:
        return one.why_not
    return ", ".join(name.replace("_", " ") for name in one.size.changed) or "none"


_SYSTEM: Column[_Line] = words("system", lambda one: named_system(one.study.found.about.scenario), key=True)
_STACK: Column[_Line] = words("stack", lambda one: one.study.found.about.stack_label, key=True)
_PRECISION: Column[_Line] = words("precision", lambda one: precision_of(one.study), key=True)
_DEVICES: Column[_Line] = figure("devices", lambda one: one.devices, whole, key=True)
_PLAN: Column[_Line] = words("plan, mb: micro-batch", lambda one: one.row.plan.summary() if one.row else one.why_not)
_STEP, _MFU = _of("step", lambda row: row.step_s, duration), _of("MFU", lambda row: row.mfu, percent)
_MEMORY, _LOST = _of("memory", lambda row: row.peak_bytes, gibibytes), _of("lost to splitting", _tax, percent)
_OVER: Column[_Line] = Column("over best", _over, value=lambda one: one.row.step_s if one.row else None)
_CHECKED = Column("checked?", _band)


def plan_screen(studies: Sequence[SystemStudy], top: int = TOP) -> list[Block]:
    """The first screen: what to set, what it comes to, the plans or sizes next to it, how far to believe it."""
    blocks: list[Block] = []
    for most in range(_MOST_ROWS, 1, -1):
        blocks = _of_one(studies[0], min(top, _MOST_PLANS), most) if len(studies) == 1 else _of_several(studies, most)
        if len(screen(blocks).splitlines()) <= _MOST_LINES:
            break
    return blocks


def _of_one(study: SystemStudy, top: int, most: int) -> list[Block]:
    rows = _sizes(study)
    shown = rows if len(rows) <= most else [rows[0], *rows[1 - most :]]
    best = table(_plans(study)[: min(top, most)], [_PLAN, _STEP, _OVER, _MFU, _MEMORY, _LOST])
    sizes: list[Block] = [table(shown, [_DEVICES, _PLAN, _STEP, _MFU, _LOST, _CHECKED]), *_left_out(shown, rows)]
    sizes += [] if study.found.even else _refused(shown)
    said = [Said(headline([study])), Said(f"Set {answer(study)}", "answer"), *beside(study)]
    told = [hard(study), *faster(study), trust([study])]
    return [*said, *(sizes if study.sizes else [best]), *map(Said, told)]


def _of_several(studies: Sequence[SystemStudy], most: int) -> list[Block]:
    """Systems next to each other: the soonest three in words, and as many in a table as there is room for."""
    by_time = sorted(studies, key=lambda one: one.time_s)
    soonest = by_time[: max(1, min(_MOST_ANSWERS, most - 3))]
    rows = [one for study in studies for one in _sizes(study)]
    shown = rows if len(rows) <= most else [_sizes(one)[-1] for one in studies if one in by_time[:most]]
    precisions = {precision_of(one) for one in studies}
    systems, pairs = {_SYSTEM.text(one) for one in rows}, {(_SYSTEM.text(one), _STACK.text(one)) for one in rows}
    named = [*([_SYSTEM] if len(systems) > 1 else []), *([_STACK] if len(pairs) > len(systems) else [])]
    named += [_PRECISION] if len(precisions) > 1 else []
    sizes = [_DEVICES] if len({one.devices for one in rows}) > 1 else []
    steps = [one.found.best[0].step_s for one in studies]
    span = Said(f"Over {len(pairs)} stacks a step takes {duration_span(min(steps), max(steps))}.")
    return [
        Said(headline(studies)),
        *(Said(f"{place(study)}: set {answer(study, short=True)}", "answer") for study in soonest),
        table(shown, [*named, *sizes, _PLAN, _STEP, _LOST, _CHECKED]),
        *_left_out(shown, rows),
        *_refused(shown),
        *([span] if len(systems) == len(precisions) == 1 else []),
        Said(trust(studies, "checked?")),
    ]


def _left_out(shown: Sequence[_Line], rows: Sequence[_Line]) -> list[Block]:
    return [Said(f"{len(shown)} of {counted(len(rows), 'size')} shown.")] if len(shown) < len(rows) else []


def _refused(shown: Sequence[_Line]) -> list[Block]:
    """A word on plans with uneven replicas, where there are some."""
    found = [one.size.found if one.size else one.study.found for one in shown]
    uneven = any(isinstance(one, PlanStudy) and one.even for one in found)
    return [Said(f"x7-8: replicas of 7 and 8 micro-batches; {REFUSED}.")] if uneven else []


def plan_page(studies: Sequence[SystemStudy], top: int = TOP) -> Page:
    """The whole report."""
    lead: list[Block] = []
    sections: list[Section | None] = []
    for study in studies:
        found, kind, of = study.found, study.found.about.kind, "" if len(studies) == 1 else f": {place(study)}"
        lead += [Said(headline([study], whole_story=True)), Said(f"Set {answer(study)}", "answer"), *beside(study)]
        front = [_Line(study, row.plan.devices, row, found.front[0]) for row in found.front]
        unused, changed = Column("unused", _unused), words("settings that change", _changed)
        moving = changing(study.sizes)
        how = f"No plan is better in both{'; closed form' if kind.has_degrees else ''}."
        number = "" if len(studies) == 1 else f"-{len(lead)}"
        sections += [
            plans_section(study, f"Plans by memory and time{of}", f"plans{number}"),
            section(
                f"The best plans{of}",
                table(_plans(study)[:top], [*_settings(study), _DEVICES, _STEP, _OVER, _MFU, _MEMORY, _LOST]),
                Bullets(found_words(study)),
                key=f"best{number}",
            ),
            section(
                f"Less memory for more time{of}",
                table(front if len(front) > 1 else [], [_MEMORY, _STEP, _OVER, _PLAN]),
                Said(how),
            ),
            section(
                f"The best plan at each size{of}",
                table(
                    _sizes(study) if study.sizes else [],
                    [_DEVICES, *_settings(study), unused, _STEP, _MFU, _LOST, changed],
                ),
                Said(moving) if moving else None,
            ),
        ]
    several = len(studies) > 1
    every = [(Curve((one.run,), one.found.about.stack_label if several else ""), one.run) for one in studies if one.run]
    labels = [printable(place(study)) for study in studies]
    data = shared_data(every)
    data["points"] += size_points(studies, labels)
    sections.insert(0, sizes_section(studies, labels, len(every)))
    if every:
        sections += [
            account_section(every),
            timeline_section([point for _, point in every]),
            what_if_section(every, without_table(every), WITHOUT),
            memory_section(every),
            measured_section(every),
            section(
                "The step of the best plan", metric_table(every, "step"), metric_table(every, "memory"), key="points"
            ),
            section("Its run and cost", metric_table(every, "run"), metric_table(every, "cost"), key="run"),
            sources_section(figure for _, point in every for figure in point.figures),
        ]
    sections.append(scenario_section([with_best_plan(study.found) for study in studies], "best"))
    models = list(dict.fromkeys(one.found.about.scenario.model.name for one in studies))
    lead += [*map(Said, ranges(studies)), Said(trust(studies))]
    return page(f"Plans for {listed(models)}", lead, sections, data)


def write_plans(
    studies: Sequence[SystemStudy],
    failures: Sequence[ScaletaxError],
    directory: Path,
    charts: bool = True,
    top: int = TOP,
    style: ChartStyle = SCREEN,
) -> list[Path]:
    """Write results.json, the report, the best plans as scenarios to run, and charts; return the paths.

    charts: whether to draw, where the scenarios do not forbid it, in which style. top: plans of the report. All files
    are written or none. Raises InputError when the folder cannot be written.
    """
    texts = resolved_files([with_best_plan(study.found) for study in studies], "best")
    drawn = charts and any(study.found.about.scenario.report.charts for study in studies)
    draw = (lambda folder: _draw(studies, folder, style)) if drawn else None
    return write_folder(directory, plans_document(studies, failures), texts, draw, plan_page(studies, top))


def _draw(studies: Sequence[SystemStudy], folder: Path, style: ChartStyle) -> list[Path]:
    # Drawing is the one heavy import of this room.
    from sim.report.charts.canvas import save
    from sim.report.charts.plans import effort_figure, plans_figure

    paths = []
    for study, suffix in zip(studies, _suffixes(studies), strict=True):
        if len(study.found.step_s) > 1:
            paths += save(plans_figure(study.found, style), folder, f"plans{suffix}")
        if len(study.sizes) > 1:
            paths += save(effort_figure(study, style), folder, f"effort{suffix}")
    return paths


def _suffixes(studies: Sequence[SystemStudy]) -> list[str]:
    """What tells the files of systems apart: their names, then their models, then a number."""
    if len(studies) == 1:
        return [""]
    jobs = [(one.system.name, one.model.name) for one in (study.found.about.scenario for study in studies)]
    systems = [system for system, _ in jobs]
    names = [f"-{slug(f'{one} {model}' if systems.count(one) > 1 else one)}" for one, model in jobs]
    return [f"{one}-{names[:i].count(one) + 1}" if names.count(one) > 1 else one for i, one in enumerate(names)]


def _plans(study: SystemStudy) -> list[_Line]:
    """The plans that the engine tried."""
    return [_Line(study, row.plan.devices, row, study.found.best[0]) for row in study.found.best]


def _sizes(study: SystemStudy) -> list[_Line]:
    """A system at all its sizes."""
    best = [(one, one.found.best[0] if isinstance(one.found, PlanStudy) else None) for one in study.sizes]
    found = [_Line(study, size.devices, row, size=size) for size, row in best]
    return found or [_Line(study, study.found.about.scenario.system.devices, study.found.best[0])]


def _settings(study: SystemStudy) -> list[Column[_Line]]:
    """Every setting of a plan in a column."""
    kind = study.found.about.kind

    def setting(place: int, title: str) -> Column[_Line]:
        return Column(title, lambda one: kind.cells(one.row.plan)[place] if one.row else "-")

    return [setting(place, title) for place, title in enumerate(kind.columns)]
