"""What every collective algorithm says of itself: where it runs, what it puts on the links, how long its chain is.

Legend: n ranks of a group, k scale-up domains that it spans, w members in each. A byte is a byte of the
collective's size: the buffer of one rank for all-reduce, all-to-all and broadcast; the full, gathered buffer for
all-gather and reduce-scatter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sim.hardware.network.groups import Group, by_domain, spanned_domains
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
class Shape:
    """One shape of groups on one topology, and the devices whose groups communicate."""

    topology: Topology
    group: Group
    devices: range

    @property
    def members(self) -> Numbers:
        """(G, n) members of the groups."""
        return self.group.members(self.devices)

    @property
    def even(self) -> tuple[int, int] | None:
        """(k, w) where the group lies evenly over its domains."""
        return by_domain(self.group, self.topology.domain, self.topology.devices)

    @property
    def domains(self) -> int:
        """Scale-up domains that a group spans."""
        return spanned_domains(self.group, self.topology.domain)

    @property
    def by_domain(self) -> Numbers:
        """(G, k, w) members, for groups that lie evenly over their domains."""
        domains, width = self.even or (1, self.group.ranks)
        return self.members.reshape(-1, domains, width)

    def hops(self, sources: Numbers, targets: Numbers) -> Hops:
        """Some hops one after the other: inside domains, between them, and the latency of their links."""
        domain = self.topology.domain
        crossing = int((sources // domain != targets // domain).sum())
        wire_s = float(self.topology.paths(sources, targets).latency_s.sum())
        return Hops(len(sources) - crossing, crossing, wire_s)


class Algorithm(ABC):
    """One algorithm for one collective."""

    def applies(self, shape: Shape) -> bool:
        """Whether it can run on a shape."""
        return True

    @abstractmethod
    def phases(self, shape: Shape) -> list[Loads]:
        """(L,) bytes on every link for each byte of the size, phase after phase."""

    @abstractmethod
    def hops(self, shape: Shape) -> Hops:
        """Its longest chain of hops."""

    def floor_s_per_byte(self, shape: Shape) -> float:
        """What something other than a link allows at best."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Twice(Algorithm):
    """All-reduce as a reduce-scatter and an all-gather, which move the same bytes one after the other."""

    half: Algorithm

    def applies(self, shape: Shape) -> bool:
        return self.half.applies(shape)

    def phases(self, shape: Shape) -> list[Loads]:
        return 2 * self.half.phases(shape)

    def hops(self, shape: Shape) -> Hops:
        return self.half.hops(shape) * 2
