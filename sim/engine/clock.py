"""The clock: runs a program on SimPy and records what happened.

Ties: SimPy orders what happens at one instant by insertion; streams are inserted actor by actor in the program's
order, so one program gives one trace, whatever the hash seed. Paces on shared links and of slowed compute are set
last, once an instant.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import simpy

from sim.cost.parts import combined
from sim.engine.flows import Flows, SlowedCompute
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Program, Transfer
from sim.engine.sharing import SharedLinks
from sim.engine.trace import Span, Trace, Wait
from sim.errors import ScaletaxError, Stalled

_ROUNDING = 1e-12
"""What is left of an instruction besides its transfers is nothing below this share of it."""


class _Signals:
    """Events of the program. A SimPy event exists only while some stream waits, which keeps the heap small."""

    def __init__(self, environment: simpy.Environment) -> None:
        self._environment = environment
        self._done: set[EventKey] = set()
        self._waiting: dict[EventKey, simpy.Event] = {}

    def is_recorded(self, key: EventKey) -> bool:
        return key in self._done

    def record(self, key: EventKey) -> None:
        if key in self._done:
            raise ScaletaxError("program", f"event {key} is recorded twice")
        self._done.add(key)
        event = self._waiting.pop(key, None)
        if event is not None:
            event.succeed()

    def wait(self, key: EventKey) -> simpy.Event:
        event = self._waiting.get(key)
        if event is None:
            event = self._waiting[key] = self._environment.event()
        return event


def run(program: Program, links: SharedLinks | None = None) -> Trace:
    """Run a program from time zero until every stream is done.

    links: what different waves compete for; without it every transfer takes the time that it takes alone.
    Raises Stalled, naming each waiting stream, what it waits for and since when.
    """
    clock = _Clock(program, links)
    for actor in program.actors:
        compute = SlowedCompute(clock.environment) if _is_slowed(actor) else None
        for stream, instructions in actor.streams.items():
            clock.environment.process(clock.stream(actor.name, stream, instructions, compute))
    clock.environment.run()
    if clock.blocked:
        raise _stalled(program, clock.blocked)
    return clock.trace


def _is_slowed(actor: Actor) -> bool:
    """Whether something that an actor does takes speed from its compute."""
    return any(
        instruction.slows_compute
        for stream, instructions in actor.streams.items()
        if stream != COMPUTE
        for instruction in instructions
    )


class _Clock:
    """Runs streams as SimPy processes and keeps the record."""

    def __init__(self, program: Program, links: SharedLinks | None) -> None:
        self.environment = simpy.Environment()
        self.trace = Trace(multiplicity={actor.name: actor.multiplicity for actor in program.actors})
        self.blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]] = {}
        self._signals = _Signals(self.environment)
        self._flows = Flows(self.environment, links) if links is not None else None
        self._known: dict[int, tuple[tuple[Transfer, ...], tuple[Transfer, ...]]] = {}

    def stream(
        self, actor: str, stream: str, instructions: list[Instruction], compute: SlowedCompute | None
    ) -> Generator[simpy.Event, Any, None]:
        """One stream: wait, be busy, record; instruction after instruction. compute: the actor's, if ever slowed.

        Instructions that neither wait nor are waited for are run in one go with the next where their ends are known.
        """
        environment, signals, trace = self.environment, self._signals, self.trace
        now, pending = 0.0, 0.0
        for index, instruction in enumerate(instructions):
            for key in instruction.waits:
                if signals.is_recorded(key):
                    continue
                if pending:
                    yield environment.timeout(pending)
                    now, pending = environment.now, 0.0
                if not signals.is_recorded(key):
                    self.blocked[actor, stream] = (instruction, key, environment.now)
                    yield signals.wait(key)
                    del self.blocked[actor, stream]
                    if environment.now > now:
                        trace.waits.append(Wait(actor, stream, now, environment.now, key))
                    now = environment.now
            parts = instruction.parts
            if (compute is not None or instruction.transfers) and self._varies(stream, instruction, compute):
                if pending:
                    yield environment.timeout(pending)
                    now, pending = environment.now, 0.0
                start_s = now
                parts = yield from self._at_varying_pace(stream, instruction, compute)
                now = environment.now
            else:
                start_s = now + pending
                pending += instruction.duration_s
            span = Span(actor, stream, instruction, start_s, now + pending, parts)
            trace.spans.append(span)
            if instruction.records is not None or index == len(instructions) - 1:
                if pending:
                    yield environment.timeout(pending)
                    now, pending = environment.now, 0.0
                if instruction.records is not None:
                    trace.recorded_by[instruction.records] = span
                    signals.record(instruction.records)
        # Not when SimPy comes to an end: it may still hold timers that faster paces made void.
        trace.step_time_s = max(trace.step_time_s, now)

    def _varies(self, stream: str, instruction: Instruction, compute: SlowedCompute | None) -> bool:
        """Whether what else goes on decides how long an instruction takes, or the other way round."""
        if compute is not None and (instruction.computes if stream == COMPUTE else instruction.slows_compute):
            return True
        return bool(self._contested(instruction.transfers))

    def _contested(self, transfers: tuple[Transfer, ...]) -> tuple[Transfer, ...]:
        """Those of some transfers that others may slow; worked out once for transfers that are repeated."""
        flows, key = self._flows, id(transfers)
        if flows is None or not transfers:
            return ()
        if key not in self._known:
            # Kept with its answer, so that no other tuple can take its place in memory.
            contested = tuple(one for one in transfers if one.seconds > 0 and flows.contested(one))
            self._known[key] = transfers, contested
        return self._known[key][1]

    def _at_varying_pace(
        self, stream: str, instruction: Instruction, compute: SlowedCompute | None
    ) -> Generator[simpy.Event, Any, Mapping[str, float]]:
        """Run one instruction: what is not on contested links first, then each such transfer. Returns its parts.

        No transfer is slowed as compute, contested or not.
        """
        computes = compute if stream == COMPUTE and instruction.computes else None
        slows = compute if stream != COMPUTE and instruction.slows_compute else None
        contested = self._contested(instruction.transfers)
        moving = instruction.transfers if computes else contested
        rest_s = _without_s(instruction, moving)
        extra: list[Mapping[str, float]] = []
        if slows:
            slows.begin(instruction)
        if rest_s and computes:
            work = computes.start(rest_s)
            yield work
            extra.append(work.extra)
        elif rest_s:
            yield self.environment.timeout(rest_s)
        for transfer in moving:
            if self._flows is not None and transfer in contested:
                work = self._flows.start(transfer)
                yield work
                extra.append(work.extra)
            else:
                yield self.environment.timeout(transfer.seconds)
        if slows:
            slows.end(instruction)
        return combined(instruction.parts, *extra) if any(extra) else instruction.parts


def _without_s(instruction: Instruction, transfers: tuple[Transfer, ...]) -> float:
    """Seconds of an instruction apart from some of its transfers."""
    whole_s = instruction.duration_s
    rest_s = whole_s - sum(transfer.seconds for transfer in transfers)
    if rest_s < -_ROUNDING * whole_s:
        raise ScaletaxError("program", f"'{instruction.what}' takes {whole_s} s, less than its transfers")
    return rest_s if rest_s > _ROUNDING * whole_s else 0.0


def _stalled(program: Program, blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]]) -> Stalled:
    producers = program.producers()
    lines = []
    for (actor, stream), (instruction, key, since_s) in sorted(blocked.items()):
        producer = producers.get(key)
        origin = f"recorded by {producer[0]} / {producer[1]}" if producer else "which nothing records"
        lines.append(f"{actor} / {stream}: '{instruction.what}' waits since {since_s:.6g} s for {key}, {origin}")
    return Stalled("simulation stalled", "\n".join(lines), "this is a defect of the program that was built")
