"""How hard it was to find the best plan: how many there are, how many are any good, what a rule of thumb would lose."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.outcome.effort import Effort
from sim.parallel.mesh import Mesh
from sim.parallel.plan_block import PlanBlock
from sim.parallel.step_plan import StepPlan
from sim.planner.candidate import RECOMPUTES, Candidate
from sim.planner.race import Races
from sim.planner.screen import Screened
from sim.planner.search import Search

_MICRO_BATCHES_A_STAGE = 4
"""With as many, a pipeline's bubble is hardly felt (Huang et al. 2019, GPipe)."""
_LEFT_IDLE = 0.1
"""The share of the devices that may have nothing to do because the degrees and the batch do not divide: assumed."""
SETTINGS = (
    "tensor", "pipeline", "virtual_stages", "micro_batch", "zero", "sequence_parallel", "recompute", "schedule",
)  # fmt: skip
"""What is set by hand beside the number of replicas, which follows from the devices."""


def effort(found: Search) -> Effort:
    """Measure how hard a search was."""
    step_s = found.step_s / found.best.estimated_s
    by_rule = rule_of_thumb(found)
    return Effort(
        legal=found.legal,
        fitting=len(step_s),
        within_5_percent=int((step_s <= 1.05).sum()),
        within_20_percent=int((step_s <= 1.2).sum()),
        median_over_best=float(np.median(step_s)),
        rule_of_thumb=by_rule.plan if by_rule else None,
        rule_of_thumb_step_s=by_rule.step_s if by_rule else None,
        rule_of_thumb_over_best=by_rule.step_s / found.best.step_s if by_rule else None,
    )


def rule_of_thumb(found: Search) -> Candidate | None:
    """The plan that practice would choose without a search, in the engine; None where nothing of the kind fits.

    As little tensor parallelism as fits, inside a scale-up domain; where that is not enough, as little of a pipeline;
    recomputation only where nothing else fits (NVIDIA, Megatron Core, Parallelism Strategies Guide; Narayanan et al.
    2021, sec. 3, takeaways 1 and 2). Then the largest micro-batch that fits (NVIDIA, NeMo Framework, Batching) and
    still leaves a pipeline four for each stage. ZeRO 1 where the stack has it, sequence parallelism beside tensor
    parallelism, 1F1B without virtual stages, equal stages and replicas, and hardly a device without work.
    """
    rows = [(one, int(row)) for one in found.fitting for row in np.flatnonzero(_is_usual(one, found))]
    if not rows:
        return None
    first = min(rows, key=lambda pair: _order(pair[0].plans, pair[1], found.scenario.system.devices))
    return Races(found.scenario, found.machine, found.network).run([first])[0]


def _is_usual(one: Screened, found: Search) -> Any:
    """Which plans of a block the rule could choose, whatever their degrees and micro-batch."""
    plans, stack, sequence = one.plans, found.machine.stack, found.scenario.training.sequence
    zero = 1 if stack.default_zero_stage == 0 and 1 in stack.zero_stages else stack.default_zero_stage
    # One replica has nobody to share states with, and comes with the stack's own stage alone.
    has_zero = np.where(plans.data == 1, plans.zero == stack.default_zero_stage, plans.zero == zero)
    shares = stack.sequence_parallel & (plans.tensor > 1) & (sequence % plans.tensor == 0)
    inside = found.network.domain % plans.tensor == 0
    is_even = plans.data * plans.micro_batch * plans.micro_batches == found.scenario.training.global_batch
    usual = has_zero & (plans.virtual_stages == 1) & inside & (shares == plans.sequence_parallel) & is_even
    return usual & (plans.schedule == "1f1b") & (found.scenario.model.layers % plans.pipeline == 0)


def _order(plans: PlanBlock, row: int, devices: int) -> tuple[float, ...]:
    """What the rule prefers, most important first; the smaller the better."""
    columns = (plans.tensor, plans.pipeline, plans.data, plans.micro_batch)
    tensor, pipeline, data, micro_batch = (int(column[row]) for column in columns)
    idle = 1.0 - Mesh(tensor, data, pipeline).devices / devices
    has_bubble = pipeline > 1 and plans.micro_batches[row] < _MICRO_BATCHES_A_STAGE * pipeline
    size = micro_batch if has_bubble else -micro_batch
    return max(idle, _LEFT_IDLE), RECOMPUTES.index(plans.recompute), pipeline, tensor, has_bubble, size


def changes(before: StepPlan, after: StepPlan) -> tuple[str, ...]:
    """Settings that differ between two plans of one kind."""
    return tuple(name for name in SETTINGS if getattr(before, name, None) != getattr(after, name, None))
