"""The order in which a program can be advanced: instruction after instruction, for all devices at once.

On every stream the order is fixed before the run, so what an instruction waits for is known as well. The run of the
folded program names both: its instructions, in the order in which they came to be run, are the turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from sim.engine.program import COMPUTE, Actor, Instruction, Program
from sim.engine.trace import Span, Trace
from sim.engine.transfers import Flow
from sim.hardware.network import Wave

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lanes:
    """The devices that an actor stands for: an array of T tensor ranks x D replicas.

    first: number of the first. rank_stride, replica_stride: from a rank, from a replica, to the next.
    """

    name: str
    first: int
    tensor: int
    replicas: int
    rank_stride: int
    replica_stride: int

    @property
    def devices(self) -> Integers:
        """(T, D) device numbers."""
        return self._first_devices(self.replicas)

    def partners(self, turn: Turn, devices: int) -> Integers:
        """(M, T or 1, D or 1) numbers of the M devices who communicate with each other in a turn of this actor.

        devices: how many there are; what is sent beyond them, or from before the first, goes nowhere.
        """
        own = self._first_devices(turn.replicas)
        if turn.instruction.together != "alone":
            return own.T[:, :, None]
        if turn.instruction.meetings:
            return own[:, None]
        return np.stack([own, np.clip(own + turn.reach, 0, devices - 1)])

    def _first_devices(self, replicas: int) -> Integers:
        """(T, replicas) device numbers from its first on, beyond its own where several actors take part."""
        ranks = self.rank_stride * np.arange(self.tensor)[:, None]
        return self.first + ranks + self.replica_stride * np.arange(replicas)

    def device(self, rank: int, replica: int) -> int:
        """Number of one device."""
        return self.first + self.rank_stride * rank + self.replica_stride * replica

    def place(self, device: int) -> tuple[int, int] | None:
        """(rank, replica) of a device; None for one that the actor does not stand for."""
        found = np.argwhere(self.devices == device)
        return (int(found[0, 0]), int(found[0, 1])) if len(found) else None


@dataclass(frozen=True, slots=True)
class Turn:
    """One instruction, and what it takes when every device is alike.

    actor: index of its lanes. previous: the turn before it on its stream. waits: turns that record what it waits for.
    work_s: what a slower device does more slowly. fixed_s: what no device takes longer for. network_s: what moves bytes
    between scale-up domains, on ledger line `line`. reach: from a sender to its receiver; 0 in a collective. replicas:
    that take part in it, more than its actor's where it stands for a collective of several.
    """

    instruction: Instruction
    actor: int
    previous: int | None
    waits: tuple[int, ...]
    on_compute: bool
    work_s: float
    fixed_s: float
    network_s: float
    line: str
    reach: int
    replicas: int

    @property
    def length_s(self) -> float:
        """All of it."""
        return self.work_s + self.fixed_s + self.network_s

    @property
    def stretches(self) -> int:
        """Parts of its work, each ended by a meeting of the tensor ranks; one where they do not meet."""
        return max(1, self.instruction.meetings)


@dataclass(frozen=True, slots=True)
class Order:
    """All turns of a program, and the last one of every stream."""

    lanes: tuple[Lanes, ...]
    turns: tuple[Turn, ...]
    last: tuple[int, ...]

    @property
    def device_turns(self) -> int:
        """Turns of a step, counted for every device that takes them."""
        return sum(self.lanes[turn.actor].tensor * self.lanes[turn.actor].replicas for turn in self.turns)


def order_of(program: Program, trace: Trace, *domains: int) -> Order:
    """Read the order off the run of a folded program.

    trace: its run; what shared links and slowed compute added to an instruction there is part of its length.
    domains: devices in a scale-up domain of each part of the system; what stays inside one is not network.
    """
    lanes = tuple(_lanes(actor) for actor in program.actors)
    index_of = {actor.name: index for index, actor in enumerate(program.actors)}
    latest: dict[tuple[str, str], int] = {}
    recorded: dict[object, int] = {}
    turns: list[Turn] = []
    for number, span in enumerate(trace.spans):
        stream = (span.actor, span.stream)
        waits = tuple(recorded[event] for event in span.instruction.waits)
        actor = index_of[span.actor]
        turns.append(_turn(span, actor, lanes[actor], latest.get(stream), waits, domains))
        latest[stream] = number
        if span.instruction.records is not None:
            recorded[span.instruction.records] = number
    return Order(lanes, tuple(turns), tuple(latest.values()))


def _lanes(actor: Actor) -> Lanes:
    stride = actor.tensor if actor.replica_stride is None else actor.replica_stride
    replicas = actor.multiplicity // actor.tensor
    return Lanes(actor.name, actor.first, actor.tensor, replicas, actor.rank_stride, stride)


def _turn(
    span: Span, actor: int, lanes: Lanes, previous: int | None, waits: tuple[int, ...], domains: Sequence[int]
) -> Turn:
    instruction, on_compute = span.instruction, span.stream == COMPUTE
    length_s = sum(span.parts.values())
    works = on_compute and instruction.computes
    work_s = length_s - instruction.communicates_s - _contended_s(span) if works else 0.0
    flows = [(cast(Flow, one.wave), one) for one in instruction.transfers]
    across = [(flow.wave, one) for flow, one in flows if _leaves(flow.wave, domains[flow.part])]
    network_s = min(sum(one.seconds for _, one in across), length_s - work_s)
    return Turn(
        instruction,
        actor,
        previous,
        waits,
        on_compute,
        work_s,
        length_s - work_s - network_s,
        network_s,
        across[0][1].line if across else "",
        next((wave.distance for wave, _ in across if wave.kind == "send"), 0),
        _replicas(instruction, lanes),
    )


def _contended_s(span: Span) -> float:
    """What its own communication took longer because others used its links."""
    own = span.instruction.parts
    # What hides altogether has no part of its own.
    lines = {one.line for one in span.instruction.transfers} & span.parts.keys()
    return sum(span.parts[line] - own.get(line, 0.0) for line in lines)


def _replicas(instruction: Instruction, lanes: Lanes) -> int:
    """Replicas that take part in an instruction."""
    if instruction.together != "data" or not instruction.transfers:
        return lanes.replicas
    return len(cast(Flow, instruction.transfers[0].wave).devices) // lanes.tensor


def _leaves(wave: Wave, domain: int) -> bool:
    """Whether a wave crosses from one scale-up domain to another."""
    if wave.kind == "send":
        return abs(wave.distance) >= domain
    return wave.group is None or wave.algorithm == "store" or wave.group.block > domain or domain % wave.group.block > 0
