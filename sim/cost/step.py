"""Everything that one step of a GPU plan costs in seconds, instruction by instruction.

The engine runs these costs as a program; nothing here knows in which order.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from sim.catalog import Model, Recipe
from sim.cost.compute import Machine, input_weight_gradients_s, pass_cost, products_s
from sim.cost.fused_exchanges import fused_exchanges
from sim.cost.layer_exchanges import input_gathers, layer_exchanges
from sim.cost.offload import LayerCopies, OptimizerCopies, layer_copies
from sim.cost.parts import Parts, plain
from sim.cost.passes import PassCost
from sim.cost.sites import Site, pipeline_sends, shared_gradients
from sim.cost.split import (
    embedding_exchanges,
    head_exchanges,
    overlapped,
    overlapped_with_weight_gradients,
)
from sim.cost.stage import ShardedUnit, exposed_gather, layer_unit, root_unit, stage_cost
from sim.hardware.kernel import Array
from sim.hardware.network import Communicates, Communication, Network
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.scenario.types import Recompute, Training
from sim.workload.kinds import EMBEDDING, HEAD, LayerKind, layers_by_kind, model_kinds, model_runs, runs_between
from sim.workload.operations import Slice


class LayerCost(NamedTuple):
    """One layer: a micro-batch through it, what FSDP does for it, and what is copied where it is offloaded."""

    passes: PassCost
    sharded: ShardedUnit
    copies: LayerCopies = LayerCopies()


class Passes(NamedTuple):
    """One micro-batch through a layer of each kind, and through the ends; tensor-parallel exchanges included."""

    layers: dict[LayerKind, PassCost]
    embedding: PassCost
    head: PassCost

    def plain(self) -> Passes:
        """Of one plan, in plain floats."""
        layers = {kind: one.plain() for kind, one in self.layers.items()}
        return Passes(layers, self.embedding.plain(), self.head.plain())


@dataclass(frozen=True, slots=True)
class StepCosts:
    """What one step costs, as the instructions of a program need it. S stages, C chunks.

    chunks: (C,) one forward and backward of one micro-batch, tensor-parallel exchanges included.
    layers: of every layer, on the first part of the hardware; those of a kind are one object. embedding, head: the
    ends.
    sends, sends_back: of every chunk of every copy of the model, an activation to the next chunk, a gradient to the one
    before; nothing where that lies on the same stage.
    reductions: (S,) one of the `buckets[stage]` gradient reductions that a stage makes.
    gathers: (S,) the exposed part of the parameter gather after a sharded optimizer.
    shared: (S,) gradients of parameters that another stage holds as well, on their way there.
    prepares_s: (S,) compute to make a stage's gradients ready. root: what FSDP does for embedding, final norm and head.
    offloaded: of every chunk, the activations of its layers that go to the host and come back. optimizer_copies: (S,)
    with an optimizer on the host, of one bucket of gradients, and of the parameters that come back.
    """

    chunks: tuple[PassCost, ...]
    layers: tuple[LayerCost, ...]
    embedding: PassCost
    head: PassCost
    root: ShardedUnit
    sends: tuple[Communication, ...]
    sends_back: tuple[Communication, ...]
    reductions: tuple[Communication, ...]
    buckets: tuple[int, ...]
    gathers: tuple[Communication, ...]
    shared: tuple[Communication, ...]
    prepares_s: tuple[float, ...]
    optimizer: tuple[Parts, ...]
    offloaded: tuple[LayerCopies, ...]
    optimizer_copies: tuple[OptimizerCopies, ...]
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
    passes = [micro_batch_passes(model, training, plan, site.machine, site.network).plain() for site in sites]
    site_of = [sites[index] for index in plan.stage_parts]
    chunks = tuple(
        _chunk(index, model, plan, passes[plan.stage_parts[plan.stage_of(index)]]) for index in range(plan.chunks)
    )
    part = slice_of(training, plan, sites[0].machine.recipe)
    sends, sends_back = pipeline_sends(model, part, plan, sites)
    stages = [
        stage_cost(model, training, plan, stage, site.machine, site.network) for stage, site in enumerate(site_of)
    ]
    copies = [
        {kind: layer_copies(kind, model, training, part, plan, site.machine) for kind in model_kinds(model)}
        for site in sites
    ]
    sharded = (model, training, plan, sites[0].machine, sites[0].network)
    layers = {
        kind: LayerCost(one, layer_unit(kind, *sharded), copies[0][kind]) for kind, one in passes[0].layers.items()
    }
    forwards_s = [stage_forward_s(plan, stage, chunks) for stage in range(plan.pipeline)]
    busy_s = [plan.micro_batches * micro_batch_busy_s(stage, plan, chunks) for stage in range(plan.pipeline)]
    sizes = [float(stage.buckets * stage.bucket_bytes) for stage in stages]
    return StepCosts(
        chunks=chunks,
        layers=tuple(layers[kind] for kind, count in model_runs(model) for _ in range(count)),
        embedding=passes[0].embedding,
        head=passes[0].head,
        root=root_unit(*sharded),
        sends=sends,
        sends_back=sends_back,
        reductions=tuple(stage.reduction for stage in stages),
        buckets=tuple(int(stage.buckets) for stage in stages),
        gathers=tuple(
            exposed_gather(stage.gather, stage.buckets, plan, stack, forward_s) + stage.scales
            for stage, forward_s in zip(stages, forwards_s, strict=True)
        ),
        shared=shared_gradients(model, plan, 0.0 if training.lora else gradient_width, sizes, sites),
        prepares_s=tuple(float(stage.prepare_s) for stage in stages),
        optimizer=tuple(plain(stage.optimizer) for stage in stages),
        offloaded=tuple(
            _offloaded(index, model, plan, copies[plan.stage_parts[plan.stage_of(index)]])
            for index in range(plan.chunks)
        ),
        optimizer_copies=tuple(stage.copies for stage in stages),
        straggler_s=tuple(jitter * expected_maximum(plan.data) * busy for busy in busy_s),
        input_s=sites[0].machine.input_s,
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


def stage_sum(plan: Plan, stage: int, of_chunks: Sequence[Array]) -> Array:
    """What a stage has of one micro-batch, over its chunks; of several copies each has its share of the micro-batches.

    of_chunks: (C,) of the chunks of one copy.
    """
    whole: Array = sum(of_chunks[chunk % plan.chunks] for chunk in plan.chunks_of(stage))
    return whole / plan.pipelining.copies if plan.pipelining.copies > 1 else whole


def stage_forward_s(plan: Plan, stage: int, chunks: Sequence[PassCost]) -> float:
    """Seconds that a stage computes forward for one micro-batch."""
    return float(stage_sum(plan, stage, [one.forward_s for one in chunks]))


def stage_backward_s(plan: Plan, stage: int, chunks: Sequence[PassCost]) -> float:
    """Seconds that a stage computes backward for one micro-batch."""
    return float(stage_sum(plan, stage, [one.backward_s for one in chunks]))


def micro_batch_busy_s(stage: int, plan: Plan, chunks: Sequence[PassCost]) -> float:
    """Seconds that a stage computes for one micro-batch, forward and backward through all its chunks."""
    return float(stage_sum(plan, stage, [one.forward_s + one.backward_s for one in chunks]))


def slice_of(training: Training, plan: Plans, recipe: Recipe) -> Slice:
    """What one device of a tensor group does for one micro-batch."""
    widths = recipe.activations.bytes, recipe.exchanges.bytes
    split = plan.micro_batch, plan.tensor, plan.sequence_parallel
    return Slice(training.sequence, *split, *widths, document=training.document)


def micro_batch_passes(
    model: Model, training: Training, plan: Plans, machine: Machine, network: Communicates
) -> Passes:
    """One micro-batch through a layer of each kind and through the ends; of one plan or of many."""
    part, lora, style = slice_of(training, plan, machine.recipe), training.lora, machine.style_of(plan)

    def cost(kind: LayerKind, recompute: Recompute, machine: Machine) -> PassCost:
        here, alone = (kind.operations(model, cut, style, lora) for cut in (part, part.unsplit()))
        return pass_cost(here, alone, part.tensor, recompute, machine, plan.pipelining.phases)

    def layer(kind: LayerKind) -> PassCost:
        alone = cost(kind, plan.recompute, machine)
        own = part if kind.narrow else replace(part, gathered_bytes=part.activation_bytes)
        return alone + _exposed_exchanges(alone, model, own, plan, machine, network)

    return Passes(
        {kind: layer(kind) for kind in model_kinds(model)},
        cost(EMBEDDING, "none", machine.outside_layers) + embedding_exchanges(model, part, plan, network),
        cost(HEAD, "none", machine.outside_layers) + head_exchanges(model, part, plan, network),
    )


def _exposed_exchanges(
    layer: PassCost, model: Model, part: Slice, plan: Plans, machine: Machine, network: Communicates
) -> PassCost:
    """The exchanges of a layer, as far as its stack does not hide them behind what the layer computes."""
    stack, quantised = machine.stack, machine.recipe.quantised
    with_scales = quantised is not None and quantised.scale_reductions == "tensor"
    if machine.fuses_scatters and plan.sequence_parallel:
        return fused_exchanges(layer, model, part, plan, machine, network, with_scales=with_scales)
    exchanges = layer_exchanges(model, part, plan, stack, network, with_scales=with_scales)
    exchanges = exchanges + input_gathers(model, part, plan, stack, network)
    if stack.overlap_tensor_exchange and plan.sequence_parallel:
        beside_s = {phase: (products_s(own), own.wait_s) for phase, own in layer.phases.items()}
        return overlapped(exchanges, beside_s, plan, stack, network.domain)
    if stack.overlap_tensor_gradients and "backward" in layer.phases:
        # Where a weight gradient runs apart, nothing is beside the reduction of its input's.
        back = layer["backward"]
        beside = input_weight_gradients_s(back), back.wait_s
        return overlapped_with_weight_gradients(exchanges, model, part, plan, network, *beside, stack.overlap_slowdown)
    return exchanges


def _offloaded(index: int, model: Model, plan: Plan, copies: Mapping[LayerKind, LayerCopies]) -> LayerCopies:
    """Of the layers of a chunk that are offloaded: its first."""
    first, own = plan.layer_range(index)[0], plan.chunk_offloads(index)
    counts = layers_by_kind(model, first, first + own)
    return functools.reduce(operator.add, [copies[kind] * int(count) for kind, count in counts.items()])


def _chunk(index: int, model: Model, plan: Plan, passes: Passes) -> PassCost:
    first = sum(plan.layers_per_chunk[:index])
    last = first + plan.layers_per_chunk[index]
    counts = layers_by_kind(model, first, last)
    layers = [passes.layers[kind] * int(count) for kind, count in counts.items() if count or not any(counts.values())]
    cost = functools.reduce(operator.add, layers)
    if len(layers) > 1:
        cost = cost.in_order([(passes.layers[kind], count) for kind, count in runs_between(model, first, last)])
    if index == 0:
        cost += passes.embedding
    if index == plan.chunks - 1:
        cost += passes.head
    return cost
