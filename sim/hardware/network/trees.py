"""Algorithms with a logarithm in them: double binary trees, and reduction inside switches."""

from __future__ import annotations

import math

from sim.hardware.network.algorithm import Algorithm, Hops, Shape
from sim.hardware.network.loads import Loads, message_loads, reduction_loads
from sim.hardware.network.messages import chain, in_switch, two_trees


class DoubleTree(Algorithm):
    """Up and down two trees over the domains, half of the bytes each, and a chain over the members of every domain.

    Source: Sanders, Speck, Traeff, Two-tree algorithms for full bandwidth broadcast, reduction and scan, Parallel
    Computing 35(12), 2009; the chain inside a node as in NCCL.
    Hand-worked: 5 nodes of 8 make 3 levels: 2 x 7 hops inside, 2 x 3 between; a card sends 2/8 of the bytes.
    """

    def applies(self, shape: Shape) -> bool:
        return shape.even is not None

    def phases(self, shape: Shape) -> list[Loads]:
        members = shape.by_domain
        return [message_loads(shape.topology, [*chain(members), *two_trees(members)])]

    def hops(self, shape: Shape) -> Hops:
        members = shape.by_domain[0]
        inside = shape.hops(members[0, :-1], members[0, 1:])
        across = levels(shape)
        return Hops(2 * inside.scale_up, across.network, 2 * inside.wire_s + across.wire_s)


def levels(shape: Shape) -> Hops:
    """Up and down the levels of a binary tree over the domains, each as long as the way to the middle one."""
    members = shape.by_domain[0]
    domains = len(members)
    middle = domains // 2
    one = shape.hops(members[:1, 0], members[middle : middle + 1, 0]) if domains > 1 else Hops(0, 0, 0.0)
    return one * (2 * math.ceil(math.log2(domains)))


class InSwitch(Algorithm):
    """The scale-up switch adds and multicasts (NVLink SHARP); between domains, two trees over what it added.

    spans: whether it is for groups of several domains, or of one.
    Each device sends everything up and its share of the sum again: 1 + 1 / w bytes a byte.
    Hand-worked: 8 ranks at 300 GB/s: 9/8 / 300 s a GB, 267 GB/s, a bus bandwidth of 467 GB/s.
    """

    def __init__(self, *, spans: bool) -> None:
        self.spans = spans

    def applies(self, shape: Shape) -> bool:
        return switch_adds(shape) and (shape.domains > 1) is self.spans

    def phases(self, shape: Shape) -> list[Loads]:
        members = shape.by_domain
        across = two_trees(members) if self.spans else []
        return [message_loads(shape.topology, [*in_switch(members), *across])]

    def hops(self, shape: Shape) -> Hops:
        members = shape.by_domain[0]
        inside, across = shape.hops(members[0, :1], members[0, 1:2]), levels(shape)
        return Hops(1, across.network, 2 * inside.wire_s + across.wire_s)

    def floor_s_per_byte(self, shape: Shape) -> float:
        return switch_s_per_byte(shape)


class InFabric(Algorithm):
    """The scale-up switch adds inside the domains, the fabric's switches what the domains send, rail by rail (SHARP).

    A card sends its share once instead of twice.
    """

    def applies(self, shape: Shape) -> bool:
        spans = shape.domains > 1 and shape.even is not None
        return shape.topology.about.fabric_reduces and spans and (shape.by_domain.shape[2] == 1 or switch_adds(shape))

    def phases(self, shape: Shape) -> list[Loads]:
        members = shape.by_domain
        _, domains, width = members.shape
        across = reduction_loads(shape.topology, members.transpose(0, 2, 1).reshape(-1, domains), 1 / width)
        return [across + message_loads(shape.topology, in_switch(members) if width > 1 else [])]

    def hops(self, shape: Shape) -> Hops:
        members = shape.by_domain[0]
        across = shape.hops(members[:1, 0], members[-1:, 0])
        if members.shape[1] == 1:
            return across
        inside = shape.hops(members[0, :1], members[0, 1:2])
        return Hops(2, across.network, 2 * inside.wire_s + across.wire_s)

    def floor_s_per_byte(self, shape: Shape) -> float:
        return switch_s_per_byte(shape) if shape.by_domain.shape[2] > 1 else 0.0


def switch_adds(shape: Shape) -> bool:
    """Whether more than two ranks (a pair has nothing to gain) are in scale-up domains whose switch adds."""
    return bool(shape.topology.about.in_switch_bytes_per_s) and shape.even is not None and shape.even[1] > 2


def switch_s_per_byte(shape: Shape) -> float:
    """Seconds for each byte at the rate at which the scale-up switch adds; nothing where it does not."""
    rate = shape.topology.about.in_switch_bytes_per_s
    return (1 + 1 / shape.by_domain.shape[2]) / rate if rate else 0.0
