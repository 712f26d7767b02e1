"""The closed-form estimate of a step: what the engine would find if nothing interfered. For ranking plans.

Legend: p stages, v virtual stages, m micro-batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from sim.catalog import GpuStack
from sim.cost.parts import duration_s
from sim.cost.step import StepCosts, micro_batch_busy_s
from sim.parallel.plan import Plan, shards_by_layer


def estimate_step_s(plan: Plan, costs: StepCosts, stack: GpuStack) -> float:
    """Seconds of one step of a GPU plan without running the engine."""
    once_s = costs.input_s + max(float(duration_s(parts)) for parts in costs.optimizer)
    if shards_by_layer(plan, stack):
        late_s = max(costs.straggler_s)
        return once_s + late_s + plan.micro_batches * _sharded_micro_batch_s(plan, costs, stack)
    stages = range(plan.pipeline)
    backwards_s = [float(duration_s(chunk.backward)) for chunk in costs.chunks]
    send_s = 0.0
    if not stack.overlap_pipeline_send:
        slowest = (
            max((one.seconds for one in sends), default=0.0) for sends in (costs.sends[:-1], costs.sends_back[1:])
        )
        send_s = plan.virtual_stages * sum(slowest)
    stages_s = [micro_batch_busy_s(stage, plan, costs.chunks) + send_s for stage in stages]
    ends_s = max(_end_s(stage, plan, costs, stack, sum(backwards_s[stage :: plan.pipeline])) for stage in stages)
    return (
        once_s
        + pipelined_s(stages_s, plan.virtual_stages, plan.micro_batches)
        + ends_s
        + max(one.seconds for one in costs.gathers)
        + costs.tied_embedding[0].seconds
    )


def pipelined_s(stages_s: Sequence[float], virtual: int, micro_batches: int) -> float:
    """Seconds of all micro-batches through a pipeline: the slowest stage for each, and once the others to fill it.

    stages_s: of one micro-batch, forward and backward. Source: Narayanan et al. 2021, sec. 2.2, (m + (p - 1) / v) times
    a stage's work where stages are equal. Hand-worked: stages of 1 and 3 s, 4 micro-batches, v = 1: 4 x 3 + 1 = 13 s.
    """
    slowest_s = max(stages_s)
    return micro_batches * slowest_s + (sum(stages_s) - slowest_s) / virtual


def _end_s(stage: int, plan: Plan, costs: StepCosts, stack: GpuStack, backward_s: float) -> float:
    """What follows a stage's last backward until its gradients are complete, and what reductions slow it by.

    With k buckets of reduction time r behind pieces of compute time c, the last is done max(r, k r - (k - 1) c) later.
    """
    after_s = costs.straggler_s[stage] + costs.prepares_s[stage]
    if plan.data == 1:
        return after_s
    bucket_s, pieces = costs.reductions[stage].seconds, costs.buckets[stage]
    reduction_s = pieces * bucket_s
    reduced_times = plan.micro_batches if plan.zero == 2 else 1
    if not stack.overlap_gradient_reduction:
        return after_s + reduced_times * reduction_s
    stolen_s = (pieces - plan.virtual_stages) * stack.overlap_slowdown * bucket_s
    shown_s = max(bucket_s, reduction_s - (pieces - 1) / pieces * backward_s - stolen_s)
    return reduced_times * stolen_s + max(after_s, shown_s)


def _sharded_micro_batch_s(plan: Plan, costs: StepCosts, stack: GpuStack) -> float:
    """One micro-batch of fully sharded layers: compute and collectives as two stages of a pipeline over the layers.

    The first gather shows except for what the embedding hides, backward except for what the head hides; in between the
    slower of the two sets the pace; the last scatter shows.
    """
    rest, gather_s, scatter_s = plan.layers_per_chunk[0] - 1, costs.layer_gather.seconds, costs.layer_scatter.seconds
    slower = stack.overlap_slowdown if stack.prefetch_layers else 0.0
    forward_s = float(duration_s(costs.layer.forward)) + slower * gather_s
    again_s = gather_s if plan.zero == 3 else 0.0
    backward_s = float(duration_s(costs.layer.backward)) + costs.layer_prepare_s + slower * (again_s + scatter_s)
    embedding_s, head_s = (
        (float(duration_s(one.forward)), float(duration_s(one.backward))) for one in (costs.embedding, costs.head)
    )
    forwards_s = max(gather_s, embedding_s[0]) + rest * max(forward_s, gather_s) + forward_s + head_s[0]
    backwards_s = max(again_s, head_s[1]) + rest * max(backward_s, again_s + scatter_s) + backward_s
    ends_s = max(scatter_s, embedding_s[1] + costs.root_prepare_s) + costs.root_scatter.seconds
    return costs.root_gather.seconds + forwards_s + backwards_s + ends_s
