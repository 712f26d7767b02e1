"""Algorithms with a logarithm in them: double binary trees, and reduction inside switches."""

from __future__ import annotations

import math

from sim.hardware.network.algorithm import Algorithm, Hops, Pattern, Shape
from sim.hardware.network.loads import Loads, message_loads, reduction_loads
from sim.hardware.network.messages import chains, heads, in_switch, two_trees


class DoubleTree(Algorithm):
    """Up and down two trees over the domains, half of the bytes each, and a chain over the members of every domain.

    Source: Sanders, Speck, Traeff, Two-tree algorithms for full bandwidth broadcast, reduction and scan, Parallel
    Computing 35(12), 2009; the chain inside a node as in NCCL.
    Hand-worked: 5 nodes of 8 make 3 levels: 2 x 7 hops inside, 2 x 3 between; a card sends 2/8 of the bytes.
    """

    passes_on = 2

    def phases(self, shape: Shape) -> list[Loads]:
        messages = [
            message
            for pattern in shape.patterns
            for message in [
                *chains(pattern.members, pattern.counts),
                *two_trees(heads(pattern.members, pattern.counts)),
            ]
        ]
        return [message_loads(shape.topology, messages)]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        longest = pattern.counts.index(max(pattern.counts))
        first = sum(pattern.counts[:longest])
        own = pattern.members[0, first : first + pattern.counts[longest]]
        inside, across = shape.hops(own[:-1], own[1:]), levels(shape, pattern)
        return Hops(2 * inside.scale_up, across.network, 2 * inside.wire_s + across.wire_s)


def levels(shape: Shape, pattern: Pattern) -> Hops:
    """Up and down the levels of a binary tree over the domains, each as long as the way to the middle one."""
    domains = len(pattern.counts)
    if domains == 1:
        return Hops(0, 0, 0.0)
    own = heads(pattern.members[:1], pattern.counts)[0, :, 0]
    middle = domains // 2
    return shape.hops(own[:1], own[middle : middle + 1]) * (2 * math.ceil(math.log2(domains)))


class InSwitch(Algorithm):
    """The scale-up switch adds and multicasts (NVLink SHARP); between domains, two trees over what it added.

    spans: whether it is for groups of several domains, or of one.
    Each device sends everything up and its share of the sum again: 1 + 1 / w bytes a byte.
    Hand-worked: 8 ranks at 300 GB/s: 9/8 / 300 s a GB, 267 GB/s, a bus bandwidth of 467 GB/s.
    """

    passes_on = 2

    def __init__(self, *, spans: bool) -> None:
        self.spans = spans

    def applies(self, shape: Shape) -> bool:
        return switch_adds(shape) and all((len(pattern.counts) > 1) is self.spans for pattern in shape.patterns)

    def phases(self, shape: Shape) -> list[Loads]:
        messages = [
            message
            for pattern in shape.patterns
            for message in [*in_switch(pattern.by_domain), *(two_trees(pattern.by_domain) if self.spans else [])]
        ]
        return [message_loads(shape.topology, messages)]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members = pattern.by_domain[0]
        inside, across = shape.hops(members[0, :1], members[0, 1:2]), levels(shape, pattern)
        return Hops(1, across.network, 2 * inside.wire_s + across.wire_s)

    def floor_s_per_byte(self, shape: Shape) -> float:
        return switch_s_per_byte(shape)


class InFabric(Algorithm):
    """The scale-up switch adds inside the domains, the fabric's switches what the domains send, rail by rail (SHARP).

    A card sends its share once instead of twice.
    """

    def applies(self, shape: Shape) -> bool:
        spans = all(len(pattern.counts) > 1 for pattern in shape.patterns)
        alone = all(pattern.even == 1 for pattern in shape.patterns)
        return shape.topology.about.fabric_reduces and spans and (alone or switch_adds(shape))

    def phases(self, shape: Shape) -> list[Loads]:
        loads = message_loads(shape.topology, [])
        for pattern in shape.patterns:
            members = pattern.by_domain
            _, domains, width = members.shape
            rails = members.transpose(0, 2, 1).reshape(-1, domains)
            loads += reduction_loads(shape.topology, rails, 1 / width)
            loads += message_loads(shape.topology, in_switch(members) if width > 1 else [])
        return [loads]

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        members = pattern.by_domain[0]
        across = shape.hops(members[:1, 0], members[-1:, 0])
        if members.shape[1] == 1:
            return across
        inside = shape.hops(members[0, :1], members[0, 1:2])
        return Hops(2, across.network, 2 * inside.wire_s + across.wire_s)

    def floor_s_per_byte(self, shape: Shape) -> float:
        return switch_s_per_byte(shape) if switch_adds(shape) else 0.0


def switch_adds(shape: Shape) -> bool:
    """Whether the scale-up switch adds, and has equally many ranks everywhere, more than two: a pair gains nothing."""
    evens = [pattern.even or 0 for pattern in shape.patterns]
    return shape.topology.about.in_switch_bytes_per_s is not None and min(evens) > 2


def switch_s_per_byte(shape: Shape) -> float:
    """Seconds for each byte at the rate at which the scale-up switch adds; nothing where it does not."""
    rate = shape.topology.about.in_switch_bytes_per_s
    fewest = min(pattern.even or 1 for pattern in shape.patterns)
    return (1 + 1 / fewest) / rate if rate else 0.0
