"""What formulas see of plans: one plan, or an array of plans that differ in their degrees and share their switches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sim.hardware.kernel import Array
from sim.parallel.mesh import Mesh
from sim.parallel.schedules import Schedule
from sim.scenario.types import OptimizerOffload, Recompute

GATHERING_STAGE = 2
"""From this ZeRO stage on gradients, or parameters as well, leave the replicas at every micro-batch."""


class Plans(Protocol):
    """One plan, or many. Degrees are numbers or arrays of one shape; switches are the same for all."""

    @property
    def tensor(self) -> Array: ...
    @property
    def pipeline(self) -> Array: ...
    @property
    def data(self) -> Array: ...
    @property
    def virtual_stages(self) -> Array: ...
    @property
    def micro_batch(self) -> Array: ...
    @property
    def micro_batches(self) -> Array:
        """Per replica and step; the most where they differ."""
        ...

    @property
    def zero(self) -> int: ...
    @property
    def shards(self) -> Array:
        """Neighbouring replicas that ZeRO shares states out among: all of them, or a group."""
        ...

    @property
    def reduces_each(self) -> bool:
        """Whether gradients are reduced several times a step, because only a share of them is kept: ZeRO 2."""
        ...

    @property
    def sequence_parallel(self) -> bool: ...
    @property
    def recompute(self) -> Recompute: ...
    @property
    def offload_layers(self) -> int:
        """Layers of each stage whose activations wait in the host's memory."""
        ...

    @property
    def optimizer_offload(self) -> OptimizerOffload:
        """Where the optimizer runs."""
        ...

    @property
    def schedule(self) -> str: ...
    @property
    def pipelining(self) -> Schedule:
        """The schedule itself."""
        ...

    @property
    def mesh(self) -> Mesh:
        """How ranks lie over the devices."""
        ...

    def stage_layers(self, stage: Array) -> Array:
        """Layers that a stage holds over all its chunks."""
        ...

    def layer_ranges(self, stage: Array) -> Sequence[tuple[Array, Array]]:
        """(first, past the last) layer of every chunk of a stage; empty ones where plans have fewer than others."""
        ...

    def layers_in_flight(self, stage: Array) -> Array:
        """Layers, over micro-batches, that a stage holds activations of at its fullest."""
        ...


def reductions(plan: Plans) -> Array:
    """How often a step reduces each gradient.

    With ZeRO 2 after every micro-batch, so that no whole gradients are kept. Where a stage runs micro-batches in a row
    through each of its chunks, once for the row: the whole gradients of one chunk are kept that long.
    Source: Rajbhandari et al. 2020, sec. 5.2; PyTorch, pull request 126166. The row: Narayanan et al. 2021, fig. 4.
    Hand-worked: 4 stages, 32 micro-batches: 32 of 1F1B, 8 interleaved.
    """
    if not plan.reduces_each:
        return 1
    return -(-plan.micro_batches // plan.pipelining.in_a_row(plan.pipeline))
