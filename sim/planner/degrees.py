"""Which degrees of parallelism a model and a topology allow."""

from __future__ import annotations

from sim.catalog import Model
from sim.hardware.topology import Topology


def tensor_degrees(model: Model, topology: Topology) -> list[int]:
    """Powers of two inside a scale-up domain that divide heads and MLP."""
    degrees = [1 << power for power in range(topology.domain.bit_length())]
    counts = (model.heads, model.kv_heads, model.ffn_hidden)
    return [degree for degree in degrees if not any(count % degree for count in counts)]


def pipeline_depths(model: Model, devices: int) -> list[int]:
    """Depths that cut the layers evenly."""
    return divisors(model.layers, devices)


def divisors(number: int, largest: int) -> list[int]:
    """Divisors of a number up to a largest one."""
    return [count for count in range(1, min(number, largest) + 1) if number % count == 0]
