"""Whole runs whose time or device-hours were published: entries that stand for them, and rows that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sim.catalog.data_files import read_data
from sim.validation.cases import Case, case_of
from sim.validation.roles import role_of
from sim.validation.rows import read_rows
from sim.validation.selection import read_selection

Kind = Literal["clean", "billed", "estimate", "remembered"]
CHECKS: tuple[Kind, ...] = ("clean", "billed")
_FILES = ("training_measurements.csv", "wafer_measurements.csv")


@dataclass(frozen=True, slots=True)
class WholeRun:
    """One published run. entry, scenario: what is simulated for it. why: the likely cause of a miss.

    row: id of the measured row that holds the figure, empty where none does. kind: "clean" is of steps alone, "billed"
    holds downtime and whatever else ran, "estimate" was computed by others, "remembered" was not read in its source.
    fitted: whether a constant was fitted to the row, so that it is no check.
    """

    entry: str
    scenario: str
    row: str
    kind: Kind
    why: str
    fitted: bool
    device_hours: float | None
    """As the row has it; None where it has none."""

    @property
    def checks(self) -> bool:
        """Whether its error counts."""
        return self.kind in CHECKS and not self.fitted


def read_whole_runs() -> list[WholeRun]:
    """Read all that the project carries."""
    rows = {row["id"]: row for file in _FILES for row in read_rows(file)}
    cases = [case_of(row) for row in read_selection().rows]
    fitted = {case.row.id for case in cases if isinstance(case, Case) and role_of(case) == "fit"}
    return [
        WholeRun(**raw, fitted=raw["row"] in fitted, device_hours=_hours(rows.get(raw["row"], {})))
        for raw in read_data("whole_runs", "sim.validation")["run"]
    ]


def _hours(row: Mapping[str, str]) -> float | None:
    """Device-hours of a row of either file."""
    written = row.get("gpu_hours") or (row.get("value") if row.get("metric") == "device_hours" else "")
    return float(written) if written else None
