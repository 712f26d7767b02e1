"""Algorithms between devices that pass bytes on: rings, rings level by level, halving, and all to all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.hardware.network.algorithm import Algorithm, Hops, Pattern, Shape
from sim.hardware.network.groups import by_level
from sim.hardware.network.loads import Loads, message_loads
from sim.hardware.network.messages import Messages, halving, level_rings, pairwise, ring, rings_at_once


@dataclass(frozen=True, slots=True)
class Ring(Algorithm):
    """Once around the ring for a broadcast, (n - 1) / n times for a gather.

    rounds: ranks -> bytes that every rank passes on for each byte. latency_rounds: ranks -> how often the longest
    chain goes around.
    Source: Patarasuk and Yuan, Bandwidth Optimal All-reduce Algorithms, JPDC 69(2), 2009, section 3.
    Hand-worked: 8 ranks all-reduce 8 GB at 100 GB/s: each passes on 2 x 7/8 x 8 GB, 0.14 s, in 14 hops.
    """

    rounds: Callable[[int], float]
    latency_rounds: Callable[[int], float]
    passes_on: int = 0

    def phases(self, shape: Shape) -> list[Loads]:
        return [self.rounds(shape.group.ranks) * _once_around(shape)]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members = pattern.members[0]
        return shape.hops(members, np.roll(members, -1)) * self.latency_rounds(shape.group.ranks)


def _once_around(shape: Shape) -> Loads:
    """Loads of passing every byte once around the ring, half of them each way round.

    Groups whose devices are joined directly have the rings that their cables allow; rings that leave a fully connected
    domain zigzag through it.
    """
    topology, messages = shape.topology, []
    for pattern in shape.patterns:
        if not topology.cabled:
            messages += [half for one in ring(pattern.members, pattern.counts) for half in one.both_ways()]
            continue
        cabled = [topology.ring_orders(tuple(group)) for group in pattern.members.tolist()]
        for share, order in (one for orders in cabled for one in orders or []):
            messages.append(Messages(np.array(order), np.roll(np.array(order), -1), share))
        others = pattern.members[[orders is None for orders in cabled]]
        messages += [half for one in ring(others, pattern.counts, zigzag=topology.meshed) for half in one.both_ways()]
    return message_loads(topology, messages)


class Halving(Algorithm):
    """Recursive halving or doubling: log2 n exchanges over ever shorter, or longer, distances. For powers of two.

    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, 2005, sec. 4.
    """

    def applies(self, shape: Shape) -> bool:
        return bool(shape.group.ranks & (shape.group.ranks - 1) == 0)

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, phase) for phase in halving(shape.members)]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members = pattern.members[0]
        partners = members[[1 << power for power in range(len(members).bit_length() - 1)]]
        return shape.hops(np.full_like(partners, members[0]), partners)


class LevelByLevel(Algorithm):
    """Rings over the nested groups of a topology, innermost first: nodes, or the dimensions of a torus.

    Source: Cho et al., BlueConnect, MLSys 2019, section 3.
    """

    def applies(self, shape: Shape) -> bool:
        return by_level(shape.group, shape.topology.levels) is not None

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, phase) for phase in level_rings(shape.members, self.sizes(shape))]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members, stride = pattern.members[0], 1
        scale_up = network = wire_s = 0.0
        for size in self.sizes(shape):
            along = members[: size * stride : stride]
            level = shape.hops(along[:-1], along[1:])
            scale_up, network, wire_s = scale_up + level.scale_up, network + level.network, wire_s + level.wire_s
            stride *= size
        return Hops(scale_up, network, wire_s)

    def sizes(self, shape: Shape) -> tuple[int, ...]:
        """Members of a group at each level, innermost first."""
        return by_level(shape.group, shape.topology.levels) or (shape.group.ranks,)


class AllDimensions(LevelByLevel):
    """Rings in all dimensions of a torus at once: a part of the bytes begins in each.

    Source: Jain and Sabharwal, Optimal bucket algorithms for large MPI collectives on torus interconnects, ICS 2010.
    Hand-worked: 4 x 4 at 1 GB/s a link and direction gathers 1 GB in (3/4 + 3/16) / 2 / 2 = 0.234 s.
    """

    def applies(self, shape: Shape) -> bool:
        return len(shape.topology.levels) > 1 and super().applies(shape) and len(self.sizes(shape)) > 1

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, phase) for phase in rings_at_once(shape.members, self.sizes(shape))]


class Direct(Algorithm):
    """Every rank sends its share straight to all others of its domain, and around a ring to its like in other domains.

    Both at once, piece by piece. For groups with equally many members in each domain.
    Source: Intel Gaudi documentation, network configuration: most collectives are hierarchical, with scale-up and
    scale-out pipelined in parallel.
    Hand-worked: 2 nodes of 8 gather 1 GB: 1/8 GB on each link inside, 1/2 x 1/8 GB on each card.
    """

    def applies(self, shape: Shape) -> bool:
        return all(pattern.even for pattern in shape.patterns)

    def phases(self, shape: Shape) -> list[Loads]:
        messages: list[Messages] = []
        for pattern in shape.patterns:
            by_domain = pattern.by_domain
            _, domains, width = by_domain.shape
            messages += pairwise(by_domain.reshape(-1, width))
            beside, share = np.roll(by_domain, -1, axis=1), (domains - 1) / domains / width
            messages += [Messages(by_domain.reshape(-1), beside.reshape(-1), share)] if domains > 1 else []
        return [message_loads(shape.topology, messages)]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members = pattern.by_domain[0]
        inside = shape.hops(members[0, :-1][:1], members[0, 1:][:1])
        across = shape.hops(members[:-1, 0], members[1:, 0])
        return Hops(inside.scale_up, across.network, inside.wire_s + across.wire_s)


class Pairwise(Algorithm):
    """Every rank sends its share to every other, all at once, as grouped sends do.

    Peers are served one after the other; what leaves the domain is posted together.
    """

    def phases(self, shape: Shape) -> list[Loads]:
        return [message_loads(shape.topology, pairwise(shape.members))]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members, domain = pattern.members[0], shape.topology.domain
        others = members[1:]
        leaves = bool(np.any(others // domain != members[0] // domain))
        farthest_s = float(shape.topology.paths(np.full_like(others, members[0]), others).latency_s.max())
        return Hops(len(others), float(leaves), farthest_s)
