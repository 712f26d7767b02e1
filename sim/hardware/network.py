"""The seam between communication and time: what a collective costs on a topology.

All groups of one shape communicate at the same moment (one wave), so the links they share are charged for all
of them. Nothing here contends with anything outside its own wave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from sim.errors import InputError
from sim.hardware.collectives import (
    Values,
    double_tree_all_reduce_time_s,
    ring_all_reduce_time_s,
    ring_gather_time_s,
    send_time_s,
    tree_broadcast_time_s,
    two_level_all_reduce_time_s,
)
from sim.hardware.rings import Group, parallel_rings, ring_of, spanned_domains, split_by_domain
from sim.hardware.topology import EdgeKey, Topology

__all__ = ["Group", "Network"]

# Generated families repeat from domain to domain, so the loads over the first domains (and over the hops that
# close the rings) are those of the whole cluster.
WINDOW_DOMAINS = 64


@dataclass(frozen=True, slots=True)
class _Wave:
    """What the links allow one wave: each member's rate, and a latency (once around the ring, or one way)."""

    bytes_per_s: float
    latency_s: float


@dataclass(slots=True)
class _Loads:
    """Seconds that each link is busy for every byte that each member of the wave sends."""

    topology: Topology
    busy_s_per_byte: dict[EdgeKey, float] = field(default_factory=dict)

    def add(self, a: int, b: int, share: float) -> None:
        """Put a message from device a to device b, of `share` of a member's bytes, on its route."""
        for edge, link in self.topology.route(a, b):
            self.busy_s_per_byte[edge] = self.busy_s_per_byte.get(edge, 0.0) + share / link.bytes_per_s

    def bytes_per_s(self) -> float:
        """The rate that the most loaded link leaves to each member."""
        return 1 / max(self.busy_s_per_byte.values())


