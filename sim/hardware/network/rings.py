"""Algorithms between devices that pass bytes on: rings, rings level by level, halving, and all to all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.hardware.network.algorithm import Algorithm, Hops, Shape
from sim.hardware.network.groups import by_level
from sim.hardware.network.loads import Loads, message_loads
from sim.hardware.network.messages import Messages, halving, level_rings, pairwise, ring


@dataclass(frozen=True, slots=True)
class Ring(Algorithm):
    """Once around the ring for a broadcast, (n - 1) / n times for a gather, twice that for an all-reduce.

    rounds: ranks -> bytes that every rank passes on for each byte. latency_rounds: ranks -> how often the longest
    chain goes around.
    Source: Patarasuk and Yuan, Bandwidth Optimal All-reduce Algorithms, JPDC 69(2), 2009, section 3.
    Hand-worked: 8 ranks all-reduce 8 GB at 100 GB/s: each passes on 2 x 7/8 x 8 GB, 0.14 s, in 14 hops.
    """

    rounds: Callable[[int], float]
    latency_rounds: Callable[[int], float]

    def phases(self, shape: Shape) -> list[Loads]:
        return [self.rounds(shape.group.ranks) * _once_around(shape)]

    def hops(self, shape: Shape) -> Hops:
        members = shape.members[0]
        return shape.hops(members, np.roll(members, -1)) * self.latency_rounds(shape.group.ranks)


def _once_around(shape: Shape) -> Loads:
    """Loads of passing every byte once around the ring, half of them each way round."""
    topology, members = shape.topology, shape.members
    if not len(members):
        return np.zeros(topology.links.count)
    if topology.ring_orders(tuple(members[0].tolist())) is not None:
        found = [one for group in members.tolist() for one in topology.ring_orders(tuple(group)) or []]
        return message_loads(
            topology, [Messages(np.array(order), np.roll(np.array(order), -1), share) for share, order in found]
        )
    width = max(1, min(shape.group.ranks, topology.domain // shape.group.stride))
    one_way = ring(members, members // topology.domain, 1 if shape.domains == 1 else width)
    return message_loads(topology, [half for one in one_way for half in one.both_ways()])


class Halving(Algorithm):
    """Recursive halving or doubling: log2 n exchanges over ever shorter, or longer, distances. For powers of two.

    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, 2005, sec. 4.
    """

    def applies(self, shape: Shape) -> bool:
        return shape.group.ranks & (shape.group.ranks - 1) == 0

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, phase) for phase in halving(shape.members)]

    def hops(self, shape: Shape) -> Hops:
        members = shape.members[0]
        partners = members[[1 << power for power in range(len(members).bit_length() - 1)]]
        return shape.hops(np.full_like(partners, members[0]), partners)


class LevelByLevel(Algorithm):
    """Rings over the nested groups of a topology, innermost first: nodes, or the dimensions of a torus.

    Source: Cho et al., BlueConnect, MLSys 2019, section 3.
    """

    def applies(self, shape: Shape) -> bool:
        return by_level(shape.group, shape.topology.levels) is not None

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, phase) for phase in level_rings(shape.members, self._sizes(shape))]

    def hops(self, shape: Shape) -> Hops:
        members, stride = shape.members[0], 1
        scale_up = network = wire_s = 0.0
        for size in self._sizes(shape):
            along = members[: size * stride : stride]
            level = shape.hops(along[:-1], along[1:])
            scale_up, network, wire_s = scale_up + level.scale_up, network + level.network, wire_s + level.wire_s
            stride *= size
        return Hops(scale_up, network, wire_s)

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        return by_level(shape.group, shape.topology.levels) or (shape.group.ranks,)


class Pairwise(Algorithm):
    """Every rank sends its share to every other, all at once, as grouped sends do.

    Peers are served one after the other; what leaves the domain is posted together.
    """

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, pairwise(shape.members))]

    def hops(self, shape: Shape) -> Hops:
        members, domain = shape.members[0], shape.topology.domain
        others = members[1:]
        leaves = bool(np.any(others // domain != members[0] // domain))
        farthest_s = float(shape.topology.paths(np.full_like(others, members[0]), others).latency_s.max())
        return Hops(len(others), float(leaves), farthest_s)
