"""FLOPs of one training step, by convention."""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog import Model
from sim.hardware.kernel import Kernel
from sim.scenario.types import Recompute, Training
from sim.workload.layer import Slice, head_operations, layer_operations
from sim.workload.operations import Operation, Style, rerun_kernels, total


@dataclass(frozen=True, slots=True)
class StepFlops:
    """FLOPs of one optimizer step over the whole system.

    needed: what the mathematics needs: matrix products, and the causal half of attention.
    counted: the same with attention over the full square, the convention of most papers.
    recomputed_needed, recomputed_counted: what recomputation runs again, by the same two conventions.
    """

    needed: float
    counted: float
    recomputed_needed: float
    recomputed_counted: float


def layers_flops(
    model: Model, training: Training, style: Style, recompute: Recompute, layers: int, *, head: bool
) -> StepFlops:
    """FLOPs of one step through some of the layers, and the head if it is there.

    Through all: 6 per parameter and token for the matrices, 12 L s a per token for full attention.
    Sources: Narayanan et al. 2021, appendix (eq. 2); Chowdhery et al. 2022 (PaLM), appendix B for the convention.
    """
    part = Slice(training.sequence, training.global_batch)
    layer = layer_operations(model, part, style, training.lora)
    ending = head_operations(model, part, style, training.lora) if head else ()

    def add(field: str, kernels_of_layer: tuple[Kernel, ...], kernels_of_head: tuple[Kernel, ...]) -> float:
        return float(layers * total(kernels_of_layer, field) + total(kernels_of_head, field))

    every = (_all_phases(layer), _all_phases(ending))
    repeated = tuple(kernel for one in layer for kernel in rerun_kernels(one, recompute, style))
    return StepFlops(
        needed=add("useful_flops", *every),
        counted=add("counted_flops", *every),
        recomputed_needed=add("useful_flops", repeated, ()),
        recomputed_counted=add("counted_flops", repeated, ()),
    )


def _all_phases(operations: tuple[Operation, ...]) -> tuple[Kernel, ...]:
    return tuple(kernel for one in operations for kernel in one.forward + one.backward)
