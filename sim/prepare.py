"""A scenario with everything looked up and planned that a run of it needs; nothing is simulated here.

scenario -> topologies, devices, stack -> plan -> memory
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sim.catalog import Device, Figure, Gpu, GpuStack, Stack, Wafer, WaferStack, load_stack
from sim.cost.compute import Machine
from sim.cost.wafer import WAFER_STYLE
from sim.engine.length import check_length
from sim.errors import DoesNotFit, InputError
from sim.hardware.topology import Topology, load_topology
from sim.outcome.effort import Effort
from sim.outcome.outcome import Memory
from sim.parallel.check import check_plan
from sim.parallel.memory import plan_memory
from sim.parallel.plan import Plan
from sim.parallel.wafer_plan import WaferPlan, plan_wafers, wafer_memory_bytes
from sim.planner.choose import Choice, choose_plan
from sim.scenario.bounds import MOST_LAYERS, MOST_PARAMETERS, check_size
from sim.scenario.types import NetworkChange, Scenario
from sim.workload.parameters import count_parameters

_DESCRIPTIVE = ("power_watts", "sram_bytes_per_s")
"""Figures of a device that no step depends on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Equipment:
    """A part of a system looked up: its network and what kind of device is on it.

    border: the topology with room for two pipeline stages at least, for what is sent to other parts.
    """

    topology: Topology
    device: Device
    border: Topology


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario with its machine looked up and its plan made: everything but the simulation.

    parts: in the order of the pipeline; one where all hardware is of one kind.
    """

    scenario: Scenario
    parts: tuple[Equipment, ...]
    stack: Stack
    plan: Plan | WaferPlan
    memory: Memory
    effort: Effort | None = None
    """How hard the plan was to find; None where it was given."""

    @property
    def device_title(self) -> str:
        """The kinds of device that it runs on, each once."""
        return " + ".join(dict.fromkeys(part.device.title for part in self.parts))

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Each part's GPUs with the stack; none where it runs on wafers."""
        return _machines([part.device for part in self.parts], self.stack, self.scenario)

    @property
    def is_tight(self) -> bool:
        """Whether the plan takes some of the memory that a search would leave free."""
        usable_bytes = self.scenario.system.search.usable_bytes(self.memory.capacity_bytes)
        return isinstance(self.plan, Plan) and bool(self.memory.peak_bytes > usable_bytes)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure that this point rests on; a device's peaks in other precisions, say, are not among them."""
        used_peak = f"peak_flops_per_s.{self.scenario.training.precision}"
        devices = [
            figure
            for part in self.parts
            for figure in part.device.figures
            if figure.name == used_peak or not figure.name.startswith(("peak_flops_per_s", *_DESCRIPTIVE))
        ]
        topologies = [figure for part in self.parts for figure in part.topology.figures]
        system = (*self.stack.figures, *topologies, *self.scenario.system.variation.figures)
        return (*self.scenario.model.figures, *devices, *system)

    @property
    def domains(self) -> tuple[int, ...]:
        """Devices in a scale-up domain of each part."""
        return tuple(part.topology.domain for part in self.parts)


Choose = Callable[[Scenario, Sequence[Machine], Sequence[Topology]], Choice]
"""(scenario, machines, topologies of each part) -> the plan of a GPU system, and how hard it was to find."""


def prepare(scenario: Scenario) -> Prepared:
    """Look up the machine and make the plan. Raises InputError or DoesNotFit; simulates nothing."""
    return _prepared(scenario, choose_plan)


def prepare_as_measured(scenario: Scenario) -> Prepared:
    """Look up the machine for a plan that is known to have run: its memory is worked out, not held to the device's."""
    return _prepared(scenario, lambda one, machines, _: Choice(check_plan(one.system.plan, one, machines[0].stack)))


class LookedUp(NamedTuple):
    """What a scenario names, looked up and checked against each other."""

    scenario: Scenario
    """With its tokens counted."""
    topologies: list[Topology]
    devices: list[Device]
    stack: Stack


