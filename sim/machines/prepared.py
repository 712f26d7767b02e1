"""A scenario with everything looked up and planned, and its step: networks, costs, program, trace, each made once."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sim.catalog import Device, Figure, Stack, find_stack, is_stack, load_optimizer, stack_names
from sim.engine.clock import run
from sim.engine.program import Program
from sim.engine.sharing import SharedLinks
from sim.engine.trace import Trace
from sim.engine.transfers import shared_links
from sim.errors import InputError, shown
from sim.hardware.network import Network
from sim.hardware.topology import Topology, load_topology
from sim.machines.stack_options import with_known_options, with_options
from sim.outcome.effort import Effort
from sim.outcome.outcome import Memory
from sim.parallel.step_plan import StepPlan
from sim.scenario.types import NetworkChange, Part, Scenario, StackRequest

if TYPE_CHECKING:
    from sim.machines.kind import MachineKind

_DESCRIPTIVE = ("power_watts", "sram_bytes_per_s")
"""Figures of a device that no step depends on."""


class LookedUp(NamedTuple):
    """What a scenario names, looked up and checked against each other.

    scenario: with its tokens counted. topologies, devices: of each part. kind: of all its devices and of the stack.
    """

    scenario: Scenario
    topologies: list[Topology]
    devices: list[Device]
    stack: Stack
    kind: MachineKind

    @property
    def stack_label(self) -> str:
        """The name of the stack, with the options that are asked of it."""
        return f"{self.stack.name}{self.scenario.system.stack_options}"

    @property
    def stack_title(self) -> str:
        """Its title in the same way."""
        return f"{self.stack.title}{self.scenario.system.stack_options}"


@dataclass(frozen=True, slots=True)
class Equipment:
    """A part of a system looked up: its network and what kind of device is on it.

    border: the topology with room for two pipeline stages at least, for what is sent to other parts.
    """

    topology: Topology
    device: Device
    border: Topology


class Fabric(NamedTuple):
    """The networks of one part, as Site has them."""

    network: Network
    border: Network


@dataclass(frozen=True)
class Prepared:
    """A scenario with its machine looked up and its plan made: everything but the simulation of its step.

    parts: in the order of the pipeline; one where all hardware is of one kind. network: makes a network of a topology.
    What the step needs is made when it is first asked for, and kept; a copy with something changed makes its own.
    """

    kind: MachineKind
    scenario: Scenario
    parts: tuple[Equipment, ...]
    stack: Stack
    plan: StepPlan
    memory: Memory
    effort: Effort | None = None
    """How hard the plan was to find; None where it was given."""
    network: Callable[[Topology], Network] = Network

    @functools.cached_property
    def fabrics(self) -> tuple[Fabric, ...]:
        """What each part communicates over."""
        own = [self.network(part.topology) for part in self.parts]
        return tuple(
            Fabric(network, network if part.border is part.topology else self.network(part.border))
            for network, part in zip(own, self.parts, strict=True)
        )

    @property
    def networks(self) -> list[Network]:
        """Of each part."""
        return [fabric.network for fabric in self.fabrics]

    @functools.cached_property
    def costs(self) -> Any:
        """What the instructions of a step cost, as its kind of machine has it."""
        return self.kind.costs(self)

    @functools.cached_property
    def program(self) -> Program:
        """What every stream of every actor does in a step."""
        return self.kind.program(self)

    @functools.cached_property
    def links(self) -> SharedLinks:
        """What the transfers of a step compete for."""
        return shared_links(self.program, *self.networks)

    @functools.cached_property
    def trace(self) -> Trace:
        """What happens in a step."""
        return run(self.program, self.links)

    def with_built(self, **built: Any) -> Prepared:
        """A copy for which some of this has been made already."""
        other = dataclasses.replace(self)
        vars(other).update(built)
        return other

    @property
    def stack_label(self) -> str:
        """What screens call its stack: its name, of one's own the title; and the options that are asked of it."""
        name = self.stack.name if self.stack.name in stack_names() else self.stack.title
        return f"{name}{self.scenario.system.stack_options}"

    @property
    def device_title(self) -> str:
        """The kinds of device that it runs on, each once."""
        return " + ".join(dict.fromkeys(part.device.title for part in self.parts))

    @property
    def is_tight(self) -> bool:
        """Whether the plan takes some of the memory that a search would leave free."""
        usable_bytes = self.scenario.system.search.usable_bytes(self.memory.capacity_bytes)
        return self.kind.has_degrees and bool(self.memory.peak_bytes > usable_bytes)

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure that this point rests on.

        A device's peaks in other precisions are not among them, nor what a stack could do and does not.
        """
        formats = self.kind.formats(self.stack, self.scenario.training.precision).values()
        by_format = ("peak_flops_per_s", "format_efficiency")
        used = [f"{group}.{name}" for group in by_format for name in formats]
        devices = [
            figure
            for part in self.parts
            for figure in part.device.figures
            if figure.name in used or figure.group not in (*by_format, *_DESCRIPTIVE)
        ]
        topologies = [figure for part in self.parts for figure in part.topology.figures]
        stack = [figure for figure in self.stack.figures if figure.group != "options"]
        system = (*stack, *topologies, *self.scenario.system.variation.figures)
        # As with formats, what a stack does unasked is not among them.
        asked = self.scenario.training.optimizer
        optimizer = () if asked == "adam" else load_optimizer(asked).figures
        return (*self.scenario.model.figures, *devices, *system, *optimizer)

    @property
    def domains(self) -> tuple[int, ...]:
        """Devices in a scale-up domain of each part."""
        return tuple(part.topology.domain for part in self.parts)


def places(scenario: Scenario) -> list[str]:
    """How messages name each part of a system."""
    parts = scenario.system.parts
    return [f"{scenario.where}.part[{index}]" for index in range(len(parts))] or [scenario.where]


def stack_of(scenario: Scenario) -> Stack:
    """The stack of a scenario, which has its name, its path, a request with options, or the stack itself.

    Raises InputError for what is none of these, and for options that it lacks.
    """
    given = scenario.system.stack
    if isinstance(given, str):
        return with_known_options(find_stack(given, scenario.where), scenario.where)
    if isinstance(given, StackRequest):
        own = with_known_options(find_stack(given.name, scenario.where), scenario.where)
        return with_options(own, given, scenario.where)
    if not is_stack(given):
        remedy = "give the name of one, the path of its file as text, or the stack itself"
        raise InputError(f"{scenario.where} stack", f"{shown(given)} is no software stack", remedy)
    stack: Stack = given
    return stack


def topology_of(part: Part, devices: int, where: str, change: NetworkChange) -> Topology:
    """The topology of a part, which has its name, its path or the topology itself, for so many devices.

    change: its rates and latencies beside what it says itself. Raises what load_topology raises.
    """
    given = part.topology
    found = load_topology(given, devices, where, sizes=part.sizes) if isinstance(given, str) else given
    if not isinstance(found, Topology):
        remedy = "give the name of one, the path of its file as text, or the topology itself"
        raise InputError(f"{where} topology", f"{shown(found)} is no topology", remedy)
    if found is given:
        _check_built(found, devices, part.sizes, where)
    if change.rate_times != 1.0:
        found = found.with_rates_times(change.rate_times)
    return found if change.latency_times == 1.0 else found.with_latencies_times(change.latency_times)


def _check_built(topology: Topology, devices: int, sizes: Mapping[str, float], where: str) -> None:
    """Raise InputError for a topology that is built already, otherwise than asked for."""
    if sizes or topology.devices != devices:
        asked = f"sizes {', '.join(sizes)}" if sizes else f"{devices} devices"
        raise InputError(
            where,
            f"the topology '{topology.name}' is given with its {topology.devices} devices, and asked for with {asked}",
            "build it as it is to be, or give its name",
        )
