"""Tori: every device joined to its neighbours in each dimension, the ends of each row joined as well."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.topology import About, Paths, Topology

LONGEST_PATH = 1024
"""Hops; paths are kept hop by hop."""


class Torus(Topology):
    """A torus of any number of dimensions; devices are numbered with the first dimension innermost.

    Messages take the dimensions in their order (dimension-order routing), each the shorter way round. Where both ways
    are equally long, upwards from even and downwards from odd coordinates: if all went the same way, the links of
    that direction would carry 1 + 2 / n of an even share in a ring of n, and those of the other 1 - 2 / n.
    Source: Dally and Towles, Principles and Practices of Interconnection Networks, 2004, sections 5.1 and 8.4. Two
    devices that make up a whole dimension have one link between them, not two.

    sizes: devices along each dimension; of the last only as much is built as there are devices.
    where, sizes_where: shown first in messages about the number of devices, and about sizes.
    Raises InputError for a number of devices that does not fill it, and for one with paths of over LONGEST_PATH hops.
    """

    def __init__(
        self, about: About, sizes: tuple[int, ...], link: Link, where: str = "", sizes_where: str = ""
    ) -> None:
        layer, last = math.prod(sizes[:-1]), sizes[-1]
        if about.devices % layer or not 1 <= about.devices // layer <= last:
            shape = " x ".join(str(size) for size in sizes)
            raise InputError(
                where or f"topology '{about.name}'",
                f"{about.devices} devices do not fill a torus of {shape}, which grows along its last dimension",
                f"use a multiple of {layer}, from {layer} to {layer * last} devices" if last > 1 else f"use {layer}",
            )
        built = (*sizes[:-1], about.devices // layer)
        longest = sum(size // 2 for size in built)
        if longest > LONGEST_PATH:
            shape = " x ".join(str(size) for size in built)
            raise InputError(
                sizes_where or f"topology '{about.name}'",
                f"messages take up to {longest:,} hops in a torus of {shape}",
                f"at most {LONGEST_PATH:,} are possible: use more dimensions, or smaller ones",
            )
        super().__init__(about, built[0], built)
        self._lay(built, link, tuple(True for _ in built))

    def _lay(self, sizes: tuple[int, ...], link: Link, wraps: tuple[bool, ...]) -> None:
        """Lay the links along each dimension. wraps: where the ends of a row are joined; two devices have one link."""
        self.link = link
        self._sizes = sizes
        self._strides = tuple(math.prod(sizes[:axis]) for axis in range(len(sizes)))
        self._closed = tuple(closed and size > 2 for closed, size in zip(wraps, sizes, strict=True))
        self._axes = [
            self.links.add_both(self._cables(axis), link, functools.partial(self._ends, axis))
            for axis in range(len(sizes))
        ]

    def vertex(self, device: int) -> str:
        return f"gpu{device}"

    def _cables(self, axis: int) -> int:
        """Links along one dimension: one upwards from each device, but from the last of a row that is open."""
        size = self._sizes[axis]
        return self.devices if self._closed[axis] else self.devices // size * (size - 1)

    def _ends(self, axis: int, index: int) -> EdgeKey:
        size, stride = self._sizes[axis], self._strides[axis]
        if self._closed[axis]:
            along = index // stride % size
            return self.vertex(index), self.vertex(index + ((along + 1) % size - along) * stride)
        row, along = divmod(index, size - 1)
        lower = row // stride * stride * size + row % stride + along * stride
        return self.vertex(lower), self.vertex(lower + stride)

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        return self._along(*self._columns(sources, targets))

    def _columns(self, sources: Numbers, targets: Numbers) -> list[Numbers]:
        """Links of the paths, hop by hop."""
        columns: list[Numbers] = []
        here = sources
        for axis, (size, stride, closed) in enumerate(zip(self._sizes, self._strides, self._closed, strict=True)):
            start, end = sources // stride % size, targets // stride % size
            upward, hops = end > start, np.abs(end - start)
            if closed:
                ahead = (end - start) % size
                upward = (2 * ahead < size) | ((2 * ahead == size) & (start % 2 == 0))
                hops = np.where(upward, ahead, size - ahead)
            row = here - start * stride
            columns += [
                np.where(step < hops, self._hop(axis, row, start + np.where(upward, step, -step), upward), NO_LINK)
                for step in range(size // 2 if closed else size - 1)
            ]
            here = row + end * stride
        return columns

    def _hop(self, axis: int, row: Numbers, along: Numbers, upward: NDArray[np.bool_]) -> Numbers:
        """Numbers of the links that leave from `along` (taken round the row) in the direction of travel.

        row: device at the start of each row.
        """
        size, stride = self._sizes[axis], self._strides[axis]
        first, back = self._axes[axis]
        # A link has the number of its lower end; the way down from a device is the way back of the one below it.
        lower = np.where(upward, along, along - 1)
        if self._closed[axis]:
            numbers: Numbers = np.where(upward, first, back) + row + lower % size * stride
            return numbers
        rows = row // (size * stride) * stride + row % stride
        opened: Numbers = np.where(upward, first, back) + rows * (size - 1) + lower
        return opened
