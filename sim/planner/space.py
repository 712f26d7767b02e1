"""The space of legal plans: every combination of degrees and switches that model, batch, stack and devices allow.

What is in it: tensor degrees that divide heads and MLP; pipelines whose chunks are equal, or would be if embedding and
head were a layer each; interleaving where a replica's micro-batches are a multiple of the depth; as many replicas as
there are devices for and the batch divides into, and as many as there are devices for where the batch does not, with
one micro-batch more for some of them; every micro-batch that divides a replica's share; and the stack's ZeRO stages,
sequence parallelism, recomputations and schedules. Each plan is one that check_plan accepts on the devices it uses.

Beside them stand the plans that leave whole replicas out although there are devices for them. They are seldom worth a
look, and are no part of what there is to choose from; but where communication binds, fewer replicas can be faster.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sim.catalog import GpuStack, Model
from sim.errors import InputError
from sim.parallel.check import check_plan, recomputes_whole_layers
from sim.parallel.cuts import cuts_well
from sim.parallel.mesh import Mesh
from sim.parallel.plan import Plan
from sim.parallel.plan_block import Counts, PlanBlock
from sim.parallel.plans import GATHERING_STAGE
from sim.parallel.schedules import SCHEDULES, default_schedule
from sim.scenario.bounds import divisors
from sim.scenario.types import Recompute, Scenario
from sim.workload.kinds import needs_one_stage

MOST_COMBINATIONS = 5_000_000
"""Of degrees and micro-batches that a search looks at."""


def legal_plans(scenario: Scenario, stack: GpuStack) -> Iterator[PlanBlock]:
    """All legal plans with as many replicas as there are devices for, a block for each combination of switches."""
    yield from _blocks(scenario, stack, _degrees(scenario, stack, fewer=False))


def plans_with_fewer_replicas(scenario: Scenario, stack: GpuStack, least_devices: float = 0.0) -> Iterator[PlanBlock]:
    """All legal plans that leave out replicas there are devices for.

    least_devices: that a plan must use all the same.
    """
    columns = _degrees(scenario, stack, fewer=True)
    tensor, pipeline, _, data, *_ = columns
    enough = Mesh(tensor, data, pipeline).devices >= least_devices
    yield from _blocks(scenario, stack, tuple(column[enough] for column in columns))


def _blocks(scenario: Scenario, stack: GpuStack, degrees: tuple[Counts, ...]) -> Iterator[PlanBlock]:
    """Degrees with every combination of switches that they allow."""
    model, training = scenario.model, scenario.training
    tensor, pipeline, virtual, data, micro_batch, micro_batches = degrees
    is_even = data * micro_batch * micro_batches == training.global_batch
    for zero, has_depth in _sharding(stack, pipeline):
        # One replica has nobody to share states with: its ZeRO stage changes nothing.
        has_stage = has_depth & ((data > 1) | (zero == stack.default_zero_stage))
        if zero >= GATHERING_STAGE:
            has_stage &= is_even
        for sequence_parallel in (False, True) if stack.sequence_parallel else (False,):
            has_sequence = (tensor > 1) & (training.sequence % tensor == 0) if sequence_parallel else True
            for schedule in stack.schedules:
                allows = SCHEDULES[schedule].allows
                # Some of replicas that are uneven have one micro-batch less. In one stage there is nothing to order.
                has_schedule = allows(pipeline, virtual, micro_batches)
                has_schedule &= is_even | allows(pipeline, virtual, micro_batches - 1)
                has_schedule &= (pipeline > 1) | (schedule == default_schedule(1))
                rows = np.flatnonzero(has_stage & has_sequence & has_schedule)
                if not len(rows):
                    continue
                for recompute in recomputations(stack):
                    yield PlanBlock(
                        model.layers,
                        tensor[rows],
                        pipeline[rows],
                        data[rows],
                        virtual[rows],
                        micro_batch[rows],
                        micro_batches[rows],
                        zero,
                        sequence_parallel,
                        recompute,
                        schedule,
                        stack.rank_order,
                    )


def _sharding(stack: GpuStack, pipeline: Counts) -> Iterator[tuple[int, Any]]:
    """(ZeRO stage, which plans can have it). At ZeRO 2 a block has only pipelines or none: FSDP runs other steps."""
    for zero in stack.zero_stages:
        if zero < GATHERING_STAGE:
            yield zero, True
            continue
        yield zero, pipeline == 1
        if zero == GATHERING_STAGE:
            yield zero, pipeline > 1


def plan_at(scenario: Scenario, stack: GpuStack, block: PlanBlock, row: int) -> Plan:
    """One plan of a block, checked, on the devices that it uses, which may be fewer than there are."""
    request = block.request(row, scenario.training.global_batch)
    used = dataclasses.replace(scenario.system, devices=int(block.devices[row]))
    plan = check_plan(request, dataclasses.replace(scenario, system=used), stack)
    return dataclasses.replace(plan, chosen_by="search")


def recomputations(stack: GpuStack) -> tuple[Recompute, ...]:
    """A fused attention keeps no scores, so selective recomputation of its core would save nothing."""
    nothing_to_save = stack.flash_attention and stack.selective_recompute == "attention-core"
    some: tuple[Recompute, ...] = ("none",) if nothing_to_save else ("none", "selective")
    return (*some, "full") if recomputes_whole_layers(stack) else some


def tensor_degrees(model: Model, devices: int) -> list[int]:
    """Degrees that cut heads and MLP evenly, and key/value heads evenly or into copies."""
    several = {model.kv_heads, model.global_kv_heads or model.kv_heads}
    return [
        degree
        for degree in divisors(model.heads, devices)
        if model.ffn_hidden % degree == 0 and all(heads % degree == 0 or degree % heads == 0 for heads in several)
    ]


def pipeline_cuts(layers: int, devices: int) -> list[tuple[int, int]]:
    """(pipeline, virtual stages) whose chunks are equal but for the ends."""
    found = []
    for pipeline in range(1, min(layers, devices) + 1):
        virtual = np.arange(1, (layers + 2) // pipeline + 1 if pipeline > 1 else 2)
        found += [(pipeline, int(one)) for one in virtual[cuts_well(layers, pipeline, virtual)]]
    return found


def _degrees(scenario: Scenario, stack: GpuStack, *, fewer: bool) -> tuple[Counts, ...]:
    """Tensor, pipeline, virtual stages, data, micro-batch and micro-batches of every legal combination."""
    model, batch, devices = scenario.model, scenario.training.global_batch, scenario.system.devices
    tensors = tensor_degrees(model, devices) if stack.tensor_parallel else [1]
    several = stack.pipeline_parallel and not needs_one_stage(model)
    cuts = pipeline_cuts(model.layers, devices) if several else [(1, 1)]
    sizes = divisors(batch, batch)
    _check_few(len(tensors) * len(cuts) * len(divisors(batch, devices)) * len(sizes), scenario)
    even = _even(tensors, cuts, sizes, devices, fewer=fewer)
    if fewer or min(stack.zero_stages) >= GATHERING_STAGE:
        return even
    uneven = _uneven(tensors, [pipeline for pipeline, virtual in cuts if virtual == 1], sizes, batch, devices)
    return tuple(np.concatenate(pair) for pair in zip(even, uneven, strict=True))


def _even(
    tensors: Sequence[int], cuts: Sequence[tuple[int, int]], sizes: Sequence[int], devices: int, *, fewer: bool
) -> tuple[Counts, ...]:
    """Replicas that all have the same share of the batch. sizes: divisors of the batch, itself the last."""
    shared = sum(size <= devices for size in sizes)
    tensor, cut, place, micro_batch = _combinations(tensors, range(len(cuts)), range(shared), sizes)
    (pipeline, virtual), data = np.array(cuts)[cut].T, np.array(sizes)[place]
    share = sizes[-1] // data
    legal = (Mesh(tensor, data, pipeline).devices <= devices) & (share % micro_batch == 0)
    more = np.array([*sizes[1:], devices + 1])[place]
    legal &= (Mesh(tensor, more, pipeline).devices <= devices) == fewer
    return tuple(one[legal] for one in (tensor, pipeline, virtual, data, micro_batch, share // micro_batch))


def _uneven(
    tensors: Sequence[int], pipelines: Sequence[int], sizes: Sequence[int], batch: int, devices: int
) -> tuple[Counts, ...]:
    """As many replicas as there are devices for, where that number does not divide the batch."""
    tensor, pipeline, micro_batch = _combinations(tensors, pipelines, sizes)
    data = np.minimum(devices // Mesh(tensor, 1, pipeline).devices, batch // micro_batch)
    legal = (data > 0) & (batch % np.maximum(data, 1) != 0)
    micro_batches = -(-(batch // micro_batch) // np.maximum(data, 1))
    columns = (tensor, pipeline, np.ones_like(tensor), data, micro_batch, micro_batches)
    return tuple(one[legal] for one in columns)


def _check_few(count: int, scenario: Scenario) -> None:
    """Raise InputError where there are more combinations of degrees than a search looks at."""
    if count > MOST_COMBINATIONS:
        raise InputError(
            f"{scenario.where} plan",
            f"a search would have to look at {count:,} combinations of degrees, of which most divide the"
            f" {scenario.model.layers:,} layers or the batch of {scenario.training.global_batch:,} sequences",
            f"write a table [system.plan], or a batch with fewer divisors; at most {MOST_COMBINATIONS:,} are looked at",
        )


def _combinations(*choices: Sequence[int]) -> tuple[Counts, ...]:
    """Columns of all combinations of some choices."""
    grids = np.meshgrid(*(np.array(one, dtype=np.int64) for one in choices), indexing="ij")
    return tuple(grid.reshape(-1) for grid in grids)
