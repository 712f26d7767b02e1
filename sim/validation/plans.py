"""The plan that a row ran: what it states, what follows from that, and what is taken for its blanks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

from sim.catalog import GpuStack
from sim.errors import InputError
from sim.parallel.cuts import balanced_cut
from sim.scenario.types import PlanRequest, Recompute
from sim.validation.conventions import Filling, place_of
from sim.validation.obstacles import PlanNotSaid
from sim.validation.table import Row

_SCHEDULES = ("", "none", "1f1b", "interleaved", "gpipe")
_DEGREES = ("tp", "pp", "dp")
_SHARDS_PARAMETERS = 3
"""The ZeRO stage that does."""
_THRIFTIEST = {"micro_batch": 1, "virtual_stages": 1, "recompute": "full"}
"""Settings that take the least memory."""


@dataclass(frozen=True, slots=True)
class RequestedPlan:
    """The plan of a row on GPUs, by plan key.

    open: what the source is taken to have tuned. guessed: what it neither states nor implies, and where another value
    would take less memory.
    """

    request: PlanRequest
    open: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()


def requested_plan(row: Row, stack: GpuStack, filling: Filling) -> RequestedPlan:
    """The plan of a row on GPUs."""
    reading = _PlanReading(row, stack, filling)
    request = reading.request()
    return RequestedPlan(request, tuple(reading.open), tuple(reading.guessed))


def layers_per_stage(layers: int, pipeline: int) -> tuple[int, ...] | None:
    """How layers that do not divide are cut: None where they do.

    Embedding and head count as a layer each where that makes the stages even (Le Scao et al. 2022, BLOOM); else the
    first stages get one more. Hand-worked: 70 layers on 12 stages: 5, ten times 6, 5.
    """
    if layers % pipeline == 0:
        return None
    if (layers + 2) % pipeline == 0:
        return balanced_cut(layers, pipeline)
    each, more = divmod(layers, pipeline)
    return (each + 1,) * more + (each,) * (pipeline - more)


class _PlanReading:
    """One row on its way to a plan."""

    def __init__(self, row: Row, stack: GpuStack, filling: Filling) -> None:
        self.row = row
        self.stack = stack
        self.filling = filling
        self.assumed = filling.assumed
        self.open: list[str] = []
        self.guessed: list[str] = []

    def request(self) -> PlanRequest:
        row, stack = self.row, self.stack
        tensor, pipeline, data = self._degrees()
        zero = self._zero(pipeline)
        micro_batch = self._micro_batch(tensor * pipeline)
        virtual = self._virtual_stages(pipeline)
        self._say_what_the_stack_decides(tensor)
        return PlanRequest(
            rule="fixed",
            tensor=tensor,
            pipeline=pipeline,
            virtual_stages=virtual,
            data=data,
            micro_batch=micro_batch,
            zero=zero,
            zero_group=self._zero_group(tensor * pipeline, data, zero),
            sequence_parallel=None
            if row.sequence_parallel is None
            else bool(row.sequence_parallel) and stack.sequence_parallel,
            recompute=cast(Recompute, self._filled(row.recompute, "recompute", "none")),
            schedule="gpipe" if row.schedule.casefold() == "gpipe" else None,
            layers_per_stage=layers_per_stage(row.layers or 1, pipeline * virtual) if virtual else None,
            offload_layers=row.offload_layers or None,
            optimizer_offload="cpu" if row.optimizer_offload else None,
        )

    def _degrees(self) -> tuple[int, int, int | None]:
        """Tensor, pipeline and data degree: as stated, as they follow, as the source's convention has it, or 1."""
        row = self.row
        rest = (row.n_gpus or 1) // ((row.dp or 1) * (row.tp or 1) * (row.pp or 1))
        blank = [key for key in _DEGREES if getattr(row, key) is None]
        assumed = {"tensor", "pipeline"} & set(self.filling.convention.assume)
        if len(blank) == len(_DEGREES) and not assumed and (row.global_batch_sequences or 0) < (row.n_gpus or 1):
            raise PlanNotSaid(row.id, "the source does not say how its devices share a sequence")
        if blank == ["tp"]:
            return self._inferred("tensor", rest), row.pp or 1, row.dp
        if blank == ["pp"]:
            return row.tp or 1, self._inferred("pipeline", rest), row.dp
        if blank == ["tp", "pp"] and not assumed:
            tensor = math.gcd(rest, row.heads or 1, self._node()) if self.stack.tensor_parallel else 1
            return self._inferred("tensor", tensor), self._inferred("pipeline", rest // tensor), row.dp
        return self._filled(row.tp, "tensor", 1), self._filled(row.pp, "pipeline", 1), row.dp

    def _filled(self, value: Any, key: str, default: Any) -> Any:
        taken = self.filling.filled(value, key, default)
        if value in (None, "") and taken != _THRIFTIEST.get(key):
            self.guessed.append(key)
        return taken

    def _inferred(self, key: str, degree: int) -> int:
        self.assumed.append(f"{key} {degree}, from the devices and the other degrees")
        return degree

    def _node(self) -> int:
        place = place_of(self.row)
        return self.row.gpus_per_node or (place.devices_per_node if place else 1)

    def _micro_batch(self, model_parallel: int) -> int | None:
        """As stated, as it follows from the accumulation, tuned by the source, or what is assumed."""
        row = self.row
        if row.micro_batch is not None:
            return row.micro_batch
        replicas = row.dp or (row.n_gpus or 1) // model_parallel
        steps = (row.grad_accum or 0) * replicas
        if steps and (row.global_batch_sequences or 0) % steps == 0:
            size = (row.global_batch_sequences or 0) // steps
            self.assumed.append(f"micro_batch {size}, from the batch and its accumulation")
            return size
        if "micro_batch" in self.filling.convention.tuned:
            self.open.append("micro_batch")
            return None
        return int(self._filled(None, "micro_batch", 1))

    def _virtual_stages(self, pipeline: int) -> int | None:
        stated = self.row.vpp
        if stated is not None and stated > 1 and pipeline == 1:
            self.assumed.append(f"virtual_stages 1 for the stated {stated}: there is no pipeline")
            return 1
        if stated is not None:
            return stated
        is_open = "virtual_stages" in self.filling.convention.tuned or self.row.schedule.casefold() == "interleaved"
        if is_open and "virtual_stages" not in self.filling.convention.assume:
            self.open.append("virtual_stages")
            return None
        return 1 if pipeline == 1 else int(self._filled(None, "virtual_stages", 1))

    def _zero(self, pipeline: int) -> int | None:
        stack, name = self.stack, self.filling.convention.stack
        stated = zero = self.row.zero_stage
        if zero is None:
            zero = self.filling.convention.assume.get("zero")
            self.assumed.append(f"zero {stack.default_zero_stage if zero is None else zero}")
        asked = f"{'assumed' if stated is None else 'stated'} {zero}"
        if zero is not None and zero not in stack.zero_stages:
            zero = max((stage for stage in stack.zero_stages if stage <= zero), default=stack.zero_stages[0])
            self.assumed.append(f"zero {zero} for the {asked}, which the stack {name} lacks")
        if zero == _SHARDS_PARAMETERS and pipeline > 1:
            fewer = [stage for stage in stack.zero_stages if stage < _SHARDS_PARAMETERS]
            if not fewer:
                problem = f"zero 3 is not simulated with a pipeline, and the stack {name} has no other stage"
                raise InputError(self.row.id, problem)
            zero = max(fewer)
            self.assumed.append(f"zero {zero} for the {asked}, which is not simulated with a pipeline")
        if stated is None or zero != stated:
            self.guessed.append("zero")
        return zero

    def _zero_group(self, model_parallel: int, data: int | None, zero: int | None) -> int | None:
        """Replicas that share out the states: as stated, where the stack can share them out among fewer than all."""
        group = self.row.zero_group
        replicas = data or (self.row.n_gpus or 1) // model_parallel
        if group is None or group == replicas or not zero:
            return None
        if not self.stack.zero_groups or replicas % group:
            self.assumed.append(f"all {replicas} replicas share out the states, for the stated {group}")
            return None
        return group

    def _say_what_the_stack_decides(self, tensor: int) -> None:
        """Where the row says otherwise or nothing, and a stack does only one thing."""
        row, stack = self.row, self.stack
        if row.sequence_parallel is None and tensor > 1:
            self.assumed.append(f"{'' if stack.sequence_parallel else 'no '}sequence parallelism, as in the stack")
        if row.sequence_parallel and tensor > 1 and not stack.sequence_parallel:
            self.assumed.append("no sequence parallelism, as in the stack, though the source has it")
        if row.flash_attention is not None and bool(row.flash_attention) != stack.flash_attention:
            does, says = ("fused", "not") if stack.flash_attention else ("unfused", "it is fused")
            self.assumed.append(f"{does} attention, as in the stack, though the source says {says}")
        if row.recompute_layers:
            self.assumed.append(f"nothing is recomputed, though the source recomputes {row.recompute_layers} layers")
        if row.schedule.casefold() not in _SCHEDULES:
            self.assumed.append(f"schedule 1f1b for the stated {row.schedule}")
