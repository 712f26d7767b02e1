"""The closed-form estimate of a step: what the engine would find if nothing interfered. For ranking plans.

Legend: p stages, v virtual stages, m micro-batches. All formulas take one plan, or arrays of many.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence

import numpy as np

from sim.catalog import GpuStack
from sim.cost.sketch import ShardedSketch, Sketch, StageSketch, sketch_of
from sim.cost.step import StepCosts
from sim.hardware.kernel import Array
from sim.parallel.plan import Plan, shards_by_layer
from sim.parallel.plans import Plans, reductions
from sim.parallel.schedules import Durations

_TINY_S = 1e-300
"""Less than any time: what nothing is divided by."""


def estimate_step_s(plan: Plan, costs: StepCosts, stack: GpuStack) -> float:
    """Seconds of one step of a GPU plan without running the engine."""
    return float(estimated_step_s(plan, sketch_of(plan, costs), stack))


def estimated_step_s(plan: Plans, sketch: Sketch, stack: GpuStack) -> Array:
    """Seconds of one step of a plan, or of many, from a sketch of it."""
    stages = sketch.stages
    once_s = sketch.input_s + _largest(one.optimizer_s + one.return_s for one in stages)
    if shards_by_layer(plan, stack):
        late_s = _largest(one.straggler_s for one in stages)
        layers = plan.stage_layers(0)
        return once_s + late_s + plan.micro_batches * _sharded_micro_batch_s(plan, layers, sketch.sharded, stack)
    # The last micro-batch goes back through all stages, and each is slowed by its own reductions.
    slowed_s: Array = 0.0
    if stack.overlap_gradient_reduction:
        slowed_s = sum(one.count * _stolen_s(one, plan, stack) for one in stages)
        slowed_s = slowed_s + _largest(_earlier_s(one, plan, stack) for one in stages)
    there_and_back_s = sketch.send_s + sketch.send_back_s
    blocking_s = 0.0 if stack.overlap_pipeline_send else plan.virtual_stages * there_and_back_s
    waits = plan.pipelining.waited_sends(plan.pipeline, plan.virtual_stages, plan.micro_batches)
    waited_s = there_and_back_s * waits if stack.overlap_pipeline_send else 0.0
    passes = [one.durations(blocking_s) for one in stages]
    return (
        once_s
        + pipelined_s(plan, passes, [one.count for one in stages])
        + waited_s
        + slowed_s
        + _largest(_end_s(one, plan, stack) for one in stages)
        + _largest(one.gather_s for one in stages)
        + sketch.shared_s
    )


def pipelined_s(plan: Plans, stages: Sequence[Durations], counts: Sequence[Array]) -> Array:
    """Seconds of all micro-batches through a pipeline: the slowest stage for each, and the schedule's bubble.

    stages: one micro-batch through each kind of stage. counts: stages of each kind.
    Source: Narayanan et al. 2021, sec. 2.2, (m + (p - 1) / v) times a stage's work where stages are equal.
    Hand-worked: stages of 1 and 3 s, 4 micro-batches, 1F1B: 4 x 3 + 1 = 13 s.
    """
    whole_s = [one.forward_s + one.backward_s for one in stages]
    slowest_s = _largest(whole_s)
    total_s = sum(count * one_s for count, one_s in zip(counts, whole_s, strict=True))
    # The slowest stage sets the pace; the bubble is what the others take to fill and to drain.
    others_s = total_s - slowest_s
    share = others_s / np.maximum(total_s, _TINY_S)
    sums = (sum(count * one[side] for count, one in zip(counts, stages, strict=True)) for side in (0, 2))
    forward_s, weight_s = (share * one for one in sums)
    others = Durations(forward_s, others_s - forward_s, weight_s)
    bubble_s = plan.pipelining.bubble_s(plan.pipeline, plan.virtual_stages, plan.micro_batches, others)
    return plan.micro_batches * slowest_s + bubble_s


def _overlappable_s(stage: StageSketch, plan: Plans) -> Array:
    """Backward that is left when the first gradients of a stage are complete.

    A chunk leaves in as many pieces as it has buckets; interleaved, it is complete p backwards of a chunk before the
    next.
    """
    virtual, pieces = plan.virtual_stages, stage.buckets
    last_chunk_s, others_s = stage.backward_s / virtual, stage.backward_s * (virtual - 1) / virtual
    return plan.pipeline * others_s + (pieces - virtual) / pieces * last_chunk_s


def _stolen_s(stage: StageSketch, plan: Plans, stack: GpuStack) -> Array:
    """What the reductions of a stage slow its backward by: all but the last run beside it, while there is any left."""
    slowdown = stack.overlap_slowdown
    reductions_s = (stage.buckets - 1) * stage.reduction_s
    return slowdown * np.minimum(reductions_s, _overlappable_s(stage, plan) / (1 - slowdown))


def _earlier_s(stage: StageSketch, plan: Plans, stack: GpuStack) -> Array:
    """What a stage loses to all but its last reduction of each gradient: slower compute, or waiting in line.

    Hand-worked: 4 s of reductions beside 12 s of compute, which they slow by a tenth: 0.4 s; 16 s of them: 4 s.
    """
    reduced_s, times = stage.buckets * stage.reduction_s, reductions(plan)
    between_s = (stage.forward_s + stage.backward_s) * (plan.micro_batches / times)
    return (times - 1) * np.maximum(stack.overlap_slowdown * reduced_s, reduced_s - between_s)


def _end_s(stage: StageSketch, plan: Plans, stack: GpuStack) -> Array:
    """What follows a stage's last backward until its gradients are complete.

    With k buckets of reduction time r behind pieces of compute time c, the last is done max(r, k r - (k - 1) c) later.
    """
    after_s, reduction_s = stage.straggler_s + stage.prepare_s, stage.buckets * stage.reduction_s
    if not stack.overlap_gradient_reduction:
        return after_s + reductions(plan) * reduction_s + stage.buckets * stage.copy_s
    hidden_s = _overlappable_s(stage, plan) + _stolen_s(stage, plan, stack)
    last_s = np.maximum(stage.reduction_s, reduction_s - hidden_s)
    # Copies to an optimizer on the host follow the reductions, on a stream of their own.
    copied_s = np.maximum(last_s + stage.copy_s, stage.reduction_s + stage.buckets * stage.copy_s - hidden_s)
    return np.maximum(after_s, copied_s)


def _sharded_micro_batch_s(plan: Plans, layers: Array, costs: ShardedSketch, stack: GpuStack) -> Array:
    """One micro-batch of fully sharded layers: compute and collectives as two stages of a pipeline over the layers.

    The first gather is exposed beyond the embedding, that of the backward beyond the head; in between the slower of the
    two sets the pace, as far as they run side by side; the last scatter is exposed.
    """
    rest, gather_s, scatter_s = layers - 1, costs.layer_gather_s, costs.layer_scatter_s
    slower = stack.overlap_slowdown if stack.prefetch_layers else 0.0
    forward_s = costs.layer_s[0] + slower * gather_s
    again_s = costs.layer_again_s if plan.zero == 3 else 0.0
    backward_s = costs.layer_s[1] + costs.layer_prepare_s + slower * (again_s + scatter_s)
    forwards_s = (
        np.maximum(gather_s, costs.embedding_s[0]) + rest * _pace_s(forward_s, gather_s, 0.0, stack) + forward_s
    )
    out_s, back_s = costs.offloaded_s
    first_s = np.maximum(gather_s, costs.embedding_s[0]) + forward_s
    forwards_s = np.maximum(forwards_s, (first_s + out_s) * np.greater(out_s, 0)) + costs.head_s[0]
    pace_s = np.maximum(_pace_s(backward_s, again_s, scatter_s, stack), costs.layer_copy_s)
    backwards_s = np.maximum(again_s, costs.head_s[1]) + rest * pace_s + backward_s
    backwards_s = np.maximum(backwards_s, (back_s + backward_s) * np.greater(back_s, 0))
    ends_s = np.maximum(scatter_s, costs.embedding_s[1] + costs.root_prepare_s) + costs.root_scatter_s
    ends_s = np.maximum(ends_s, scatter_s + costs.layer_copy_s) + costs.root_copy_s
    return costs.root_gather_s + forwards_s + backwards_s + ends_s


def _pace_s(compute_s: Array, gather_s: Array, scatter_s: Array, stack: GpuStack) -> Array:
    """Seconds for each layer of a pass: what the stack overlaps side by side, the rest one after the other.

    Hand-worked: 3 s of compute, 2 s of gather, 4 s of scatter: 6 s side by side, or without a gather ahead; 9 s where
    the scatter is waited for as well.
    """
    beside_s, exposed_s = (scatter_s, 0.0) if stack.overlap_gradient_reduction else (0.0, scatter_s)
    if stack.prefetch_layers:
        return exposed_s + np.maximum(compute_s, gather_s + beside_s)
    return exposed_s + gather_s + np.maximum(compute_s, beside_s)


def _largest(values: Iterable[Array]) -> Array:
    """The largest for each plan, of some values."""
    return functools.reduce(np.maximum, values)
