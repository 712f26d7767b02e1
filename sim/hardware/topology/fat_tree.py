"""Fat trees: nodes with a scale-up switch each, joined by leaf, spine and core switches.

With adaptive routing, parallel switches and cables of one tier act as one of their summed capacity, so they are merged.
With hashed routing (static equal-cost multipath) every cable above a leaf stands for itself, and a pair of devices
keeps to the one that its hash picks: two pairs may meet on one cable while another is idle.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.nodes import Nodes
from sim.hardware.topology.topology import About, Paths

Routing = Literal["adaptive", "hashed"]


@dataclass(frozen=True, slots=True)
class FatTreeSizes:
    """How many of what a fat tree has.

    nics_per_node: at most devices_per_node; neighbouring devices share one where there are fewer.
    nodes_per_leaf: nodes of one scalable unit, whose network cards end on the same leaf switches.
    leaves_per_spine: scalable units below one group of spine switches; beyond it, messages cross the core.
    oversubscription: bandwidth below a leaf over bandwidth above it; 1 is non-blocking.
    """

    devices_per_node: int
    nics_per_node: int
    nodes_per_leaf: int
    leaves_per_spine: int
    oversubscription: float = 1.0


class FatTree(Nodes):
    """What rail-optimised and node-wise fat trees share."""

    def __init__(
        self,
        about: About,
        sizes: FatTreeSizes,
        scale_up: Link,
        nic: Link,
        fabric_latency_s: float,
        routing: Routing = "adaptive",
    ) -> None:
        super().__init__(about, sizes.devices_per_node, sizes.nics_per_node, scale_up, nic)
        self.sizes = sizes
        self.routing = routing
        cards_per_leaf = sizes.nodes_per_leaf * sizes.nics_per_node // self.rails
        above_leaf = cards_per_leaf * nic.bytes_per_s / sizes.oversubscription
        self.cables = max(1, round(cards_per_leaf / sizes.oversubscription)) if routing == "hashed" else 1
        """Separate ways up from a leaf."""
        self.leaf_up = Link("fabric", above_leaf / self.cables, fabric_latency_s)
        self.spine_up = Link("fabric", above_leaf / self.cables * sizes.leaves_per_spine, fabric_latency_s)
        self._leaf = self._spine = (0, 0)
        self._lay_fabric()

    def with_domains_of(self, devices: int) -> Self | None:
        """As for every topology. None where nodes would have to be cut.

        Nodes keep their cards and their places in the fabric, so every message goes either as it did or, where its
        ends are now in one domain, through the scale-up switch.
        """
        if devices % self.devices_per_node:
            return None
        larger = copy.copy(self)
        larger.__dict__.pop("graph", None)
        larger.domain, larger.levels = devices, (devices,)
        return larger

    @property
    @abstractmethod
    def rails(self) -> int:
        """Separate leaf and spine planes: one per network card, or one in all."""

    @abstractmethod
    def _rail(self, device: Numbers) -> Numbers:
        """The plane that each device's card belongs to."""

    def _lay_fabric(self) -> None:
        """Number the links above the leaves; tiers that a cluster of this size does not need are not built."""
        units = -(-self.nodes // self.sizes.nodes_per_leaf)
        groups = -(-units // self.sizes.leaves_per_spine)
        planes = self.rails * self.cables
        if units > 1:
            self._leaf = self.links.add_both(units * planes, self.leaf_up, self._leaf_ends)
        if groups > 1:
            self._spine = self.links.add_both(groups * planes, self.spine_up, self._spine_ends)

    def _edge_switch(self, node: int, card: int) -> str:
        return f"leaf{node // self.sizes.nodes_per_leaf}.{card if self.rails > 1 else 0}"

    def _leaf_ends(self, index: int) -> EdgeKey:
        plane, cable = divmod(index, self.cables)
        unit, rail = divmod(plane, self.rails)
        group = unit // self.sizes.leaves_per_spine
        return f"leaf{unit}.{rail}", self._spine_ends((group * self.rails + rail) * self.cables + cable)[0]

    def _spine_ends(self, index: int) -> EdgeKey:
        plane, cable = divmod(index, self.cables)
        name = f"spine{plane // self.rails}.{plane % self.rails}"
        return name if self.cables == 1 else f"{name}.{cable}", "core"

    def _across(self, sources: Numbers, targets: Numbers, where: NDArray[np.bool_]) -> list[Numbers]:
        """Columns up from the source and down to the target, turning at the first switch in common."""
        sizes, rails = self.sizes, self.rails
        cable = self._cable(sources, targets)
        climbs: list[list[Numbers]] = []
        units = [ends // self.devices_per_node // sizes.nodes_per_leaf for ends in (sources, targets)]
        groups = [unit // sizes.leaves_per_spine for unit in units]
        leave_unit = where & (units[0] != units[1])
        leave_group = where & (groups[0] != groups[1])
        for side, ends in enumerate((sources, targets)):
            rail = self._rail(ends)
            leaf = (units[side] * rails + rail) * self.cables + cable
            spine = (groups[side] * rails + rail) * self.cables + cable
            climb = self._out(ends, side, where)
            climb += [np.where(leave_unit, self._leaf[side] + leaf, NO_LINK)]
            climb += [np.where(leave_group, self._spine[side] + spine, NO_LINK)]
            climbs.append(climb)
        return [*climbs[0], *reversed(climbs[1])]

    def _cable(self, sources: Numbers, targets: Numbers) -> Numbers:
        """The way up that the hash of a pair picks (the finalizer of splitmix64); 0 where there is one."""
        if self.cables == 1:
            return np.zeros_like(sources)
        mixed = (sources * 0x1_0000_0001 + targets).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return ((mixed ^ (mixed >> np.uint64(31))) % np.uint64(self.cables)).astype(np.int64)


class RailFatTree(FatTree):
    """Rail-optimised fat tree: card i of every node ends on the leaf of rail i.

    A message to another rail first crosses the sender's scale-up switch to the device on the receiver's rail,
    as the communication library does (NCCL's PXN), so that it leaves and arrives on one rail.
    """

    @property
    def rails(self) -> int:
        return self.sizes.nics_per_node

    def _rail(self, device: Numbers) -> Numbers:
        return self._card(device)

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        nodes, domains = self.devices_per_node, [ends // self.domain for ends in (sources, targets)]
        home, target = sources // nodes, targets // nodes
        inside = domains[0] == domains[1]
        changes_rail = ~inside & (self._rail(sources) != self._rail(targets))
        relay = home * nodes + targets % nodes
        # Where the sender's node is the last one and partly built, rails change in the receiver's node instead.
        changes_late = changes_rail & (relay >= self.devices)
        changes_first = changes_rail & ~changes_late
        leaves = np.where(changes_first, relay, sources)
        enters = np.where(changes_late, target * nodes + sources % nodes, targets)
        first = self._inside(sources, np.where(inside, targets, leaves), inside | changes_first)
        last = self._inside(enters, targets, changes_late)
        return self._along(*first, *self._across(leaves, enters, ~inside), *last)


class NodeFatTree(FatTree):
    """Fat tree as in clouds: all cards of a node end on the same top-of-rack switch."""

    @property
    def rails(self) -> int:
        return 1

    def _rail(self, device: Numbers) -> Numbers:
        return np.zeros_like(device)

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        inside = sources // self.domain == targets // self.domain
        within = self._inside(sources, targets, inside)
        return self._along(*within, *self._across(sources, targets, ~inside))
