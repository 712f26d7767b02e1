"""Everything that one step of a GPU plan costs in seconds, instruction by instruction.

The engine runs these costs as a program; nothing here knows in which order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from sim.catalog import GpuStack, Model
from sim.cost.compute import Machine, PassCost, Passes
from sim.cost.parts import Parts, duration_s
from sim.cost.sites import Site, pipeline_sends, tied_embedding_sends
from sim.cost.split import (
    beside_weight_gradients,
    embedding_exchanges,
    gather_beside_forward,
    gradient_reduction,
    head_exchanges,
    layer_exchanges,
    overlapped,
    parameter_gather,
)
from sim.hardware.kernel import launched_time_s, memory_time_s
from sim.hardware.network import NOTHING, Communication, Network
from sim.parallel.memory import WEIGHT_BYTES, stage_parameters, trained_share
from sim.parallel.plan import Plan
from sim.scenario.types import Training
from sim.workload.layer import Slice
from sim.workload.parameters import count_parameters


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
    passes: Passes | None = None,
) -> StepCosts:
    """Cost every instruction of one step of a plan on a machine and its network.

    passes: what is already known of the compute, where many plans are costed; it changes nothing but the time it takes.
    """
    known = passes or Passes(model, machine, training.lora)
    return step_costs_on_sites(model, training, plan, (Site(machine, network, network),), (known,), jitter)


def step_costs_on_sites(
    model: Model,
    training: Training,
    plan: Plan,
    sites: Sequence[Site],
    passes: Sequence[Passes],
    jitter: float = 0.0,
) -> StepCosts:
    """Cost every instruction of one step of a plan whose parts run on hardware of different kinds, under one stack.

    sites: of each part of the plan. passes: what is known of the compute on each.
    """
    part = Slice(training.sequence, plan.micro_batch, plan.tensor, plan.sequence_parallel)
    stack, gradient_width = sites[0].machine.stack, sites[0].machine.gradient_bytes
    ends = [_passes(model, part, plan, known, site.network) for known, site in zip(passes, sites, strict=True)]
    site_of = [sites[index] for index in plan.stage_parts]
    chunks = tuple(_chunk(index, plan, *ends[plan.stage_parts[index % plan.pipeline]]) for index in range(plan.chunks))
    sends, sends_back = pipeline_sends(model, part, plan, sites)
    trained = trained_share(model, training)
    held = [stage_parameters(model, plan, stage) for stage in range(plan.pipeline)]
    gradient_bytes = [gradient_width * trained * parameters for parameters in held]
    buckets = tuple(_buckets(size, plan, stack) for size in gradient_bytes)
    reductions = plan.micro_batches if plan.zero == 2 else 1
    count = count_parameters(model)
    layer_parameters = count.layer / plan.tensor
    root_parameters = count.root / plan.tensor
    layer, embedding, head = ends[0]
    machine, network = sites[0].machine, sites[0].network
    busy_s = [plan.micro_batches * micro_batch_busy_s(stage, plan, chunks) for stage in range(plan.pipeline)]
    return StepCosts(
        chunks=chunks,
        layer=layer,
        embedding=embedding,
        head=head,
        sends=sends,
        sends_back=sends_back,
        reductions=tuple(
            gradient_reduction(size / pieces, plan, site.network)
            for size, pieces, site in zip(gradient_bytes, buckets, site_of, strict=True)
        ),
        buckets=buckets,
        gathers=tuple(
            _gather(WEIGHT_BYTES * trained * held[stage], stage, plan, stack, site.network, chunks, buckets[stage])
            for stage, site in enumerate(site_of)
        ),
        tied_embedding=(NOTHING, NOTHING)
        if training.lora
        else tied_embedding_sends(model, plan, gradient_width, sites),
        layer_gather=parameter_gather(WEIGHT_BYTES * layer_parameters, plan, network),
        root_gather=parameter_gather(WEIGHT_BYTES * root_parameters, plan, network),
        layer_scatter=gradient_reduction(gradient_width * trained * layer_parameters, plan, network),
        root_scatter=gradient_reduction(gradient_width * trained * root_parameters, plan, network),
        layer_prepare_s=_prepare_s(trained * layer_parameters, plan, machine),
        root_prepare_s=_prepare_s(trained * root_parameters, plan, machine),
        prepares_s=tuple(
            _prepare_s(reductions * trained * parameters, plan, site.machine)
            for parameters, site in zip(held, site_of, strict=True)
        ),
        optimizer=tuple(
            _optimizer(trained * parameters, plan, site.machine, training.optimizer)
            for parameters, site in zip(held, site_of, strict=True)
        ),
        straggler_s=tuple(jitter * expected_maximum(plan.data) * busy for busy in busy_s),
        input_s=stack.fixed_step_s,
    )


def expected_maximum(count: int) -> float:
    """Expected largest of some independent standard normal values: how far the slowest replica lags.

    Source: Blom 1958, Statistical Estimates and Transformed Beta-Variables: the quantile at (n - 3/8) / (n + 1/4).
    Hand-worked: one replica waits for nobody: 0.
    """
    return 0.0 if count == 1 else NormalDist().inv_cdf((count - 0.375) / (count + 0.25))


def micro_batch_busy_s(stage: int, plan: Plan, chunks: tuple[PassCost, ...]) -> float:
    """Seconds that a stage computes for one micro-batch, forward and backward through all its chunks."""
    own = chunks[stage :: plan.pipeline]
    return float(sum(duration_s(one.forward) + duration_s(one.backward) for one in own))


def _gather(
    weight_bytes: float,
    stage: int,
    plan: Plan,
    stack: GpuStack,
    network: Network,
    chunks: tuple[PassCost, ...],
    buckets: int,
) -> Communication:
    """What shows of a stage's parameter gather after a sharded optimizer."""
    if plan.zero not in (1, 2):
        return NOTHING
    gather = parameter_gather(weight_bytes, plan, network)
    if not stack.overlap_parameter_gather:
        return gather
    forward_s = float(sum(duration_s(one.forward) for one in chunks[stage :: plan.pipeline]))
    return gather_beside_forward(gather, buckets, forward_s)


