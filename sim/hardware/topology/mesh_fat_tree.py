"""Nodes whose devices are joined by a direct link each to each, instead of by a switch: AMD Instinct, Intel Gaudi."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from sim.hardware.topology.fat_tree import NodeFatTree
from sim.hardware.topology.links import NO_LINK, EdgeKey, Numbers
from sim.hardware.topology.nodes import Devices
from sim.hardware.topology.ring_packing import Ring, pack_rings


class MeshFatTree(NodeFatTree):
    """Fully connected nodes, whose network cards end on the same top-of-rack switch.

    scale_up is the link between two devices of a node: one peer sees one link, all peers together all of them. A node
    of 8 has 28 links, 7 at every device.
    """

    cabled = True
    meshed = True

    def _lay_scale_up(self) -> None:
        """Number the links node by node; in a node by the higher of the two devices, so that a part has the first."""
        whole, rest = divmod(self.devices, self.devices_per_node)
        self._links_per_node = _pairs_below(self.devices_per_node)
        count = whole * self._links_per_node + _pairs_below(rest)
        self._mesh = self.links.add_both(count, self.scale_up, self._mesh_ends)

    def _mesh_ends(self, index: int) -> EdgeKey:
        node, pair = divmod(index, self._links_per_node)
        high = next(high for high in range(1, self.devices_per_node) if pair < _pairs_below(high + 1))
        first = node * self.devices_per_node
        return f"gpu{first + pair - _pairs_below(high)}", f"gpu{first + high}"

    def _inside(self, sources: Numbers, targets: Numbers, where: NDArray[np.bool_]) -> list[Numbers]:
        """One column: the link between the two, for the messages that `where` marks."""
        node, one, other = sources // self.domain, sources % self.domain, targets % self.domain
        low, high = np.minimum(one, other), np.maximum(one, other)
        number = node * self._links_per_node + _pairs_below(high) + low
        return [np.where(where, np.where(one < other, *self._mesh) + number, NO_LINK)]

    def ring_orders(self, members: tuple[int, ...]) -> list[tuple[float, tuple[int, ...]]] | None:
        """Rings side by side on links of their own, for members of one node; None for others."""
        if len(members) < 2 or len({member // self.domain for member in members}) > 1:
            return None
        rings = _rings(len(members))
        return [(1 / len(rings), tuple(members[place] for place in ring)) for ring in rings]

    def with_domains_of(self, devices: int) -> None:
        """None: a device has no links to more peers than it was built for."""


def _pairs_below(devices: Devices) -> Devices:
    """How many pairs so many devices make."""
    return devices * (devices - 1) // 2


@functools.cache
def _rings(devices: int) -> tuple[Ring, ...]:
    """Rings over fully connected devices without a link in common: 7 over 8, 6 over 7, but 2 over 4.

    Source: Tillson 1980, A Hamiltonian decomposition of the complete directed graph, for how many there are.
    """
    return tuple(pack_rings(np.ones((devices, devices), dtype=np.int64) - np.eye(devices, dtype=np.int64)))
