"""Programs: what every stream of every actor does, in which order, and what waits for what.

The vocabulary of GPU programmers: an actor is a set of devices that behave alike; it owns streams; a stream runs its
instructions in order; an instruction may wait for events and record one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from sim.cost.passes import Timed
from sim.engine.work import Work
from sim.errors import ScaletaxError
from sim.hardware.topology import HostWay

EventKey = Hashable
COMPUTE = "compute"
"""The stream whose time the ledger accounts for: a device is doing what its compute stream does."""
DATA = "data comm"
"""The stream of collectives over the replicas."""
HOST_STREAMS: Mapping[HostWay, str] = MappingProxyType({"to host": "to host", "to device": "from host"})
"""The streams of copies to the host of a device and back."""
Together = Literal["alone", "data", "all"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Part of an instruction that moves bytes over links which others may use at the same time.

    wave: who communicates (any hashable, a Flow in the programs built here; the key of a Usage).
    line: the ledger line that these seconds are on.
    seconds: how long it takes at full pace; already counted in the instruction's parts. size_bytes: of the collective
    or send, as the network counts it.
    """

    wave: Hashable
    line: str
    seconds: float
    size_bytes: float = 0.0


@dataclass(slots=True)
class Instruction:
    """One thing a stream does. Made by the hundred thousand, so it is not frozen, which would triple what that takes.

    work: what it does.
    parts: ledger line -> seconds; their sum is how long the stream is busy if nothing interferes.
    waits: events that must have been recorded before it starts.
    records: the event recorded when it ends.
    transfers: what of it moves bytes over links, in order, after the rest of the instruction.
    slows_compute: share of its speed, below one, that the compute stream of the same actor loses while this runs on
    another stream.
    computes: on the compute stream, whether this is work; time that passes by itself cannot be slowed.
    together: which of the devices that the actor stands for start it together, each waiting for the last: nobody, those
    that hold the same shard in different replicas ("data"), or all, with those of the actors waited for.
    communicates_s: how much of it is communication; compute is the rest.
    meetings: how often, spread evenly over its compute, the tensor ranks of a replica wait for each other in it.
    squares_s2: sum of the squared times of its kernels; kernels that vary independently by a share of their time give
    the whole a standard deviation of that share of its root.
    kernels: that it runs, (one after the other, how many times); empty where it is one piece of work.
    """

    work: Work
    parts: Mapping[str, float]
    waits: tuple[EventKey, ...] = ()
    records: EventKey | None = None
    transfers: tuple[Transfer, ...] = ()
    slows_compute: float = 0.0
    computes: bool = True
    together: Together = "alone"
    communicates_s: float = 0.0
    meetings: int = 0
    squares_s2: float = 0.0
    kernels: tuple[tuple[Timed, float], ...] = ()

    @property
    def what(self) -> str:
        """What it is called in messages."""
        return self.work.label

    @property
    def duration_s(self) -> float:
        """How long the stream is busy if nothing interferes."""
        return sum(self.parts.values())


@dataclass(slots=True)
class Actor:
    """A set of devices that behave alike.

    multiplicity: how many devices the actor stands for: `tensor` ranks of each of its replicas. Of those the first is
    number `first`, the next rank `rank_stride` further on, the next replica `replica_stride`.
    streams: name -> instructions, in order.
    """

    name: str
    multiplicity: int
    streams: dict[str, list[Instruction]] = field(default_factory=dict)
    first: int = 0
    tensor: int = 1
    rank_stride: int = 1
    replica_stride: int | None = None
    """None: replicas follow each other, tensor ranks innermost."""

    def add(self, stream: str, instruction: Instruction) -> None:
        """Append an instruction to a stream, opening the stream if need be."""
        self.streams.setdefault(stream, []).append(instruction)


@dataclass(slots=True)
class Program:
    """All actors of one step."""

    actors: list[Actor]

    def producers(self) -> dict[EventKey, tuple[str, str]]:
        """Event -> (actor, stream) that records it. Raises when two instructions record the same event."""
        found: dict[EventKey, tuple[str, str]] = {}
        for actor, stream, instruction in self.instructions():
            if instruction.records is None:
                continue
            if instruction.records in found:
                raise ScaletaxError("program", f"event {instruction.records} is recorded twice")
            found[instruction.records] = (actor.name, stream)
        return found

    def instructions(self) -> Iterable[tuple[Actor, str, Instruction]]:
        """Every instruction with its actor and stream."""
        for actor in self.actors:
            for stream, instructions in actor.streams.items():
                for instruction in instructions:
                    yield actor, stream, instruction


def without_waiting_for_others(program: Program) -> Program:
    """The same program in which no actor waits for another: what is left is each actor's own work.

    For asking what pipelining costs in bubbles and imbalance.
    """
    owners = {event: owner for event, (owner, _) in program.producers().items()}

    def own(actor: Actor, instruction: Instruction) -> Instruction:
        waits = tuple(event for event in instruction.waits if owners[event] == actor.name)
        return replace(instruction, waits=waits)

    actors = []
    for actor in program.actors:
        streams = {name: [own(actor, one) for one in stream] for name, stream in actor.streams.items()}
        actors.append(replace(actor, streams=streams))
    return Program(actors)
