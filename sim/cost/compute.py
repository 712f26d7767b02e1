"""Seconds of compute: a set of operations on one device, split over the ledger's compute lines.

The reference is an unsplit device: the same micro-batch on one device of unlimited memory, whose time is shared
by the t devices of the tensor group. What splitting adds to 1/t of that is `sharding_loss`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.catalog import Gpu, GpuStack, Recipe
from sim.cost.parts import Parts, relabelled
from sim.cost.passes import KernelRun, PassCost, PhaseCost, Timed
from sim.hardware.kernel import Array, Kernel, Launching, kernel_time_s, launched_time_s
from sim.hardware.topology import HostShare
from sim.parallel.plans import Plans
from sim.scenario.types import Recompute
from sim.workload.operations import Operation, Style, rerun_kernels, total
from sim.workload.phases import Phase, kernels_of


@dataclass(frozen=True, slots=True)
class Machine:
    """What turns kernels into seconds: a device, its software, the precision of the matrix products."""

    gpu: Gpu
    stack: GpuStack
    precision: str
    host: HostShare | None = None
    """What a device has of its host; None where nothing is known of one."""

    @property
    def host_factor(self) -> float:
        """Times that its host takes for a launch, over the hosts that the stack's constants were found on."""
        return 1.0 if self.host is None else self.host.host.launch_factor

    @property
    def gap_s(self) -> float:
        """Idle time of the device between two kernels that the host launches one by one."""
        return self.gpu.kernel_gap_s + self.host_factor * self.stack.launch_gap_s

    @property
    def host_launch_s(self) -> float:
        """Host time to launch a kernel of a forward."""
        return self.host_factor * self.stack.host_launch_s

    def launching(self, phase: Phase) -> Launching:
        """How the kernels of a pass through a layer get to the device in a phase.

        One by one; as a graph; or as a part of the graph of all passes of a step, which costs the host nothing here.
        Source: Megatron-Bridge, CUDA graphs: per layer by Transformer Engine, or of a full iteration.
        """
        stack = self.stack
        if stack.cuda_graph != "none":
            once_s = self.host_factor * stack.graph_launch_s if stack.cuda_graph == "layer" else 0.0
            return Launching(0.0, stack.graph_gap_s, once_s)
        backward_s = self.host_factor * stack.host_backward_launch_s
        return Launching(self.host_launch_s if phase == "forward" else backward_s, self.gap_s)

    @property
    def outside_layers(self) -> Machine:
        """The same for what runs before and after the layers, which graphs of single layers leave out."""
        if self.stack.cuda_graph != "layer":
            return self
        return replace(self, stack=replace(self.stack, cuda_graph="none"))

    @property
    def input_s(self) -> float:
        """Host time once a step, with the launch of a graph of all its passes."""
        launch_s = self.host_factor * self.stack.graph_launch_s if self.stack.cuda_graph == "full" else 0.0
        return self.stack.fixed_step_s + launch_s

    @property
    def recipe(self) -> Recipe:
        """The formats that it trains in."""
        return self.stack.recipes[self.precision]

    @property
    def fastest_flops_per_s(self) -> float:
        """The peak of the products, or of those in attention where that is higher."""
        return max(self.gpu.peak_flops_per_s[one.name] for one in (self.recipe.products, self.recipe.attention))

    @property
    def gradient_bytes(self) -> float:
        """Bytes per element of the gradients that are reduced."""
        return self.recipe.reductions.bytes

    @property
    def style(self) -> Style:
        """How the stack cuts mathematics into kernels."""
        stack, recipe = self.stack, self.recipe
        return Style(
            recipe,
            stack.flash_attention,
            stack.causal_skip,
            stack.window_skip,
            stack.fused_elementwise,
            2 * recipe.gradients.bytes if self._products_add else recipe.parameters.bytes,
            stack.loss_traffic_bytes,
            stack.recompute_stops_early,
            stack.selective_recompute,
            stack.vocabulary_multiple,
            stack.activation_passes,
            stack.layer_norm,
            stack.rms_norm,
            stack.fused_gating,
            stack.attention_output_copies,
            gradient_add_bytes=self._gradient_add_bytes,
            splits_kept_inputs=stack.splits_kept_inputs,
            operand_copies=self.operand_copies,
            complex_rotary=stack.complex_rotary,
            repeats_keys=stack.repeats_keys,
            copies_gathers=stack.copies_exchanges and not self.fuses_gathers,
            copies_scatters="none" if not stack.copies_exchanges else "sums" if self.fuses_scatters else "all",
        )

    @property
    def fuses_scatters(self) -> bool:
        """Whether exchanges of tensor ranks run beside matrix products, each fused with one."""
        return self.stack.overlap_tensor_exchange and self.stack.fused_exchanges

    @property
    def fuses_gathers(self) -> bool:
        """The same of gathers: where what comes is cast before products read it, they are not fused.

        Source: PyTorch, issue 149990: scales of rows.
        """
        narrow = self.recipe.quantised
        return self.fuses_scatters and (narrow is None or narrow.exchanges == self.recipe.products)

    @property
    def operand_copies(self) -> int:
        """Narrow copies of an operand that products of both directions read."""
        quantised = self.recipe.quantised
        return 2 if quantised is not None and (quantised.two_ways or self.gpu.fp8_transposes) else 1

    @property
    def _products_add(self) -> bool:
        """Whether products add to a buffer; gradients that leave after every micro-batch are written afresh."""
        return not self.stack.reduces_every_micro_batch and self.stack.gradient_sum == "product"

    @property
    def _gradient_add_bytes(self) -> float:
        """Memory traffic per parameter to add a gradient to the buffer, beyond what writes the gradient.

        A sum reads the gradient, reads and writes the buffer; a cast first reads it and writes a copy.
        Source: Megatron-LM, DistributedDataParallel; DeepSpeed, BF16_Optimizer.update_hp_grads.
        Hand-worked: bf16 into fp32: 2 + 4 + 4 = 10; cast first: 2 + 4, then 4 + 4 + 4, 18.
        """
        if self.stack.reduces_every_micro_batch or self._products_add:
            return 0.0
        fresh, buffer = self.recipe.parameters.bytes, self.recipe.gradients.bytes
        is_cast = self.stack.gradient_sum == "cast and kernel" and fresh != buffer
        return fresh + (4 if is_cast else 2) * buffer

    def style_of(self, plan: Plans) -> Style:
        """The same for a plan: autograd takes the first micro-batch's gradients as they are, and adds the others.

        Weights are cast for the first micro-batch alone where their casts are kept, and each replica casts its share
        where they are gathered narrow.
        Hand-worked: 4 micro-batches: 3 sums, 3/4 of one for each; 1/4 of the weights, and of 8 shards 1/32.
        """
        style, recipe = self.style, self.recipe
        if self.stack.gradient_sum == "autograd":
            style = replace(style, gradient_adds=1.0 - 1.0 / plan.micro_batches)
        if recipe.quantised is None:
            return style
        share = 1.0 / plan.micro_batches if recipe.keeps_weight_casts else 1.0
        if recipe.gathers != recipe.parameters and plan.zero:
            share = share / plan.shards
        return replace(style, weight_casts=share)


