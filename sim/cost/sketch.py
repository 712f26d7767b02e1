"""What the closed form needs to know of a step: the costs of one plan, or of many, without an order of instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.cost.parts import duration_s
from sim.cost.step import StepCosts
from sim.hardware.kernel import Array
from sim.parallel.plan import Plan


@dataclass(frozen=True, slots=True)
class StageSketch:
    """A stage, or some stages that are alike. Seconds.

    count: stages that it stands for. forward_s, backward_s: of one micro-batch through all its chunks.
    reduction_s: of one of its `buckets` buckets of gradients. gather_s: what shows of its parameter gather.
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


@dataclass(frozen=True, slots=True)
class ShardedSketch:
    """What FSDP runs: layers and the root. Seconds; pairs are forward and backward."""

    layer_s: tuple[Array, Array]
    embedding_s: tuple[Array, Array]
    head_s: tuple[Array, Array]
    layer_gather_s: Array
    root_gather_s: Array
    layer_scatter_s: Array
    root_scatter_s: Array
    layer_prepare_s: Array
    root_prepare_s: Array


@dataclass(frozen=True, slots=True)
class Sketch:
    """A step. stages: from the first to the last, alike ones as one.

    send_s, send_back_s: the slowest send of an activation to the next stage, and of a gradient to the one before.
    tied_s: the gradients of a shared embedding. sharded: where parameters are gathered layer by layer.
    """

    input_s: float
    stages: Sequence[StageSketch]
    send_s: Array
    send_back_s: Array
    tied_s: Array
    sharded: ShardedSketch


def sketch_of(plan: Plan, costs: StepCosts) -> Sketch:
    """The sketch of one plan, stage by stage."""
    stages = [
        StageSketch(
            1,
            sum(duration_s(chunk.forward) for chunk in costs.chunks[stage :: plan.pipeline]),
            sum(duration_s(chunk.backward) for chunk in costs.chunks[stage :: plan.pipeline]),
            costs.reductions[stage].seconds,
            costs.buckets[stage],
            costs.gathers[stage].seconds,
            costs.prepares_s[stage],
            duration_s(costs.optimizer[stage]),
            costs.straggler_s[stage],
        )
        for stage in range(plan.pipeline)
    ]
    layer_s, embedding_s, head_s = (
        (duration_s(one.forward), duration_s(one.backward)) for one in (costs.layer, costs.embedding, costs.head)
    )
    sharded = ShardedSketch(
        layer_s,
        embedding_s,
        head_s,
        costs.layer_gather.seconds,
        costs.root_gather.seconds,
        costs.layer_scatter.seconds,
        costs.root_scatter.seconds,
        costs.layer_prepare_s,
        costs.root_prepare_s,
    )
    return Sketch(
        costs.input_s,
        stages,
        max((one.seconds for one in costs.sends[:-1]), default=0.0),
        max((one.seconds for one in costs.sends_back[1:]), default=0.0),
        costs.tied_embedding[0].seconds,
        sharded,
    )
