"""Slices of TPUs: planned and timed as clusters of GPUs are, under programs that no host launches kernel by kernel."""

from __future__ import annotations

from sim.catalog import Tpu, TpuStack
from sim.machines.gpu import GpuCluster


class TpuSlices(GpuCluster):
    """TPUs on a torus, several slices joined by the data centre's network.

    A plan is one of the same degrees as on GPUs; only its devices and its stack tell it from one.
    """

    records = (Tpu, TpuStack)
    label, word, one, plural = "TPU", "tpu", "one TPU chip", "TPUs"
    default_stack = "maxtext-2024"
    is_part = is_profiled = False
