"""What a stage of a pipeline costs once a step, beside its micro-batches: its gradients, its optimizer, its parameters.

Everything is for one plan and one of its stages, or for many plans and a stage of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.catalog import GpuStack, Model
from sim.cost.compute import Machine
from sim.cost.parts import Parts
from sim.cost.split import gather_beside_forward, gradient_reduction, parameter_gather
from sim.hardware.kernel import Array, launched_time_s, memory_time_s
from sim.hardware.network import NOTHING, Communicates, Communication
from sim.parallel.memory import WEIGHT_BYTES, stage_parameters, trained_share
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.parameters import count_parameters


@dataclass(frozen=True, slots=True)
class StageCost:
    """What a stage does once a step.

    reduction: of the gradients in one of `buckets` buckets of bucket_bytes. gather: of all parameters after a sharded
    optimizer, before anything hides it. prepare_s: compute to make the gradients ready.
    """

    reduction: Communication
    buckets: Array
    bucket_bytes: Array
    gather: Communication
    prepare_s: Array
    optimizer: Parts


@dataclass(frozen=True, slots=True)
class ShardedCost:
    """What FSDP does for every layer, and for the root: embedding, final norm and head."""

    layer_gather: Communication
    root_gather: Communication
    layer_scatter: Communication
    root_scatter: Communication
    layer_prepare_s: Array
    root_prepare_s: Array


def stage_cost(
    model: Model, training: Training, plan: Plans, stage: Array, machine: Machine, network: Communicates
) -> StageCost:
    """Cost what a stage does once a step. stage: a number, or one for each of many plans."""
    trained = trained_share(model, training) * stage_parameters(model, plan, stage)
    gradient_bytes = machine.gradient_bytes * trained
    pieces = buckets(gradient_bytes, plan, machine.stack)
    reductions = plan.micro_batches if plan.zero == 2 else 1
    gathers = plan.zero in (1, 2)
    return StageCost(
        reduction=gradient_reduction(gradient_bytes / pieces, plan, network),
        buckets=pieces,
        bucket_bytes=gradient_bytes / pieces,
        gather=parameter_gather(WEIGHT_BYTES * trained, plan, network) if gathers else NOTHING,
        prepare_s=_prepare_s(reductions * trained, plan, machine),
        optimizer=_optimizer(trained, plan, machine, training.optimizer),
    )


def sharded_cost(model: Model, training: Training, plan: Plans, machine: Machine, network: Communicates) -> ShardedCost:
    """Cost what FSDP does for a layer and for the root."""
    count, trained = count_parameters(model), trained_share(model, training)
    layer, root = count.layer / plan.tensor, count.root / plan.tensor
    return ShardedCost(
        layer_gather=parameter_gather(WEIGHT_BYTES * layer, plan, network),
        root_gather=parameter_gather(WEIGHT_BYTES * root, plan, network),
        layer_scatter=gradient_reduction(machine.gradient_bytes * trained * layer, plan, network),
        root_scatter=gradient_reduction(machine.gradient_bytes * trained * root, plan, network),
        layer_prepare_s=_prepare_s(trained * layer, plan, machine),
        root_prepare_s=_prepare_s(trained * root, plan, machine),
    )


def exposed_gather(
    gather: Communication, pieces: Array, plan: Plans, stack: GpuStack, forward_s: Array
) -> Communication:
    """The exposed part of a stage's parameter gather. forward_s: of one micro-batch through the stage."""
    if plan.zero not in (1, 2) or not stack.overlap_parameter_gather:
        return gather
    return gather_beside_forward(gather, pieces, forward_s)


def buckets(gradient_bytes: Array, plan: Plans, stack: GpuStack) -> Array:
    """Reductions that a stage's gradients leave in: all at once, or bucket by bucket as each chunk completes them."""
    if not stack.overlap_gradient_reduction:
        return 1
    chunk_bytes = gradient_bytes / plan.virtual_stages
    return plan.virtual_stages * np.maximum(1, np.ceil(chunk_bytes / stack.gradient_bucket_bytes)).astype(int)


def _prepare_s(parameters: Array, plan: Plans, machine: Machine) -> Array:
    """Compute that a reduction needs: a cast where the stack makes one, and the division by the replicas.

    Nothing to do for a single replica.
    """
    division_bytes = 2 * machine.gradient_bytes
    busy_s = memory_time_s((machine.stack.gradient_cast_bytes + division_bytes) * parameters, machine.gpu)
    return np.greater(plan.data, 1) * busy_s


def _optimizer(parameters: Array, plan: Plans, machine: Machine, optimizer: str) -> Parts:
    """One optimizer step over what a device holds of the states: bound by memory."""
    held = parameters / (plan.data if plan.zero >= 1 else 1)
    busy_s = memory_time_s(held * machine.stack.optimizer_traffic_bytes[optimizer], machine.gpu)
    launches = machine.stack.optimizer_launches
    return {"optimizer": launched_time_s(busy_s, launches, machine.stack.host_launch_s, machine.gap_s)}
