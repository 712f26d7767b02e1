"""What the closed form needs to know of a step: the costs of one plan, or of many, without an order of instructions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sim.cost.offload import with_copies
from sim.cost.parts import duration_s
from sim.cost.step import StepCosts, stage_backward_s, stage_forward_s, stage_sum
from sim.hardware.kernel import Array
from sim.hardware.network import Communication
from sim.parallel.plan import Plan
from sim.parallel.schedules import Durations


@dataclass(frozen=True, slots=True)
class StageSketch:
    """A stage, or some stages that are alike. Seconds.

    count: stages that it stands for. forward_s, backward_s: of one micro-batch through all its chunks; weight_s: of the
    backward what is weight gradients, where they run apart.
    reduction_s: of one of its `buckets` buckets of gradients. gather_s: the exposed part of its parameter gather.
    copy_s: of one bucket of gradients to an optimizer on the host. return_s: of updated parameters from there.
    """

    count: Array
    forward_s: Array
    backward_s: Array
    reduction_s: Array
    buckets: Array
    gather_s: Array
    prepare_s: Array
    optimizer_s: Array
    straggler_s: Array
    weight_s: Array = 0.0
    copy_s: Array = 0.0
    return_s: Array = 0.0

    def durations(self, blocking_s: Array) -> Durations:
        """A micro-batch through it. blocking_s: of sends that its compute waits for."""
        return Durations(self.forward_s, self.backward_s + blocking_s, self.weight_s)


@dataclass(frozen=True, slots=True)
class ShardedSketch:
    """What FSDP runs: a layer, on average where they differ, and the root. Seconds; pairs: forward and backward.

    layer_copy_s, root_copy_s: of gradients to an optimizer on the host. offloaded_s: activations of all offloaded
    layers, on their way to the host and back.
    """

    layer_s: tuple[Array, Array]
    embedding_s: tuple[Array, Array]
    head_s: tuple[Array, Array]
    layer_gather_s: Array
    layer_again_s: Array
    layer_scatter_s: Array
    layer_prepare_s: Array
    root_gather_s: Array
    root_scatter_s: Array
    root_prepare_s: Array
    layer_copy_s: Array = 0.0
    root_copy_s: Array = 0.0
    offloaded_s: tuple[Array, Array] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Sketch:
    """A step. stages: from the first to the last, alike ones as one.

    send_s, send_back_s: the slowest send of an activation to the next stage, and of a gradient to the one before.
    shared_s: gradients of parameters that two stages hold. sharded: where parameters are gathered layer by layer.
    """

    input_s: float
    stages: Sequence[StageSketch]
    send_s: Array
    send_back_s: Array
    shared_s: Array
    sharded: ShardedSketch


def sketch_of(plan: Plan, costs: StepCosts) -> Sketch:
    """The sketch of one plan, stage by stage."""
    chunks = costs.chunks
    if plan.offload_layers:
        each = zip(chunks, costs.offloaded, plan.layers_per_chunk, strict=True)
        chunks = tuple(with_copies(passes, copies, layers) for passes, copies, layers in each)
    stages = [
        StageSketch(
            1,
            stage_forward_s(plan, stage, chunks),
            stage_backward_s(plan, stage, chunks),
            costs.reductions[stage].seconds,
            costs.buckets[stage],
            costs.gathers[stage].seconds,
            costs.prepares_s[stage],
            duration_s(costs.optimizer[stage]),
            costs.straggler_s[stage],
            stage_sum(plan, stage, [one.weight_s for one in chunks]),
            costs.optimizer_copies[stage].gradients.seconds,
            costs.optimizer_copies[stage].parameters.seconds,
        )
        for stage in range(plan.pipeline)
    ]
    layers = {id(one): one for one in costs.layers}
    counts = Counter(map(id, costs.layers))
    units = [
        (one.passes.forward_s, one.passes.backward_s, one.sharded.gather.seconds, one.sharded.again.seconds,
         one.sharded.scatter.seconds, one.sharded.prepare_s, one.sharded.copy.seconds)
        for one in layers.values()
    ]  # fmt: skip
    forward_s, backward_s, gather_s, again_s, scatter_s, prepare_s, copy_s = mean_layer(
        units, [counts[key] for key in layers]
    )
    sharded = ShardedSketch(
        (forward_s, backward_s),
        (costs.embedding.forward_s, costs.embedding.backward_s),
        (costs.head.forward_s, costs.head.backward_s),
        gather_s,
        again_s,
        scatter_s,
        prepare_s,
        costs.root.gather.seconds,
        costs.root.scatter.seconds,
        costs.root.prepare_s,
        copy_s,
        costs.root.copy.seconds,
        (costs.offloaded[0].out.seconds, costs.offloaded[0].back.seconds),
    )
    return Sketch(
        costs.input_s,
        stages,
        _slowest(costs.sends, plan, 1),
        _slowest(costs.sends_back, plan, -1),
        costs.shared[0].seconds,
        sharded,
    )


def mean_layer(units: Sequence[Any], counts: Sequence[int]) -> Any:
    """What a layer takes on average. units: (kinds, columns) of a layer of each kind. counts: layers of each kind."""
    if len(units) == 1:
        return units[0]
    whole = sum(counts)
    return [sum(n * one for n, one in zip(counts, column, strict=True)) / whole for column in zip(*units, strict=True)]


def _slowest(sends: Sequence[Communication], plan: Plan, step: int) -> float:
    """The slowest of the sends out of chunks whose neighbour, `step` chunks on, lies on the next stage that way."""
    stages = [plan.stage_of(chunk) for chunk in range(plan.chunks)]
    near = (
        sends[chunk].seconds
        for chunk, stage in enumerate(stages)
        if 0 <= chunk + step < plan.chunks and stages[chunk + step] - stage == step
    )
    return max(near, default=0.0)
