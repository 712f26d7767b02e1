"""Seconds of compute: a set of operations on one device, split over the ledger's compute lines.

The reference is an unsplit device: the same micro-batch on one device of unlimited memory, whose time is shared
by the t devices of the tensor group. What splitting adds to 1/t of that is `sharding_loss`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from sim.catalog import Gpu, GpuStack, Model, Recipe
from sim.cost.parts import Parts, combined, plain, relabelled, scaled
from sim.hardware.kernel import Array, Kernel, kernel_time_s, launched_time_s
from sim.hardware.network import NOTHING, Communication
from sim.scenario.types import Lora, Recompute
from sim.workload.layer import Slice, embedding_operations, head_operations, layer_operations
from sim.workload.operations import Operation, Style, rerun_kernels, total


@dataclass(frozen=True, slots=True)
class Machine:
    """What turns kernels into seconds: a device, its software, the precision of the matrix products."""

    gpu: Gpu
    stack: GpuStack
    precision: str

    @property
    def gap_s(self) -> float:
        """Idle time of the device between two kernels."""
        return self.gpu.kernel_gap_s + self.stack.launch_gap_s

    @property
    def recipe(self) -> Recipe:
        """The formats that it trains in."""
        return self.stack.recipes[self.precision]

    @property
    def gradient_bytes(self) -> float:
        """Bytes per element of the gradients that are reduced."""
        return self.recipe.reductions.bytes

    @property
    def style(self) -> Style:
        """How the stack cuts mathematics into kernels."""
        stack = self.stack
        return Style(
            self.recipe,
            stack.flash_attention,
            stack.causal_skip,
            stack.fused_elementwise,
            # Gradients that leave after every micro-batch are written afresh; others are added to a buffer.
            self.recipe.parameters.bytes if stack.reduces_every_micro_batch else 2 * self.recipe.gradients.bytes,
            stack.loss_traffic_bytes,
            stack.recompute_stops_early,
            stack.selective_recompute,
            stack.vocabulary_multiple,
            stack.activation_passes,
        )


@dataclass(frozen=True, slots=True)
class PassCost:
    """One forward and one backward of something, by ledger line; recomputation is part of the backward."""

    forward: Parts
    backward: Parts
    forward_exchanges: Communication = NOTHING
    """What of the forward is communication between tensor ranks; its seconds are among the parts."""
    backward_exchanges: Communication = NOTHING
    forward_squares_s2: Array = 0.0
    """Sum of the squared times of the forward's kernels: what their independent variation adds up to."""
    backward_squares_s2: Array = 0.0

    def __add__(self, other: PassCost) -> PassCost:
        return PassCost(
            combined(self.forward, other.forward),
            combined(self.backward, other.backward),
            self.forward_exchanges + other.forward_exchanges,
            self.backward_exchanges + other.backward_exchanges,
            self.forward_squares_s2 + other.forward_squares_s2,
            self.backward_squares_s2 + other.backward_squares_s2,
        )

    def __mul__(self, times: Array) -> PassCost:
        exchanges = self.forward_exchanges * times, self.backward_exchanges * times
        squares_s2 = self.forward_squares_s2 * times, self.backward_squares_s2 * times
        return PassCost(scaled(self.forward, times), scaled(self.backward, times), *exchanges, *squares_s2)

    def plain(self) -> PassCost:
        """The cost of one plan in plain floats, as instructions carry it."""
        return PassCost(
            plain(self.forward),
            plain(self.backward),
            self.forward_exchanges,
            self.backward_exchanges,
            forward_squares_s2=float(self.forward_squares_s2),
            backward_squares_s2=float(self.backward_squares_s2),
        )


def layer_products_s(model: Model, part: Slice, machine: Machine, lora: Lora | None = None) -> tuple[Array, Array]:
    """Busy seconds of one layer's projections, forward and backward: what exchanges of tensor ranks can hide behind."""
    projections = [one for one in layer_operations(model, part, machine.style, lora) if one.region != "attention-core"]

    def seconds(kernels: Iterable[Kernel]) -> Array:
        products = (kernel for kernel in kernels if kernel.kind == "gemm")
        return sum(kernel_time_s(one, machine.gpu, machine.stack, machine.precision) for one in products)

    forward = seconds(kernel for one in projections for kernel in one.forward)
    return forward, seconds(kernel for one in projections for kernel in one.backward)


def input_weight_gradients_s(model: Model, part: Slice, machine: Machine, lora: Lora | None = None) -> Array:
    """Busy seconds of the weight gradients of a layer's two projections into attention and MLP.

    What their input gradients' way over the tensor ranks can hide behind.
    """
    gradients = [
        kernel
        for one in layer_operations(model, part, machine.style, lora)
        if one.name in ("qkv", "mlp in")
        for kernel in one.weight_gradient
        if kernel.kind == "gemm"
    ]
    return sum(kernel_time_s(one, machine.gpu, machine.stack, machine.precision) for one in gradients)


