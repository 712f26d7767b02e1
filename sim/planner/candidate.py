"""A plan that the engine has tried: what is known of it when plans are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.cost.parts import duration_s
from sim.cost.step import StepCosts
from sim.hardware.kernel import Array
from sim.outcome.lines import SPLIT_LINES
from sim.parallel.plan import Plan
from sim.parallel.plans import Plans
from sim.parallel.schedules import SCHEDULES

RECOMPUTES = ("none", "selective", "full")
"""What is run again, from nothing to everything."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plan with its step.

    estimated_s, step_s: a step by the closed form and in the engine. peak_bytes: of the fullest device.
    unsplit_s: device-seconds of a step that splitting does not cost.
    """

    plan: Plan
    estimated_s: float
    step_s: float
    peak_bytes: float
    unsplit_s: float

    def tax(self, devices: int) -> float:
        """The distribution tax: the share of all device-seconds that splitting costs. devices: given to the run."""
        return 1.0 - self.unsplit_s / (devices * self.step_s)


def unsplit_device_seconds(plan: Plan, costs: StepCosts, batch: int) -> float:
    """Device-seconds of a step that are on none of the split lines: compute as one device would do it, and the rest.

    batch: sequences of a step. The ledger finds the same, because these lines are charged as they are costed.
    """

    def own_s(parts: dict[str, Array]) -> float:
        return float(duration_s({line: seconds for line, seconds in parts.items() if line not in SPLIT_LINES}))

    chunks_s = sum(own_s(chunk.parts) for chunk in costs.chunks)
    once_s = sum(own_s(parts) for parts in costs.optimizer) + plan.pipeline * costs.input_s
    if plan.zero == _SHARDED:
        once_s = own_s(costs.optimizer[0]) + costs.input_s
    return plan.tensor * (batch / plan.micro_batch * chunks_s + plan.data * once_s)


_SHARDED = 3


def simplicity(plan: Plans) -> tuple[Array, ...]:
    """What makes a plan less simple than another, most important first: of plans equally fast the simpler is chosen."""
    return (
        plan.tensor * plan.pipeline,
        plan.tensor,
        plan.virtual_stages,
        plan.zero,
        np.not_equal(plan.shards, plan.data),
        plan.sequence_parallel,
        RECOMPUTES.index(plan.recompute),
        list(SCHEDULES).index(plan.schedule),
        plan.micro_batch,
    )
