"""A network's answers for many shapes of groups at once, as arrays: what a search through plans asks.

Every answer is the network's own; each different shape is asked for once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hardware.network.algorithms import Collective
from sim.hardware.network.communication import Communication, Option
from sim.hardware.network.groups import Group
from sim.hardware.network.network import Network


class NetworkTable:
    """Collectives and sends of many plans at once, as seconds: which wave it is differs from plan to plan.

    Groups have arrays of one length for ranks and stride; sizes, distances and times have that length.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    @property
    def domain(self) -> int:
        """Devices in a scale-up domain."""
        return self.network.domain

    def run(self, collective: Collective, size_bytes: Any, group: Group) -> Communication:
        """One collective for each group; no time for a group of one."""
        shapes, place = _different(group.ranks, group.stride)
        options = [self.network.options(collective, Group(*shape)) if shape[0] > 1 else () for shape in shapes]
        return _fastest(options, place, size_bytes)

    def send(self, size_bytes: Any, distance: Any, group: Group) -> Communication:
        """One send for each group; no time where nobody is so far away in it."""
        # Distances first: what one distance has in common for all groups is then asked for in one go.
        shapes, place = _different(distance, group.stride, group.ranks)
        options = [
            (self.network.send_option(distance, Group(ranks, stride)),) if distance and ranks > 1 else ()
            for distance, stride, ranks in shapes
        ]
        return _fastest(options, place, size_bytes)


def _different(*columns: Any) -> tuple[list[list[int]], NDArray[np.int64]]:
    """The different rows of some columns of whole numbers, in order, and which of them each row is."""
    whole = np.stack(np.broadcast_arrays(*columns))
    lowest = whole.min(axis=1, keepdims=True)
    spans = whole.max(axis=1) - lowest[:, 0] + 1
    code = np.zeros(whole.shape[1], dtype=np.int64)
    for column, span in zip(whole - lowest, spans, strict=True):
        code = code * span + column
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return whole[:, first].T.tolist(), place


def _fastest(options: Sequence[Sequence[Option]], place: NDArray[np.int64], size_bytes: Any) -> Communication:
    """The fastest option of each row at its size; no time where there are none. place: which options a row has."""
    found = [[line for option in one for line in option.lines] for one in options]
    width = max((len(one) for one in found), default=0)
    latency_s, s_per_byte = np.full((max(width, 1), len(options)), np.inf), np.zeros((max(width, 1), len(options)))
    for column, lines in enumerate(found):
        latency_s[: len(lines), column] = [fixed_s for fixed_s, _ in lines]
        s_per_byte[: len(lines), column] = [pace for _, pace in lines]
        if not lines:
            latency_s[0, column] = 0.0
    fastest_s: Any = np.inf
    for fixed_s, pace in zip(latency_s, s_per_byte, strict=True):
        fastest_s = np.minimum(fastest_s, fixed_s[place] + pace[place] * size_bytes)
    return Communication(fastest_s)
