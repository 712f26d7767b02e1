"""What tables call a plan on GPUs, and what a stack for them does."""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.parallel.cuts import in_runs
from sim.parallel.plan import Plan
from sim.parallel.replicas import counts_text
from sim.parallel.schedules import default_schedule


def cells_of(plan: Plan) -> tuple[str, ...]:
    """Its degrees and switches; empty where there is nothing to say."""
    counts, layers = plan.replica_micro_batches, plan.layers_per_chunk
    return (
        f"{plan.tensor}",
        f"{plan.pipeline}" + (f" ({in_runs(layers)})" if plan.is_cut_by_hand else ""),
        _schedule(plan),
        f"{plan.data:,}",
        f"{plan.micro_batch}" + (f" x{counts_text(counts)}" if counts else ""),
        _zero(plan),
        "yes" if plan.sequence_parallel else "",
        "" if plan.recompute == "none" else plan.recompute,
    )


def settings_of(plan: Plan) -> dict[str, str]:
    """Its degrees and switches."""
    return {
        "tensor": f"{plan.tensor}",
        "pipeline": f"{plan.pipeline}",
        "virtual stages": f"{plan.virtual_stages}",
        "micro-batch": f"{plan.micro_batch}",
        "ZeRO": _zero(plan),
        "sequence parallel": "yes" if plan.sequence_parallel else "no",
        "recompute": plan.recompute,
        "schedule": plan.schedule,
        "replicas": f"{plan.data:,}",
    }


def stack_facts_of(stack: GpuStack) -> tuple[str, str, str, str]:
    """What it shards, fuses and overlaps."""
    overlaps = {
        "gradients": stack.overlap_gradient_reduction,
        "gathers": stack.overlap_parameter_gather or stack.prefetch_layers > 0,
        "sends": stack.overlap_pipeline_send,
        "tensor": stack.overlap_tensor_exchange,
    }
    return (
        f"{', '.join(map(str, stack.zero_stages))} ({stack.default_zero_stage})",
        stack.attention_kernel if stack.flash_attention else "unfused",
        "yes" if stack.sequence_parallel else "no",
        ", ".join(name for name, does in overlaps.items() if does) or "nothing",
    )


def _zero(plan: Plan) -> str:
    """Its ZeRO stage, and the group of replicas that share out states where it is not all of them."""
    return f"{plan.zero}/{plan.zero_group}" if plan.zero_group else f"{plan.zero}"


def _schedule(plan: Plan) -> str:
    """What differs from 1F1B: the virtual stages that make it interleaved, or another schedule."""
    interleaved = f"VP{plan.virtual_stages}" if plan.virtual_stages > 1 else ""
    return interleaved if plan.schedule == default_schedule(plan.virtual_stages) else plan.schedule
