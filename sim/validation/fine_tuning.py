"""Throughput of fine-tuning with adapters over that of fine-tuning in full: as measured, and as simulated.

Formats of 8 bits are not simulated, so rates of the measured rows are not compared, only their ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sim.catalog import load_model
from sim.catalog.data_files import read_data
from sim.prepare import prepare_as_measured
from sim.scenario.types import Lora, PlanRequest, Recompute, Report, Scenario, System, Training
from sim.simulate import simulate_prepared
from sim.validation.rows import read_rows

_BYTES_OF_STATES = ("weights", "gradients", "optimizer")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two measured rows of one source, and the scenarios that stand for them.

    full_tokens_per_s, lora_tokens_per_s: measured, of one device.
    """

    name: str
    source: str
    note: str
    full_tokens_per_s: float
    lora_tokens_per_s: float
    full: Scenario
    lora: Scenario

    @property
    def measured_ratio(self) -> float:
        """How much faster a device is with adapters, as measured."""
        return self.lora_tokens_per_s / self.full_tokens_per_s


@dataclass(frozen=True, slots=True)
class RatioComparison:
    """What the simulation says of a pair: tokens/s of one device in full and with adapters."""

    measured: Pair
    full_tokens_per_s: float
    lora_tokens_per_s: float

    @property
    def ratio(self) -> float:
        """How much faster a device is with adapters, as simulated."""
        return self.lora_tokens_per_s / self.full_tokens_per_s

    @property
    def error(self) -> float:
        """Signed error of the ratio, as a share of the measured one."""
        return self.ratio / self.measured.measured_ratio - 1.0


def read_pairs() -> list[Pair]:
    """Read all pairs that the project carries."""
    rows = {row["id"]: row for row in read_rows("training_measurements.csv")}
    return [_pair(raw, rows) for raw in read_data("fine_tuning", "sim.validation")["pair"]]


def compare_pairs() -> list[RatioComparison]:
    """Simulate every pair, in plans that are known to have run: their memory is not held to the device's."""
    return [RatioComparison(pair, _tokens_per_s(pair.full), _tokens_per_s(pair.lora)) for pair in read_pairs()]


def states_bytes(scenario: Scenario) -> float:
    """Weights, gradients and optimizer state of a GPU scenario over all devices of one replica."""
    prepared = prepare_as_measured(scenario)
    tensor = scenario.system.plan.tensor or 1
    return tensor * sum(stage[item] for stage in prepared.memory.stages for item in _BYTES_OF_STATES)


def _tokens_per_s(scenario: Scenario) -> float:
    outcome = simulate_prepared(prepare_as_measured(scenario))
    return outcome.tokens_per_s / outcome.devices


def _pair(raw: Mapping[str, Any], rows: Mapping[str, Mapping[str, str]]) -> Pair:
    full, lora = (
        {**rows[raw[kind]], **raw.get("assumed", {}), **raw.get(f"assumed_{kind}", {})} for kind in ("full", "lora")
    )
    adapters = Lora(raw["rank"], tuple(raw["targets"]))
    return Pair(
        name=raw["name"],
        source=full["source"],
        note=raw["note"],
        full_tokens_per_s=float(full["tokens_per_s_per_gpu"]),
        lora_tokens_per_s=float(lora["tokens_per_s_per_gpu"]),
        full=_scenario(raw, full, None),
        lora=_scenario(raw, lora, adapters),
    )


def _scenario(raw: Mapping[str, Any], row: Mapping[str, Any], lora: Lora | None) -> Scenario:
    def number(column: str) -> int | None:
        return int(float(row[column])) if row[column] not in ("", None) else None

    data, recompute = number("dp"), row["recompute"] or "none"
    plan = PlanRequest(
        rule="fixed",
        tensor=number("tp"),
        pipeline=number("pp"),
        virtual_stages=number("vpp"),
        data=data,
        micro_batch=number("micro_batch"),
        zero=1 if data and data > 1 else 0,
        recompute=cast("Recompute", recompute),
    )
    training = Training(
        tokens=1e9,
        sequence=number("seq_len") or 0,
        global_batch=number("global_batch_sequences") or 0,
        precision=raw["precision"],
        method="lora" if lora else "finetune",
        lora=lora,
    )
    system = System(raw["name"], raw["topology"], number("n_gpus") or 0, raw["stack"], plan)
    return Scenario(raw["name"], Path("fine_tuning.toml"), load_model(raw["model"]), training, system, Report())
