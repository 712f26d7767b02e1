"""Collective algorithms: what each puts on the links, in which phases, and how long its longest chain of hops is.

Legend: n ranks of a group, k scale-up domains that it spans, w members in each. A byte is a byte of the
collective's size: the buffer of one rank for all-reduce, all-to-all and broadcast; the full, gathered buffer for
all-gather and reduce-scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sim.hardware.network.groups import Group, by_domain, by_level, spanned_domains
from sim.hardware.network.loads import Loads, message_loads, reduction_loads
from sim.hardware.network.messages import (
    Messages,
    Phase,
    double_tree,
    halving,
    in_switch,
    level_rings,
    pairwise,
    ring,
)
from sim.hardware.topology import Numbers, Topology

Collective = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "reduce"]
COLLECTIVES: tuple[Collective, ...] = (
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "reduce",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hops:
    """The longest chain of messages that wait for each other.

    scale_up: hops inside a scale-up domain; network: hops between domains; wire_s: latency of their links.
    """

    scale_up: float
    network: float
    wire_s: float


@dataclass(frozen=True, slots=True)
class Shape:
    """One group shape on one topology, and the devices that communicate."""

    topology: Topology
    group: Group
    devices: range

    @property
    def members(self) -> Numbers:
        """(G, n) members of the groups."""
        return self.group.members(self.devices)

    @property
    def even(self) -> tuple[int, int] | None:
        """(k, w) where the group fills its domains evenly."""
        return by_domain(self.group, self.topology.domain, self.topology.devices)

    def wire_s(self, sources: Numbers, targets: Numbers) -> float:
        """Latency of the links of some hops, added up."""
        return float(self.topology.paths(sources, targets).latency_s.sum())


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One algorithm for one collective.

    applies: whether it can run on a shape. phases: loads of each phase, that follow one another. hops: its longest
    chain. floor_s_per_byte: what something other than a link allows at best.
    """

    applies: Callable[[Shape], bool]
    phases: Callable[[Shape], list[Loads]]
    hops: Callable[[Shape], Hops]
    floor_s_per_byte: Callable[[Shape], float] = lambda shape: 0.0


def _anywhere(shape: Shape) -> bool:
    return True


