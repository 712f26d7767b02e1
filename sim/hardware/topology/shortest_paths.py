"""Equal-cost multipath: the paths of least latency between two vertices, and how messages are split over them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.hardware.topology.links import EdgeKey, Numbers

SAME_LATENCY = 1e-12
"""Paths whose latencies differ by less than this share are equally good: sums of the same terms differ by rounding."""
_NO_LATENCY = 1e-3
_BATCH_ELEMENTS = 4_000_000


@dataclass(frozen=True, slots=True)
class Split:
    """One message on its way: link numbers, and the share of the message on each.

    Links come in such an order that all that leads to a vertex stands before all that leaves it.
    """

    links: tuple[int, ...]
    shares: tuple[float, ...]


class ShortestPaths:
    """Paths of least latency in a network.

    numbers: link in the direction of travel -> its number; both directions of every link.
    latency_s: by link number. A link without latency counts as a thousandth of the least other one, so that among
    those the number of links decides and no message turns in circles.
    """

    def __init__(self, numbers: Mapping[EdgeKey, int], latency_s: NDArray[np.float64]) -> None:
        self._vertex = {name: index for index, name in enumerate(dict.fromkeys(start for start, _ in numbers))}
        edges = [(self._vertex[start], self._vertex[end], number) for (start, end), number in numbers.items()]
        starts, self._end, self._number = np.array(sorted(edges), dtype=np.int64).reshape(-1, 3).T
        self._first = np.searchsorted(starts, np.arange(len(self._vertex) + 1))
        self._latency_s = latency_s[self._number]
        some = self._latency_s[self._latency_s > 0]
        self._weight_s = np.where(self._latency_s > 0, self._latency_s, _NO_LATENCY * some.min(initial=1.0))

    def splits(self, pairs: list[EdgeKey]) -> Iterator[tuple[EdgeKey, Split]]:
        """How the message of each pair is split, grouped by target."""
        by_target: dict[int, list[EdgeKey]] = {}
        for pair in pairs:
            by_target.setdefault(self._vertex[pair[1]], []).append(pair)
        targets = list(by_target)
        batch = max(1, _BATCH_ELEMENTS // max(1, len(self._end)))
        for first in range(0, len(targets), batch):
            some = targets[first : first + batch]
            for target, distance_s in zip(some, self._distances_s(np.array(some)), strict=True):
                onward: dict[int, list[int]] = {}
                for pair in by_target[target]:
                    yield pair, self._split(self._vertex[pair[0]], target, distance_s, onward)

    def _distances_s(self, targets: Numbers) -> NDArray[np.float64]:
        """(T, V) least latency from each vertex to each of T targets (Bellman-Ford, all at once)."""
        distances_s = np.full((len(self._vertex), len(targets)), np.inf)
        distances_s[targets, np.arange(len(targets))] = 0.0
        while True:
            through_s = np.minimum.reduceat(distances_s[self._end] + self._weight_s[:, None], self._first[:-1])
            nearer_s = np.minimum(distances_s, through_s)
            if (nearer_s == distances_s).all():
                return np.ascontiguousarray(distances_s.T)
            distances_s = nearer_s

    def _split(self, source: int, target: int, distance_s: NDArray[np.float64], onward: dict[int, list[int]]) -> Split:
        """How a message is split: evenly, at every hop, over the next hops of least latency.

        onward: edges from vertices that other messages to this target have passed; those of this one are added.
        """
        links: list[int] = []
        shares: list[float] = []
        arrived = {source: 1.0}
        # Farthest first: when a vertex is taken, everything that reaches it has.
        farthest = [(-distance_s[source], source)]
        while farthest[0][1] != target:
            here = heapq.heappop(farthest)[1]
            if here not in onward:
                onward[here] = self._onward(here, distance_s)
            share = arrived[here] / len(onward[here])
            for edge in onward[here]:
                links.append(int(self._number[edge]))
                shares.append(share)
                nearer = int(self._end[edge])
                if nearer not in arrived:
                    arrived[nearer] = 0.0
                    heapq.heappush(farthest, (-distance_s[nearer], nearer))
                arrived[nearer] += share
        return Split(tuple(links), tuple(shares))

    def _onward(self, here: int, distance_s: NDArray[np.float64]) -> list[int]:
        """Edges from a vertex that lie on a path of least latency."""
        edges = slice(self._first[here], self._first[here + 1])
        ahead_s = distance_s[self._end[edges]]
        detour_s = ahead_s + self._weight_s[edges] - distance_s[here]
        best = (ahead_s < distance_s[here]) & (np.abs(detour_s) <= SAME_LATENCY * distance_s[here])
        found: list[int] = (np.flatnonzero(best) + edges.start).tolist()
        return found
