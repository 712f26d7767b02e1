"""How hard it was to find the best plan: how many there are, how many are any good, what a textbook would lose."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.outcome.effort import Effort
from sim.parallel.plan import Plan
from sim.parallel.wafer_plan import WaferPlan
from sim.planner.contender import Contender
from sim.planner.race import Races
from sim.planner.screen import Screened
from sim.planner.search import Search

_TEXTBOOK_TENSOR = 8
"""Ranks of a tensor group in a textbook: the devices of a node."""
SETTINGS = (
    "tensor", "pipeline", "virtual_stages", "micro_batch", "zero", "sequence_parallel", "recompute", "schedule",
)  # fmt: skip
"""What is set by hand beside the number of replicas, which follows from the devices."""


def effort(found: Search) -> Effort:
    """Measure how hard a search was."""
    step_s = found.step_s / found.best.estimated_s
    default = textbook_default(found)
    return Effort(
        legal=found.legal,
        fitting=len(step_s),
        within_5_percent=int((step_s <= 1.05).sum()),
        within_20_percent=int((step_s <= 1.2).sum()),
        median_over_best=float(np.median(step_s)),
        default=default.plan if default else None,
        default_step_s=default.step_s if default else None,
        default_over_best=default.step_s / found.best.step_s if default else None,
    )


def textbook_default(found: Search) -> Contender | None:
    """The plan of a textbook, in the engine: tensor degree 8, the shallowest pipeline that fits, the rest replicas.

    One sequence at a time, full recomputation, 1F1B without virtual stages; ZeRO and sequence parallelism as the stack
    has them by default. Where 8 does not divide the heads, the largest tensor degree below that does.
    None where nothing of the kind fits.
    """
    scenario, machine = found.scenario, found.machine
    rows = [(one, int(row)) for one in found.fitting for row in np.flatnonzero(_is_textbook(one, found))]
    if not rows:
        return None
    return Races(scenario, machine, found.network).run([_first(rows)])[0]


def _is_textbook(one: Screened, found: Search) -> Any:
    """Which plans of a block a textbook could choose, whatever their tensor degree and depth."""
    plans, stack, sequence = one.plans, found.machine.stack, found.scenario.training.sequence
    if plans.zero != stack.default_zero_stage or plans.recompute != "full" or plans.schedule != "1f1b":
        return np.zeros(len(plans), dtype=bool)
    shares = stack.sequence_parallel & (plans.tensor > 1) & (sequence % plans.tensor == 0)
    is_even = plans.data * plans.micro_batch * plans.micro_batches == found.scenario.training.global_batch
    alone = (plans.micro_batch == 1) & (plans.virtual_stages == 1) & (plans.tensor <= _TEXTBOOK_TENSOR)
    return alone & is_even & (shares == plans.sequence_parallel)


def _first(rows: list[tuple[Screened, int]]) -> tuple[Screened, int]:
    """The largest tensor degree, and of its plans the shallowest."""
    return min(rows, key=lambda row: (-row[0].plans.tensor[row[1]], row[0].plans.pipeline[row[1]]))


def changes(before: Plan | WaferPlan, after: Plan | WaferPlan) -> tuple[str, ...]:
    """Settings that differ between two plans of one kind."""
    return tuple(name for name in SETTINGS if getattr(before, name, None) != getattr(after, name, None))
