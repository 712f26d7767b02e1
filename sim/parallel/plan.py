"""A plan: how one training step is split over devices, checked against model, batch and cluster."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from sim.catalog import GpuStack, Model
from sim.errors import InputError
from sim.parallel.cuts import balanced_cut, cut_layers, in_runs
from sim.parallel.plans import Plans
from sim.parallel.replicas import ReplicaClass, counts_text, in_program_order, refuse_gathering, replica_classes
from sim.parallel.schedule import (
    SETTLED_ROUNDS,
    default_schedule,
    micro_batches_in_flight,
    peak_layers_in_flight,
    stage_order,
)
from sim.parallel.stages import stage_ranges, stages_of_parts
from sim.scenario.types import PlanRequest, Recompute, Scenario, Schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """The degrees of parallelism and the switches of one GPU plan."""

    tensor: int
    pipeline: int
    data: int
    micro_batch: int
    micro_batches: int
    """Per replica and step; the most where they differ."""
    virtual_stages: int = 1
    zero: int = 0
    """0 none, 1 optimizer, 2 and gradients, 3 and parameters (FSDP)."""
    sequence_parallel: bool = False
    recompute: Recompute = "none"
    schedule: Schedule = "1f1b"
    layers_per_chunk: tuple[int, ...] = ()
    """Layers of chunk 0, 1, ...; chunk c runs on stage c mod pipeline."""
    chosen_by: str = "user"
    """"user", or the rule that chose it."""
    replica_micro_batches: tuple[int, ...] = ()
    """Micro-batches of each replica, most first; empty where all have the same."""
    part_stages: tuple[int, ...] = ()
    """Stages on each part of the system, in order; empty where its hardware is of one kind."""

    @property
    def devices(self) -> int:
        """Devices that the plan uses."""
        return self.tensor * self.pipeline * self.data

    @property
    def chunks(self) -> int:
        """Stages times virtual stages."""
        return self.pipeline * self.virtual_stages

    @property
    def replica_classes(self) -> tuple[ReplicaClass, ...]:
        """Replicas that have equally many micro-batches; one class where all have."""
        if not self.replica_micro_batches:
            return (ReplicaClass(self.micro_batches, range(self.data)),)
        return replica_classes(self.replica_micro_batches)

    @property
    def parts(self) -> tuple[range, ...]:
        """Stages on each part of the system; all of them where there is one."""
        return stage_ranges(self.part_stages or (self.pipeline,))

    @property
    def stage_parts(self) -> tuple[int, ...]:
        """Number of the part that each stage runs on."""
        return tuple(index for index, stages in enumerate(self.parts) for _ in stages)

    @property
    def is_cut_by_hand(self) -> bool:
        """Whether layers lie on chunks otherwise than as evenly as they can."""
        return self.layers_per_chunk not in ((), balanced_cut(sum(self.layers_per_chunk), self.chunks))

    def stage_layers(self, stage: int) -> int:
        """Layers that one stage holds over all its chunks."""
        return sum(self.layers_per_chunk[stage :: self.pipeline])

    def layer_ranges(self, stage: int) -> list[tuple[int, int]]:
        """(first, past the last) layer of every chunk of a stage."""
        ends = list(itertools.accumulate(self.layers_per_chunk))
        own = slice(stage, None, self.pipeline)
        return [(end - layers, end) for end, layers in zip(ends[own], self.layers_per_chunk[own], strict=True)]

    def layers_in_flight(self, stage: int) -> float:
        """Layers, over micro-batches, that a stage holds activations of at its fullest, in the replica that holds most.

        That need not be the one with the most micro-batches: with as many as stages, interleaving runs all forwards
        first.
        """
        return max(self._held_layers(stage, one.micro_batches) for one in self.replica_classes)

    def _held_layers(self, stage: int, micro_batches: int) -> float:
        own = self.layers_per_chunk[stage :: self.pipeline]
        if self.schedule == "gpipe":
            return float(micro_batches * sum(own))
        settled = min(micro_batches, SETTLED_ROUNDS * self.pipeline)
        shape = (stage, self.pipeline, self.virtual_stages, settled)
        if len(set(own)) > 1:
            return peak_layers_in_flight(stage_order(self.schedule, *shape), self.layers_per_chunk)
        return float(micro_batches_in_flight(self.schedule, *shape)) * sum(own)

    def request(self) -> PlanRequest:
        """The plan as a user would write it down; check_plan makes the same plan of it."""
        return PlanRequest(
            rule="fixed",
            tensor=self.tensor,
            pipeline=self.pipeline,
            virtual_stages=self.virtual_stages,
            data=self.data,
            micro_batch=self.micro_batch,
            zero=self.zero,
            sequence_parallel=self.sequence_parallel,
            recompute=self.recompute,
            schedule=self.schedule,
            layers_per_stage=self.layers_per_chunk if len(set(self.layers_per_chunk)) > 1 else None,
            micro_batches=self.replica_micro_batches or None,
        )

    def summary(self) -> str:
        """One line for tables: only what differs from plain data parallelism.

        Plans of one model, batch and system that differ never share a line. Left out are degrees of 1, switches that
        are off, layers cut as balanced_cut does, micro-batches that follow from the batch, and the default_schedule.
        """
        words = [f"TP{self.tensor}"] if self.tensor > 1 else []
        depth = f"({'+'.join(map(str, self.part_stages))})" if len(self.part_stages) > 1 else self.pipeline
        virtual = f"x{self.virtual_stages}" if self.virtual_stages > 1 else ""
        words += [f"PP{depth}{virtual}"] if self.pipeline > 1 else []
        uneven = f" x{counts_text(self.replica_micro_batches)}" if self.replica_micro_batches else ""
        words += [f"DP{self.data}", f"mb{self.micro_batch}{uneven}"]
        words += ["FSDP"] if self.zero == 3 else [f"ZeRO{self.zero}"] if self.zero else []
        words += ["SP"] if self.sequence_parallel else []
        words += [f"{self.recompute}-rc"] if self.recompute != "none" else []
        words += [self.schedule] if self.schedule != default_schedule(self.virtual_stages) else []
        words += [f"layers {in_runs(self.layers_per_chunk)}"] if self.is_cut_by_hand else []
        return " ".join(words)


def check_plan(request: PlanRequest, scenario: Scenario, stack: GpuStack) -> Plan:
    """Turn what the user fixed into a whole plan, or say what does not divide.

    Degrees left out are 1; data left out is inferred from the device count.
    Raises InputError naming the whole product, the head count, the layers or the batch.
    """
    where, devices = f"{scenario.where}.plan", scenario.system.devices
    tensor, pipeline = request.tensor or 1, request.pipeline or 1
    virtual = request.virtual_stages or 1
    data = request.data or _inferred_data(tensor, pipeline, devices, where)
    if tensor * pipeline * data != devices:
        raise InputError(
            where,
            f"tensor {tensor} x pipeline {pipeline} x data {data} = {tensor * pipeline * data} devices,"
            f" but the system has {devices}",
            "change a degree, or leave data out to have it inferred",
        )
    part_stages = stages_of_parts(scenario.system.parts, tensor * data, scenario.where)
    _check_stack(tensor, pipeline, stack, where)
    _check_tensor(scenario.model, tensor, where)
    schedule = request.schedule or default_schedule(virtual)
    micro_batch = request.micro_batch or 1
    micro_batches = _micro_batches(request, scenario.training.global_batch, data, micro_batch, where)
    for count in dict.fromkeys(micro_batches):
        _check_schedule(schedule, pipeline, virtual, count, where)
    zero = stack.default_zero_stage if request.zero is None else request.zero
    _check_zero(zero, pipeline, stack, where)
    refuse_gathering(micro_batches, zero, where)
    return Plan(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        micro_batch=micro_batch,
        micro_batches=micro_batches[0],
        virtual_stages=virtual,
        zero=zero,
        sequence_parallel=_sequence_parallel(request, scenario, stack, tensor, where),
        recompute=request.recompute or "none",
        schedule=schedule,
        layers_per_chunk=cut_layers(scenario.model.layers, pipeline * virtual, request.layers_per_stage, where),
        replica_micro_batches=micro_batches if len(set(micro_batches)) > 1 else (),
        part_stages=part_stages,
    )


def shards_by_layer(plan: Plans, stack: GpuStack) -> bool:
    """Whether parameters are gathered layer by layer: FSDP, which at ZeRO 2 keeps what it gathered until backward."""
    return plan.zero == 3 or (plan.zero == 2 and 3 in stack.zero_stages)


def _inferred_data(tensor: int, pipeline: int, devices: int, where: str) -> int:
    if devices % (tensor * pipeline):
        raise InputError(
            where,
            f"tensor {tensor} x pipeline {pipeline} = {tensor * pipeline} does not divide"
            f" the system's {devices} devices",
            "change a degree or the device count",
        )
    return devices // (tensor * pipeline)


def _check_stack(tensor: int, pipeline: int, stack: GpuStack, where: str) -> None:
    for degree, able, what in (
        (tensor, stack.tensor_parallel, "tensor"),
        (pipeline, stack.pipeline_parallel, "pipeline"),
    ):
        if degree > 1 and not able:
            raise InputError(
                f"{where} {what}",
                f"{what} = {degree}, but the stack '{stack.name}' has no {what} parallelism",
                f"leave {what} out, or use another stack (scaletax list stacks)",
            )


def _check_tensor(model: Model, tensor: int, where: str) -> None:
    for count, what in ((model.heads, "attention heads"), (model.ffn_hidden, "MLP width")):
        if count % tensor:
            raise InputError(where, f"tensor {tensor} does not divide the {count} {what}", f"use a divisor of {count}")
    if model.kv_heads % tensor and tensor % model.kv_heads:
        raise InputError(
            where,
            f"tensor {tensor} fits neither into nor around the {model.kv_heads} key/value heads",
            "use a divisor or a multiple",
        )


def _micro_batches(request: PlanRequest, batch: int, data: int, micro_batch: int, where: str) -> tuple[int, ...]:
    """Of each replica, most first; one number where nobody says that they differ."""
    if request.micro_batches is not None:
        return in_program_order(request.micro_batches, batch, micro_batch, data, where)
    if batch % (data * micro_batch):
        raise InputError(
            where,
            f"a global batch of {batch} sequences cannot be divided by data {data} x micro_batch {micro_batch}"
            f" = {data * micro_batch}",
            f"change the batch to a multiple of {data * micro_batch}, or a degree",
        )
    return (batch // (data * micro_batch),)


def _check_schedule(schedule: Schedule, pipeline: int, virtual: int, micro_batches: int, where: str) -> None:
    if (schedule == "interleaved") != (virtual > 1):
        raise InputError(
            where,
            f"schedule '{schedule}' with virtual_stages {virtual}",
            "interleaved needs virtual_stages of 2 or more; gpipe and 1f1b need 1",
        )
    if virtual > 1 and pipeline < 2:
        problem = f"virtual_stages {virtual} with pipeline {pipeline}"
        raise InputError(where, problem, "interleaving needs a pipeline of 2 or more")
    if schedule == "interleaved" and micro_batches % pipeline:
        raise InputError(
            where,
            f"interleaved 1F1B needs a multiple of pipeline {pipeline} micro-batches,"
            f" but a replica has {micro_batches}",
            "change micro_batch, data or pipeline, or use schedule = '1f1b'",
        )


def _check_zero(zero: int, pipeline: int, stack: GpuStack, where: str) -> None:
    if zero not in stack.zero_stages:
        raise InputError(
            where,
            f"zero {zero} is not something the stack '{stack.name}' does",
            f"allowed: {', '.join(map(str, stack.zero_stages))}",
        )
    if zero >= 2 and pipeline > 1:
        raise InputError(
            where,
            f"zero {zero} with pipeline {pipeline} is not modelled: gradients or parameters would be"
            " gathered again for every micro-batch of every stage",
            "use zero 0 or 1 with a pipeline, or pipeline = 1",
        )


def _sequence_parallel(request: PlanRequest, scenario: Scenario, stack: GpuStack, tensor: int, where: str) -> bool:
    if request.sequence_parallel is None:
        return stack.sequence_parallel and tensor > 1 and scenario.training.sequence % tensor == 0
    if request.sequence_parallel and not stack.sequence_parallel:
        problem = f"the stack '{stack.name}' has no sequence parallelism"
        raise InputError(where, problem, "set sequence_parallel = false")
    if request.sequence_parallel and scenario.training.sequence % tensor:
        raise InputError(
            where,
            f"tensor {tensor} does not divide the sequence length {scenario.training.sequence}",
            "change one, or set sequence_parallel = false",
        )
    return request.sequence_parallel and tensor > 1
