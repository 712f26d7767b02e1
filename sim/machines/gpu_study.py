"""What a search for plans on GPUs has to tell."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.machines.prepared import LookedUp
from sim.machines.study import Even, PlanRow, PlanStudy, mfu
from sim.parallel.plan import Plan
from sim.planner.candidate import Candidate
from sim.planner.effort import effort
from sim.planner.race import Races
from sim.planner.search import Search
from sim.planner.space import plan_at
from sim.workload.flops import model_flops

_FRONT = 8
"""Plans that the front of step time against memory shows at most."""


def gpu_study(found: LookedUp, searched: Search) -> PlanStudy:
    """The plans that the engine has tried, the front, and how hard the search was."""
    scenario, machine = found.scenario, searched.machine
    model, training = scenario.model, scenario.training

    def row(plan: Plan, step_s: float, peak_bytes: float, tax: float | None = None) -> PlanRow:
        flops = model_flops(model, training, machine.style, plan.recompute)
        return PlanRow(plan, step_s, peak_bytes, mfu(found, flops, step_s), tax)

    devices = scenario.system.devices
    best = tuple(row(one.plan, one.step_s, one.peak_bytes, one.tax(devices)) for one in searched.candidates)
    front = tuple(row(*one) for one in _front(searched))
    order = np.argsort(searched.step_s, kind="stable")
    tensor = np.concatenate([one.plans.tensor for one in searched.fitting])
    how_hard = effort(searched)
    memory_bytes, step_s = machine.gpu.hbm_bytes, searched.step_s[order]
    even = _even(searched, lambda one: row(one.plan, one.step_s, one.peak_bytes, one.tax(devices)))
    return PlanStudy(found, memory_bytes, best, front, how_hard, step_s, tensor[order], even)


def _even(searched: Search, row: Callable[[Candidate], PlanRow]) -> Even | None:
    """What there is instead of uneven replicas: of the plans tried, or the one that screening puts first, tried now."""
    plan, batch = searched.best.plan, searched.scenario.training.global_batch
    if not plan.replica_micro_batches:
        return None
    fewest, most = min(plan.replica_micro_batches), max(plan.replica_micro_batches)
    a_round = plan.data * plan.micro_batch
    batches = tuple(rounds * a_round for rounds in (batch // a_round, batch // a_round + 1) if rounds)
    tried = [one for one in searched.candidates if not one.plan.replica_micro_batches]
    if not tried:
        places = [
            (float(one.step_s[place]), number, int(place))
            for number, one in enumerate(searched.fitting)
            for place in np.flatnonzero(one.plans.data * one.plans.micro_batch * one.plans.micro_batches == batch)
        ]
        first = [(searched.fitting[number], place) for _, number, place in sorted(places)[:1]]
        tried = Races(searched.scenario, searched.machine, searched.network).run(first)
    return Even(fewest, most, batches, row(tried[0]) if tried else None)


def _front(searched: Search) -> list[tuple[Plan, float, float]]:
    """(plan, step, bytes) of the plans that no other beats in both, thinned out to a few, the fastest first."""
    step_s, peak_bytes = searched.step_s, np.concatenate([one.peak_bytes for one in searched.fitting])
    order = np.lexsort((peak_bytes, step_s))
    smallest_before = np.minimum.accumulate(np.concatenate([[np.inf], peak_bytes[order][:-1]]))
    front = order[peak_bytes[order] < smallest_before]
    picked = np.unique(np.linspace(0, len(front) - 1, min(_FRONT, len(front))).round().astype(int))
    first = np.cumsum([0, *(len(one.plans) for one in searched.fitting)])
    found = []
    for place in front[picked].tolist():
        block = int(np.searchsorted(first, place, side="right")) - 1
        plans = searched.fitting[block].plans
        plan = plan_at(searched.scenario, searched.machine.stack, plans, place - int(first[block]))
        found.append((plan, float(step_s[place]), float(peak_bytes[place])))
    return found
