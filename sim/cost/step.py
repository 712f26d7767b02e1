"""Everything that one step of a GPU plan costs in seconds, instruction by instruction.

The engine runs these costs as a program; nothing here knows in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sim.catalog import Model, Recipe
from sim.cost.compute import (
    Machine,
    PassCost,
    embedding_cost,
    head_cost,
    input_weight_gradients_s,
    layer_cost,
    layer_products_s,
    layer_waits_s,
)
from sim.cost.parts import Parts, duration_s, plain
from sim.cost.sites import Site, pipeline_sends, tied_embedding_sends
from sim.cost.split import (
    beside_weight_gradients,
    embedding_exchanges,
    head_exchanges,
    layer_exchanges,
    overlapped,
)
from sim.cost.stage import sharded_cost, shown_gather, stage_cost
from sim.hardware.kernel import Array
from sim.hardware.network import NOTHING, Communicates, Communication, Network
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.layer import Slice


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What one step costs, as the instructions of a program need it. S stages, C chunks.

    chunks: (C,) one forward and backward of one micro-batch, tensor-parallel exchanges included.
    layer, embedding, head: the same for one layer and the two ends, on the first part of the hardware.
    sends, sends_back: (S,) an activation from a stage to the next, a gradient to the one before; with interleaving the
    last stage sends activations on to the first, and the first gradients back to the last.
    reductions: (S,) one of the `buckets[stage]` gradient reductions that a stage makes.
    gathers: (S,) parameter gather after a sharded optimizer.
    tied_embedding: (2,) the gradients of a shared embedding, from the first stage to the last and back.
    prepares_s: (S,) compute to make a stage's gradients ready; layer_prepare_s, root_prepare_s: the same for FSDP.
    layer_gather, root_gather, layer_scatter, root_scatter: FSDP, per layer and for embedding plus head.
    """

    chunks: tuple[PassCost, ...]
    layer: PassCost
    embedding: PassCost
    head: PassCost
    sends: tuple[Communication, ...]
    sends_back: tuple[Communication, ...]
    reductions: tuple[Communication, ...]
    buckets: tuple[int, ...]
    gathers: tuple[Communication, ...]
    tied_embedding: tuple[Communication, Communication]
    layer_gather: Communication
    root_gather: Communication
    layer_scatter: Communication
    root_scatter: Communication
    layer_prepare_s: float
    root_prepare_s: float
    prepares_s: tuple[float, ...]
    optimizer: tuple[Parts, ...]
    straggler_s: tuple[float, ...]
    input_s: float


def step_costs(
    model: Model,
    training: Training,
    plan: Plan,
    machine: Machine,
    network: Network,
    jitter: float = 0.0,
) -> StepCosts:
    """Cost every instruction of one step of a plan on a machine and its network."""
    return step_costs_on_sites(model, training, plan, (Site(machine, network, network),), jitter)


def step_costs_on_sites(
    model: Model,
    training: Training,
    plan: Plan,
    sites: Sequence[Site],
    jitter: float = 0.0,
) -> StepCosts:
    """Cost every instruction of one step of a plan whose parts run on hardware of different kinds, under one stack.

    sites: of each part of the plan.
    """
    stack, gradient_width = sites[0].machine.stack, sites[0].machine.gradient_bytes
    ends = [
        tuple(one.plain() for one in micro_batch_passes(model, training, plan, site.machine, site.network))
        for site in sites
    ]
    site_of = [sites[index] for index in plan.stage_parts]
    chunks = tuple(_chunk(index, plan, *ends[plan.stage_parts[index % plan.pipeline]]) for index in range(plan.chunks))
    sends, sends_back = pipeline_sends(model, slice_of(training, plan, sites[0].machine.recipe), plan, sites)
    stages = [
        stage_cost(model, training, plan, stage, site.machine, site.network) for stage, site in enumerate(site_of)
    ]
    sharded = sharded_cost(model, training, plan, sites[0].machine, sites[0].network)
    layer, embedding, head = ends[0]
    forwards_s = [_forward_s(stage, plan, chunks) for stage in range(plan.pipeline)]
    busy_s = [plan.micro_batches * micro_batch_busy_s(stage, plan, chunks) for stage in range(plan.pipeline)]
    return StepCosts(
        chunks=chunks,
        layer=layer,
        embedding=embedding,
        head=head,
        sends=sends,
        sends_back=sends_back,
        reductions=tuple(stage.reduction for stage in stages),
        buckets=tuple(int(stage.buckets) for stage in stages),
        gathers=tuple(
            shown_gather(stage.gather, stage.buckets, plan, stack, forward_s)
            for stage, forward_s in zip(stages, forwards_s, strict=True)
        ),
        tied_embedding=(NOTHING, NOTHING)
        if training.lora
        else tied_embedding_sends(model, plan, gradient_width, sites),
        layer_gather=sharded.layer_gather,
        root_gather=sharded.root_gather,
        layer_scatter=sharded.layer_scatter,
        root_scatter=sharded.root_scatter,
        layer_prepare_s=float(sharded.layer_prepare_s),
        root_prepare_s=float(sharded.root_prepare_s),
        prepares_s=tuple(float(stage.prepare_s) for stage in stages),
        optimizer=tuple(plain(stage.optimizer) for stage in stages),
        straggler_s=tuple(jitter * expected_maximum(plan.data) * busy for busy in busy_s),
        input_s=stack.fixed_step_s,
    )