Select = Callable[[Operation], tuple[Kernel, ...]]


def timed(operations: Iterable[Operation], select: Select, machine: Machine, how: Launching) -> Timed:
    """Time some kernels of operations on a machine. how: they get to the device."""
    runs = tuple(
        KernelRun(one, kernel, kernel_time_s(kernel, machine.gpu, machine.stack, machine.precision))
        for one in operations
        for kernel in select(one)
    )
    busy_s = sum((run.time_s for run in runs), start=np.asarray(0.0))
    launches = sum(run.kernel.launches for run in runs) * machine.stack.launch_factor
    time_s = launched_time_s(busy_s, launches, how)
    wait_s = time_s - (busy_s + launches * how.gap_s)
    return Timed(runs, busy_s, time_s, wait_s, sum(run.time_s**2 for run in runs))


def useful_time_s(kernels: Sequence[Kernel], machine: Machine) -> Array:
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


def pass_cost(
    here: Sequence[Operation],
    alone: Sequence[Operation],
    tensor: Array,
    recompute: Recompute,
    machine: Machine,
    phases: Iterable[Phase],
) -> PassCost:
    """Seconds of one micro-batch through some operations, without communication.

    here: on a device of a tensor group. alone: the same on one device of unlimited memory.
    """

    def cost(select: Select, how: Launching) -> PhaseCost:
        own, unsplit = (timed(side, select, machine, how) for side in (here, alone))
        parts = phase_parts(own, unsplit, tensor, machine)
        return PhaseCost(parts, squares_s2=own.squares_s2, kernels=((own, 1),))

    def again() -> PhaseCost:
        # A graph of the backward has what runs again in it.
        how = machine.launching("forward")._replace(once_s=0.0)
        repeated = cost(lambda operation: rerun_kernels(operation, recompute, machine.style), how)
        kernels = tuple((replace(own, again=True), count) for own, count in repeated.kernels)
        return PhaseCost(relabelled(repeated.parts, "recompute"), {}, repeated.squares_s2, kernels)

    found: dict[Phase, PhaseCost] = {}
    for phase in phases:
        found[phase] = cost(kernels_of(phase), machine.launching(phase))
        if recompute != "none" and phase in ("backward", "input gradient"):
            found[phase] = found[phase] + again()
    return PassCost(found)


def products_s(phase: PhaseCost) -> Array:
    """Busy seconds of projections in a phase of one layer: what exchanges of tensor ranks can hide behind."""
    own, _ = phase.kernels[0]
    return sum(run.time_s for run in own.runs if run.operation.region != "attention-core" and run.kernel.kind == "gemm")


def input_weight_gradients_s(backward: PhaseCost) -> Array:
    """Busy seconds of the weight gradients of a layer's two projections into attention and MLP.

    What their input gradients' way over the tensor ranks can hide behind.
    """
    own, _ = backward.kernels[0]
    return sum(
        run.time_s
        for run in own.runs
        if run.operation.column_parallel and run.kernel.kind == "gemm"
        if any(run.kernel is one for one in run.operation.weight_gradient)
    )
