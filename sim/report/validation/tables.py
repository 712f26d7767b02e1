"""Rows of the tables on published measurements: cells as text, under headers, for the screen and for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sim.page.numbers import percent, signed_percent
from sim.validation.errors import Errors
from sim.validation.scaling import WEAK, Series
from sim.validation.summary import Group, LeftOut, Summary, Worst
from sim.validation.targets import Target

_Row = TypeVar("_Row")
_Columns = dict[str, Callable[[_Row], str]]
"""Header -> cell of a row."""
_WHY_NOT = "not simulated or not scored because"


@dataclass(frozen=True, slots=True)
class Cells:
    """One table. words: how many columns from the left are words; the others are numbers."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1

    @property
    def aligned(self) -> tuple[str, ...]:
        """The alignment of every column."""
        return tuple("left" if index < self.words else "right" for index in range(len(self.headers)))


def group_cells(groups: Sequence[Group], what: str) -> Cells:
    """Errors group by group: of sources, say. what: the header of the names."""
    errors = ("mean signed", "mean abs.", "median abs.", "P90 abs.", "worst")
    headers = (what, "worst row", "check rows", "fit rows", "left out", *errors)
    rows = [
        (
            group.name if group.known else f"{group.name} *",
            group.errors.worst_row if group.errors else "",
            *(f"{count:,}" for count in (group.counts.check, group.counts.fit, group.counts.not_simulated)),
            *error_cells(group.errors),
        )
        for group in groups
    ]
    return Cells(headers, tuple(rows), words=2)


def error_cells(errors: Errors | None) -> tuple[str, ...]:
    """Mean signed_percent, mean, median and P90 absolute, worst."""
    if errors is None:
        return ("",) * 5
    absolute = (errors.mean_absolute, errors.median_absolute, errors.p90_absolute)
    return (signed_percent(errors.mean), *(percent(one) for one in absolute), signed_percent(errors.worst))


def target_cells(targets: Sequence[Target]) -> Cells:
    """Every target with what is reached."""
    columns: _Columns[Target] = {
        "figure to reach": lambda target: target.what,
        "measure": lambda target: target.measure,
        "counted over": lambda target: target.over,
        "others": lambda target: target.others,
        "target": lambda target: f"<= {_amount(target, target.limit)}",
        "reached": lambda target: "no rows" if target.reached is None else _amount(target, target.reached),
        "": lambda target: {True: "met", False: "MISSED", None: ""}[target.met],
    }
    return _cells(targets, columns, words=4)


def series_cells(series: Sequence[Series]) -> Cells:
    """Measured and predicted loss of throughput, series by series."""
    columns: _Columns[Series] = {
        "source": lambda one: one.source,
        "stack": lambda one: one.stack,
        "model": lambda one: one.model,
        "the same": lambda one: f"{one.batch:,g} {'per device' if one.kind == WEAK else 'in all'}",
        "devices": lambda one: " ".join(f"{size:,}" for size in one.devices),
        "measured loss": lambda one: percent(one.measured_loss),
        "predicted loss": lambda one: percent(one.predicted_loss),
        "error [points]": lambda one: f"{100 * one.error:+.1f}",
    }
    return _cells(series, columns, words=5)


def worst_cells(worst: Sequence[Worst]) -> Cells:
    """The rows that are furthest off, with the ledger lines that could explain them."""
    columns: _Columns[Worst] = {
        "row": lambda one: one.row,
        "stack": lambda one: one.stack,
        "model": lambda one: one.model,
        "plan": lambda one: one.plan,
        "largest shares but useful": lambda one: ", ".join(f"{line} {100 * part:.0f}%" for line, part in one.lines),
        "devices": lambda one: f"{one.devices:,}",
        "error": lambda one: signed_percent(one.error),
    }
    return _cells(worst, columns, words=5)


def reason_cells(reasons: Sequence[tuple[str, int]]) -> Cells:
    """Why rows are not simulated, and how many."""
    return Cells((_WHY_NOT, "rows"), tuple((reason, f"{rows:,}") for reason, rows in reasons))


def left_out_cells(left_out: Sequence[LeftOut]) -> Cells:
    """What is not simulated, source by source."""
    rows = [(one.source, one.reason, f"{one.rows:,}") for one in left_out]
    return Cells(("source", _WHY_NOT, "rows"), tuple(rows), words=2)


def headline_sentence(summary: Summary) -> str:
    """The one figure: errors over everything dense on A100 and H100 from listed sources."""
    errors = summary.headline
    what = f"{summary.role} rows of listed sources, dense bf16 and fp16 on A100 and H100"
    if errors is None:
        return f"No {what}."
    return (
        f"{errors.rows:,} {what}: mean absolute error {percent(errors.mean_absolute)}, median"
        f" {percent(errors.median_absolute)}, P90 {percent(errors.p90_absolute)}, mean signed"
        f" {signed_percent(errors.mean)}."
    )


def scaling_sentence(series: Sequence[Series], mean: float | None) -> str:
    """How well the loss of throughput with size is met."""
    if mean is None:
        return "No series of one model on three or more cluster sizes."
    sources = len({one.source for one in series})
    return (
        f"Scaling loss, smallest to largest cluster: {100 * mean:.1f} percentage points off on average, over"
        f" {len(series):,} series of {sources} source{'s' if sources > 1 else ''}."
    )


def _cells(rows: Sequence[_Row], columns: _Columns[_Row], words: int) -> Cells:
    return Cells(tuple(columns), tuple(tuple(cell(row) for cell in columns.values()) for row in rows), words)


def _amount(target: Target, value: float) -> str:
    return f"{100 * value:.1f} {target.unit}"
