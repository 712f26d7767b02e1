"""A network given link by link."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.ring_packing import Ring, pack_rings
from sim.hardware.topology.shortest_paths import ShortestPaths, Split
from sim.hardware.topology.topology import About, Paths, Route, Topology

LARGEST_DIRECT_GROUP = 16
"""Members of a group up to which rings over direct cables are searched for."""
_LINKS_KEPT = 1_000_000
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Cables:
    """`count` parallel cables of one kind between two vertices; link is one of them."""

    a: str
    b: str
    link: Link
    count: int = 1


class ExplicitGraph(Topology):
    """Any network; messages take the paths of least latency, whatever they lead through.

    Where several next hops lie on such a path, a message is split evenly over them, as switches do with equal-cost
    multipath: the shares follow from hop to hop, not from the number of whole paths. Devices forward for others where
    that has the least latency.

    names: vertex of each device, in rank order; more than are built may be given.
    cables: every two vertices at most once. where: shown first in messages.
    Raises InputError when a device that is built cannot reach the others.
    """

    cabled = True

    def __init__(
        self, about: About, domain: int, names: Sequence[str], cables: Sequence[Cables], where: str = ""
    ) -> None:
        super().__init__(about, domain)
        self.names = tuple(names[: about.devices])
        self._all_names = frozenset(names)
        self._count: dict[EdgeKey, int] = {}
        self._number: dict[EdgeKey, int] = {}
        self._lay_links(cables)
        self._shortest = ShortestPaths(self._number, self.links.latency_s)
        self._splits: dict[EdgeKey, Split] = {}
        self._kept = 0
        self._packed: dict[bytes, list[Ring]] = {}
        self._check(where or f"topology '{about.name}'")

    def _lay_links(self, cables: Sequence[Cables]) -> None:
        """Number the links, equal ones beside each other."""
        alike: dict[Link, list[EdgeKey]] = {}
        for entry in cables:
            merged = replace(entry.link, bytes_per_s=entry.link.bytes_per_s * entry.count)
            alike.setdefault(merged, []).append((entry.a, entry.b))
            self._count[entry.a, entry.b] = self._count[entry.b, entry.a] = entry.count
        for link, pairs in alike.items():
            there, back = self.links.add_both(len(pairs), link, pairs.__getitem__)
            for index, (a, b) in enumerate(pairs):
                self._number[a, b], self._number[b, a] = there + index, back + index

    def _check(self, where: str) -> None:
        import networkx

        reached = networkx.node_connected_component(self.graph, self.names[0])
        lost = [name for name in self.names if name not in reached]
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            raise InputError(
                where,
                f"disconnected: no path from {self.names[0]} to {', '.join(lost[:_SHOWN])}{more}",
                "add the links that join them",
            )

    def vertex(self, device: int) -> str:
        return self.names[device]

    def _kind(self, vertex: str) -> str:
        return "device" if vertex in self._all_names else "switch"

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        splits = self._splits_of([(self.names[a], self.names[b]) for a, b in zip(sources, targets, strict=True)])
        longest = max((len(split.links) for split in splits), default=0)
        links = np.full((len(splits), longest), NO_LINK, dtype=np.int64)
        shares: NDArray[np.float64] = np.zeros(links.shape)
        for row, split in enumerate(splits):
            links[row, : len(split.links)] = split.links
            shares[row, : len(split.links)] = split.shares
        return Paths(links, self.links.latency_s, shares)

    def route(self, a: int, b: int) -> Route:
        if a == b or not (0 <= a < self.devices and 0 <= b < self.devices):
            return super().route(a, b)
        (split,) = self._splits_of([(self.names[a], self.names[b])])
        here, path = self.names[a], []
        for number in split.links:
            ends = self.links.ends(number)
            if ends[0] == here:
                path.append((ends, self.links.link(number)))
                here = ends[1]
        return tuple(path)

    def _splits_of(self, pairs: list[EdgeKey]) -> list[Split]:
        """How the message of each pair is split; kept, up to a bound, because collectives repeat themselves."""
        known = {pair: self._splits[pair] for pair in pairs if pair in self._splits}
        known |= self._shortest.splits([pair for pair in dict.fromkeys(pairs) if pair not in known])
        new = {pair: split for pair, split in known.items() if pair not in self._splits}
        size = sum(len(split.links) for split in new.values())
        if self._kept + size > _LINKS_KEPT:
            self._splits, self._kept = {}, 0
        if size <= _LINKS_KEPT:
            self._splits |= new
            self._kept += size
        return [known[pair] for pair in pairs]

    def ring_orders(self, members: tuple[int, ...]) -> list[tuple[float, tuple[int, ...]]] | None:
        """Rings over cables between the members themselves: as many as fit side by side on separate cables.

        None where there is no such ring, or more than LARGEST_DIRECT_GROUP members.
        """
        if not 2 <= len(members) <= LARGEST_DIRECT_GROUP:
            return None
        names = [self.names[member] for member in members]
        cables = np.array([[self._count.get((a, b), 0) for b in names] for a in names], dtype=np.int64)
        # Nodes of a cluster are cabled alike, so the rings of one are those of all.
        key = cables.tobytes()
        if key not in self._packed:
            self._packed[key] = pack_rings(cables)
        rings = self._packed[key]
        # A ring is as fast as its slowest cable, so with cables of several kinds the bytes are shared out by that.
        hops = [zip(ring, (*ring[1:], ring[0]), strict=True) for ring in rings]
        rates = [min(self._cable_bytes_per_s(names[a], names[b]) for a, b in pairs) for pairs in hops]
        return [
            (rate / sum(rates), tuple(members[place] for place in ring))
            for rate, ring in zip(rates, rings, strict=True)
        ] or None

    def _cable_bytes_per_s(self, a: str, b: str) -> float:
        return self.links.link(self._number[a, b]).bytes_per_s / self._count[a, b]