def look_up(scenario: Scenario) -> LookedUp:
    """Look up the machine of a scenario, before any plan. Raises InputError."""
    _check_sizes(scenario)
    scenario = _with_tokens(scenario)
    topologies = [
        _changed(load_topology(part.topology, part.devices, where, sizes=part.sizes), scenario.system.network)
        for part, where in zip(scenario.system.every_part, _places(scenario), strict=True)
    ]
    devices = [topology.load_device() for topology in topologies]
    stack = load_stack(scenario.system.stack, scenario.where)
    _check_devices(scenario, devices, stack)
    _check_nodes(scenario, topologies)
    _check_places(scenario, topologies[0].domain)
    return LookedUp(scenario, topologies, devices, stack)


def _prepared(scenario: Scenario, choose: Choose) -> Prepared:
    scenario, topologies, devices, stack = look_up(scenario)
    match devices[0], stack:
        case Wafer() as wafer, WaferStack() as wafer_stack:
            wafer_plan = plan_wafers(scenario, wafer, wafer_stack, WAFER_STYLE)
            check_length(wafer_plan, scenario.model.layers, wafer_stack, f"{scenario.where}.plan")
            sequence, size = scenario.training.sequence, wafer_plan.micro_batch
            kept = wafer_memory_bytes(scenario.model, sequence, size, wafer_stack, WAFER_STYLE)
            memory = Memory(({"activations": kept},), (wafer.sram_bytes,))
            only = Equipment(topologies[0], wafer, topologies[0])
            return Prepared(scenario, (only,), wafer_stack, wafer_plan, memory)
        case _, GpuStack() as gpu_stack:
            machines = _machines(devices, gpu_stack, scenario)
            plan, effort = choose(scenario, machines, topologies)
            check_length(plan, scenario.model.layers, gpu_stack, f"{scenario.where}.plan")
            stages = plan_memory(scenario.model, scenario.training, plan, gpu_stack, machines[0].style)
            capacities = tuple(machines[index].gpu.hbm_bytes for index in plan.stage_parts)
            memory = Memory(tuple(stage.items() for stage in stages), capacities)
            borders = _borders(scenario, plan, topologies)
            parts = tuple(Equipment(*part) for part in zip(topologies, devices, borders, strict=True))
            return Prepared(scenario, parts, gpu_stack, plan, memory, effort)
    raise InputError(scenario.where, "device and stack are of different kinds", "this has been checked above")


def _places(scenario: Scenario) -> list[str]:
    """How messages name each part of a system."""
    parts = scenario.system.parts
    return [f"{scenario.where}.part[{index}]" for index in range(len(parts))] or [scenario.where]


def _machines(devices: Sequence[Device], stack: Stack, scenario: Scenario) -> tuple[Machine, ...]:
    if not isinstance(stack, GpuStack):
        return ()
    return tuple(Machine(device, stack, scenario.training.precision) for device in devices if isinstance(device, Gpu))


def _borders(scenario: Scenario, plan: Plan, topologies: Sequence[Topology]) -> list[Topology]:
    """Each part's topology with room for two stages, so that there are neighbours to reckon a send between."""
    least = 2 * plan.tensor * plan.data
    borders = []
    for part, own, where in zip(scenario.system.every_part, topologies, _places(scenario), strict=True):
        if len(topologies) == 1 or own.devices >= least:
            borders.append(own)
            continue
        try:
            border = load_topology(part.topology, least, where, sizes=part.sizes)
            borders.append(_changed(border, scenario.system.network))
        except InputError as error:
            raise InputError(
                f"{where} topology",
                f"'{own.name}' has no room for two pipeline stages of {least // 2} devices, and what a send to another"
                f" part takes is reckoned between two\n{error.problem}",
                f"use a topology with room for {least} devices, or a smaller tensor or data",
            ) from None
    return borders


