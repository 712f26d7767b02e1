"""`scaletax validate` and `fit`: the answer on one screen, the whole report of the same comparison, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sim.catalog import load_evidence
from sim.page.blocks import Block, Bullets, Column, Page, Said, Table, page, section, table, words
from sim.page.borders import csv_text
from sim.page.numbers import counted, few, four_digits, percent, whole
from sim.records.files import write_folder
from sim.records.validation import UNSUPPORTED_COLUMNS, row_record, unsupported_record, validation_document
from sim.report.styles import SCREEN, ChartStyle
from sim.report.validation import recent_tables, tables
from sim.validation.compare import Comparison, Validation
from sim.validation.constants import Constant, families, present
from sim.validation.fitting import Fitted, movers
from sim.validation.summary import Group, Summary
from sim.validation.unseen_groups import Peer, UnseenGroup

_MOST_ROWS = 8
_MOST_LINES = 9
_FIT_ONLY = "These are rows that constants may have been fitted on: they show a fit, they validate nothing."
_SIGN = "Errors are predicted over measured step time; negative means predicted too fast."
Instead = Literal["collectives", "operators", "spread"]


@dataclass(frozen=True, slots=True)
class Told:
    """A comparison on a screen and as a page."""

    screen: tuple[Block, ...]
    page: Page


def validation_told(summary: Summary, *, problems: bool = True) -> Told:
    """Predictions of steps beside measurements. problems: whether to list rows that cannot be read."""
    return Told(tuple(_screen(summary)), validation_page(summary, problems=problems))


def _screen(summary: Summary) -> list[Block]:
    """The errors, the sources with most rows, the figures that are missed."""
    compared = [group for group in summary.sources if group.errors]
    shown = sorted(compared, key=lambda group: (-_rows(group), group.name))[:_MOST_ROWS]
    columns: list[Column[Group]] = [
        words("source", lambda group: group.name if group.known else f"{group.name} *", key=True),
        Column("rows", lambda group: whole(_rows(group))),
        *tables.error_columns(),
    ]
    some = f", the {len(shown)} with most rows shown" if len(shown) < len(compared) else ""
    sources = f"{counted(len(compared), 'source')}{some}"
    left_out = sum(one.rows for one in summary.left_out)
    guessed = [Said(tables.GUESSED)] if any(not group.known for group in shown) else []
    trust = "bands are made without the row's own source" if summary.with_band else "no row has an error band"
    reasons = [reason for reason, _ in summary.reasons]
    more = f", and {counted(len(reasons) - 1, 'more reason')}" if len(reasons) > 1 else ""
    others = f"; {counted(left_out, 'row')} left out: {reasons[0]}{more}" if reasons else ""
    return [
        Said(_answer(summary), "answer"),
        Said(f"{summary.role.capitalize()} rows of {sources}." if compared else "No row was simulated."),
        *([Said(tables.coverage_sentence(summary))] if summary.with_band else []),
        *([Said(_FIT_ONLY, "warning")] if summary.role == "fit" else []),
        *([table(shown, columns)] if shown else []),
        *guessed,
        *([Said(recent_tables.reach_sentence(summary.reach[0]))] if summary.reach and summary.reach[0].reasons else []),
        *_missed(summary),
        Said(f"Trust: {trust}{others}."),
    ]


def _answer(summary: Summary) -> str:
    errors = summary.overall
    if errors is None:
        return "No row was compared."
    return f"Step times of {counted(errors.rows, f'{summary.role} row')}: {tables.errors_words(errors)}."


def _rows(group: Group) -> int:
    return group.errors.rows if group.errors else 0


def _missed(summary: Summary) -> list[Block]:
    """The figures to reach that are not reached."""
    missed, reached = [], 0
    for one in summary.targets:
        reached += one.met is not None
        if one.reached is not None and one.met is False:
            values = (tables.amount(one, value) for value in (one.reached, one.limit))
            missed.append(f"{one.what}, {one.measure}: {' for '.join(values)}")
    said = f", {few(missed, 1)}" if missed else ""
    return [Said(f"Targets missed: {len(missed)} of {reached}{said}.")] if reached else []


def validation_page(summary: Summary, *, problems: bool = True) -> Page:
    """The whole report. problems: whether to list rows that cannot be read."""
    evidence = load_evidence()
    guessed = None if all(group.known for group in summary.sources) else Said(tables.GUESSED)
    reached = [target for target in summary.targets if target.reached is not None]
    return page(
        "Predictions beside published measurements",
        [
            Said(_answer(summary), "answer"),
            Said(tables.headline_sentence(summary)),
            *([Said(tables.scaling_sentence(summary.series))] if summary.series else []),
            Said(tables.coverage_sentence(summary)),
            Said(_FIT_ONLY, "warning") if summary.role == "fit" else Said(_SIGN),
        ],
        [
            section("By source", tables.groups_table(summary.sources, "source"), guessed),
            section("By stack", tables.groups_table(summary.stacks, "stack")) if len(summary.stacks) > 1 else None,
            section("Figures to reach", table(reached, tables.TARGETS)),
            section("Today's training", recent_tables.recent_table(summary.recent)),
            section("What a narrow format gains", table(summary.speedups, recent_tables.SPEEDUPS)),
            section("Worst rows", table(summary.worst, tables.WORST)),
            section("Loss of throughput with size", table(summary.series, tables.SERIES)),
            section("Share of measured step times that bands hold, each source left out in turn",
                    table(evidence.coverage, tables.COVERAGE)),
            section("Error bands", table(evidence.classes, tables.BANDS), Said(tables.selection_sentence(evidence)),
                    Said(tables.memory_sentence(evidence))),
            section("Rows on dense training", table(summary.reach, recent_tables.REACH),
                    *map(recent_tables.reach_reasons, summary.reach[:1])),
            section("Rows left out", table(summary.reasons, tables.REASONS), table(summary.left_out, tables.LEFT_OUT)),
            section("Rows that cannot be read", Bullets(summary.problems)) if problems else None,
        ],
    )  # fmt: skip


def unseen_told(groups: Sequence[UnseenGroup], beside: Sequence[Peer]) -> Told:
    """Mean absolute errors on sources that were left out. groups: the first one is of all rows."""
    ways = [
        f"{percent(errors.mean_absolute)} off (median {percent(errors.median_absolute)}) with the stack {way}"
        for way, errors in (("named", groups[0].named), ("guessed", groups[0].guessed))
        if errors is not None
    ]
    lead = [Said(f"Sources never seen: {'; '.join(ways)}.", "answer"), Said(tables.first_look_sentence())]
    found = tables.unseen_table(groups)
    sections = [section("By device and plan", found), section("Beside other programs", tables.peers_table(beside))]
    return Told((*lead, found), page("Sources left out", lead, sections))


def instead_told(instead: Instead) -> Told:
    """A comparison with what is not the time of a training step."""
    if instead == "collectives":
        from sim.validation.collectives import collectives_sentences, collectives_table, compare_collectives, sweeps

        collectives = compare_collectives()
        answer, counts = collectives_sentences(collectives)
        found = sweeps(collectives)
        most = sorted(found, key=lambda one: -len(one.large) - len(one.small))
        return _told("Measured collectives", [answer], counts, collectives_table(found), collectives_table(most))
    if instead == "operators":
        from sim.validation.operators import compare_operators, operator_errors, operators_sentences, operators_table

        operators = compare_operators()
        answer, counts = operators_sentences(operators)
        passes = operator_errors(operators)
        most_passes = sorted(passes, key=lambda one: -len(one.errors))
        return _told("Measured operators", [answer], counts, operators_table(passes), operators_table(most_passes))
    from sim.validation.slow_node import compare_slow_node, read_slow_nodes, slow_node_summary
    from sim.validation.spread_comparison import SPREAD_LEGEND, compare_spread, spread_headline, spread_table

    spread = compare_spread()
    slow = [slow_node_summary(compare_slow_node(measured)) for measured in read_slow_nodes()]
    rows = spread_table(spread)
    largest = replace(rows, rows=rows.rows[::-1])
    return _told("Spread of step times", [spread_headline(spread), *slow], SPREAD_LEGEND, rows, largest)


def _told(title: str, said: Sequence[str], legend: str, whole_table: Table, most: Table) -> Told:
    """most: the same table, what weighs most in its first lines. said: the first screen has the first of it."""
    shown = replace(most, rows=most.rows[:_MOST_LINES])
    some = f" {len(shown.rows)} of {len(most.rows)} lines shown." if len(shown.rows) < len(most.rows) else ""
    lead = [Said(said[0], "answer"), *map(Said, said[1:]), Said(legend)]
    return Told(
        (lead[0], shown, Said(f"Trust: {legend}{some}")), page(title, lead, [section("Row by row", whole_table)])
    )


def fit_told(found: Fitted) -> Told:
    """Every constant before and after, its family's common value, and the error that is left on the fitted rows."""
    before = present()

    def span(one: Constant) -> str:
        family = families()[one.family]
        return " to ".join(four_digits(end * one.unit) for end in (family.low, family.high))

    columns: list[Column[Constant]] = [
        words("constant", lambda one: f"{one.name} {one.label}", key=True),
        Column("rows", lambda one: whole(sum(movers(found, one).values()))),
        Column("before", lambda one: four_digits(before[one])),
        Column("fitted", lambda one: four_digits(found.values[one])),
        Column("in common", lambda one: four_digits(found.common[one.family] * one.unit)),
        Column("physical range", span),
    ]
    errors = f"{percent(found.mean_absolute_before)} before, {percent(found.mean_absolute)} after"
    said = f"Mean absolute error on these {len(found.cases)} rows, which is no validation: {errors}."
    moved = sorted(found.values, key=lambda one: -abs(found.values[one] / before[one] - 1) if before[one] else 0.0)
    legend = f"{counted(len(found.values), 'constant')}, those that moved most first."
    return _told("Fitted constants", [said], legend, table(found.values, columns), table(moved, columns))


