"""Whether a plan fits the memory, and what to say when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sim.catalog import Gpu
from sim.cost.compute import Machine
from sim.errors import DoesNotFit
from sim.hardware.topology import Topology
from sim.page.numbers import gibibytes
from sim.parallel.check import check_plan
from sim.parallel.memory import StageMemory, plan_memory
from sim.parallel.plan import Plan
from sim.planner.hosts import check_hosts
from sim.planner.space import tensor_degrees
from sim.scenario.bounds import divisors
from sim.scenario.types import PlanRequest, Scenario


class Fullest(NamedTuple):
    """The stage that needs the largest share of its device's memory."""

    stage: int
    memory: StageMemory
    gpu: Gpu

    @property
    def share(self) -> float:
        """Of what the device has."""
        return float(self.memory.total / self.gpu.hbm_bytes)

    @property
    def fits(self) -> bool:
        """Whether the device has that much."""
        return bool(self.memory.total <= self.gpu.hbm_bytes)


def fullest_stage(scenario: Scenario, plan: Plan, machines: Sequence[Machine]) -> Fullest:
    """The stage that comes nearest to its device's memory, or goes furthest beyond it.

    machines: of each part of the plan.
    """
    stack, style = machines[0].stack, machines[0].style
    stages = plan_memory(scenario.model, scenario.training, plan, stack, style)
    found = [
        Fullest(stage, memory, machines[part].gpu)
        for stage, (memory, part) in enumerate(zip(stages, plan.stage_parts, strict=True))
    ]
    return max(found, key=lambda one: one.share)


def does_not_fit(
    scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology], fullest: Fullest
) -> DoesNotFit:
    """The error for a plan of the user's: item by item, and single changes that would fit."""
    changes = [f"{change} ({gibibytes(needed)})" for change, needed in _fitting_changes(scenario, machines, topologies)]
    stage, memory, gpu = fullest
    remedy = f"would fit with {' or '.join(changes)}" if changes else "no single change of the plan would fit"
    return DoesNotFit(
        f"{scenario.where}.plan",
        f"stage {stage} needs {gibibytes(memory.total)} of the {gibibytes(gpu.hbm_bytes)}"
        f" on an {gpu.title}\n{items_of(memory.items())}",
        remedy,
    )


def _fitting_changes(
    scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology]
) -> Iterator[tuple[str, float]]:
    """Single changes of the user's plan that would fit: (how to write it, bytes of the fullest stage)."""
    request, model, stack = scenario.system.plan, scenario.model, machines[0].stack
    domain = min(topology.domain for topology in topologies)
    tensor, pipeline = request.tensor or 1, request.pipeline or 1
    infer = " and data left out" if request.data else ""
    options: list[tuple[str, str, PlanRequest]] = [
        ("recompute", f'"{mode}"', dataclasses.replace(request, recompute=mode)) for mode in ("selective", "full")
    ]
    options += [("zero", f"{stage}", dataclasses.replace(request, zero=stage)) for stage in stack.zero_stages if stage]
    options += [
        ("tensor", f"{degree}{infer}", dataclasses.replace(request, tensor=degree, data=None))
        for degree in tensor_degrees(model, domain)
        if degree > tensor
    ]
    options += [
        ("pipeline", f"{depth}{infer}", dataclasses.replace(request, pipeline=depth, data=None))
        for depth in divisors(model.layers, scenario.system.devices)
        if depth > pipeline
    ]
    options += [("micro_batch", "1", dataclasses.replace(request, micro_batch=1))] if request.micro_batch else []
    found = list(_that_fit(options, scenario, machines))
    # Hosts are slow: they are named where nothing else helps.
    yield from found or _that_fit(_to_hosts(request, model.layers // pipeline), scenario, machines)


def _to_hosts(request: PlanRequest, layers: int) -> list[tuple[str, str, PlanRequest]]:
    """What a plan may leave in the memory of hosts. layers: of a stage."""
    away = [("optimizer_offload", '"cpu"', dataclasses.replace(request, optimizer_offload="cpu"))]
    for count in dict.fromkeys((layers // 4, layers // 2, 3 * layers // 4, layers - 1)):
        away += [("offload_layers", f"{count}", dataclasses.replace(request, offload_layers=count))] if count else []
    return away


def _that_fit(
    options: Sequence[tuple[str, str, PlanRequest]], scenario: Scenario, machines: Sequence[Machine]
) -> Iterator[tuple[str, float]]:
    """The first of each key whose plan is legal and fits: (how to write it, bytes of the fullest stage)."""
    seen: set[str] = set()
    for key, value, option in options:
        if key in seen:
            continue
        try:
            plan = check_plan(option, scenario, machines[0].stack)
            check_hosts(scenario, plan, machines)
        except (ValueError, DoesNotFit):
            continue  # not a legal plan, so not a change to propose
        fullest = fullest_stage(scenario, plan, machines)
        if fullest.fits:
            seen.add(key)
            yield f"{key} = {value}", fullest.memory.total


def items_of(items: Mapping[str, float]) -> str:
    """Memory item by item, in GiB."""
    return ", ".join(f"{name} {size / 2**30:.1f}" for name, size in items.items()) + " GiB"
