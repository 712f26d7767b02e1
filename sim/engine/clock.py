"""The clock: runs a program on SimPy and records what happened.

Ties: SimPy orders what happens at one instant by insertion; streams are inserted actor by actor in the program's
order, so one program gives one trace, whatever the hash seed.
"""

from __future__ import annotations

from collections.abc import Generator

import simpy

from sim.engine.program import Actor, EventKey, Instruction, Program
from sim.engine.trace import Span, Trace, Wait
from sim.errors import ScaletaxError, Stalled


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


def run(program: Program) -> Trace:
    """Run a program from time zero until every stream is done.

    Raises Stalled, naming each waiting stream, what it waits for and since when.
    """
    environment = simpy.Environment()
    signals = _Signals(environment)
    trace = Trace(multiplicity={actor.name: actor.multiplicity for actor in program.actors})
    blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]] = {}
    for actor in program.actors:
        for stream, instructions in actor.streams.items():
            environment.process(_stream(environment, signals, trace, blocked, actor, stream, instructions))
    environment.run()
    if blocked:
        raise _stalled(program, blocked)
    trace.step_time_s = float(environment.now)
    return trace


def _stream(
    environment: simpy.Environment,
    signals: _Signals,
    trace: Trace,
    blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]],
    actor: Actor,
    stream: str,
    instructions: list[Instruction],
) -> Generator[simpy.Event, None, None]:
    """One stream as a SimPy process: wait, be busy, record; instruction after instruction.

    Instructions that neither wait nor are waited for are run in one go with the next: their ends are known.
    """
    name, spans, now = actor.name, trace.spans, 0.0
    pending = 0.0
    for index, instruction in enumerate(instructions):
        for key in instruction.waits:
            if signals.is_recorded(key):
                continue
            if pending:
                yield environment.timeout(pending)
                now, pending = environment.now, 0.0
            if not signals.is_recorded(key):
                blocked[name, stream] = (instruction, key, environment.now)
                yield signals.wait(key)
                del blocked[name, stream]
                if environment.now > now:
                    trace.waits.append(Wait(name, stream, now, environment.now, key))
                now = environment.now
        start = now + pending
        pending += instruction.duration_s
        span = Span(name, stream, instruction.what, start, now + pending, instruction.parts)
        spans.append(span)
        if instruction.records is not None or index == len(instructions) - 1:
            if pending:
                yield environment.timeout(pending)
                now, pending = environment.now, 0.0
            if instruction.records is not None:
                trace.recorded_by[instruction.records] = span
                signals.record(instruction.records)


def _stalled(program: Program, blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]]) -> Stalled:
    producers = program.producers()
    lines = []
    for (actor, stream), (instruction, key, since_s) in sorted(blocked.items()):
        producer = producers.get(key)
        origin = f"recorded by {producer[0]} / {producer[1]}" if producer else "which nothing records"
        lines.append(f"{actor} / {stream}: '{instruction.what}' waits since {since_s:.6g} s for {key}, {origin}")
    return Stalled("simulation stalled", "\n".join(lines), "this is a defect of the program that was built")
