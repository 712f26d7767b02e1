"""How many rings fit side by side on cables that join devices directly.

Every cable carries one ring in each direction, so the rings are directed Hamiltonian cycles without a cable direction
in common, and a ring and its reverse are two.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SEARCH_STEPS = 300_000
"""How often the search for more rings may go on to a further device, before what was found so far has to do."""

Cables = NDArray[np.int64]
"""(n, n) cables between every two of n devices, symmetric."""
Ring = tuple[int, ...]
"""Devices in the order in which a ring visits them, from device 0."""


def pack_rings(cables: Cables) -> list[Ring]:
    """As many rings over all n devices as a bounded search finds; empty where there is none.

    cables: n of at least 2. Two devices make one ring per cable.
    The search is deterministic: the same cables give the same rings.
    """
    import networkx

    if len(cables) == 2:
        return [(0, 1)] * int(cables[0, 1])
    # Saves a long search in vain: no ring passes twice through a device that alone joins two parts.
    if not networkx.is_biconnected(networkx.from_numpy_array(cables)):
        return []
    # Where every two devices have a multiple of cables, so have the rings: often all there is room for.
    multiple = int(np.gcd.reduce(cables, axis=None))
    rings = _pack(cables // multiple) * multiple
    if multiple == 1 or len(rings) == cables.sum(axis=0).min():
        return rings
    return max(rings, _pack(cables), key=len)


def _pack(cables: Cables) -> list[Ring]:
    # Two and two (a ring and its reverse) are found soonest; where devices have an odd number of cables, rings
    # without their reverses may then use what is left.
    pairs = _most(cables, [], both_ways=True)
    rings = [one for ring in pairs for one in (ring, (0, *reversed(ring[1:])))]
    return _most(cables, rings, both_ways=False) if rings else []


def _most(cables: Cables, known: list[Ring], *, both_ways: bool) -> list[Ring]:
    """More rings than those that are known, as long as the search finds more; otherwise those.

    both_ways: a ring takes the cables of its reverse as well.
    """
    most = int(cables.sum(axis=0).min()) // (2 if both_ways else 1)
    search = _Search(cables, both_ways)
    best = known
    for wanted in range(len(known) + 1, most + 1):
        found = search.rings(wanted)
        if not found:
            break
        best = found
    return best


class _Search:
    """Depth-first search for rings, one device at a time; it gives up after SEARCH_STEPS in all."""

    def __init__(self, cables: Cables, both_ways: bool) -> None:
        self._cables = cables
        self._count = len(cables)
        self._both_ways = both_ways
        self._steps = SEARCH_STEPS

    def rings(self, wanted: int) -> list[Ring]:
        """The first `wanted` rings that do not get into each other's way; empty if there are none, or on giving up."""
        self._free: list[list[int]] = self._cables.tolist()
        found: list[Ring] = []
        open_searches = [self._extended([0])]
        while open_searches:
            ring = next(open_searches[-1], None)
            if ring is None:
                open_searches.pop()
                del found[-1:]
            elif len(found) + 1 == wanted:
                return [*found, ring]
            elif self._enough_left(wanted - len(found) - 1):
                found.append(ring)
                open_searches.append(self._extended([0]))
        return []

    def _extended(self, ring: list[int]) -> Iterator[Ring]:
        """All rings that start like this, with their cables taken while the caller looks at each."""
        here = ring[-1]
        row = self._free[here]
        if len(ring) == self._count:
            if row[0]:
                self._take(here, 0, 1)
                yield tuple(ring)
                self._take(here, 0, -1)
            return
        # Where most cables are left comes first: it keeps what is left even.
        for device in sorted(range(self._count), key=lambda device: (-row[device], device)):
            if row[device] and device not in ring:
                self._steps -= 1
                if self._steps < 0:
                    return
                self._take(here, device, 1)
                yield from self._extended([*ring, device])
                self._take(here, device, -1)

    def _take(self, here: int, there: int, cables: int) -> None:
        self._free[here][there] -= cables
        if self._both_ways:
            self._free[there][here] -= cables

    def _enough_left(self, rings: int) -> bool:
        """Every device has the cables that this many more rings need."""
        need = 2 * rings if self._both_ways else rings
        columns = zip(*self._free, strict=True)
        return all(sum(row) >= need for row in self._free) and all(sum(column) >= need for column in columns)
