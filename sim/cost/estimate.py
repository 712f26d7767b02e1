"""The closed-form estimate of a step: what the engine would find if nothing interfered. For ranking plans.

Legend: p stages, v virtual stages, m micro-batches.
"""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.cost.parts import duration_s
from sim.cost.step import StepCosts
from sim.parallel.plan import Plan


def estimate_step_s(plan: Plan, costs: StepCosts, stack: GpuStack) -> float:
    """Seconds of one step of a GPU plan without running the engine.

    Source: pipelines, Narayanan et al. 2021, sec. 2.2: (m + (p - 1) / v) times a stage's work per micro-batch.
    """
    once_s = costs.input_s + max(float(duration_s(parts)) for parts in costs.optimizer) + max(costs.straggler_s)
    if plan.zero == 3:
        return once_s + plan.micro_batches * _sharded_micro_batch_s(plan, costs)
    chunks_s = [float(duration_s(chunk.forward) + duration_s(chunk.backward)) for chunk in costs.chunks]
    stage_s = max(sum(chunks_s[stage :: plan.pipeline]) for stage in range(plan.pipeline))
    if not stack.overlap_pipeline_send:
        stage_s += 2 * plan.virtual_stages * costs.send_s
    slots = plan.micro_batches + (plan.pipeline - 1) / plan.virtual_stages
    reduction_s = max(costs.reductions_s) if plan.data > 1 else 0.0
    if stack.overlap_gradient_reduction:
        buckets = max(costs.buckets)
        hidden_s = stage_s * 2 / 3 * (buckets - 1) / buckets
        reduction_s = max(reduction_s / buckets, reduction_s - hidden_s)
    return once_s + slots * stage_s + reduction_s + max(costs.gathers_s) + costs.tied_embedding_s


def _sharded_micro_batch_s(plan: Plan, costs: StepCosts) -> float:
    """One micro-batch of fully sharded layers: the slower of compute and the collectives beside it."""
    layers = plan.layers_per_chunk[0]
    forward_s, backward_s = float(duration_s(costs.layer.forward)), float(duration_s(costs.layer.backward))
    ends_s = float(sum(duration_s(one.forward) + duration_s(one.backward) for one in (costs.embedding, costs.head)))
    forward_s = max(forward_s, costs.layer_gather_s)
    backward_s = max(backward_s, costs.layer_gather_s + costs.layer_scatter_s)
    return costs.root_gather_s + ends_s + layers * (forward_s + backward_s) + costs.root_scatter_s