def _ring_loads(shape: Shape) -> Loads:
    """Loads of passing every byte once around the ring, half of them each way round."""
    topology, members = shape.topology, shape.members
    if not len(members):
        return np.zeros(topology.links.count)
    if topology.ring_orders(tuple(members[0].tolist())) is not None:
        found = [ring for group in members.tolist() for ring in topology.ring_orders(tuple(group)) or []]
        phase = [Messages(np.array(order), np.roll(np.array(order), -1), share) for share, order in found]
        return message_loads(topology, phase)
    width = max(1, min(shape.group.ranks, topology.domain // shape.group.stride))
    inside = spanned_domains(shape.group, topology.domain) == 1
    one_way = ring(members, members // topology.domain, 1 if inside else width)
    return message_loads(topology, [half for one in one_way for half in one.both_ways()])


def _ring_hops(shape: Shape) -> Hops:
    """Once around the first ring, in the order of its ranks."""
    members = shape.members[0]
    beside = np.roll(members, -1)
    domain = shape.topology.domain
    crossing = int(np.count_nonzero(members // domain != beside // domain))
    return Hops(len(members) - crossing, crossing, shape.wire_s(members, beside))


def _around(rounds: Callable[[int], float]) -> Algorithm:
    """A ring that goes round a number of times which depends on the ranks."""

    def hops(shape: Shape) -> Hops:
        once, times = _ring_hops(shape), rounds(shape.group.ranks)
        return Hops(once.scale_up * times, once.network * times, once.wire_s * times)

    return Algorithm(_anywhere, lambda shape: [rounds(shape.group.ranks) * _ring_loads(shape)], hops)


def _by_domain_members(shape: Shape) -> Numbers:
    """(G, k, w) members, for groups that fill their domains evenly."""
    domains, width = shape.even or (1, shape.group.ranks)
    return shape.members.reshape(-1, domains, width)


def _tree_hops(shape: Shape) -> Hops:
    """Up and down a chain inside the domain and the levels of the tree over the domains."""
    members = _by_domain_members(shape)[0]
    domains, width = members.shape
    levels = math.ceil(math.log2(domains))
    chain_s = shape.wire_s(members[0, :-1], members[0, 1:])
    level_s = shape.wire_s(members[:1, 0], members[domains // 2 : domains // 2 + 1, 0]) if levels else 0.0
    return Hops(2 * (width - 1), 2 * levels, 2 * (chain_s + levels * level_s))


def _switch_hops(shape: Shape) -> Hops:
    """Through the scale-up switch counts as one hop; over the domains, up and down the tree."""
    tree = _tree_hops(shape)
    members = _by_domain_members(shape)[0]
    inside_s = shape.wire_s(members[0, :1], members[0, 1:2])
    levels_s = tree.wire_s - 2 * shape.wire_s(members[0, :-1], members[0, 1:])
    return Hops(1, tree.network, 2 * inside_s + levels_s)


def _switch_floor_s(shape: Shape) -> float:
    rate = shape.topology.about.in_switch_bytes_per_s
    width = (shape.even or (1, 1))[1]
    return (1 + 1 / width) / rate if rate else 0.0


def _switch_tree_phase(shape: Shape) -> list[Loads]:
    members = _by_domain_members(shape)
    across = [one for one in double_tree(members) if one.weight == 0.5 / members.shape[2]]
    return [message_loads(shape.topology, [*in_switch(members), *across])]


def _fabric_phase(shape: Shape) -> list[Loads]:
    """The scale-up switch adds inside the domains, the fabric's switches add what the domains send, rail by rail."""
    members = _by_domain_members(shape)
    width = members.shape[2]
    rails = members.transpose(0, 2, 1).reshape(-1, members.shape[1])
    across = reduction_loads(shape.topology, rails, 1 / width)
    return [across + message_loads(shape.topology, in_switch(members))] if width > 1 else [across]


def _fabric_hops(shape: Shape) -> Hops:
    members = _by_domain_members(shape)[0]
    inside_s = 2 * shape.wire_s(members[0, :1], members[0, 1:2]) if members.shape[1] > 1 else 0.0
    across_s = shape.wire_s(members[:1, 0], members[-1:, 0])
    return Hops(2 if members.shape[1] > 1 else 0, 1, inside_s + across_s)


def _can_switch(shape: Shape) -> bool:
    """More than two ranks (a pair has nothing to gain) in scale-up domains whose switch adds."""
    even = shape.even
    return bool(shape.topology.about.in_switch_bytes_per_s) and even is not None and even[1] > 2


def _one_way(phases: list[Phase], shape: Shape) -> list[Loads]:
    return [message_loads(shape.topology, phase) for phase in phases]


def _halving_hops(shape: Shape) -> Hops:
    """One hop a phase."""
    members, domain = shape.members[0], shape.topology.domain
    ranks = len(members)
    partners = members[[1 << power for power in range(ranks.bit_length() - 1)]]
    crossing = int(np.count_nonzero(partners // domain != members[0] // domain))
    wire_s = shape.wire_s(np.full_like(partners, members[0]), partners)
    return Hops(len(partners) - crossing, crossing, wire_s)


def _level_sizes(shape: Shape) -> tuple[int, ...]:
    return by_level(shape.group, shape.topology.levels) or (shape.group.ranks,)


def _level_hops(shape: Shape) -> Hops:
    """Once around the ring of every level but for the last hop of each."""
    members, domain = shape.members[0], shape.topology.domain
    scale_up = network = wire_s = 0.0
    stride = 1
    for size in _level_sizes(shape):
        along = members[: size * stride : stride]
        crossing = float(np.count_nonzero(along[1:] // domain != along[:-1] // domain))
        scale_up, network = scale_up + size - 1 - crossing, network + crossing
        wire_s += shape.wire_s(along[:-1], along[1:])
        stride *= size
    return Hops(scale_up, network, wire_s)


def _twice(one: Algorithm) -> Algorithm:
    """All-reduce as reduce-scatter and all-gather, which move the same bytes one after the other."""

    def hops(shape: Shape) -> Hops:
        once = one.hops(shape)
        return Hops(2 * once.scale_up, 2 * once.network, 2 * once.wire_s)

    return Algorithm(one.applies, lambda shape: 2 * one.phases(shape), hops)


def _pairwise_hops(shape: Shape) -> Hops:
    """Peers are served one after the other; what leaves the domain is posted together."""
    members, domain = shape.members[0], shape.topology.domain
    others = members[1:]
    leaves = bool(np.any(others // domain != members[0] // domain))
    farthest_s = float(shape.topology.paths(np.full_like(others, members[0]), others).latency_s.max())
    return Hops(len(others), float(leaves), farthest_s)


_GATHER_RING = _around(lambda ranks: (ranks - 1) / ranks)
_HALVING = Algorithm(
    lambda shape: shape.group.ranks & (shape.group.ranks - 1) == 0,
    lambda shape: _one_way(halving(shape.members), shape),
    _halving_hops,
)
_LEVELS = Algorithm(
    lambda shape: by_level(shape.group, shape.topology.levels) is not None,
    lambda shape: _one_way(level_rings(shape.members, _level_sizes(shape)), shape),
    _level_hops,
)
_GATHERS = {"ring": _GATHER_RING, "halving and doubling": _HALVING, "level by level": _LEVELS}
_PASSES_ON = Algorithm(
    _anywhere,
    lambda shape: [_ring_loads(shape)],
    _GATHER_RING.hops,
)

ALGORITHMS: dict[Collective, dict[str, Algorithm]] = {
    "all_gather": _GATHERS,
    "reduce_scatter": _GATHERS,
    "all_reduce": {
        **{name: _twice(one) for name, one in _GATHERS.items() if name != "ring"},
        "ring": _around(lambda ranks: 2 * (ranks - 1) / ranks),
        "tree": Algorithm(
            lambda shape: shape.even is not None,
            lambda shape: [message_loads(shape.topology, double_tree(_by_domain_members(shape)))],
            _tree_hops,
        ),
        "in-switch": Algorithm(
            lambda shape: _can_switch(shape) and spanned_domains(shape.group, shape.topology.domain) == 1,
            lambda shape: [message_loads(shape.topology, in_switch(shape.members))],
            _switch_hops,
            _switch_floor_s,
        ),
        "in-switch tree": Algorithm(
            lambda shape: _can_switch(shape) and spanned_domains(shape.group, shape.topology.domain) > 1,
            _switch_tree_phase,
            _switch_hops,
            _switch_floor_s,
        ),
        "in-fabric": Algorithm(
            lambda shape: (
                shape.topology.about.fabric_reduces
                and shape.even is not None
                and spanned_domains(shape.group, shape.topology.domain) > 1
                and (shape.even[1] == 1 or _can_switch(shape))
            ),
            _fabric_phase,
            _fabric_hops,
            lambda shape: _switch_floor_s(shape) if (shape.even or (1, 1))[1] > 1 else 0.0,
        ),
    },
    "broadcast": {"ring": _PASSES_ON},
    "reduce": {"ring": _PASSES_ON},
    "all_to_all": {
        "pairwise": Algorithm(
            _anywhere, lambda shape: [message_loads(shape.topology, pairwise(shape.members))], _pairwise_hops
        )
    },
}
