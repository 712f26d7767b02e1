"""What communication is when it is costed: waves, the library's options for them, and what comes of both in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.hardware.network.algorithms import Collective
from sim.hardware.network.groups import Group
from sim.hardware.topology import HostShare, HostWay

Values = float | NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wave:
    """Who communicates how: all groups of one shape at once, or all senders over one distance."""

    kind: Collective | Literal["send"] | HostWay
    group: Group | None
    """None for sends that stay in no group, and for copies to and from hosts."""
    algorithm: str
    protocol: str = ""
    distance: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One algorithm and protocol for a wave: seconds = latency_s + s_per_byte * bytes.

    waited_s_per_byte: what its longest chain waits, for each byte of a chunk, until chunks have arrived that it passes
    on. chunk_bytes: the part of the size that travels as one chunk; all of a smaller size.
    """

    wave: Wave
    latency_s: float
    s_per_byte: float
    waited_s_per_byte: float = 0.0
    chunk_bytes: float = 0.0

    @property
    def lines(self) -> tuple[tuple[float, float], ...]:
        """(seconds, seconds for each byte) of the lines whose lower envelope its time is: with one chunk, and many."""
        many = self.latency_s + self.waited_s_per_byte * self.chunk_bytes, self.s_per_byte
        if not self.waited_s_per_byte:
            return (many,)
        return many, (self.latency_s, self.s_per_byte + self.waited_s_per_byte)

    def time_s(self, size_bytes: Values) -> Values:
        """Time alone, in the shape of size_bytes."""
        waited_s = self.waited_s_per_byte * np.minimum(size_bytes, self.chunk_bytes) if self.waited_s_per_byte else 0.0
        return self.latency_s + waited_s + self.s_per_byte * size_bytes

    def of(self, size_bytes: float) -> Communication:
        """Communication of one size by this option."""
        moving_s, moved_bytes = {self.wave: self.s_per_byte * size_bytes}, {self.wave: size_bytes}
        return Communication(float(self.time_s(size_bytes)), moving_s, 1.0, moved_bytes)


@dataclass(frozen=True, slots=True)
class Communication:
    """Some collectives and sends one after the other.

    seconds: how long they take while nobody else uses their links; an array where many plans are costed at once.
    moving_s: for how much of that each wave keeps its links busy. meetings: how often those who communicate wait for
    each other in it. moved_bytes: sizes of the collectives and sends of each wave, added up.
    """

    seconds: Any = 0.0
    moving_s: Mapping[Wave, float] = field(default_factory=dict)
    meetings: float = 0.0
    moved_bytes: Mapping[Wave, float] = field(default_factory=dict)

    def __add__(self, other: Communication) -> Communication:
        moving_s, moved_bytes = (
            {wave: own.get(wave, 0.0) + more.get(wave, 0.0) for wave in {**own, **more}}
            for own, more in ((self.moving_s, other.moving_s), (self.moved_bytes, other.moved_bytes))
        )
        return Communication(self.seconds + other.seconds, moving_s, self.meetings + other.meetings, moved_bytes)

    def __mul__(self, times: Any) -> Communication:
        moving_s, moved_bytes = (
            {wave: one * times for wave, one in own.items()} for own in (self.moving_s, self.moved_bytes)
        )
        return Communication(self.seconds * times, moving_s, self.meetings * times, moved_bytes)


NOTHING = Communication()


def host_copy(size_bytes: Any, way: HostWay, host: HostShare) -> Communication:
    """Every device copies size_bytes to or from its host, all at once.

    Hand-worked: 11 GB over a link of 55 GB/s: 0.2 s.
    """
    seconds, wave = size_bytes / host.rates[way], Wave(way, None, "copy")
    return Communication(seconds, {wave: seconds}, 0.0, {wave: size_bytes})


class Communicates(Protocol):
    """Something that costs communication: a network for one plan, a network's table for many."""

    @property
    def domain(self) -> int:
        """Devices in a scale-up domain."""
        ...

    def run(self, collective: Collective, size_bytes: Any, group: Group) -> Communication:
        """One collective, of all groups of a shape at once."""
        ...

    def send(self, size_bytes: Any, distance: Any, group: Group) -> Communication:
        """One send from every device whose receiver is in its group."""
        ...


def bus_share(collective: Collective, ranks: int) -> float:
    """Bus bandwidth over size / time: what a link would have to carry if all were perfect.

    2 (n - 1) / n for all-reduce, (n - 1) / n for gathers, scatters and all-to-all, 1 for broadcast and reduce.
    Source: nccl-tests, doc/PERFORMANCE.md.
    """
    if collective in ("broadcast", "reduce"):
        return 1.0
    return (2.0 if collective == "all_reduce" else 1.0) * (ranks - 1) / ranks
