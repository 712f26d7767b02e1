"""Seconds of what goes between devices and their hosts: activations, gradients, updated parameters.

Copies run on streams of their own, one for each way, beside compute.
Legend: n of a chunk's L layers are offloaded; t seconds of a copy of one layer; F seconds of a phase of the chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sim.catalog import Model
from sim.cost.compute import Machine
from sim.cost.passes import PassCost, PhaseCost
from sim.errors import ScaletaxError
from sim.hardware.kernel import Array
from sim.hardware.network import NOTHING, Communication, host_copy
from sim.hardware.topology import HostShare, HostWay
from sim.parallel.plans import Plans
from sim.scenario.types import Training
from sim.workload.kinds import LayerKind
from sim.workload.layer import Slice
from sim.workload.phases import Phase

WAYS: Mapping[Phase, HostWay] = MappingProxyType(
    {"forward": "to host", "backward": "to device", "input gradient": "to device"}
)
"""Phase of a pass -> which way activations go beside it."""


@dataclass(frozen=True, slots=True)
class LayerCopies:
    """Activations of one layer of one micro-batch: out to the host after its forward, back before its backward."""

    out: Communication = NOTHING
    back: Communication = NOTHING

    def beside(self, phase: Phase) -> Communication:
        """What is copied beside a phase of a pass."""
        return {"to host": self.out, "to device": self.back}[WAYS[phase]] if phase in WAYS else NOTHING

    def __mul__(self, times: float) -> LayerCopies:
        return LayerCopies(self.out * times, self.back * times)

    def __add__(self, other: LayerCopies) -> LayerCopies:
        return LayerCopies(self.out + other.out, self.back + other.back)


@dataclass(frozen=True, slots=True)
class OptimizerCopies:
    """Of so many parameters: gradients to the host, and updated parameters back."""

    gradients: Communication = NOTHING
    parameters: Communication = NOTHING


def host_of(machine: Machine) -> HostShare:
    """What a device has of its host, where a plan that needs one has been checked."""
    if machine.host is None:
        raise ScaletaxError("costs", "a plan that offloads on devices without a host")
    return machine.host


def layer_copies(
    kind: LayerKind, model: Model, training: Training, part: Slice, plan: Plans, machine: Machine
) -> LayerCopies:
    """The copies of what a layer keeps for its backward; nothing where none is offloaded."""
    if not plan.offload_layers:
        return LayerCopies()
    size_bytes, host = kind.kept_bytes(model, part, machine.style, plan.recompute), host_of(machine)
    return LayerCopies(host_copy(size_bytes, "to host", host), host_copy(size_bytes, "to device", host))


def optimizer_copies(parameters: Array, plan: Plans, machine: Machine) -> OptimizerCopies:
    """The copies of an optimizer on the host. parameters: that a device updates.

    Source: DeepSpeed, stage3.py, partition_grads and _reassign_or_swap_out_partitioned_parameters.
    """
    if plan.optimizer_offload == "none":
        return OptimizerCopies()
    host, recipe = host_of(machine), machine.recipe
    return OptimizerCopies(
        host_copy(machine.stack.host_gradient_bytes * parameters, "to host", host),
        host_copy(recipe.parameters.bytes * parameters, "to device", host),
    )


def host_update_s(parameters: Array, machine: Machine) -> Array:
    """Seconds of an optimizer's step on the host, bound by its memory, which all devices of the host share.

    parameters: that one device updates. Source: DeepSpeed, csrc/adam/cpu_adam_impl.cpp: one pass over all states.
    Hand-worked: 1e9 parameters at 32 bytes, at half of an eighth of 512 GB/s: 1 s.
    """
    stack = machine.stack
    return stack.host_update_bytes * parameters / (stack.host_update_efficiency * host_of(machine).dram_bytes_per_s)


def beside_compute_s(compute_s: Array, copies_s: Array, layers: Array) -> Array:
    """Seconds of a phase whose copies run beside its layers: max(F, F / L + n t).

    Forward the first copy begins when the first layer is done; backward the last layer waits for the last copy.
    Hand-worked: 8 layers in 8 s and copies of 6 s: 8 s; of 9 s: 1 + 9 = 10 s.
    """
    return np.maximum(compute_s, (compute_s / np.maximum(layers, 1) + copies_s) * np.greater(copies_s, 0))


def with_copies(passes: PassCost, copies: LayerCopies, layers: Array) -> PassCost:
    """A pass of a chunk with what of its copies does not hide beside it. layers: of the chunk."""

    def paced(phase: Phase, own: PhaseCost) -> PhaseCost:
        exposed_s = beside_compute_s(own.seconds, copies.beside(phase).seconds, layers) - own.seconds
        return own + PhaseCost({"offload": exposed_s})

    return PassCost({phase: paced(phase, own) for phase, own in passes.phases.items()})
