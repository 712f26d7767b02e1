"""How long a program is, before it is written: its length grows with the micro-batches and layers of a step."""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.errors import InputError
from sim.parallel.plan import Plan, shards_by_layer
from sim.parallel.step_plan import StepPlan

MOST_INSTRUCTIONS = 1_000_000
"""Of a step's program: some minutes of work, and a hundred times what steps of published runs have."""


def instructions_of(plan: Plan, layers: int, stack: GpuStack) -> int:
    """About how many instructions a step's program has on GPUs: those that every micro-batch repeats.

    Pipelines: forward, backward and their sends, chunk by chunk. Sharded layers: two gathers, two passes and a scatter.
    Hand-worked: 2 stages, 3 micro-batches of one replica: 3 x (4 x 2 - 2) = 18.
    """
    if shards_by_layer(plan, stack):
        return plan.micro_batches * (5 * layers + 6)
    return sum(one.micro_batches for one in plan.replica_classes) * (4 * plan.chunks - 2)


def check_length(count: int, plan: StepPlan, where: str) -> None:
    """Raise InputError for a step whose program would be longer than MOST_INSTRUCTIONS. where: first in messages."""
    if count > MOST_INSTRUCTIONS:
        raise InputError(
            where,
            f"a step of {plan.micro_batches:,} micro-batches of {plan.micro_batch:,} in turn would be {count:,}"
            f" instructions; at most {MOST_INSTRUCTIONS:,} are simulated",
            "use a larger micro_batch, more devices, or a smaller global_batch",
        )
