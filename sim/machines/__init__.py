"""Kinds of machines: everything that differs from one to the next, each in a file of its own."""

from sim.catalog import Device, Stack
from sim.machines.gpu import GpuCluster
from sim.machines.kind import DeviceMemory, MachineKind, Share
from sim.machines.likeness import facts_of
from sim.machines.prepared import Equipment, Fabric, LookedUp, Prepared, places, stack_of, topology_of
from sim.machines.study import Even, PlanRow, PlanStudy
from sim.machines.tpu import TpuSlices
from sim.machines.wafer import WaferCluster
from sim.parallel.step_plan import StepPlan

__all__ = [
    "KINDS",
    "DeviceMemory",
    "Equipment",
    "Even",
    "Fabric",
    "LookedUp",
    "MachineKind",
    "PlanRow",
    "PlanStudy",
    "Prepared",
    "Share",
    "facts_of",
    "kind_called",
    "kind_of",
    "places",
    "stack_of",
    "topology_of",
]

KINDS: tuple[MachineKind, ...] = (GpuCluster(), TpuSlices(), WaferCluster())
"""All of them, in the order that reports name them in."""


def kind_of(record: Device | Stack | StepPlan) -> MachineKind:
    """The kind of machine that a device, a stack or a plan belongs to; plans on TPUs are those of GPUs."""
    return next(kind for kind in KINDS if type(record) in kind.records)


def kind_called(label: str) -> MachineKind:
    """The kind of machine with a label, as outcomes have it."""
    return {kind.label: kind for kind in KINDS}[label]