def expected_maximum(count: Array) -> Array:
    """Expected largest of some independent standard normal values: how far the slowest replica lags.

    Source: Blom 1958, Statistical Estimates and Transformed Beta-Variables: the quantile at (n - 3/8) / (n + 1/4).
    Hand-worked: one replica waits for nobody: 0.
    """
    if np.ndim(count) == 0:
        return 0.0 if count == 1 else NormalDist().inv_cdf((count - 0.375) / (count + 0.25))
    different, place = np.unique(count, return_inverse=True)
    return np.array([expected_maximum(one) for one in different.tolist()])[place]


def _forward_s(stage: int, plan: Plan, chunks: tuple[PassCost, ...]) -> float:
    """Seconds that a stage computes forward for one micro-batch."""
    return float(sum(duration_s(one.forward) for one in chunks[stage :: plan.pipeline]))


def micro_batch_busy_s(stage: int, plan: Plan, chunks: tuple[PassCost, ...]) -> float:
    """Seconds that a stage computes for one micro-batch, forward and backward through all its chunks."""
    own = chunks[stage :: plan.pipeline]
    return float(sum(duration_s(one.forward) + duration_s(one.backward) for one in own))


def slice_of(training: Training, plan: Plans, recipe: Recipe) -> Slice:
    """What one device of a tensor group does for one micro-batch."""
    width = recipe.activations.bytes
    return Slice(training.sequence, plan.micro_batch, plan.tensor, plan.sequence_parallel, width)


def micro_batch_passes(
    model: Model, training: Training, plan: Plans, machine: Machine, network: Communicates
) -> tuple[PassCost, PassCost, PassCost]:
    """(layer, embedding, head) for one micro-batch, tensor-parallel exchanges included; of one plan or of many."""
    part, stack, lora = slice_of(training, plan, machine.recipe), machine.stack, training.lora
    exchanges = layer_exchanges(model, part, plan, network)
    if stack.overlap_tensor_exchange and plan.sequence_parallel:
        products_s = layer_products_s(model, part, machine, lora)
        waits_s = layer_waits_s(model, part, machine, lora)
        exchanges = overlapped(exchanges, products_s, waits_s, plan, stack, network.domain)
    elif stack.overlap_tensor_gradients:
        beside_s = input_weight_gradients_s(model, part, machine, lora), layer_waits_s(model, part, machine, lora)[1]
        exchanges = beside_weight_gradients(exchanges, model, part, plan, network, *beside_s, stack.overlap_slowdown)
    return (
        layer_cost(model, part, plan.recompute, machine, lora) + exchanges,
        embedding_cost(model, part, machine, lora) + embedding_exchanges(model, part, plan, network),
        head_cost(model, part, machine, lora) + head_exchanges(model, part, plan, network),
    )


def _chunk(index: int, plan: Plan, layer: PassCost, embedding: PassCost, head: PassCost) -> PassCost:
    cost = layer * plan.layers_per_chunk[index]
    if index == 0:
        cost += embedding
    if index == plan.chunks - 1:
        cost += head
    return cost
