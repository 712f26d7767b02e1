"""Slices of a torus, joined by the data centre's network: how TPUs are wired."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sim.errors import InputError
from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.topology import About, Paths, Topology
from sim.hardware.topology.torus import Torus

_SWITCH = "dcn"
"""The network between slices, as one switch that is never the narrower."""


@dataclass(frozen=True, slots=True)
class SliceSizes:
    """What a family of slices can be.

    dimensions: of the torus. wraps_at: ends of a row are joined where its length is a multiple of it.
    largest_slice: devices. most_slices: that run one job.
    """

    dimensions: int
    wraps_at: int
    largest_slice: int
    most_slices: int


class TorusSlices(Torus):
    """Tori of equal shape, one after the other in the numbers of devices, each device with a card to the other slices.

    Inside a slice messages go as in a torus; a row that is no multiple of `wraps_at` is open at its ends. From one
    slice to another they leave by the sender's own card and arrive by the receiver's.
    Source: Jouppi et al. 2023, TPU v4, sec. 2: cubes of 4 x 4 x 4 whose faces optical switches join.

    shape: devices of a slice along each dimension, the first innermost; their product divides the number of devices.
    """

    def __init__(self, about: About, shape: tuple[int, ...], wraps_at: int, link: Link, card: Link) -> None:
        slice_devices = math.prod(shape)
        slices = about.devices // slice_devices
        levels = (*shape, slices) if slices > 1 else shape
        Topology.__init__(self, about, slice_devices, levels)
        self.shape, self.slices = shape, slices
        self._lay(shape, link, tuple(size % wraps_at == 0 for size in shape))
        self.card = card
        self._cards = self.links.add_both(about.devices if slices > 1 else 0, card, self._card_ends)

    def vertex(self, device: int) -> str:
        return f"tpu{device}"

    def _card_ends(self, device: int) -> EdgeKey:
        return self.vertex(device), f"{_SWITCH}0"

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        crosses = sources // self.domain != targets // self.domain
        if not crosses.any():
            return super()._paths(sources, targets)
        out, back = self._cards
        inside = [np.where(crosses, NO_LINK, column) for column in self._columns(sources, targets)]
        return self._along(
            np.where(crosses, out + sources, NO_LINK), *inside, np.where(crosses, back + targets, NO_LINK)
        )


def slice_shape(devices: int, sizes: SliceSizes) -> tuple[int, ...]:
    """Shape of a slice of so many devices, the longest dimension innermost: as near to a cube as it can be.

    Whole cubes of `wraps_at` devices along each dimension are joined as they are, so that every row is closed.
    Source: Google Cloud, TPU v4, v5e, v5p: the shapes of slices.
    Hand-worked: 192 devices by cubes of 4 x 4 x 4: 12 x 4 x 4; 128 on a plane that closes at 16: 16 x 8.
    """
    cube = sizes.wraps_at**sizes.dimensions
    unit = sizes.wraps_at if devices % cube == 0 else 1
    left, shape = devices // unit**sizes.dimensions, list[int]()
    for dimension in range(sizes.dimensions, 0, -1):
        # The smallest divisor that is no less than an even share of what is left.
        least = math.ceil(round(left ** (1 / dimension), 9))
        shape.append(next(size for size in range(least, left + 1) if left % size == 0))
        left //= shape[-1]
    return tuple(sorted((unit * size for size in shape), reverse=True))


def slices_of(devices: int, asked: int | None, sizes: SliceSizes, where: str) -> int:
    """How many slices so many devices make: as asked, or as few as hold them.

    Raises InputError where they do not make equal slices, or slices are larger than there are.
    """
    slices = asked or -(-devices // sizes.largest_slice)
    if devices % slices:
        problem = f"{devices} devices do not make {slices} equal slices"
        raise InputError(where, problem, f"use a multiple of {slices} devices, or set slices")
    if devices // slices > sizes.largest_slice:
        problem = (
            f"{devices} devices in {slices} slices are {devices // slices} a slice, of at most {sizes.largest_slice}"
        )
        raise InputError(where, problem, f"set slices to {-(-devices // sizes.largest_slice)} or more")
    return slices
