"""What a search for plans has to tell: the best plans, what less memory would cost, how hard they were to find."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Device, Gpu, GpuStack, Wafer, WaferStack
from sim.cost.compute import Machine
from sim.cost.wafer import WAFER_STYLE
from sim.errors import InputError, ScaletaxError
from sim.hardware.network import Network
from sim.outcome.effort import Effort
from sim.parallel.plan import Plan
from sim.parallel.wafer_plan import WaferPlan, plan_wafers
from sim.planner.effort import changes, effort
from sim.planner.search import Search, search
from sim.planner.space import plan_at
from sim.planner.wafer_search import wafer_choices, wafer_effort
from sim.prepare import LookedUp, look_up
from sim.scenario.types import PlanRequest, Scenario
from sim.workload.flops import StepFlops, model_flops

_FRONT = 8
"""Plans that the front of step time against memory shows at most."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan and its step. tax is None where only the closed form has looked at it."""

    plan: Plan | WaferPlan
    step_s: float
    peak_bytes: float
    mfu: float
    tax: float | None = None


@dataclass(frozen=True, slots=True)
class PlanStudy:
    """What was found for one system.

    best: plans that the engine has tried, the fastest first. front: plans of which none is both faster and smaller than
    another, the fastest first, by the closed form. effort: what there was to choose from.
    step_s, tensor: (F,) step and tensor degree of every plan that fits, the fastest first.
    """

    scenario: Scenario
    device: Device
    topology_title: str
    stack_title: str
    capacity_bytes: float
    best: tuple[PlanRow, ...]
    front: tuple[PlanRow, ...]
    effort: Effort
    step_s: NDArray[np.float64]
    tensor: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SizeStudy:
    """One cluster size: what was found, or why nothing was; and what changes from the size before."""

    devices: int
    found: PlanStudy | ScaletaxError
    changed: tuple[str, ...] | None
    """Settings beside the replicas; None for the first size, and where a plan is missing."""


def plan_study(scenario: Scenario, top: int, jobs: int = 1) -> PlanStudy:
    """Search for the best plans of a scenario, whatever plan it has.

    top: how many the engine tries at least. jobs: processes that try them.

    Raises InputError for parts of different kinds, and what a search raises.
    """
    scenario = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, plan=PlanRequest()))
    if scenario.system.parts:
        raise InputError(
            f"{scenario.where} part",
            "the search for a plan knows hardware of one kind only",
            "leave this system out, or give it a topology and devices",
        )
    found = look_up(scenario)
    match found.devices[0], found.stack:
        case Gpu() as gpu, GpuStack() as stack:
            machine = Machine(gpu, stack, scenario.training.precision)
            return _on_gpus(found, search(found.scenario, machine, found.topologies[0], top, jobs))
        case Wafer() as wafer, WaferStack() as wafer_stack:
            return _on_wafers(found, wafer, wafer_stack)
    raise InputError(scenario.where, "device and stack are of different kinds", "look_up() never returns this")


def compared(found: Sequence[tuple[int, PlanStudy | ScaletaxError]]) -> list[SizeStudy]:
    """What was found at several cluster sizes, and what changes from each to the next."""
    studies: list[SizeStudy] = []
    before: Plan | WaferPlan | None = None
    for devices, one in found:
        plan = one.best[0].plan if isinstance(one, PlanStudy) else None
        changed = changes(before, plan) if before is not None and plan is not None else None
        studies.append(SizeStudy(devices, one, changed))
        before = plan
    return studies


def _on_gpus(found: LookedUp, searched: Search) -> PlanStudy:
    scenario, machine = found.scenario, searched.machine
    devices = scenario.system.devices

    def mfu(plan: Plan, step_s: float) -> float:
        model, training = scenario.model, scenario.training
        flops = model_flops(model, training, machine.style, plan.recompute)
        return _flops(scenario, flops) / (devices * step_s * machine.gpu.peak_flops_per_s[training.precision])

    best = tuple(
        PlanRow(one.plan, one.step_s, one.peak_bytes, mfu(one.plan, one.step_s), one.tax(devices))
        for one in searched.contenders
    )
    order = np.argsort(searched.step_s, kind="stable")
    tensor = np.concatenate([one.plans.tensor for one in searched.fitting])
    front = tuple(PlanRow(plan, step_s, peak_bytes, mfu(plan, step_s)) for plan, step_s, peak_bytes in _front(searched))
    return _study(found, best, front, effort(searched), searched.step_s[order], tensor[order], machine.gpu.hbm_bytes)


def _on_wafers(found: LookedUp, wafer: Wafer, stack: WaferStack) -> PlanStudy:
    scenario = found.scenario
    model, training, devices = scenario.model, scenario.training, scenario.system.devices
    plan = plan_wafers(scenario, wafer, stack, WAFER_STYLE)
    choices = wafer_choices(scenario, plan, wafer, stack, Network(found.topologies[0]))
    flops = _flops(scenario, model_flops(model, training, WAFER_STYLE, "none"))
    peak = devices * wafer.peak_flops_per_s[training.precision]
    rows = tuple(
        PlanRow(one.plan, one.step_s, one.peak_bytes, flops / (one.step_s * peak), one.tax)
        for one in choices
        if one.step_s is not None
    )
    step_s = np.array([row.step_s for row in rows])
    ones = np.ones(len(rows), dtype=np.int64)
    return _study(found, rows, _smaller_for_slower(rows), wafer_effort(choices), step_s, ones, wafer.sram_bytes)


def _study(
    found: LookedUp,
    best: tuple[PlanRow, ...],
    front: tuple[PlanRow, ...],
    how_hard: Effort,
    step_s: NDArray[np.float64],
    tensor: NDArray[np.int64],
    capacity_bytes: float,
) -> PlanStudy:
    titles = found.topologies[0].title, found.stack.title
    return PlanStudy(found.scenario, found.devices[0], *titles, capacity_bytes, best, front, how_hard, step_s, tensor)


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


def _smaller_for_slower(rows: Sequence[PlanRow]) -> tuple[PlanRow, ...]:
    """Of rows in order of their steps, those that are smaller than all before."""
    kept: list[PlanRow] = []
    for row in rows:
        if not kept or row.peak_bytes < kept[-1].peak_bytes:
            kept.append(row)
    return tuple(kept)


def _flops(scenario: Scenario, flops: StepFlops) -> float:
    """FLOPs of a step by the convention of the scenario."""
    return flops.needed if scenario.report.flop_convention == "causal-attention" else flops.counted
