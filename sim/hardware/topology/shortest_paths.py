"""Equal-cost multipath: the paths of least latency to one target, and how messages are split over them."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.hardware.topology.links import EdgeKey

if TYPE_CHECKING:
    from sim.hardware.topology.topology import Graph

SAME_LATENCY = 1e-12
"""Paths whose latencies differ by less than this share are equally good: sums of the same terms differ by rounding."""


@dataclass(frozen=True, slots=True)
class Split:
    """One message on its way: link numbers in order of travel, the share of the message on each, and the latency."""

    links: tuple[int, ...]
    shares: tuple[float, ...]
    latency_s: float


class WaysToTarget:
    """All paths of least latency to one vertex, as the next hops of every vertex that reaches it.

    graph: undirected, edges with latency_s. numbers: link in the direction of travel -> its number.
    """

    def __init__(self, graph: Graph, target: str, numbers: Mapping[EdgeKey, int]) -> None:
        import networkx

        self._target = target
        self._numbers = numbers
        distance_s = networkx.single_source_dijkstra_path_length(graph, target, weight="latency_s")
        outward: networkx.DiGraph[str] = networkx.DiGraph()
        outward.add_node(target)
        for here, here_s in distance_s.items():
            for nearer, edge in graph[here].items():
                if abs(here_s - edge["latency_s"] - distance_s[nearer]) <= SAME_LATENCY * here_s:
                    outward.add_edge(nearer, here)
        hops = networkx.single_source_shortest_path_length(outward, target)
        # A link without latency leads nowhere nearer; there the hops decide, so that no message turns in circles.
        self._rank = {vertex: (distance_s[vertex], hops[vertex]) for vertex in hops}
        self._next = {
            here: [nearer for nearer in outward.predecessors(here) if self._rank[nearer] < self._rank[here]]
            for here in hops
        }

    def first_path(self, source: str) -> list[int]:
        """Link numbers of one of the paths from a vertex, in order of travel."""
        path: list[int] = []
        here = source
        while here != self._target:
            onward = self._next[here][0]
            path.append(self._numbers[here, onward])
            here = onward
        return path

    def split(self, source: str) -> Split:
        """How a message from a vertex is split: evenly, at every hop, over the next hops of least latency."""
        links: list[int] = []
        shares: list[float] = []
        arrived = {source: 1.0}
        # Farthest first: when a vertex is taken, everything that reaches it has.
        farthest = [self._order(source)]
        while farthest:
            here = heapq.heappop(farthest)[2]
            onward = self._next[here]
            for nearer in onward:
                links.append(self._numbers[here, nearer])
                shares.append(arrived[here] / len(onward))
                if nearer not in arrived:
                    arrived[nearer] = 0.0
                    heapq.heappush(farthest, self._order(nearer))
                arrived[nearer] += shares[-1]
        return Split(tuple(links), tuple(shares), self._rank[source][0])

    def _order(self, vertex: str) -> tuple[float, int, str]:
        distance_s, hops = self._rank[vertex]
        return -distance_s, -hops, vertex
