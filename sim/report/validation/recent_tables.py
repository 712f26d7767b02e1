"""Tables on today's training: what is simulated of it at all, errors by group, and what narrow formats gain."""

from __future__ import annotations

from collections.abc import Sequence

from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import counted, fixed, percent, whole
from sim.report.validation import tables
from sim.validation.reach import Reach
from sim.validation.recent import RecentErrors, Speedup
from sim.validation.unseen import Unseen, Way, unseen_errors

REACH: tuple[Column[Reach], ...] = (
    words("rows on", lambda one: one.what, key=True),
    Column("rows", lambda one: whole(one.rows)),
    Column("simulated", lambda one: whole(one.simulated)),
    Column("share", lambda one: "" if one.left_out is None else percent(1.0 - one.left_out)),
)
"""How many rows on dense training are simulated."""

SPEEDUPS: tuple[Column[Speedup], ...] = (
    words("source", lambda one: one.source, key=True),
    words("format", lambda one: one.format),
    words("in it", lambda one: one.narrow, key=True),
    words("in half precision", lambda one: one.wide),
    Column("measured", lambda one: fixed(one.measured, 2)),
    Column("predicted", lambda one: fixed(one.predicted, 2)),
)
"""How much faster a narrow format was at one plan."""


def reach_reasons(reach: Reach) -> Table:
    """Why rows on dense training are not simulated, and how many."""
    return table(reach.reasons, tables.REASONS)


def reach_sentence(reach: Reach) -> str:
    """How many rows of a kind are simulated, and why most of the others are not."""
    return (
        f"Of {counted(reach.rows, 'row')} on {reach.what} {reach.simulated:,} are simulated; most of the others:"
        f" {reach.reasons[0][0]}."
    )


def recent_table(recent: Sequence[RecentErrors], unseen: Sequence[Unseen] = ()) -> Table:
    """Errors of today's training by group and part. unseen: rows with their source left out, to set beside them."""

    def without(one: RecentErrors, way: Way) -> str:
        errors = unseen_errors([row for row in unseen if row.id in one.rows], way)
        return "" if errors is None else percent(errors.mean_absolute)

    left_out: list[Column[RecentErrors]] = [
        Column("unseen, named", lambda one: without(one, "named")),
        Column("unseen, guessed", lambda one: without(one, "guessed")),
    ]
    columns: list[Column[RecentErrors]] = [
        words("today's training", lambda one: one.name if one.limit else f"- {one.name}", key=True),
        Column("check rows", lambda one: whole(one.errors.rows if one.errors else 0)),
        Column("target", lambda one: f"<= {percent(one.limit)}" if one.limit else ""),
        *(tables.errors_column(title, name, lambda one: one.errors) for title, name in tables.ERROR_FIGURES),
        *(left_out if unseen else []),
    ]
    return table(recent, columns)
