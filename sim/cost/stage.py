"""What a stage of a pipeline costs once a step, beside its micro-batches: its gradients, its optimizer, its parameters.

Everything is for one plan and one of its stages, or for many plans and a stage of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sim.catalog import GpuStack, Model, Optimizer, Recipe, load_optimizer
from sim.cost.compute import Machine
from sim.cost.offload import OptimizerCopies, host_update_s, optimizer_copies
from sim.cost.parts import Parts
from sim.cost.replicas import (
    gather_overlapped_with_forward,
    gradient_reduction,
    gradient_scatter,
    groups_sum,
    owners_broadcast,
    parameter_gather,
    tensor_by_tensor,
)
from sim.hardware.kernel import Array, Launching, launched_time_s, memory_time_s
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.memory import gathered_bytes, narrow_weights, stage_parameters, trained_share
from sim.parallel.plan import shards_by_layer
from sim.parallel.plans import Plans, reductions
from sim.parallel.stage_weights import stage_kinds, stage_orthogonal_flops, stage_states_each
from sim.scenario.types import Training
from sim.workload.kinds import LayerKind
from sim.workload.operations import SINGLE_BYTES
from sim.workload.parameters import count_parameters, count_tensors, root_tensors


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage does once a step.

    reduction: of the gradients in one of `buckets` buckets of bucket_bytes. gather: of all parameters after a sharded
    optimizer, before anything hides it. prepare_s: compute to make the gradients ready. scales: the largest numbers of
    tensors that are cast, agreed on by all replicas.
    copies: with an optimizer on the host, of the gradients of one bucket, and of all parameters that come back.
    """

    reduction: Communication
    buckets: Array
    bucket_bytes: Array
    gather: Communication
    prepare_s: Array
    optimizer: Parts
    copies: OptimizerCopies
    scales: Communication = NOTHING


@dataclass(frozen=True, slots=True)
class ShardedUnit:
    """What FSDP does for one unit: a layer, or the root of embedding, final norm and head.

    gather: of its parameters. again: for its backward. scatter: of its gradients. prepare_s: compute that readies them.
    copy: of the gradients that are left, to an optimizer on the host.
    """

    gather: Communication
    again: Communication
    scatter: Communication
    prepare_s: Array
    copy: Communication = NOTHING


def stage_cost(
    model: Model, training: Training, plan: Plans, stage: Array, machine: Machine, network: Communicates
) -> StageCost:
    """Cost what a stage does once a step. stage: a number, or one for each of many plans."""
    trained = trained_share(model, training) * stage_parameters(model, plan, stage)
    # Adapters are wide.
    narrow = 0.0 if training.lora else narrow_weights(model, plan, machine.recipe, stage_kinds(model, plan, stage))
    gradient_bytes = machine.gradient_bytes * trained
    pieces = buckets(gradient_bytes, plan, machine.stack)
    copies = optimizer_copies(trained / (plan.shards if plan.zero >= 1 else 1), plan, machine)
    return StageCost(
        reduction=gradient_reduction(gradient_bytes / pieces, plan, machine.stack, network),
        buckets=pieces,
        bucket_bytes=gradient_bytes / pieces,
        gather=_step_gather(gathered_bytes(machine.recipe, trained, narrow), model, plan, machine, network),
        prepare_s=_prepare_s(reductions(plan) * trained, plan, machine),
        optimizer=_optimizer(model, training, plan, stage, machine, trained),
        copies=OptimizerCopies(copies.gradients * (1 / pieces), copies.parameters),
        scales=_scales(plan, machine.recipe, plan.stage_layers(stage), network),
    )


_CAST_TENSORS = 12
"""Inputs, weights and gradients of outputs of the four linear layers of a layer."""


def _scales(plan: Plans, recipe: Recipe, layers: Array, network: Communicates) -> Communication:
    """The largest numbers of a step's tensors, reduced once over the ranks that hold parts of them.

    Source: Transformer Engine, FP8GlobalStateManager.reduce_and_update_fp8_tensors. Its group in Megatron-LM are the
    tensor and data ranks; the way between replicas is what takes long.
    """
    if recipe.quantised is None or recipe.quantised.scale_reductions != "step":
        return NOTHING
    return network.run("all_reduce", SINGLE_BYTES * _CAST_TENSORS * layers, plan.mesh.group("data"))


def _step_gather(
    weight_bytes: Array, model: Model, plan: Plans, machine: Machine, network: Communicates
) -> Communication:
    """Parameters of a stage after a sharded optimizer: gathered at once, or broadcast by the owners of tensors."""
    if plan.zero not in (1, 2):
        return NOTHING
    if machine.stack.whole_tensor_shards:
        tensors = np.ceil(count_tensors(model) / plan.pipeline)
        return owners_broadcast(weight_bytes, tensors, plan, network)
    return parameter_gather(weight_bytes, plan, network)


def layer_unit(
    kind: LayerKind, model: Model, training: Training, plan: Plans, machine: Machine, network: Communicates
) -> ShardedUnit:
    """Cost what FSDP does for a layer of a kind."""
    weights, narrow = kind.weights(model), kind.narrow_weights(model)
    return _sharded_unit(weights.total, weights.tensors, narrow, model, training, plan, machine, network)


def root_unit(model: Model, training: Training, plan: Plans, machine: Machine, network: Communicates) -> ShardedUnit:
    """Cost what FSDP does for embedding, final norm and head, which are the last to leave.

    With them comes the sum of all gradients over groups of replicas, where the stack makes one of all.
    """
    count, stack = count_parameters(model), machine.stack
    unit = _sharded_unit(count.root, root_tensors(model), 0, model, training, plan, machine, network)
    if not stack.sums_groups_last:
        return unit
    whole_bytes = machine.gradient_bytes * trained_share(model, training) * count.total / plan.tensor
    return replace(unit, scatter=unit.scatter + groups_sum(whole_bytes, plan, stack, network))


