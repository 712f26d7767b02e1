"""What every collective algorithm says of itself: where it runs, what it puts on the links, how long its chain is.

Legend: n ranks of a group, k scale-up domains that it spans, w members in each. A byte is a byte of the
collective's size: the buffer of one rank for all-reduce, all-to-all and broadcast; the full, gathered buffer for
all-gather and reduce-scatter.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sim.hardware.network.groups import Devices, Group, domain_counts
from sim.hardware.network.loads import Loads
from sim.hardware.topology import Numbers, Topology


@dataclass(frozen=True, slots=True)
class Hops:
    """The longest chain of messages that wait for each other.

    scale_up: hops inside a scale-up domain; network: hops between domains; wire_s: latency of their links.
    """

    scale_up: float
    network: float
    wire_s: float

    def __mul__(self, times: float) -> Hops:
        return Hops(self.scale_up * times, self.network * times, self.wire_s * times)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Groups that lie over the scale-up domains in the same way.

    members: (G, n). counts: (k,) ranks of each group in each domain that it spans, in order.
    """

    members: Numbers
    counts: tuple[int, ...]

    @property
    def even(self) -> int | None:
        """Members in each domain, where there are equally many in all."""
        return self.counts[0] if len(set(self.counts)) == 1 else None

    @property
    def by_domain(self) -> Numbers:
        """(G, k, w) members of groups that are even."""
        return self.members.reshape(len(self.members), len(self.counts), -1)


@dataclass(frozen=True)
class Shape:
    """One shape of groups on one topology, and the devices whose groups communicate.

    first: only so many of those groups; all of them where it is None.
    """

    topology: Topology
    group: Group
    devices: Devices
    first: int | None = None

    @functools.cached_property
    def members(self) -> Numbers:
        """(G, n) members of the groups."""
        return self.group.members(self.devices)[: self.first]

    @functools.cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The groups, by how they lie over the domains."""
        domain = self.topology.domain
        offsets = self.members[:, 0] % domain
        found: dict[tuple[int, ...], list[int]] = {}
        for offset in np.unique(offsets).tolist():
            found.setdefault(domain_counts(self.group, offset, domain), []).append(offset)
        return tuple(Pattern(self.members[np.isin(offsets, own)], counts) for counts, own in found.items())

    def hops(self, sources: Numbers, targets: Numbers) -> Hops:
        """Some hops one after the other: inside domains, between them, and the latency of their links."""
        domain = self.topology.domain
        crossing = int((sources // domain != targets // domain).sum())
        wire_s = float(self.topology.paths(sources, targets).latency_s.sum())
        return Hops(len(sources) - crossing, crossing, wire_s)


class Algorithm(ABC):
    """One algorithm for one collective."""

    passes_on = 0
    """How often a card carries a byte that travels along all of the chain, each hop after a chunk of it has arrived; 0
    where every hop carries a share of its own."""

    @property
    def repeats(self) -> tuple[Algorithm, int]:
        """An algorithm, and how often this one runs it, one time after the other."""
        return self, 1

    def applies(self, shape: Shape) -> bool:
        """Whether it can run on a shape."""
        return True

    @abstractmethod
    def phases(self, shape: Shape) -> list[Loads]:
        """(L,) bytes on every link for each byte of the size, phase after phase."""

    @abstractmethod
    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        """The longest chain of hops of groups that lie like this."""

    def hops(self, shape: Shape) -> Hops:
        """The longest chain of hops of all groups: a wave is done when the last of them is."""
        chains = [self.chain(shape, pattern) for pattern in shape.patterns]
        return max(chains, key=lambda hops: (hops.network, hops.scale_up, hops.wire_s))

    def floor_s_per_byte(self, shape: Shape) -> float:
        """What something other than a link allows at best."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Twice(Algorithm):
    """All-reduce as a reduce-scatter and an all-gather, which move the same bytes one after the other."""

    half: Algorithm

    @property
    def repeats(self) -> tuple[Algorithm, int]:
        return self.half, 2

    def applies(self, shape: Shape) -> bool:
        return self.half.applies(shape)

    def phases(self, shape: Shape) -> list[Loads]:
        return 2 * self.half.phases(shape)

    def chain(self, shape: Shape, pattern: Pattern) -> Hops:
        return self.half.chain(shape, pattern) * 2
