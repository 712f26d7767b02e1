"""TPUs and their software: the figures of GPUs, which say something else of what makes them."""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog.records import Gpu
from sim.catalog.stack_records import GpuStack


@dataclass(frozen=True, slots=True)
class Tpu(Gpu):
    """One TPU chip: a multiprocessor is a TensorCore, a tile what a systolic array holds."""


@dataclass(frozen=True, slots=True)
class TpuStack(GpuStack):
    """What a training software stack on TPUs does: a compiled program, whose kernels no host launches."""