def _sharded_unit(
    weights: int,
    tensors: int,
    narrow: int,
    model: Model,
    training: Training,
    plan: Plans,
    machine: Machine,
    network: Communicates,
) -> ShardedUnit:
    """Cost what FSDP does for a unit of so many weights, in so many tensors. narrow: weights of narrow products.

    A layer that is gathered tensor by tensor is given back so as well, and so gathered twice for a backward that runs
    its forward again. Source: Rajbhandari et al. 2021 (ZeRO-Infinity), sec. 4.1.
    """
    own, trained, stack = weights / plan.tensor, trained_share(model, training), machine.stack
    calls = tensors if stack.tensor_gathers else 1
    listed = Communication(calls * stack.list_operations * plan.shards * machine.host_launch_s)
    gathered = tensor_by_tensor(
        lambda size: parameter_gather(size, plan, network),
        gathered_bytes(machine.recipe, own, narrow / plan.tensor),
        calls,
    )
    reduced = gradient_scatter if stack.sums_groups_last else gradient_reduction
    scattered = tensor_by_tensor(
        lambda size: reduced(size, plan, stack, network), machine.gradient_bytes * trained * own, calls
    )
    gather, again = gathered + listed, 2 if stack.tensor_gathers and plan.recompute == "full" else 1
    copy = optimizer_copies(trained * own / plan.shards, plan, machine).gradients
    return ShardedUnit(gather, gather * again, scattered + listed, _prepare_s(trained * own, plan, machine), copy)


def exposed_gather(
    gather: Communication, pieces: Array, plan: Plans, stack: GpuStack, forward_s: Array
) -> Communication:
    """The exposed part of a stage's parameter gather. forward_s: of one micro-batch through the stage."""
    if plan.zero not in (1, 2) or not stack.overlap_parameter_gather:
        return gather
    return gather_overlapped_with_forward(gather, pieces, forward_s)


def buckets(gradient_bytes: Array, plan: Plans, stack: GpuStack) -> Array:
    """Reductions that a stage's gradients leave in: all at once, or bucket by bucket as each chunk completes them.

    Chunk by chunk where only a share of them is kept.
    """
    chunks = plan.virtual_stages * plan.pipelining.copies
    if not stack.overlap_gradient_reduction:
        return chunks if plan.reduces_each else 1
    chunk_bytes = gradient_bytes / chunks
    return chunks * np.maximum(1, np.ceil(chunk_bytes / stack.gradient_bucket_bytes)).astype(int)


def _prepare_s(parameters: Array, plan: Plans, machine: Machine) -> Array:
    """Compute that a reduction needs: a cast, and a division by the replicas, where the stack makes one.

    Nothing to do for a single replica.
    """
    division_bytes = 2 * machine.gradient_bytes * machine.stack.divides_gradients
    busy_s = memory_time_s((machine.stack.gradient_cast_bytes + division_bytes) * parameters, machine.gpu)
    return np.greater(plan.data, 1) * busy_s


def _optimizer(
    model: Model, training: Training, plan: Plans, stage: Array, machine: Machine, parameters: Array
) -> Parts:
    """One optimizer step over what a device holds of the states: bound by memory, but for updates made orthogonal."""
    optimizer, ranks = load_optimizer(training.optimizer), plan.shards if plan.zero >= 1 else 1
    if plan.optimizer_offload == "cpu":
        return {"optimizer": host_update_s(parameters / ranks, machine)}
    states = stage_states_each(model, training, plan, stage)
    traffic = update_bytes(machine.stack, machine.recipe, optimizer, states)
    busy_s = memory_time_s(parameters / ranks * traffic, machine.gpu)
    if optimizer.orthogonal_steps:
        flops = stage_orthogonal_flops(model, training, plan, stage, optimizer.orthogonal_steps)
        peak = machine.gpu.peak_flops_per_s.get("bf16", machine.gpu.peak_flops_per_s[machine.precision])
        busy_s = busy_s + flops / (plan.tensor * ranks) / (peak * machine.gpu.gemm_sustained)
    launches = (
        machine.stack.optimizer_launches + _sharded_units(plan, machine.stack) * machine.stack.optimizer_unit_launches
    )
    return {"optimizer": launched_time_s(busy_s, launches, Launching(machine.host_launch_s, machine.gap_s))}


def _sharded_units(plan: Plans, stack: GpuStack) -> Array:
    """Flat parameters that a device has a shard of: each layer's, and the root's (Zhao et al. 2023, sec. 4.2)."""
    return plan.stage_layers(0) + 1 if shards_by_layer(plan, stack) else 0


def update_bytes(stack: GpuStack, recipe: Recipe, optimizer: Optimizer, states: Array) -> Array:
    """Memory traffic per parameter of an optimizer's step: as the stack says, or as Adam's with other states.

    states: that the optimizer keeps of a parameter. Reading and writing them is what differs; what else a stack does
    with gradients stays.
    Hand-worked: 34 bytes for Adam in fp32; one state instead of two: 34 - 2 x 4 = 26.
    """
    stated = stack.optimizer_traffic_bytes
    if optimizer.name in stated:
        return stated[optimizer.name]
    fewer = (load_optimizer("adam").states_each or 0.0) - states
    return np.maximum(stated["adam"] - 2 * recipe.moments.bytes * fewer, recipe.update_bytes(states))
