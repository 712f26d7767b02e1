"""A scenario with everything looked up and planned that a run of it needs; nothing is simulated here.

scenario -> topologies, devices, stack -> plan -> memory
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from sim.catalog import NARROW_PRECISIONS, PRECISIONS, Device, Stack
from sim.errors import DoesNotFit, InputError
from sim.hardware.topology import Topology
from sim.machines import KINDS, LookedUp, Prepared, kind_of, places, stack_of, topology_of
from sim.scenario.bounds import MOST_LAYERS, MOST_PARAMETERS, check_size
from sim.scenario.types import PlanRequest, Scenario
from sim.workload.parameters import count_parameters

_ALL = (*sorted(PRECISIONS), *NARROW_PRECISIONS)


def prepare(scenario: Scenario) -> Prepared:
    """Look up the machine and make the plan. Raises InputError or DoesNotFit; simulates nothing."""
    found = look_up(scenario)
    return found.kind.prepare(found, has_run=False)


def prepare_as_measured(scenario: Scenario) -> Prepared:
    """Look up the machine for a plan that is known to have run: its memory is worked out, not held to the device's."""
    found = look_up(scenario)
    return found.kind.prepare(found, has_run=True)


def look_up(scenario: Scenario) -> LookedUp:
    """Look up the machine of a scenario, before any plan. Raises InputError."""
    _check_sizes(scenario)
    scenario = _with_tokens(scenario)
    _check_rule(scenario)
    topologies = [
        topology_of(part, part.devices, where, scenario.system.network)
        for part, where in zip(scenario.system.every_part, places(scenario), strict=True)
    ]
    devices = [topology.load_device() for topology in topologies]
    stack = stack_of(scenario)
    for device in devices:
        _check_precision(scenario, device, {"precision": scenario.training.precision})
    stack = kind_of(stack).with_recipe(stack, scenario.training, f"{scenario.path}: [training]")
    scenario = kind_of(stack).as_trained(scenario, stack)
    _check_devices(scenario, devices, stack)
    _check_nodes(scenario, topologies)
    _check_places(scenario, topologies[0].domain)
    return LookedUp(scenario, topologies, devices, stack, kind_of(stack))


def _check_rule(scenario: Scenario) -> None:
    """Raise InputError for a plan that is to be chosen and has been, in part; a file cannot say that."""
    if scenario.system.plan.rule == "best" and scenario.system.plan != PlanRequest():
        raise InputError(
            f"{scenario.where}.plan",
            'keys of a plan with rule = "best", which chooses them all',
            'write rule = "fixed", or limit the search with [system.search]',
        )


def _check_devices(scenario: Scenario, devices: Sequence[Device], stack: Stack) -> None:
    """Raise InputError for a device that lacks the precision, or is not what the stack or a part can be."""
    for device, where in zip(devices, places(scenario), strict=True):
        kind = kind_of(device)
        if scenario.system.parts and not kind.is_part:
            parts = " or ".join(one.plural for one in KINDS if one.is_part)
            raise InputError(
                f"{where} topology",
                f"the {device.title} cannot be a part of a system: it runs whole models, not stages of a pipeline",
                f"use parts of {parts}, or a system of {kind.plural} alone",
            )
        _check_precision(scenario, device, kind_of(stack).formats(stack, scenario.training.precision))
        if kind is not kind_of(stack):
            pairs = ", ".join(f"a {one.label} stack on a {one.label} topology" for one in KINDS)
            raise InputError(
                where,
                f"the stack '{stack.name}' does not run on the {device.title}",
                f"use {pairs} (scaletax list stacks)",
            )
        kind.check_stack(stack, device, where)


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
    for topology, where in zip(topologies[:-1], places(scenario), strict=False):
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
                f"{scenario.where_of('.variation')} slow",
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


def _check_precision(scenario: Scenario, device: Device, formats: Mapping[str, str]) -> None:
    for key, name in formats.items():
        if name not in device.peak_flops_per_s:
            raise InputError(
                f"{scenario.path}: [training] {key}",
                f"the {device.title} has no {name} matrix arithmetic",
                f"allowed on it: {', '.join(name for name in _ALL if name in device.peak_flops_per_s)}",
            )
