"""Turns a row of a table into a scenario, and says what had to be assumed for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from sim.catalog import GpuStack, Model, Stack, Wafer, load_device, load_stack
from sim.errors import InputError, ScaletaxError
from sim.hardware.topology import load_topology
from sim.scenario.types import PlanRequest, Recompute, Report, Scenario, Schedule, System, Training
from sim.validation.conventions import Convention, convention_of, device_of, table_devices, topology_of
from sim.validation.table import Row

_EXPERTS = r"(?i).*(moe|mixtral|deepseek|qwen3.*-a\d+b|llama-?4|gpt-oss)"
_NOT_LANGUAGE_DECODERS = r"(?i).*(bert|t5|esm|genslm|dall)"


@dataclass(frozen=True, slots=True)
class Case:
    """A measured row as something to simulate.

    assumed: what the source does not say and was taken, in words. open: plan keys that the source is taken to have
    tuned; the fastest setting that fits is looked for.
    """

    row: Row
    scenario: Scenario
    step_time_s: float
    assumed: tuple[str, ...]
    open: tuple[str, ...]
    known: bool
    """Whether the row's source is listed with its stack."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A row that is not simulated, and why."""

    row: Row
    reason: str


def case_of(row: Row) -> Case | Unsupported:
    """What to simulate for a row, or why it cannot be."""
    reason = _obstacle(row)
    if reason:
        return Unsupported(row, reason)
    try:
        return _Reading(row).case()
    except ScaletaxError as error:
        return Unsupported(row, f"{error.problem.splitlines()[0]}")


def measured_step_s(row: Row) -> float | None:
    """Seconds of a step, stated or from the throughput."""
    if row.step_time_s is not None:
        return row.step_time_s
    sizes = (row.tokens_per_s_per_gpu, row.n_gpus, row.global_batch_sequences, row.seq_len)
    if any(size is None for size in sizes):
        return None
    rate, devices, batch, sequence = cast(tuple[float, int, int, int], sizes)
    return batch * sequence / (rate * devices)


def _obstacle(row: Row) -> str:
    """Why a row cannot be simulated at all; empty where it can."""
    if row.verified == "memory":
        return "quoted from memory, not read in the source"
    if re.match(_NOT_LANGUAGE_DECODERS, row.model):
        return f"{row.model} is no decoder-only language model"
    if (row.ep or 1) > 1 or re.match(_EXPERTS, row.model) or "MoE" in row.note[:60]:
        return "mixtures of experts are not simulated yet"
    if (row.cp or 1) > 1:
        return "context parallelism is not simulated yet"
    if row.precision not in ("", "bf16", "fp16"):
        return f"precision {row.precision} is not simulated yet"
    if re.match(r"(?i).*(lora|peft|sft|fine-?tun)", row.model) or re.search(r"(?i)lora", row.source):
        return "fine-tuning rows are not read yet"
    if re.search(r"(?i)async TP=1", row.note):
        return "asynchronous tensor parallelism is not simulated yet"
    if re.search(r"(?i)offload", row.note):
        return "offloading to the host is not simulated yet"
    if device_of(row) is None:
        near = ", ".join(table_devices())
        return f"the device '{row.gpu}' is not in the catalogue (known: {near})"
    missing = [
        key
        for key in ("n_gpus", "layers", "d_model", "heads", "seq_len", "global_batch_sequences")
        if getattr(row, key) is None
    ]
    if missing:
        return f"the source does not say {', '.join(missing)}"
    if measured_step_s(row) is None:
        return "the source gives neither a step time nor a throughput"
    return ""


