"""A plan: how one training step is split over devices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.catalog import GpuStack
from sim.parallel.cuts import balanced_cut, in_runs
from sim.parallel.mesh import RANK_ORDER, Mesh
from sim.parallel.plans import GATHERING_STAGE, Plans
from sim.parallel.replicas import ReplicaClass, counts_text, replica_classes
from sim.parallel.schedules import (
    SCHEDULES,
    SETTLED_ROUNDS,
    Schedule,
    default_schedule,
    peak_layers_in_flight,
)
from sim.parallel.stages import stage_ranges
from sim.scenario.types import OptimizerOffload, PlanRequest, Recompute

ASKED = (
    "tensor", "pipeline", "virtual_stages", "data", "micro_batch", "zero", "zero_group", "sequence_parallel",
    "recompute", "schedule",
)  # fmt: skip
"""What a plan has under the same names as the request for it."""


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
    zero_group: int | None = None
    """Neighbouring replicas that these are shared out among; None where it is all of them."""
    sequence_parallel: bool = False
    recompute: Recompute = "none"
    schedule: str = "1f1b"
    """Name of the pipeline schedule."""
    layers_per_chunk: tuple[int, ...] = ()
    """Layers of chunk 0, 1, ... of one copy of the model, in the order of the layers."""
    chosen_by: str = "user"
    """"user", or the rule that chose it."""
    replica_micro_batches: tuple[int, ...] = ()
    """Micro-batches of each replica, most first; empty where all have the same."""
    part_stages: tuple[int, ...] = ()
    """Stages on each part of the system, in order; empty where its hardware is of one kind."""
    offload_layers: int = 0
    """Layers of each stage whose activations wait for their backward in the host's memory."""
    optimizer_offload: OptimizerOffload = "none"
    """Where the optimizer runs and keeps its states."""
    rank_order: str = RANK_ORDER
    """In which order the stack lays out ranks; see Mesh."""

    @property
    def mesh(self) -> Mesh:
        """How its ranks lie over the devices."""
        return Mesh(self.tensor, self.data, self.pipeline, order=self.rank_order)

    @property
    def devices(self) -> int:
        """Devices that the plan uses."""
        return int(self.mesh.devices)

    @property
    def shards(self) -> int:
        """Neighbouring replicas that ZeRO shares states out among."""
        return self.zero_group or self.data

    @property
    def pipelining(self) -> Schedule:
        """The schedule itself."""
        return SCHEDULES[self.schedule]

    @property
    def reduces_each(self) -> bool:
        """Whether gradients are reduced several times a step, because only a share of them is kept: ZeRO 2."""
        return self.zero == GATHERING_STAGE

    @property
    def chunks(self) -> int:
        """Chunks of one copy of the model: stages times virtual stages."""
        return self.pipeline * self.virtual_stages

    def stage_of(self, chunk: int) -> int:
        """The stage that a chunk lies on; those of a second copy of the model are numbered after the first."""
        return self.pipelining.stage_of(chunk, self.pipeline)

    def chunks_of(self, stage: int) -> list[int]:
        """The chunks on a stage."""
        return self.pipelining.chunks_of(stage, self.pipeline, self.virtual_stages)

    def layers_of(self, chunk: int) -> int:
        """Layers of a chunk of any copy of the model."""
        return self.layers_per_chunk[chunk % self.chunks]

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

    def chunk_offloads(self, chunk: int) -> int:
        """Layers of a chunk that are offloaded: its share of those of its stage."""
        return self.offload_layers // (self.virtual_stages * self.pipelining.copies)

    def stage_layers(self, stage: int) -> int:
        """Layers that one stage holds over all its chunks."""
        return sum(self.layers_of(chunk) for chunk in self.chunks_of(stage))

    def layer_range(self, chunk: int) -> tuple[int, int]:
        """(first, past the last) layer of a chunk of any copy of the model."""
        first = sum(self.layers_per_chunk[: chunk % self.chunks])
        return first, first + self.layers_of(chunk)

    def layer_ranges(self, stage: int) -> list[tuple[int, int]]:
        """The same of every chunk of a stage."""
        return [self.layer_range(chunk) for chunk in self.chunks_of(stage)]

    def layers_in_flight(self, stage: int) -> float:
        """Layers, over micro-batches, that a stage holds activations of at its fullest, in the replica that holds most.

        That need not be the one with the most micro-batches: with as many as stages, interleaving runs all forwards
        first.
        """
        return max(self._held_layers(stage, one.micro_batches) for one in self.replica_classes)

    def _held_layers(self, stage: int, micro_batches: int) -> float:
        own, schedule = [self.layers_of(chunk) for chunk in self.chunks_of(stage)], self.pipelining
        if schedule.forwards_first:
            return float(micro_batches * sum(own))
        settled = min(micro_batches, SETTLED_ROUNDS * self.pipeline)
        shape = (stage, self.pipeline, self.virtual_stages, settled)
        if len(set(own)) > 1:
            return peak_layers_in_flight(schedule.order(*shape), self.layers_of)
        return float(schedule.held(*shape)) * sum(own)

    def request(self) -> PlanRequest:
        """The plan as a user would write it down; check_plan makes the same plan of it."""
        shared = {key: getattr(self, key) for key in ASKED}
        uneven = self.layers_per_chunk if len(set(self.layers_per_chunk)) > 1 else None
        return PlanRequest(
            "fixed",
            **shared,
            layers_per_stage=uneven,
            micro_batches=self.replica_micro_batches or None,
            offload_layers=self.offload_layers or None,
            optimizer_offload=None if self.optimizer_offload == "none" else self.optimizer_offload,
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
        group = f"/{self.zero_group}" if self.zero_group else ""
        words += [f"FSDP{group}"] if self.zero == 3 else [f"ZeRO{self.zero}{group}"] if self.zero else []
        words += ["SP"] if self.sequence_parallel else []
        words += [f"{self.recompute}-rc"] if self.recompute != "none" else []
        words += [f"offload {self.offload_layers} layers"] if self.offload_layers else []
        words += [f"{self.optimizer_offload} optimizer"] if self.optimizer_offload != "none" else []
        words += [self.schedule] if self.schedule != default_schedule(self.virtual_stages) else []
        words += [f"layers {in_runs(self.layers_per_chunk)}"] if self.is_cut_by_hand else []
        return " ".join(words)


def shards_by_layer(plan: Plans, stack: GpuStack) -> bool:
    """Whether parameters are gathered layer by layer: FSDP, which at ZeRO 2 keeps what it gathered until backward.

    With a pipeline ZeRO 2 keeps them for the whole step (Llama Team 2024, sec. 3.3.2). All plans of a block alike.
    """
    return plan.zero == 3 or (plan.reduces_each and 3 in stack.zero_stages and bool(np.all(np.equal(plan.pipeline, 1))))