def _buckets(gradient_bytes: float, plan: Plan, stack: GpuStack) -> int:
    """Reductions that a stage's gradients leave in: all at once, or bucket by bucket as each chunk completes them."""
    if not stack.overlap_gradient_reduction:
        return 1
    chunk_bytes = gradient_bytes / plan.virtual_stages
    return plan.virtual_stages * max(1, math.ceil(chunk_bytes / stack.gradient_bucket_bytes))


def _passes(
    model: Model, part: Slice, plan: Plan, known: Passes, network: Network
) -> tuple[PassCost, PassCost, PassCost]:
    """(layer, embedding, head) for one micro-batch, tensor-parallel exchanges included."""
    layer, embedding, head = known.cost(part, plan.recompute)
    exchanges = layer_exchanges(model, part, plan, network)
    stack = known.machine.stack
    if stack.overlap_tensor_exchange and plan.sequence_parallel:
        exchanges = overlapped(exchanges, known.products_s(part), plan, stack)
    elif stack.overlap_tensor_gradients and plan.tensor > 1:
        weight_s = known.input_weight_gradients_s(part)
        exchanges = beside_weight_gradients(exchanges, model, part, plan, network, weight_s, stack.overlap_slowdown)
    return (
        layer + exchanges,
        embedding + embedding_exchanges(model, part, plan, network),
        head + head_exchanges(model, part, plan, network),
    )


def _chunk(index: int, plan: Plan, layer: PassCost, embedding: PassCost, head: PassCost) -> PassCost:
    cost = layer * plan.layers_per_chunk[index]
    if index == 0:
        cost += embedding
    if index == plan.chunks - 1:
        cost += head
    return cost


def _prepare_s(parameters: float, plan: Plan, machine: Machine) -> float:
    """Compute that a reduction needs: a cast where the stack makes one, and the division by the replicas.

    Nothing to do for a single replica.
    """
    if plan.data == 1:
        return 0.0
    division_bytes = 2 * machine.gradient_bytes
    return float(memory_time_s((machine.stack.gradient_cast_bytes + division_bytes) * parameters, machine.gpu))


def _optimizer(parameters: float, plan: Plan, machine: Machine, optimizer: str) -> Parts:
    """One optimizer step over what a device holds of the states: bound by memory."""
    held = parameters / (plan.data if plan.zero >= 1 else 1)
    busy_s = memory_time_s(held * machine.stack.optimizer_traffic_bytes[optimizer], machine.gpu)
    launches = machine.stack.optimizer_launches
    return {"optimizer": float(launched_time_s(busy_s, launches, machine.stack.host_launch_s, machine.gap_s))}
