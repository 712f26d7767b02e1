"""Families of topologies: how devices, switches and links are arranged, for any size.

Parallel switches and cables of one kind are merged into one vertex and one link of their summed capacity,
which is what ideal adaptive routing makes of them. So every route is unique and follows from device numbers.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.errors import InputError
from sim.hardware.topology import About, EdgeKey, Link, Route, Topology

if TYPE_CHECKING:
    from sim.hardware.topology import Graph


class SingleNode(Topology):
    """One node: every device on one switch (NVSwitch star).

    devices_per_node: how many the node can hold; fewer may be used.
    """

    def __init__(self, about: About, devices_per_node: int, scale_up: Link) -> None:
        super().__init__(about, devices_per_node)
        self.scale_up = scale_up

    def vertex(self, device: int) -> str:
        return f"gpu{device}"

    def _route(self, a: int, b: int) -> Route:
        return (((f"gpu{a}", "nvswitch0"), self.scale_up), (("nvswitch0", f"gpu{b}"), self.scale_up))

    def _edges(self) -> dict[EdgeKey, Link]:
        return {(f"gpu{device}", "nvswitch0"): self.scale_up for device in range(self.devices)}


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


class _FatTree(Topology):
    """Nodes with a scale-up switch each, joined by leaf, spine and core switches."""

    rails: int
    """Separate leaf and spine planes: one per network card, or one in all."""

    def __init__(self, about: About, sizes: FatTreeSizes, scale_up: Link, nic: Link, fabric_latency_s: float) -> None:
        super().__init__(about, sizes.devices_per_node)
        self.sizes = sizes
        self.scale_up = scale_up
        self.nic = nic
        # A device reaches its share of a card over the host bus, which is never the narrower of the two.
        self.nic_port = replace(nic, latency_s=0.0)
        cards_per_leaf = sizes.nodes_per_leaf * sizes.nics_per_node // self.rails
        up = cards_per_leaf * nic.bytes_per_s / sizes.oversubscription
        self.leaf_up = Link("fabric", up, fabric_latency_s)
        self.spine_up = Link("fabric", up * sizes.leaves_per_spine, fabric_latency_s)

    def vertex(self, device: int) -> str:
        return f"gpu{device}"

    def _card(self, device: int) -> int:
        """Which network card of its node a device uses; on rails, also which rail."""
        local = device % self.domain
        return local * self.sizes.nics_per_node // self.sizes.devices_per_node

    @abstractmethod
    def _rail(self, device: int) -> int:
        """The plane that a device's card belongs to."""

    def _ascent(self, device: int) -> Iterator[tuple[str, str, Link]]:
        """(lower vertex, upper vertex, link) from a device up to the core."""
        node, rail = device // self.domain, self._rail(device)
        unit = node // self.sizes.nodes_per_leaf
        leaf, spine = f"leaf{unit}.{rail}", f"spine{unit // self.sizes.leaves_per_spine}.{rail}"
        if self.sizes.nics_per_node == self.sizes.devices_per_node:
            yield f"gpu{device}", leaf, self.nic
        else:
            card = f"nic{node}.{self._card(device)}"
            yield f"gpu{device}", card, self.nic_port
            yield card, leaf, self.nic
        yield leaf, spine, self.leaf_up
        yield spine, "core", self.spine_up

    def _inside(self, a: int, b: int) -> Route:
        switch = f"nvswitch{a // self.domain}"
        return (((f"gpu{a}", switch), self.scale_up), ((switch, f"gpu{b}"), self.scale_up))

    def _across(self, a: int, b: int) -> Route:
        """Up from a and down to b, turning at the first vertex that both ascents share."""
        up: list[tuple[EdgeKey, Link]] = []
        down: list[tuple[EdgeKey, Link]] = []
        for (a_low, a_high, link), (b_low, b_high, _) in zip(self._ascent(a), self._ascent(b), strict=True):
            up.append(((a_low, a_high), link))
            down.append(((b_high, b_low), link))
            if a_high == b_high:
                break
        return (*up, *reversed(down))

    def _edges(self) -> dict[EdgeKey, Link]:
        edges: dict[EdgeKey, Link] = {}
        units = -(-self.devices // (self.domain * self.sizes.nodes_per_leaf))
        # Levels that a cluster of this size does not need are not built.
        top = (units > 1) + (units > self.sizes.leaves_per_spine)
        for device in range(self.devices):
            edges[(f"gpu{device}", f"nvswitch{device // self.domain}")] = self.scale_up
            ascent = list(self._ascent(device))
            edges |= {(low, high): link for low, high, link in ascent[: len(ascent) - 2 + top]}
        return edges


class RailFatTree(_FatTree):
    """Rail-optimised fat tree: card i of every node ends on the leaf of rail i.

    A message to another rail first crosses the sender's scale-up switch to the device on the receiver's rail,
    as the communication library does (NCCL's PXN), so that it leaves and arrives on one rail.
    """

    def __init__(self, about: About, sizes: FatTreeSizes, scale_up: Link, nic: Link, fabric_latency_s: float) -> None:
        self.rails = sizes.nics_per_node
        super().__init__(about, sizes, scale_up, nic, fabric_latency_s)

    def _rail(self, device: int) -> int:
        return self._card(device)

    def _route(self, a: int, b: int) -> Route:
        home, target = a // self.domain, b // self.domain
        if home == target:
            return self._inside(a, b)
        if self._rail(a) == self._rail(b):
            return self._across(a, b)
        relay = home * self.domain + b % self.domain
        if relay < self.devices:
            return self._inside(a, relay) + self._across(relay, b)
        # The sender's node is the last one and partly built: change rails in the receiver's node instead.
        relay = target * self.domain + a % self.domain
        return self._across(a, relay) + self._inside(relay, b)


class NodeFatTree(_FatTree):
    """Fat tree as in clouds: all cards of a node end on the same top-of-rack switch."""

    rails = 1

    def _rail(self, device: int) -> int:
        return 0

    def _route(self, a: int, b: int) -> Route:
        return self._inside(a, b) if a // self.domain == b // self.domain else self._across(a, b)


class SwarmxTree(Topology):
    """Wafers below a tree of broadcast-reduce nodes, a weight store on top.

    Source: Cerebras glossary, SwarmX (1:4 broadcast-reduce nodes in a tree, reductions at line rate).
    """

    def __init__(self, about: About, fan_out: int, link: Link) -> None:
        super().__init__(about, 1)
        self.fan_out = fan_out
        self.link = link
        self.depth = self._levels(about.devices)
        """Levels of broadcast-reduce nodes between the store and a wafer."""

    def _levels(self, devices: int) -> int:
        """Levels that this many wafers need, at least one."""
        levels = 1
        while self.fan_out**levels < devices:
            levels += 1
        return levels

    def vertex(self, device: int) -> str:
        return f"wafer{device}"

    def _ascent(self, device: int) -> Iterator[EdgeKey]:
        lower, index = f"wafer{device}", device
        for level in range(1, self.depth + 1):
            index //= self.fan_out
            yield lower, f"swarmx{level}.{index}"
            lower = f"swarmx{level}.{index}"
        yield lower, "memoryx"

    def _route(self, a: int, b: int) -> Route:
        up: list[tuple[EdgeKey, Link]] = []
        down: list[tuple[EdgeKey, Link]] = []
        for (a_low, a_high), (b_low, b_high) in zip(self._ascent(a), self._ascent(b), strict=True):
            up.append(((a_low, a_high), self.link))
            down.append(((b_high, b_low), self.link))
            if a_high == b_high:
                break
        return (*up, *reversed(down))

    def _edges(self) -> dict[EdgeKey, Link]:
        return {edge: self.link for device in range(self.devices) for edge in self._ascent(device)}

    def broadcast_tree(self, devices: int) -> tuple[int, Link]:
        return self._levels(devices) + 1, self.link

    def _kind(self, vertex: str) -> str:
        return "store" if vertex == "memoryx" else "switch"


class ExplicitGraph(Topology):
    """A network given link by link; routes are the paths of least latency.

    names: vertex of each device, in rank order. edges: (vertex, vertex, link).
    Raises InputError when a device cannot reach the others.
    """

    regular = False

    def __init__(self, about: About, domain: int, names: Sequence[str], edges: Sequence[tuple[str, str, Link]]) -> None:
        super().__init__(about, domain)
        self.names = tuple(names[: about.devices])
        self._all_names = frozenset(names)
        self.links = {(a, b): link for a, b, link in edges}
        self._routes: dict[EdgeKey, Route] = {}
        self._check()

    def _check(self) -> None:
        import networkx

        reached = networkx.node_connected_component(self.graph, self.names[0])
        lost = [name for name in self.names if name not in reached]
        if lost:
            raise InputError(
                f"topology '{self.name}' (topologies/{self.name}.toml, or the file you named)",
                f"disconnected: no path from {self.names[0]} to {', '.join(lost[:5])}"
                + (f" and {len(lost) - 5} more" if len(lost) > 5 else ""),
                "add the links that join them",
            )

    def vertex(self, device: int) -> str:
        return self.names[device]

    def _edges(self) -> dict[EdgeKey, Link]:
        return self.links

    def _kind(self, vertex: str) -> str:
        return "device" if vertex in self._all_names else "switch"

    def _route(self, a: int, b: int) -> Route:
        key = (self.names[a], self.names[b])
        if key not in self._routes:
            import networkx

            path = networkx.shortest_path(self.graph, *key, weight="latency_s")
            steps = itertools.pairwise(path)
            self._routes[key] = tuple((edge, _link_of(self.graph, edge)) for edge in steps)
        return self._routes[key]


def _link_of(graph: Graph, edge: EdgeKey) -> Link:
    """The link on an edge of the graph, whichever way it was written."""
    data = graph.edges[edge]
    return Link(data["link_class"], data["bytes_per_s"], data["latency_s"])
