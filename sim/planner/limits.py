"""Limits of a search, applied to blocks of plans; and what to say when they leave nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sim.catalog import GpuStack
from sim.errors import InputError
from sim.hardware.kernel import Array
from sim.parallel.check import schedule_not_run
from sim.parallel.plan_block import PlanBlock
from sim.planner.space import legal_plans
from sim.scenario.limits import compared
from sim.scenario.types import PlanLimit, Scenario

_MOST_SHOWN = 16


def limited(blocks: Iterable[PlanBlock], limits: Sequence[PlanLimit]) -> list[PlanBlock]:
    """The plans that keep to all limits; blocks without any are left out."""
    kept = []
    for block in blocks:
        within = np.ones(len(block), dtype=bool)
        for limit in limits:
            within &= compared(limit, _values(block, limit.key))
        if within.any():
            kept.append(block if within.all() else block.at(within))
    return kept


def nothing_within(scenario: Scenario, stack: GpuStack) -> InputError:
    """The error where no legal plan keeps to the limits: which values there are for each of them."""
    limits = scenario.system.search.only
    where = limits[0].option or f"{scenario.where_of('.search')} only"
    for limit in limits:
        if (limit.key, limit.comparison) == ("schedule", "=") and limit.value not in stack.schedules:
            return schedule_not_run(str(limit.value), stack, where)
    blocks = list(legal_plans(scenario, stack))
    alone = {limit: sum(map(len, limited(blocks, [limit]))) for limit in limits}
    lines = [
        f"{limit.text}: {count:,} legal plans keep to it; {limit.key} can be {_choices(blocks, limit.key)}"
        for limit, count in alone.items()
    ]
    impossible = [limit.text for limit, count in alone.items() if not count]
    problem = f"no legal plan of {scenario.model.name} on {scenario.system.devices:,} devices has "
    problem += " or ".join(impossible) if impossible else " and ".join(limit.text for limit in limits)
    remedy = "change or leave out a limit" + (
        "" if impossible else ": each can be kept to, but not all of them at once"
    )
    return InputError(where, "\n".join([problem, *lines]), remedy)


def _values(block: PlanBlock, key: str) -> Array:
    """What each plan of a block has for a key: one value, or one for each."""
    if key == "sequence_parallel":
        # A tensor group of one has nothing to share out.
        return np.asarray(block.sequence_parallel & (block.tensor > 1))
    return getattr(block, key)


def _choices(blocks: Sequence[PlanBlock], key: str) -> str:
    """The values of a key among some plans."""
    found = sorted({value for block in blocks for value in np.unique(np.asarray(_values(block, key))).tolist()})
    words = [str(value).lower() if isinstance(value, bool) else f"{value}" for value in found]
    if len(words) > _MOST_SHOWN:
        words = [*words[: _MOST_SHOWN - 1], f"... up to {words[-1]}"]
    return ", ".join(words)
