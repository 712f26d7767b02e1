"""A network's answers for many shapes of groups at once, as arrays: what a search through plans asks.

Every answer is the network's own; each different shape is asked for once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.hardware.network.algorithms import Collective
from sim.hardware.network.communication import Communication, Option
from sim.hardware.network.groups import Group
from sim.hardware.network.network import Network

Floats = NDArray[np.float64]


class NetworkTable:
    """Collectives and sends of many plans at once. Groups have arrays for ranks and stride; times have their shape."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def run(self, collective: Collective, size_bytes: Any, group: Group) -> Communication:
        """One collective for each group; seconds only, because which wave it is differs from plan to plan."""

        def options(ranks: int, stride: int) -> Sequence[Option]:
            return self.network.options(collective, Group(ranks, stride)) if ranks > 1 else ()

        return _fastest(options, size_bytes, group.ranks, group.stride)

    def send(self, size_bytes: Any, distance: Any, group: Group) -> Communication:
        """One send for each group; nothing where nobody is `distance` further on."""

        def options(ranks: int, stride: int, away: int) -> Sequence[Option]:
            return (self.network.send_option(away, Group(ranks, stride)),) if away and ranks > 1 else ()

        return _fastest(options, size_bytes, group.ranks, group.stride, distance)


def _fastest(options: Callable[..., Sequence[Option]], size_bytes: Any, *keys: Any) -> Communication:
    """The fastest option of each row at its size; no time where there are none. keys: what rows are told apart by."""
    size, *columns = np.broadcast_arrays(size_bytes, *keys)
    different, row = np.unique(np.stack(columns).reshape(len(columns), -1), axis=1, return_inverse=True)
    found = [options(*key) for key in different.T.tolist()]
    width = max((len(one) for one in found), default=0)
    latency_s, s_per_byte = np.full((2, max(width, 1), len(found)), [[[np.inf]], [[0.0]]])
    for place, lines in enumerate(found):
        latency_s[: len(lines), place] = [line.latency_s for line in lines]
        s_per_byte[: len(lines), place] = [line.s_per_byte for line in lines]
        if not lines:
            latency_s[0, place] = 0.0
    row = row.reshape(size.shape)
    fastest_s = latency_s[0][row] + s_per_byte[0][row] * size
    for each_latency_s, each_s_per_byte in zip(latency_s[1:], s_per_byte[1:], strict=True):
        fastest_s = np.minimum(fastest_s, each_latency_s[row] + each_s_per_byte[row] * size)
    return Communication(fastest_s)
