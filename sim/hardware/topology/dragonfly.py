"""Dragonflies: groups of routers that are all joined, and groups that are all joined, below them nodes.

Source: Kim, Dally, Scott, Abts, Technology-Driven, Highly-Scalable Dragonfly Topology, ISCA 2008.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np

from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.nodes import Nodes
from sim.hardware.topology.topology import About, Paths


@dataclass(frozen=True, slots=True)
class DragonflySizes:
    """How many of what a dragonfly has.

    nics_per_node: at most devices_per_node; neighbouring devices share one where there are fewer.
    nodes_per_switch: nodes whose network cards end on the same router.
    switches_per_group: routers of one group, of which every two are joined.
    largest_groups: groups of the largest machine of this design.
    local_links, global_links: cables between two routers of a group, and between two groups of the largest machine.
    """

    devices_per_node: int
    nics_per_node: int
    nodes_per_switch: int
    switches_per_group: int
    largest_groups: int
    local_links: int
    global_links: int


class Dragonfly(Nodes):
    """A dragonfly with minimal routing: to a router that holds a way to the other group, across, and on.

    Every group has (largest_groups - 1) * global_links global cables, however many groups are built: a smaller machine
    is one of the same design, fully wired, whose fewer pairs of groups share the cables out evenly (on average, where
    they do not divide).
    The cables between two groups are spread over as many routers as there are cables and routers: each of these lanes
    carries an even part of them. The ends of all lanes of a group go around its routers in turn.
    local_cable, global_cable: one cable; parallel ones act as one of their summed capacity.
    """

    def __init__(
        self, about: About, sizes: DragonflySizes, scale_up: Link, nic: Link, local_cable: Link, global_cable: Link
    ) -> None:
        super().__init__(about, sizes.devices_per_node, sizes.nics_per_node, scale_up, nic)
        self.sizes = sizes
        used = -(-self.nodes // sizes.nodes_per_switch)
        self.groups = -(-used // sizes.switches_per_group)
        self.routers = sizes.switches_per_group if self.groups > 1 else used
        """Routers of one group; a lone group has no more than its nodes need."""
        self.local = replace(local_cable, bytes_per_s=local_cable.bytes_per_s * sizes.local_links)
        self.cables = (sizes.largest_groups - 1) * sizes.global_links / max(1, self.groups - 1)
        """Cables between two groups, on average."""
        self.lanes = max(1, min(self.routers, int(self.cables)))
        """Links between two groups, each with an even part of their cables."""
        self.lane = replace(global_cable, bytes_per_s=global_cable.bytes_per_s * self.cables / self.lanes)
        self._pairs = self.routers * (self.routers - 1) // 2
        self._local = self.links.add_both(self.groups * self._pairs, self.local, self._local_ends)
        group_pairs = self.groups * (self.groups - 1) // 2
        self._global = self.links.add_both(group_pairs * self.lanes, self.lane, self._global_ends)

    def _edge_switch(self, node: int, card: int) -> str:
        group, router = divmod(node // self.sizes.nodes_per_switch, self.sizes.switches_per_group)
        return f"router{group}.{router}"

    def _first_gate(self, group: Numbers, other: Numbers) -> Numbers:
        """The router of a group at which lane 0 to another group ends; lane i ends i routers further on."""
        return (other - group - 1) % self.groups * self.lanes % self.routers

    def _gate(self, group: Numbers, other: Numbers, lane: Numbers) -> Numbers:
        """The router of a group at which a lane to another group ends."""
        return (self._first_gate(group, other) + lane) % self.routers

    def _lane(self, groups: list[Numbers], routers: list[Numbers]) -> Numbers:
        """The lane that a message between two groups takes: one with as few local hops as possible.

        The one that ends at the source's router, else the one that ends at the target's. Messages between routers
        that have neither are spread over all lanes.
        groups, routers: those of the source and of the target.
        """
        source = (routers[0] - self._first_gate(groups[0], groups[1])) % self.routers
        target = (routers[1] - self._first_gate(groups[1], groups[0])) % self.routers
        # Pairs of routers without a lane take the lanes in turn; where that would always lead to a target over the same
        # one, shifted by one from source to source.
        without = self.routers - self.lanes
        step = without if without % self.lanes else without + 1
        spread = ((source - self.lanes) * step + target - self.lanes) % self.lanes
        return np.where(source < self.lanes, source, np.where(target < self.lanes, target, spread))

    @functools.cached_property
    def _router_pairs(self) -> list[tuple[int, int]]:
        return list(itertools.combinations(range(self.routers), 2))

    @functools.cached_property
    def _group_pairs(self) -> list[tuple[int, int]]:
        return list(itertools.combinations(range(self.groups), 2))

    def _local_ends(self, index: int) -> EdgeKey:
        group, pair = divmod(index, self._pairs)
        low, high = self._router_pairs[pair]
        return f"router{group}.{low}", f"router{group}.{high}"

    def _global_ends(self, index: int) -> EdgeKey:
        pair, number = divmod(index, self.lanes)
        low, high, lane = (np.array(one) for one in (*self._group_pairs[pair], number))
        return f"router{low}.{self._gate(low, high, lane)}", f"router{high}.{self._gate(high, low, lane)}"

    def _local_hop(self, group: Numbers, here: Numbers, there: Numbers) -> Numbers:
        """Links between two routers of a group; none where they are the same."""
        number = group * self._pairs + _pair_number(here, there, self.routers)
        return np.where(here == there, NO_LINK, np.where(here < there, *self._local) + number)

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        sizes = self.sizes
        same_node = sources // self.domain == targets // self.domain
        switches = [ends // self.domain // sizes.nodes_per_switch for ends in (sources, targets)]
        groups = [switch // sizes.switches_per_group for switch in switches]
        routers = [switch % sizes.switches_per_group for switch in switches]
        same_group = groups[0] == groups[1]
        lane = self._lane(groups, routers)
        # Inside one group, the first hop leads to the target's own router and there is no other.
        leaves = np.where(same_group, routers[1], self._gate(groups[0], groups[1], lane))
        enters = np.where(same_group, routers[1], self._gate(groups[1], groups[0], lane))
        pair = _pair_number(groups[0], groups[1], self.groups)
        crossing = np.where(groups[0] < groups[1], *self._global) + pair * self.lanes + lane
        return self._along(
            *self._inside(sources, targets, same_node),
            *self._out(sources, 0, ~same_node),
            self._local_hop(groups[0], routers[0], leaves),
            np.where(same_group, NO_LINK, crossing),
            self._local_hop(groups[1], enters, routers[1]),
            *reversed(self._out(targets, 1, ~same_node)),
        )


def _pair_number(one: Numbers, other: Numbers, count: int) -> Numbers:
    """Place of each pair among all pairs of `count` things, in the order of itertools.combinations."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    number: Numbers = low * (2 * count - low - 1) // 2 + high - low - 1
    return number
