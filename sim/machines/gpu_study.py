"""What a search for plans on GPUs has to tell."""

from __future__ import annotations

import numpy as np

from sim.machines.prepared import LookedUp
from sim.machines.study import PlanRow, PlanStudy, mfu
from sim.parallel.plan import Plan
from sim.planner.effort import effort
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
    return PlanStudy(found, machine.gpu.hbm_bytes, best, front, how_hard, searched.step_s[order], tensor[order])


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
