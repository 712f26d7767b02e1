"""Rows of a table through the engine, on any number of processes."""

from __future__ import annotations

from measured import table_text

from sim.validation.compare import compare
from sim.validation.table import parse_table


def test_the_number_of_processes_changes_nothing() -> None:
    table = parse_table(table_text({"id": "a"}, {"id": "b", "global_batch_sequences": "32"}), "rows")
    told: list[int] = []
    alone, together = (compare(table, jobs, done=lambda: told.append(1)) for jobs in (1, 2))
    assert [one.row.id for one in alone.comparisons] == ["a", "b"]
    assert alone == together
    assert len(told) == 4