def write_validation(
    validation: Validation, summary: Summary, report: Page, directory: Path, style: ChartStyle = SCREEN
) -> list[Path]:
    """Write the report, rows.csv, unsupported.csv, results.json and the charts of the role that is counted.

    Returns their paths. Raises InputError when the folder cannot be written.
    """
    left_out = [*map(unsupported_record, validation.unsupported), *map(unsupported_record, validation.problems)]
    texts = {
        "rows.csv": csv_text([row_record(one) for one in validation.comparisons], ("id",)),
        "unsupported.csv": csv_text(left_out, UNSUPPORTED_COLUMNS),
    }
    counted = [one for one in validation.comparisons if one.role == summary.role]
    document = validation_document(validation, summary)
    return write_folder(directory, document, texts, lambda folder: validation_charts(counted, folder, style), report)


def validation_charts(counted: Sequence[Comparison], folder: Path, style: ChartStyle = SCREEN) -> list[Path]:
    """Draw both charts of some rows into a folder that exists; return their paths."""
    from sim.report.charts.canvas import save
    from sim.report.charts.validation import errors_figure, parity_figure

    if not counted:
        return []
    return [
        *save(parity_figure(counted, style), folder, "parity"),
        *save(errors_figure(counted, style), folder, "errors"),
    ]
