"""The phases of a training step's work: what a pass through some layers does, and what a schedule may run apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sim.hardware.kernel import Kernel
from sim.workload.operations import Operation

Phase = Literal["forward", "backward", "input gradient", "weight gradient"]
"""A backward is both gradients in one go. Schedules that run them apart pass the input's on at once, and compute the
weights' whenever there is time (Qi et al. 2023, Zero Bubble Pipeline Parallelism, sec. 2)."""


def kernels_of(phase: Phase) -> Callable[[Operation], tuple[Kernel, ...]]:
    """What of an operation runs in a phase."""
    return _KERNELS[phase]


_KERNELS: dict[Phase, Callable[[Operation], tuple[Kernel, ...]]] = {
    "forward": lambda operation: operation.forward,
    "backward": lambda operation: operation.backward,
    "input gradient": lambda operation: operation.input_gradient,
    "weight gradient": lambda operation: operation.weight_gradient,
}