def _changed(topology: Topology, change: NetworkChange) -> Topology:
    """The topology with the rates and latencies that the scenario asks for."""
    if change.rate_times != 1.0:
        topology = topology.with_rates_times(change.rate_times)
    return topology if change.latency_times == 1.0 else topology.with_latencies_times(change.latency_times)


def _check_devices(scenario: Scenario, devices: Sequence[Device], stack: Stack) -> None:
    """Raise InputError for a device that lacks the precision, or is not what the stack or a part can be."""
    for device, where in zip(devices, _places(scenario), strict=True):
        if scenario.system.parts and not isinstance(device, Gpu):
            raise InputError(
                f"{where} topology",
                f"a {device.title} cannot be a part of a system: it runs whole models, not stages of a pipeline",
                "use parts of GPUs, or a system of wafers alone",
            )
        _check_precision(scenario, device)
        if isinstance(device, Gpu) != isinstance(stack, GpuStack):
            raise InputError(
                where,
                f"the stack '{stack.name}' does not run on the {device.title}",
                "use a GPU stack on a GPU topology, a wafer stack on a wafer topology (scaletax list stacks)",
            )


def _check_nodes(scenario: Scenario, topologies: Sequence[Topology]) -> None:
    """Where devices differ, nodes are numbered through: as large in every part, and none of them cut at its end."""
    variation, sizes = scenario.system.variation, sorted({topology.domain for topology in topologies})
    if variation.is_none or len(topologies) == 1:
        return
    if len(sizes) > 1:
        raise InputError(
            f"{scenario.where} variation",
            f"the variation '{variation.name}' on parts whose nodes have {' and '.join(map(str, sizes))} devices is not"
            " simulated yet",
            'use parts with nodes of one size, or variation = "none"',
        )
    for topology, where in zip(topologies[:-1], _places(scenario), strict=False):
        if topology.devices % topology.domain:
            raise InputError(
                f"{where} devices",
                f"{topology.devices} devices end within a node of {topology.domain}: with the variation"
                f" '{variation.name}' that is not simulated yet",
                f'use a multiple of {topology.domain}, or variation = "none"',
            )


def _check_places(scenario: Scenario, domain: int) -> None:
    """Devices and nodes that are said to be slow must be there."""
    devices = scenario.system.devices
    nodes = -(-devices // domain)
    for place in scenario.system.variation.slow:
        kind, number, count = (
            ("device", place.device, devices) if place.device is not None else ("node", place.node, nodes)
        )
        if number is not None and number >= count:
            raise InputError(
                f"{scenario.where.removesuffix(']')}.variation] slow",
                f"{kind} {number} is slow, but the system has {count} {kind}s",
                f"write {kind} = 0 to {count - 1}",
            )


def _check_sizes(scenario: Scenario) -> None:
    """Refuse a model that nothing holds, and one whose layers nobody can list."""
    parameters = count_parameters(scenario.model).total
    if parameters > MOST_PARAMETERS:
        raise DoesNotFit(
            scenario.where,
            f"{scenario.model.name} has {parameters:,.3g} parameters",
            f"models of at most {MOST_PARAMETERS:.0e} are simulated: check layers, hidden, ffn_hidden and vocab",
        )
    check_size(scenario.model.layers, MOST_LAYERS, "layers", scenario.where)


def _with_tokens(scenario: Scenario) -> Scenario:
    """Resolve "20 per parameter"."""
    training = scenario.training
    if training.tokens_per_parameter is None:
        return scenario
    tokens = training.tokens_per_parameter * count_parameters(scenario.model).total
    return dataclasses.replace(scenario, training=dataclasses.replace(training, tokens=tokens))


def _check_precision(scenario: Scenario, device: Device) -> None:
    precision = scenario.training.precision
    if precision not in device.peak_flops_per_s:
        raise InputError(
            f"{scenario.path}: [training] precision",
            f"a {device.title} has no {precision} matrix arithmetic",
            f"allowed on it: {', '.join(sorted(set(device.peak_flops_per_s) & {'fp16', 'bf16'}))}",
        )
