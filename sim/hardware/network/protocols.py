"""What a protocol of the library makes of an algorithm on a shape of groups: latency, pace, and waits for chunks."""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog import Protocol
from sim.hardware.network.algorithm import Hops
from sim.hardware.network.communication import Option, Wave
from sim.hardware.topology import About


@dataclass(frozen=True, slots=True)
class Course:
    """How an algorithm runs on a shape, whatever the protocol.

    s_per_byte: of the fullest link, with all groups under way. hops: its longest chain. bus_share: see bus_share.
    passes: how often a card carries a byte that travels along all of the chain; 0 where none does.
    own_s_per_byte, own_load: seconds and bytes on the fullest link for each byte, with one group alone; 0 where unused.
    """

    s_per_byte: float
    hops: Hops
    bus_share: float
    passes: int = 0
    own_s_per_byte: float = 0.0
    own_load: float = 1.0


def option(wave: Wave, course: Course, cost: Protocol, about: About) -> Option:
    """What a course costs in one protocol."""
    hops = course.hops
    latency_s = about.collective_launch_s + cost.base_s + hops.wire_s
    latency_s += hops.scale_up * scale_up_hop_s(cost, hops, about.host_post_s) + hops.network * cost.network_hop_s
    return Option(wave, latency_s, pace(course.s_per_byte, course, cost), *chunk_waits(course, cost))


def scale_up_hop_s(cost: Protocol, hops: Hops, host_post_s: float) -> float:
    """One hop inside a domain. Where the ring leaves it, no faster than the host posts the steps between domains.

    Source: NCCL, src/graph/tuning.cc (net overhead): the host posts every step of a ring to the network card.
    Hand-worked: three posts of 2 us each: a hop of 3.4 us takes 6 us.
    """
    return max(cost.scale_up_hop_s, cost.host_posts * host_post_s) if hops.network else cost.scale_up_hop_s


def pace(s_per_byte: float, course: Course, cost: Protocol) -> float:
    """Seconds for each byte: what links take, and between domains what a host takes that touches every byte.

    Source: NCCL, src/graph/tuning.cc (llMaxBws).
    Hand-worked: 20 GB/s of bus bandwidth, 2 bytes a byte: 0.1 s a GB at least.
    """
    linked = s_per_byte / cost.bandwidth_share
    return max(linked, course.bus_share / cost.network_bus_bytes_per_s) if course.hops.network else linked


def chunk_waits(course: Course, cost: Protocol) -> tuple[float, float]:
    """(seconds waited for each byte of a chunk, bytes of the size that travel as one chunk) along the longest chain.

    Every hop between domains begins when a chunk has arrived. Other groups that share the cards do not slow it: while a
    chunk is elsewhere on its way, cards are idle.
    Source: NCCL, src/include/devcomm.h: what is passed on is passed on step by step of a channel's buffer.
    Hand-worked: two channels of 512 KiB each at a card of 46 GB/s: 23 us a hop.
    """
    if not course.passes or not course.hops.network or not cost.card_chunk_bytes:
        return 0.0, 0.0
    waits = course.hops.network / course.passes
    return waits * pace(course.own_s_per_byte, course, cost), cost.card_chunk_bytes * course.passes / course.own_load
