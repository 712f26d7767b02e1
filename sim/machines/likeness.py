"""What of a scenario and its machine says which published rows are like it."""

from __future__ import annotations

from sim.catalog import Device, Stack, stack_names
from sim.hardware.topology import Topology
from sim.machines.kind import MachineKind
from sim.machines.prepared import LookedUp, Prepared, stack_of
from sim.outcome.confidence import Facts
from sim.scenario.types import Scenario
from sim.workload.parameters import count_parameters


def facts_of(prepared: Prepared | LookedUp) -> Facts | None:
    """What says which rows are like a scenario; None of parts of different kinds, which no row has."""
    if isinstance(prepared, LookedUp):
        parts = list(zip(prepared.topologies, prepared.devices, strict=True))
    else:
        parts = [(part.topology, part.device) for part in prepared.parts]
    return _facts(prepared.scenario, prepared.kind, prepared.stack, *parts[0]) if len(parts) == 1 else None


def _facts(scenario: Scenario, kind: MachineKind, stack: Stack, topology: Topology, device: Device) -> Facts:
    training = scenario.training
    own = stack_of(scenario) if training.recipe.text else stack
    usual = kind.usual_recipe(own, training.precision)
    return Facts(
        machine=kind.label,
        devices=(device.name,),
        device_count=scenario.system.devices,
        devices_per_node=topology.domain,
        stack=stack.name if stack.name in stack_names() else "",
        parameters=count_parameters(scenario.model).total,
        sequence=training.sequence,
        global_batch=training.global_batch,
        precision=training.precision,
        optimizer=training.optimizer,
        usual_recipe=None if kind.usual_recipe(stack, training.precision) == usual else usual.name,
        method=training.method,
    )
