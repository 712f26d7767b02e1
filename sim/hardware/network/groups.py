"""Communication groups: which devices talk to each other, and how a group lies over the scale-up domains.

Pure arithmetic on device numbers, for all groups of one shape at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.errors import InputError
from sim.hardware.topology import Numbers


@dataclass(frozen=True, slots=True)
class Lattice:
    """Devices that lie in a regular pattern with gaps: first + i1 stride1 + i2 stride2 + ..., innermost axis first."""

    first: int
    axes: tuple[tuple[int, int], ...]
    """(how many, stride)."""

    def __len__(self) -> int:
        return int(np.prod([count for count, _ in self.axes]))

    @property
    def numbers(self) -> Numbers:
        """All of them, in order."""
        numbers = np.array([self.first], dtype=np.int64)
        for count, stride in self.axes:
            numbers = (numbers + stride * np.arange(count)[:, None]).reshape(-1)
        return numbers


Devices = range | Lattice
"""Some devices; a range where there are no gaps between them."""


def lattice(first: int, axes: Iterable[tuple[int, int]]) -> Devices:
    """Devices on some axes, innermost first: a range where axes continue each other, else a lattice.

    Hand-worked: 4 neighbours, twice 8 apart: a lattice; 4 neighbours, twice 4 apart: a range of 8.
    """
    joined: list[tuple[int, int]] = []
    for count, stride in axes:
        if count == 1:
            continue
        if joined and stride == joined[-1][0] * joined[-1][1]:
            joined[-1] = (joined[-1][0] * count, joined[-1][1])
        else:
            joined.append((count, stride))
    if not joined or (len(joined) == 1 and joined[0][1] == 1):
        return range(first, first + (joined[0][0] if joined else 1))
    return Lattice(first, tuple(joined))


def first_of(devices: Devices) -> int:
    """Number of the first of some devices."""
    return devices.start if isinstance(devices, range) else devices.first


def numbers_of(devices: Devices) -> Numbers:
    """Device numbers, in order."""
    return np.arange(devices.start, devices.stop, dtype=np.int64) if isinstance(devices, range) else devices.numbers


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

    def members(self, devices: Devices) -> Numbers:
        """(groups, ranks) device numbers of every whole group among some devices.

        devices: a range starts where a block starts; what is left over at its end belongs to no group.
        """
        if isinstance(devices, Lattice):
            numbers = devices.numbers
            bases = np.unique(numbers // self.block * self.block + numbers % self.stride)
            members = bases[:, None] + self.stride * np.arange(self.ranks)
            whole: Numbers = members[np.isin(members, numbers).all(axis=1)]
            return whole
        count = len(devices) // self.block * self.block
        numbers = np.arange(devices.start, devices.start + count, dtype=np.int64)
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