class Network:
    """Times of collectives on one topology. Sizes may be numbers or arrays; times have the same shape."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._rings: dict[Group, _Wave] = {}
        self._sends: dict[tuple[int, Group | None], _Wave] = {}

    def all_reduce_s(self, size_bytes: Values, group: Group) -> Values:
        """Time of an all-reduce of size_bytes per rank, by the fastest algorithm at that size.

        The library's choice is between a ring, two levels (inside the scale-up domain and across) and, where
        the topology says what a level costs, a double tree over the domains.
        """
        if group.ranks == 1:
            return size_bytes * 0.0
        ring = self._ring(group)
        best = ring_all_reduce_time_s(size_bytes, group.ranks, ring.bytes_per_s, ring.latency_s)
        split = split_by_domain(group, self.topology.domain)
        chain_s = 0.0
        if split is not None:
            inside, across = split
            inner, outer = self._ring(inside), self._ring(across)
            chain_s = inner.latency_s * (inside.ranks - 1) / inside.ranks
            rings = (inner.bytes_per_s, inner.latency_s, outer.bytes_per_s, outer.latency_s)
            two_level_s = two_level_all_reduce_time_s(size_bytes, inside.ranks, across.ranks, *rings)
            best = np.minimum(best, two_level_s)
        level_s = self.topology.tree_level_s
        spanned = spanned_domains(group, self.topology.domain)
        # The chain inside a domain is known only where the group fills its domains evenly.
        if level_s is not None and spanned > 1 and (split is not None or spanned == group.ranks):
            tree_s = double_tree_all_reduce_time_s(size_bytes, spanned, ring.bytes_per_s, chain_s, level_s)
            best = np.minimum(best, tree_s)
        return self.topology.collective_launch_s + best

    def all_gather_s(self, size_bytes: Values, group: Group) -> Values:
        """Time of an all-gather on a ring; size_bytes is the full, gathered size."""
        if group.ranks == 1:
            return size_bytes * 0.0
        ring = self._ring(group)
        gather_s = ring_gather_time_s(size_bytes, group.ranks, ring.bytes_per_s, ring.latency_s)
        return self.topology.collective_launch_s + gather_s

    def reduce_scatter_s(self, size_bytes: Values, group: Group) -> Values:
        """Time of a reduce-scatter on a ring; size_bytes is the full size before scattering."""
        return self.all_gather_s(size_bytes, group)

    def broadcast_s(self, size_bytes: Values, devices: int) -> Values:
        """Time until the first `devices` devices all have the same size_bytes.

        Where the fabric broadcasts, the bytes come from the store (so one device takes time as well), at line
        rate plus the latency of the tree. Elsewhere they come from device 0 and are passed on along a ring.
        """
        self._require(devices)
        tree = self.topology.broadcast_tree(devices)
        if tree is None and devices == 1:
            return size_bytes * 0.0
        if tree is not None:
            links, link = tree
            time_s = tree_broadcast_time_s(size_bytes, links, link.bytes_per_s, link.latency_s)
        else:
            ring = self._ring(Group(devices))
            time_s = send_time_s(size_bytes, ring.bytes_per_s, ring.latency_s * (devices - 1) / devices)
        return self.topology.collective_launch_s + time_s

    def reduce_s(self, size_bytes: Values, devices: int) -> Values:
        """Time until the sum of size_bytes from each of `devices` devices is there: reversed broadcast_s."""
        return self.broadcast_s(size_bytes, devices)

    def send_s(self, size_bytes: Values, distance: int, group: Group | None = None) -> Values:
        """Time for every device to send size_bytes to the device `distance` further on, all at once.

        distance: negative sends backwards; 0 takes no time.
        group: if given, only those send whose receiver is in their group, as in a pipeline.
        Raises InputError when no device has a neighbour that far away.
        """
        if distance == 0:
            return size_bytes * 0.0
        wave = self._send(abs(distance), group)
        return self.topology.send_launch_s + send_time_s(size_bytes, wave.bytes_per_s, wave.latency_s)

    def bus_bytes_per_s(self, group: Group) -> float:
        """Rate at which each rank of every group of the wave can send: what the most loaded link allows.

        Infinite for groups of one rank.
        """
        return self._ring(group).bytes_per_s if group.ranks > 1 else math.inf

    def _ring(self, group: Group) -> _Wave:
        if group not in self._rings:
            self._require(group.block)
            self._rings[group] = _Wave(self._ring_rate(group), self._ring_latency_s(group))
        return self._rings[group]

    def _ring_rate(self, group: Group) -> float:
        """Put the rings of all groups of the wave on the links."""
        topology, window = self.topology, self._window()
        channels = parallel_rings(group, topology.domain)
        loads = _Loads(topology)
        last = group.ranks - 1
        for device in range(min(window, topology.devices // group.block * group.block)):
            ring, rank = ring_of(device, group, topology.domain)
            for channel in range(channels):
                loads.add(device, ring.device(ring.follower(rank, channel)), 1 / channels)
                if rank == 0 and ring.device(last) >= window:
                    # The hop that closes this ring starts outside the window but ends inside it.
                    end = ring.exit_rank(last, channel)
                    loads.add(ring.device(end), ring.device(ring.follower(end, channel)), 1 / channels)
        return loads.bytes_per_s()

    def _ring_latency_s(self, group: Group) -> float:
        """Sum of the hop latencies once around the first ring.

        Hops beyond the window are taken to cost what those inside it cost on average.
        """
        stride, hops = group.stride, group.ranks - 1
        sampled = min(hops, -(-self._window() // stride))
        forward_s = sum(self._route_latency_s(rank * stride, (rank + 1) * stride) for rank in range(sampled))
        return forward_s * hops / sampled + self._route_latency_s(hops * stride, 0)

    def _send(self, distance: int, group: Group | None) -> _Wave:
        if (distance, group) not in self._sends:
            self._require(distance + 1)
            senders = range(min(self._window(), self.topology.devices - distance))
            pairs = [(device, device + distance) for device in senders]
            if group is not None:
                domain = self.topology.domain
                pairs = [(a, b) for a, b in pairs if ring_of(a, group, domain)[0] == ring_of(b, group, domain)[0]]
            if not pairs:
                raise InputError(f"send over {distance} devices", f"stays in no {group}", "check the stride")
            loads = _Loads(self.topology)
            for a, b in pairs:
                loads.add(a, b, 1.0)
            slowest_s = max(self._route_latency_s(a, b) for a, b in pairs)
            self._sends[distance, group] = _Wave(loads.bytes_per_s(), slowest_s)
        return self._sends[distance, group]

    def _route_latency_s(self, a: int, b: int) -> float:
        return sum(link.latency_s for _, link in self.topology.route(a, b))

    def _window(self) -> int:
        """Devices whose messages are put on the links one by one."""
        return WINDOW_DOMAINS * self.topology.domain if self.topology.regular else self.topology.devices

    def _require(self, devices: int) -> None:
        if not 1 <= devices <= self.topology.devices:
            raise InputError(
                f"topology '{self.topology.name}'",
                f"this communication needs {devices} devices, but {self.topology.devices} are built",
                "use smaller groups, or more devices",
            )


class FreeNetwork(Network):
    """A network on which everything arrives at once: for asking what the real one costs."""

    def all_reduce_s(self, size_bytes: Values, group: Group) -> Values:
        """Zero, in the shape of size_bytes."""
        return size_bytes * 0.0

    def all_gather_s(self, size_bytes: Values, group: Group) -> Values:
        """Zero, in the shape of size_bytes."""
        return size_bytes * 0.0

    def broadcast_s(self, size_bytes: Values, devices: int) -> Values:
        """Zero, in the shape of size_bytes."""
        return size_bytes * 0.0

    def send_s(self, size_bytes: Values, distance: int, group: Group | None = None) -> Values:
        """Zero, in the shape of size_bytes."""
        return size_bytes * 0.0
