"""Communication groups: which devices talk to each other, and how a group lies over the scale-up domains.

Pure arithmetic on device numbers, for all groups of one shape at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.errors import InputError
from sim.hardware.topology import Numbers


@dataclass(frozen=True, slots=True)
class Group:
    """The shape of a communication group: devices base + i * stride for i < ranks.

    Groups of one shape tile the cluster: bases run through 0 .. stride - 1 of every ranks * stride devices.
    All of them communicate at once: one wave. Where a NetworkTable is asked about many shapes, both are arrays.
    """

    ranks: Any
    stride: Any = 1

    def __post_init__(self) -> None:
        if not np.all(np.minimum(self.ranks, self.stride) >= 1):
            raise InputError(
                "communication group", f"ranks {self.ranks}, stride {self.stride}", "both must be at least 1"
            )

    @property
    def block(self) -> int:
        """Devices that the groups with neighbouring bases cover together."""
        return int(self.ranks * self.stride)

    def members(self, devices: range) -> Numbers:
        """(groups, ranks) device numbers of every whole group among some devices.

        devices: starts where a block starts; what is left over at its end belongs to no group.
        """
        whole = len(devices) // self.block * self.block
        numbers = np.arange(devices.start, devices.start + whole, dtype=np.int64)
        return numbers.reshape(-1, self.ranks, self.stride).transpose(0, 2, 1).reshape(-1, self.ranks)


def domain_counts(group: Group, start: int, domain: int) -> tuple[int, ...]:
    """How many ranks of a group lie in each scale-up domain that it spans, in order.

    start: its first device. Hand-worked: 12 ranks from device 4 on, domains of 8: 4 and 8.
    """
    if group.stride >= domain:
        return (1,) * int(group.ranks)
    numbers = start % domain + np.arange(group.ranks) * group.stride
    counts = np.bincount(numbers // domain)
    return tuple(counts[counts > 0].tolist())


def by_level(group: Group, levels: tuple[int, ...]) -> tuple[int, ...] | None:
    """Sizes into which a topology's nested levels cut a group, innermost first; None where they cut it unevenly.

    levels: sizes of the nested groups, for example (8,) for nodes or (8, 4, 4) for a torus; what is left of the group
    beyond them is one last level. Hand-worked: 64 ranks, stride 2, levels (8,): 4 in a node, 16 nodes.
    """
    sizes: list[int] = []
    stride, left, boundary = group.stride, group.ranks, 1
    for level in levels:
        boundary *= level
        if stride >= boundary or left == 1:
            continue
        if boundary % stride:
            return None
        size = min(left, boundary // stride)
        if left % size or boundary // stride % size:
            return None
        sizes.append(size)
        left //= size
        stride *= size
    return tuple(size for size in (*sizes, left) if size > 1) or (1,)
