"""Runs the comparison over the rows that somebody asks for, and counts those that they did not ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from sim.errors import InputError
from sim.validation.cases import Case
from sim.validation.compare import Validation, compare
from sim.validation.conventions import table_devices
from sim.validation.labels import of_source
from sim.validation.roles import Role
from sim.validation.summary import Summary, summarise
from sim.validation.table import Table, read_tables

Wanted = Literal["check", "fit", "all"]
Progress = Callable[[int], object]
"""Called after every row with the number of rows in all."""


def read_selection(data: Path | None = None, source: str | None = None) -> Table:
    """The carried tables, or somebody's own, and of them the rows of some sources.

    In a table of one's own a device that is not in the catalogue is a malformed cell.
    Raises InputError where the file cannot be used at all, or no source is called so.
    """
    table = read_tables() if data is None else read_tables(data, table_devices())
    if not table.rows and not table.problems:
        raise InputError(str(data), "the table has no rows", "below the header, every measurement is a line")
    return table if source is None else of_source(table, source)


def validate_rows(
    table: Table, role: Wanted = "check", jobs: int = 1, progress: Progress = lambda total: None
) -> tuple[Validation, Summary]:
    """Simulate the rows of one role, or all, on `jobs` processes, and say what they show.

    Statistics are over check rows; over fit rows only where nothing else was asked for.
    """
    supported: list[tuple[Case, Role]] = []
    chosen = 0

    def wanted(case: Case, its_role: Role) -> bool:
        nonlocal chosen
        supported.append((case, its_role))
        chosen += role in ("all", its_role)
        return role in ("all", its_role)

    validation = compare(table, jobs, wanted, lambda: progress(chosen))
    left_out = {one.row.id for one in validation.unsupported}
    counted = [(case, its_role) for case, its_role in supported if case.row.id not in left_out]
    return validation, summarise(validation, counted, "fit" if role == "fit" else "check")