def layer_waits_s(model: Model, part: Slice, machine: Machine, lora: Lora | None = None) -> tuple[Array, Array]:
    """Seconds that the device waits for its host in one layer, forward and backward."""
    operations, stack = layer_operations(model, part, machine.style, lora), machine.stack
    forward = timed((kernel for one in operations for kernel in one.forward), machine)
    backward = timed((kernel for one in operations for kernel in one.backward), machine, stack.host_backward_launch_s)
    return forward.wait_s, backward.wait_s


Build = Callable[[Slice], tuple[Operation, ...]]


def layer_cost(model: Model, part: Slice, recompute: Recompute, machine: Machine, lora: Lora | None = None) -> PassCost:
    """Seconds of one layer for one micro-batch, without communication."""
    return _pass_cost(lambda cut: layer_operations(model, cut, machine.style, lora), part, recompute, machine)


def embedding_cost(model: Model, part: Slice, machine: Machine, lora: Lora | None = None) -> PassCost:
    """Seconds of the input embedding for one micro-batch."""
    return _pass_cost(lambda cut: embedding_operations(model, cut, lora), part, "none", machine)


def head_cost(model: Model, part: Slice, machine: Machine, lora: Lora | None = None) -> PassCost:
    """Seconds of the final norm, vocabulary projection and loss for one micro-batch."""
    return _pass_cost(lambda cut: head_operations(model, cut, machine.style, lora), part, "none", machine)


@dataclass(frozen=True, slots=True)
class Timed:
    """Kernels one after the other. busy_s: all of them; time_s: with their launches.

    wait_s: how long the device waits for its host, beside its own gaps. squares_s2: sum of their squared times.
    """

    kernels: tuple[Kernel, ...]
    busy_s: Array
    time_s: Array
    wait_s: Array
    squares_s2: Array


def timed(kernels: Iterable[Kernel], machine: Machine, launch_s: float | None = None) -> Timed:
    """Time some kernels on a machine. launch_s: host time of each launch; of a forward's by default."""
    run = tuple(kernels)
    times_s = [kernel_time_s(kernel, machine.gpu, machine.stack, machine.precision) for kernel in run]
    busy_s = sum(times_s, start=np.asarray(0.0))
    launches = len(run) * machine.stack.launch_factor
    host_s = machine.stack.host_launch_s if launch_s is None else launch_s
    time_s = launched_time_s(busy_s, launches, host_s, machine.gap_s)
    wait_s = time_s - (busy_s + launches * machine.gap_s)
    return Timed(run, busy_s, time_s, wait_s, sum(one**2 for one in times_s))


def useful_time_s(kernels: tuple[Kernel, ...], machine: Machine) -> Array:
    """Seconds of what the mathematics of some kernels needs, each at the peak of its format."""
    products = [kernel for kernel in kernels if kernel.kind != "elementwise"]
    seconds: Array = 0.0
    for name in dict.fromkeys(one.format for one in products):
        own = tuple(one for one in products if one.format == name)
        seconds = seconds + total(own, "useful_flops") / machine.gpu.peak_flops_per_s[name or machine.precision]
    return seconds


def phase_parts(here: Timed, alone: Timed, tensor: Array, machine: Machine) -> Parts:
    """Split the time of some kernels over useful, kernel_loss, launch and sharding_loss.

    alone: the kernels that one device would run for the same micro-batch. The lines sum to the kernels' time.
    """
    useful_s = useful_time_s(alone.kernels, machine) / tensor
    sharding_s = np.maximum(here.time_s - alone.time_s / tensor, 0.0)
    launch_s = (alone.time_s - alone.busy_s) / tensor
    return {
        "useful": useful_s,
        # Smaller kernels can by luck fill the device better; that gain is kept here, so that no line is negative.
        "kernel_loss": here.time_s - useful_s - launch_s - sharding_s,
        "launch": launch_s,
        "sharding_loss": sharding_s,
    }


def _pass_cost(build: Build, part: Slice, recompute: Recompute, machine: Machine) -> PassCost:
    operations, unsplit = build(part), build(part.unsplit())

    def phase(select: Callable[[Operation], tuple[Kernel, ...]], launch_s: float) -> tuple[Parts, Array]:
        here, alone = (
            timed((kernel for one in side for kernel in select(one)), machine, launch_s)
            for side in (operations, unsplit)
        )
        return phase_parts(here, alone, part.tensor, machine), here.squares_s2

    stack = machine.stack
    forward, forward_squares_s2 = phase(lambda operation: operation.forward, stack.host_launch_s)
    backward, backward_squares_s2 = phase(lambda operation: operation.backward, stack.host_backward_launch_s)
    if recompute != "none":
        again, squares_s2 = phase(
            lambda operation: rerun_kernels(operation, recompute, machine.style),
            stack.host_launch_s,
        )
        backward = combined(backward, relabelled(again, "recompute"))
        backward_squares_s2 = backward_squares_s2 + squares_s2
    return PassCost(forward, backward, forward_squares_s2=forward_squares_s2, backward_squares_s2=backward_squares_s2)