class _Reading:
    """One row on its way to a scenario; collects what is assumed."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.convention: Convention = convention_of(row)
        self.stack: Stack = load_stack(self.convention.stack, row.id)
        self.assumed: list[str] = []
        if not self.convention.known:
            self.assumed.append(f"stack {self.convention.stack}")

    def case(self) -> Case:
        row, wafer = self.row, isinstance(load_device(device_of(self.row) or ""), Wafer)
        model, topology, sizes = self._model(), *self._topology()
        request = PlanRequest(rule="fixed") if wafer else self._plan()
        training = Training(
            tokens=float((row.global_batch_sequences or 0) * (row.seq_len or 0)),
            sequence=row.seq_len or 0,
            global_batch=row.global_batch_sequences or 0,
            precision=cast(Literal["bf16", "fp16"], self._filled(row.precision, "precision", "bf16")),
        )
        system = System(row.id, topology, row.n_gpus or 0, self.convention.stack, request, sizes=sizes)
        scenario = Scenario(row.id, Path("measurements"), model, training, system, Report())
        opened = () if wafer else tuple(key for key in self.convention.tuned if getattr(request, key) is None)
        measured = measured_step_s(row) or 0.0
        return Case(row, scenario, measured, tuple(self.assumed), opened, self.convention.known)

    def _filled(self, value: Any, key: str, default: Any) -> Any:
        """A stated value, or what is assumed for a blank."""
        if value not in (None, ""):
            return value
        taken = self.convention.assume.get(key, default)
        if taken is not None:
            self.assumed.append(f"{key} {taken}")
        return taken

    def _model(self) -> Model:
        row = self.row
        assert row.layers and row.d_model and row.heads and row.seq_len  # noqa: S101
        vocab = row.vocab or self.convention.traits.get("vocab")
        if vocab is None:
            raise InputError(row.id, "the source does not say the vocabulary")
        if row.vocab is None:
            self.assumed.append(f"vocabulary {vocab}")
        traits = {key: value for key, value in self.convention.traits.items() if key != "vocab"}
        if row.d_ffn is None:
            self.assumed.append("MLP width 4 x d_model")
        return Model(
            name=row.model or row.id,
            layers=row.layers,
            hidden=row.d_model,
            heads=row.heads,
            kv_heads=row.kv_heads or row.heads,
            head_dim=row.d_model // row.heads,
            ffn_hidden=row.d_ffn or 4 * row.d_model,
            vocab=vocab,
            max_sequence=row.seq_len,
            gated_mlp=bool(row.gated_mlp),
            **traits,
        )

    def _topology(self) -> tuple[str, dict[str, float]]:
        """The row's cluster, with as many network cards a node as give the stated rate."""
        row, device = self.row, device_of(self.row) or ""
        devices = row.n_gpus or 0
        name = self.convention.topology or topology_of(device, devices)
        return name, {}

    def _plan(self) -> PlanRequest:
        row, stack = self.row, cast(GpuStack, self.stack)
        tensor = self._filled(row.tp, "tensor", 1)
        pipeline = self._filled(row.pp, "pipeline", 1)
        data = row.dp
        zero = row.zero_stage
        if zero is not None and zero not in stack.zero_stages:
            taken = max((stage for stage in stack.zero_stages if stage <= zero), default=stack.zero_stages[0])
            self.assumed.append(f"zero {taken} for the stated {zero}")
            zero = taken
        if zero is not None and zero >= 2 and pipeline > 1:
            self.assumed.append(f"zero 1 for the stated {zero}, which is not simulated with a pipeline")
            zero = 1
        micro_batch = row.micro_batch
        if micro_batch is None and "micro_batch" not in self.convention.tuned:
            micro_batch = self._filled(None, "micro_batch", 1)
        virtual = row.vpp
        if virtual is None and "virtual_stages" not in self.convention.tuned:
            virtual = self._filled(None, "virtual_stages", 1)
        recompute = self._filled(row.recompute, "recompute", "none")
        return PlanRequest(
            rule="fixed",
            tensor=tensor,
            pipeline=pipeline,
            virtual_stages=virtual,
            data=data,
            micro_batch=micro_batch,
            zero=zero,
            sequence_parallel=None
            if row.sequence_parallel is None
            else bool(row.sequence_parallel) and stack.sequence_parallel,
            recompute=cast(Recompute, recompute),
            schedule=cast(Schedule, "gpipe") if row.schedule == "gpipe" else None,
            layers_per_stage=layers_per_stage(row.layers or 1, pipeline * virtual) if virtual else None,
        )


def layers_per_stage(layers: int, pipeline: int) -> tuple[int, ...] | None:
    """How layers that do not divide are cut: None where they do.

    Embedding and head count as a layer each where that makes the stages even (Le Scao et al. 2022, BLOOM); else the
    first stages get one more. Hand-worked: 70 layers on 12 stages: 5, ten times 6, 5.
    """
    if layers % pipeline == 0:
        return None
    if (layers + 2) % pipeline == 0:
        each = (layers + 2) // pipeline
        return (each - 1, *(each,) * (pipeline - 2), each - 1)
    each, more = divmod(layers, pipeline)
    return (each + 1,) * more + (each,) * (pipeline - more)
