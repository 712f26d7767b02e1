"""Whether a plan fits the memory, and what to say when it does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sim.catalog import Gpu
from sim.cost.compute import Machine
from sim.errors import DoesNotFit
from sim.hardware.topology import Topology
from sim.parallel.memory import StageMemory, plan_memory, stage_memory
from sim.parallel.plan import Plan, check_plan
from sim.planner.degrees import pipeline_depths, tensor_degrees
from sim.scenario.types import PlanRequest, Scenario
from sim.units import readable_bytes


def fits(scenario: Scenario, plan: Plan, machine: Machine) -> bool:
    """Whether a plan with equal stages fits: its first stage holds most micro-batches, its last the head."""
    ends = {0, plan.pipeline - 1}
    stages = [
        stage_memory(scenario.model, scenario.training, plan, machine.stack, machine.style, stage) for stage in ends
    ]
    return all(stage.total <= machine.gpu.hbm_bytes for stage in stages)


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
    changes = [
        f"{change} ({readable_bytes(needed)})" for change, needed in _fitting_changes(scenario, machines, topologies)
    ]
    stage, memory, gpu = fullest
    remedy = f"would fit with {' or '.join(changes)}" if changes else "no single change of the plan would fit"
    return DoesNotFit(
        f"{scenario.where}.plan",
        f"stage {stage} needs {readable_bytes(memory.total)} of the {readable_bytes(gpu.hbm_bytes)}"
        f" on an {gpu.title}\n{_items(memory)}",
        remedy,
    )


def _fitting_changes(
    scenario: Scenario, machines: Sequence[Machine], topologies: Sequence[Topology]
) -> Iterator[tuple[str, float]]:
    """Single changes of the user's plan that would fit: (how to write it, bytes of the fullest stage)."""
    request, model, stack = scenario.system.plan, scenario.model, machines[0].stack
    smallest = min(topologies, key=lambda topology: topology.domain)
    tensor, pipeline = request.tensor or 1, request.pipeline or 1
    infer = " and data left out" if request.data else ""
    options: list[tuple[str, PlanRequest]] = [
        (f'recompute = "{mode}"', dataclasses.replace(request, recompute=mode)) for mode in ("selective", "full")
    ]
    options += [(f"zero = {stage}", dataclasses.replace(request, zero=stage)) for stage in stack.zero_stages if stage]
    options += [
        (f"tensor = {degree}{infer}", dataclasses.replace(request, tensor=degree, data=None))
        for degree in tensor_degrees(model, smallest)
        if degree > tensor
    ]
    options += [
        (f"pipeline = {depth}{infer}", dataclasses.replace(request, pipeline=depth, data=None))
        for depth in pipeline_depths(model, scenario.system.devices)
        if depth > pipeline
    ]
    options += [("micro_batch = 1", dataclasses.replace(request, micro_batch=1))] if request.micro_batch else []
    seen: set[str] = set()
    for text, option in options:
        kind = text.split(" ")[0]
        if kind in seen:
            continue
        try:
            plan = check_plan(option, scenario, stack)
        except ValueError:
            continue  # not a legal plan, so not a change to propose
        fullest = fullest_stage(scenario, plan, machines)
        if fullest.fits:
            seen.add(kind)
            yield text, fullest.memory.total


def nothing_fits(scenario: Scenario, machine: Machine, thrifty: Sequence[Plan]) -> DoesNotFit:
    """The error for a rule without candidates: the plan that comes nearest, item by item.

    thrifty: plans with full recomputation and the smallest micro-batch.
    """
    needs = [(fullest_stage(scenario, plan, (machine,)).memory, plan) for plan in thrifty]
    memory, plan = min(needs, key=lambda pair: pair[0].total)
    return DoesNotFit(
        scenario.where,
        f"no plan of the default rule fits {scenario.model.name} on {scenario.system.devices} x {machine.gpu.title}"
        f" with the stack '{machine.stack.name}'\nthe nearest, {plan.summary()}, needs {readable_bytes(memory.total)}"
        f" of the {readable_bytes(machine.gpu.hbm_bytes)}\n{_items(memory)}",
        "use more devices, a device with more memory, a smaller batch, or a plan of your own",
    )


def _items(memory: StageMemory) -> str:
    """Item by item, in GiB."""
    return ", ".join(f"{name} {size / 2**30:.1f}" for name, size in memory.items().items()) + " GiB"
