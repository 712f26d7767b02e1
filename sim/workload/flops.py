"""FLOPs of one training step, by convention."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.catalog import Model
from sim.hardware.kernel import Array, Kernel
from sim.scenario.types import Recompute, Training
from sim.workload.kinds import EMBEDDING, HEAD, LayerKind, all_layers
from sim.workload.operations import Operation, Slice, Style, rerun_kernels, total


@dataclass(frozen=True, slots=True)
class StepFlops:
    """FLOPs of one optimizer step over the whole system.

    needed: what the mathematics needs: matrix products, and the causal half of attention.
    counted: the same with attention over the full square, the convention of most papers.
    recomputed_needed, recomputed_counted: what recomputation runs again, by the same two conventions.
    needed_in: needed, by the format that it runs in.
    """

    needed: float
    counted: float
    recomputed_needed: float
    recomputed_counted: float
    needed_in: Mapping[str, float]

    def mean_peak(self, peaks: Mapping[str, float], precision: str) -> float:
        """FLOP/s of a device that does what is needed at the peak of every format: the precision's where there is one.

        Hand-worked: 3 FLOPs at a peak of 1 and 4 at a peak of 4: 7 in 4 s.
        """
        if len(self.needed_in) <= 1:
            return peaks[precision]
        return self.needed / sum(flops / peaks[name] for name, flops in self.needed_in.items())


def half_peak(peaks: Mapping[str, float], precision: str) -> float:
    """FLOP/s of a device in bf16, in fp16 where it has no bf16, or in the precision where it has neither."""
    return next(peaks[name] for name in ("bf16", "fp16", precision) if name in peaks)


def model_flops(model: Model, training: Training, style: Style, recompute: Recompute) -> StepFlops:
    """FLOPs of one step through all layers and the head."""
    return layers_flops(model, training, style, recompute, all_layers(model), head=True)


def layers_flops(
    model: Model, training: Training, style: Style, recompute: Recompute, layers: Mapping[LayerKind, int], *, head: bool
) -> StepFlops:
    """FLOPs of one step through some of the layers, so many of each kind, and both ends if the head is there.

    Through all: 6 per parameter and token for the matrices, 12 L s a per token for full attention.
    Sources: Narayanan et al. 2021, appendix (eq. 2); Chowdhery et al. 2022 (PaLM), appendix B for the convention.
    """
    part = Slice(training.sequence, training.global_batch, document=training.document)
    own = [(count, kind.operations(model, part, style, training.lora)) for kind, count in layers.items()]
    ends = (EMBEDDING, HEAD) if head else ()
    ending = tuple(one for kind in ends for one in kind.operations(model, part, style, training.lora))
    every = [operation for _, operations in (*own, (1, ending)) for operation in operations]
    formats = {kernel.format for operation in every for kernel in _all_phases(operation) if kernel.format}

    def of(name: str) -> Callable[[Operation], tuple[Kernel, ...]]:
        return lambda operation: tuple(kernel for kernel in _all_phases(operation) if kernel.format == name)

    def again(operation: Operation) -> tuple[Kernel, ...]:
        return rerun_kernels(operation, recompute, style)

    def added(field: str, kernels: Callable[[Operation], tuple[Kernel, ...]], ending: tuple[Operation, ...]) -> float:
        in_layers = sum(count * _total(operations, kernels, field) for count, operations in own)
        return float(in_layers + _total(ending, kernels, field))

    return StepFlops(
        needed=added("useful_flops", _all_phases, ending),
        counted=added("counted_flops", _all_phases, ending),
        recomputed_needed=added("useful_flops", again, ()),
        recomputed_counted=added("counted_flops", again, ()),
        needed_in={name: added("useful_flops", of(name), ending) for name in sorted(formats)},
    )


def _total(operations: tuple[Operation, ...], kernels: Callable[[Operation], tuple[Kernel, ...]], field: str) -> Array:
    return total(tuple(kernel for one in operations for kernel in kernels(one)), field)


def _all_phases(operation: Operation) -> tuple[Kernel, ...]:
    return operation.forward + operation.backward
