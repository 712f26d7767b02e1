"""Which plan a GPU system runs: the user's, or the default rule's.

The default rule is what a practitioner would try first, not a search: a few textbook candidates that fit, ranked by the
closed-form estimate. For every power-of-two tensor degree inside a scale-up domain and every pipeline depth that cuts
the layers evenly, take as many replicas as divide the batch, then the least recomputation that fits at all, then the
largest micro-batch of up to eight sequences.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from sim.catalog import Model
from sim.cost.compute import Machine
from sim.cost.estimate import estimate_step_s
from sim.cost.step import step_costs
from sim.errors import DoesNotFit
from sim.hardware.network import Network
from sim.hardware.topology import Topology
from sim.parallel.memory import StageMemory, plan_memory
from sim.parallel.plan import Plan, check_plan
from sim.scenario.types import PlanRequest, Recompute, Scenario
from sim.units import readable_bytes

_LARGEST_MICRO_BATCH = 8
_RECOMPUTES: tuple[Recompute, ...] = ("none", "selective", "full")


def choose_plan(scenario: Scenario, machine: Machine, topology: Topology) -> Plan:
    """Return the plan that the system runs.

    Raises InputError when the user's plan is not legal, DoesNotFit (item by item, with what would fit) when its memory
    is not there.
    """
    if scenario.system.plan.rule == "best":
        return _default_plan(scenario, machine, topology)
    plan = check_plan(scenario.system.plan, scenario, machine.stack)
    fullest = _fullest_stage(scenario, plan, machine)
    if fullest[1].total > machine.gpu.hbm_bytes:
        raise _does_not_fit(scenario, machine, topology, *fullest)
    return plan


def _default_plan(scenario: Scenario, machine: Machine, topology: Topology) -> Plan:
    """The fastest of the textbook candidates by the closed form; ties go to the one with fewer parts."""
    candidates = list(_candidates(scenario, machine, topology))
    if not candidates:
        raise _nothing_fits(scenario, machine)
    network = Network(topology)

    def rank(plan: Plan) -> tuple[float, int, int]:
        costs = step_costs(scenario.model, scenario.training, plan, machine, network)
        return estimate_step_s(plan, costs, machine.stack), plan.tensor * plan.pipeline, plan.tensor

    return min(candidates, key=rank)


def _candidates(scenario: Scenario, machine: Machine, topology: Topology) -> Iterator[Plan]:
    model, stack = scenario.model, machine.stack
    for tensor in _tensor_degrees(model, topology) if stack.tensor_parallel else [1]:
        depths = _pipeline_depths(model, scenario.system.devices // tensor) if stack.pipeline_parallel else [1]
        for pipeline in depths:
            data = _largest_divisor(scenario.training.global_batch, scenario.system.devices // (tensor * pipeline))
            plan = _least_recompute(scenario, machine, tensor, pipeline, data)
            if plan is not None:
                yield plan


def _least_recompute(scenario: Scenario, machine: Machine, tensor: int, pipeline: int, data: int) -> Plan | None:
    """The first recomputation, and with it the largest micro-batch, that fits."""
    share = scenario.training.global_batch // data
    for recompute in _RECOMPUTES:
        if recompute == "selective" and machine.stack.flash_attention:
            continue
        for micro_batch in sorted(_divisors(share, _LARGEST_MICRO_BATCH), reverse=True):
            if pipeline > 1 and micro_batch > 1 and share // micro_batch < 2 * pipeline:
                continue  # a pipeline wants many micro-batches more than large ones
            plan = _plan(scenario, machine, tensor, pipeline, data, micro_batch, recompute)
            if _fullest_stage(scenario, plan, machine)[1].total <= machine.gpu.hbm_bytes:
                return plan
    return None


def _plan(
    scenario: Scenario, machine: Machine, tensor: int, pipeline: int, data: int, micro_batch: int, recompute: Recompute
) -> Plan:
    request = PlanRequest(
        rule="fixed", tensor=tensor, pipeline=pipeline, data=data, micro_batch=micro_batch, recompute=recompute
    )
    used = dataclasses.replace(scenario.system, devices=tensor * pipeline * data)
    plan = check_plan(request, dataclasses.replace(scenario, system=used), machine.stack)
    return dataclasses.replace(plan, chosen_by="rule")


def _tensor_degrees(model: Model, topology: Topology) -> list[int]:
    degrees = [1 << power for power in range(8) if 1 << power <= topology.domain]
    return [
        degree
        for degree in degrees
        if model.heads % degree == 0 and model.ffn_hidden % degree == 0 and model.kv_heads % degree == 0
    ]


def _pipeline_depths(model: Model, devices: int) -> list[int]:
    return _divisors(model.layers, devices)


def _divisors(number: int, largest: int) -> list[int]:
    return [count for count in range(1, min(number, largest) + 1) if number % count == 0]


def _largest_divisor(number: int, largest: int) -> int:
    return max(_divisors(number, largest), default=1)


def _fullest_stage(scenario: Scenario, plan: Plan, machine: Machine) -> tuple[int, StageMemory]:
    """(stage, memory) of the stage that needs most."""
    stages = plan_memory(scenario.model, scenario.training, plan, machine.stack, machine.style)
    return max(enumerate(stages), key=lambda pair: pair[1].total)


def _items(memory: StageMemory) -> str:
    """Item by item, in GiB."""
    return ", ".join(f"{name} {size / 2**30:.1f}" for name, size in memory.items().items()) + " GiB"


def _does_not_fit(
    scenario: Scenario, machine: Machine, topology: Topology, stage: int, memory: StageMemory
) -> DoesNotFit:
    changes = [
        f"{change} ({readable_bytes(needed)})" for change, needed in _fitting_changes(scenario, machine, topology)
    ]
    remedy = f"would fit with {' or '.join(changes)}" if changes else "no single change of the plan would fit"
    return DoesNotFit(
        f"{scenario.where}.plan",
        f"stage {stage} needs {readable_bytes(memory.total)} of the {readable_bytes(machine.gpu.hbm_bytes)}"
        f" on an {machine.gpu.title}\n{_items(memory)}",
        remedy,
    )


def _fitting_changes(scenario: Scenario, machine: Machine, topology: Topology) -> Iterator[tuple[str, float]]:
    """Single changes of the user's plan that would fit: (how to write it, bytes of the fullest stage)."""
    request, model = scenario.system.plan, scenario.model
    tensor, pipeline = request.tensor or 1, request.pipeline or 1
    infer = " and data left out" if request.data else ""
    options: list[tuple[str, PlanRequest]] = [
        (f'recompute = "{mode}"', dataclasses.replace(request, recompute=mode)) for mode in _RECOMPUTES[1:]
    ]
    options += [
        (f"zero = {stage}", dataclasses.replace(request, zero=stage)) for stage in machine.stack.zero_stages if stage
    ]
    options += [
        (f"tensor = {degree}{infer}", dataclasses.replace(request, tensor=degree, data=None))
        for degree in _tensor_degrees(model, topology)
        if degree > tensor
    ]
    options += [
        (f"pipeline = {depth}{infer}", dataclasses.replace(request, pipeline=depth, data=None))
        for depth in _pipeline_depths(model, scenario.system.devices)
        if depth > pipeline
    ]
    options += [("micro_batch = 1", dataclasses.replace(request, micro_batch=1))] if request.micro_batch else []
    seen: set[str] = set()
    for text, option in options:
        kind = text.split(" ")[0]
        if kind in seen:
            continue
        try:
            plan = check_plan(option, scenario, machine.stack)
        except ValueError:
            continue  # not a legal plan, so not a change to propose
        needed = _fullest_stage(scenario, plan, machine)[1].total
        if needed <= machine.gpu.hbm_bytes:
            seen.add(kind)
            yield text, needed


def _nothing_fits(scenario: Scenario, machine: Machine) -> DoesNotFit:
    return DoesNotFit(
        scenario.where,
        f"no plan of the default rule fits {scenario.model.name} on {scenario.system.devices} x {machine.gpu.title}"
        f" with the stack '{machine.stack.name}'",
        "use more devices, a device with more memory, or a plan of your own",
    )
