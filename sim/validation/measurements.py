"""Published measurements as data, and how a row becomes a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from sim.catalog import Wafer, load_device, load_model
from sim.hardware.topology import load_topology
from sim.scenario.types import PlanRequest, Recompute, Report, Scenario, System, Training
from sim.validation.rows import read_rows


@dataclass(frozen=True, slots=True)
class Measurement:
    """One published step time with the configuration it was measured on."""

    id: str
    role: str
    """"check"; "fit" for a row that a constant was fitted on; "estimate" for a figure that nobody measured.

    Only check rows enter a headline.
    """
    source: str
    note: str
    step_time_s: float
    scenario: Scenario


def read_measurements() -> list[Measurement]:
    """Read all rows that the project carries."""
    return [_measurement(row) for row in read_rows("published.csv")]


def _measurement(row: dict[str, str]) -> Measurement:
    return Measurement(row["id"], row["role"], row["source"], row["note"], float(row["step_time_s"]), _scenario(row))


def _scenario(row: dict[str, str]) -> Scenario:
    """What the row says; a plan only where the source has one to state."""

    def degree(key: str) -> int | None:
        return int(row[key]) if row[key] else None

    devices, batch, sequence = (int(row[key]) for key in ("devices", "global_batch", "sequence"))
    topology = load_topology(row["topology"], devices, row["id"])
    wafer = isinstance(load_device(topology.device), Wafer)
    plan = PlanRequest(
        rule="best" if wafer else "fixed",
        tensor=degree("tensor"),
        pipeline=degree("pipeline"),
        virtual_stages=degree("virtual_stages"),
        micro_batch=degree("micro_batch"),
        recompute=cast(Recompute, row["recompute"]) if row["recompute"] else None,
    )
    training = Training(
        tokens=float(batch * sequence),
        sequence=sequence,
        global_batch=batch,
        precision=cast(Literal["bf16", "fp16"], row["precision"]),
    )
    system = System(row["id"], row["topology"], devices, row["stack"], plan)
    path = Path("published.csv")
    return Scenario(row["id"], path, load_model(row["model"], row["id"]), training, system, Report())
