"""The clock: runs a program on SimPy and records what happened.

Ties: SimPy orders what happens at one instant by insertion; streams are inserted actor by actor in the program's
order, so one program gives one trace, whatever the hash seed. Paces on shared links and of slowed compute are set
last, once an instant.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from heapq import heappop
from typing import cast

import simpy

from sim.cost.parts import combined
from sim.engine.flows import Flows, SlowedCompute, Timer
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Program, Transfer
from sim.engine.sharing import SharedLinks
from sim.engine.trace import Span, Trace, Wait
from sim.errors import ScaletaxError, Stalled

_ROUNDING = 1e-12
"""What is left of an instruction besides its transfers is nothing below this share of it."""


def run(program: Program, links: SharedLinks | None = None) -> Trace:
    """Run a program from time zero until every stream is done.

    links: what different waves compete for; without it every transfer takes the time that it takes alone.
    Raises Stalled, naming each waiting stream, what it waits for and since when.
    """
    clock = _Clock(program, links)
    for actor in program.actors:
        compute = SlowedCompute(clock.environment) if _is_slowed(actor) else None
        for stream, instructions in actor.streams.items():
            _start(clock.stream(actor.name, stream, instructions, compute))
    clock.environment.run_all()
    if clock.blocked:
        raise _stalled(program, clock.blocked)
    return clock.trace


def _start(stream: Generator[simpy.Event, None, None]) -> None:
    """Run a stream, as far as it gets at once and then whenever what it waits for happens.

    What a SimPy process does, without what only processes need that may be interrupted or waited for themselves.
    """

    def go_on(_: object) -> None:
        event = next(stream, None)
        if event is not None:
            event.callbacks.append(go_on)

    go_on(None)


def _is_slowed(actor: Actor) -> bool:
    """Whether something that an actor does takes speed from its compute."""
    return any(
        instruction.slows_compute
        for stream, instructions in actor.streams.items()
        if stream != COMPUTE
        for instruction in instructions
    )


class _Environment(simpy.Environment):
    """SimPy's environment, without a call for every event: ours cannot fail, and nothing stops them half-way."""

    def run_all(self) -> None:
        """Let everything happen, in SimPy's order."""
        queue = self._queue
        while queue:
            self._now, _, _, event = heappop(queue)
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)


class _Clock:
    """Runs streams and keeps the record."""

    def __init__(self, program: Program, links: SharedLinks | None) -> None:
        self.environment = _Environment()
        self.trace = Trace(multiplicity={actor.name: actor.multiplicity for actor in program.actors})
        self.blocked: dict[tuple[str, str], tuple[Instruction, EventKey, float]] = {}
        self._flows = Flows(self.environment, links) if links is not None else None
        self._known: dict[int, tuple[tuple[Transfer, ...], tuple[Transfer, ...]]] = {}
        self._rests: dict[tuple[int, int], float] = {}
        # Event -> the span that recorded it, or while some stream waits for it, a SimPy event.
        self._states = cast(dict[EventKey, Span | simpy.Event], self.trace.recorded_by)

    def stream(
        self, actor: str, stream: str, instructions: list[Instruction], compute: SlowedCompute | None
    ) -> Generator[simpy.Event, None, None]:
        """One stream: wait, be busy, record; instruction after instruction. compute: the actor's, if ever slowed.

        Instructions that neither wait nor are waited for are run in one go with the next where their ends are known.
        """
        environment, trace, states = self.environment, self.trace, self._states
        flows, spans, timer, blocked, me = self._flows, trace.spans, Timer(environment), self.blocked, (actor, stream)
        # What a named tuple does with its fields, by the hundred thousand.
        known, new = self._known, tuple.__new__
        now, pending, last = 0.0, 0.0, len(instructions) - 1
        for index, instruction in enumerate(instructions):
            for key in instruction.waits:
                state = states.get(key)
                if isinstance(state, Span):
                    continue
                if pending:
                    yield timer.set(pending)
                    now, pending = now + pending, 0.0
                    state = states.get(key)
                if not isinstance(state, Span):
                    blocked[me] = instruction, key, now
                    if state is None:
                        state = states[key] = simpy.Event(environment)
                    yield state
                    del blocked[me]
                    before, now = now, environment.now
                    if now > before:
                        trace.waits.append(Wait(actor, stream, before, now, key))
            parts, transfers = instruction.parts, instruction.transfers
            contested = (known.get(id(transfers)) or self._contested(transfers))[1] if transfers else ()
            if contested or (compute is not None and _weighs(stream, instruction)):
                if pending:
                    yield timer.set(pending)
                    now, pending = now + pending, 0.0
                start_s = now
                if compute is not None or flows is None:
                    parts = yield from self._beside_collectives(stream, instruction, compute, contested)
                else:
                    # Communication that others may slow, and nobody is slowed by it: most of what comes here.
                    if rest_s := self._rest_s(instruction, contested):
                        yield timer.set(rest_s)
                    for transfer in contested:
                        work = flows.start(transfer)
                        yield work
                        if work.extra:
                            parts = combined(parts, work.extra)
                now = environment.now
            else:
                start_s = now + pending
                pending += self._rest_s(instruction, ()) if len(parts) > 1 else sum(parts.values())
            span = new(Span, (actor, stream, instruction, start_s, now + pending, parts))
            spans.append(span)
            if instruction.records is not None or index == last:
                if pending:
                    yield timer.set(pending)
                    now, pending = now + pending, 0.0
                if instruction.records is not None:
                    state = states.get(instruction.records)
                    states[instruction.records] = span
                    if state is not None:
                        _happened(state, instruction.records)
        # Not when SimPy comes to an end: it may still hold timers that faster paces made void.
        trace.step_time_s = max(trace.step_time_s, now)

    def _contested(self, transfers: tuple[Transfer, ...]) -> tuple[tuple[Transfer, ...], tuple[Transfer, ...]]:
        """Some transfers, and those of them that others may slow; worked out once where they are repeated."""
        flows = self._flows
        contested = tuple(one for one in transfers if flows and one.seconds > 0 and flows.contested(one))
        # Kept with its answer, so that no other tuple can take its place in memory.
        self._known[id(transfers)] = found = transfers, contested
        return found

    def _rest_s(self, instruction: Instruction, contested: tuple[Transfer, ...]) -> float:
        """Seconds of an instruction apart from contested transfers; worked out once where its parts are repeated."""
        # The program keeps the parts while it runs, so that nothing else can take their place in memory.
        key = id(instruction.parts), id(contested)
        found = self._rests.get(key)
        if found is None:
            found = self._rests[key] = _without_s(instruction, contested)
        return found

    def _beside_collectives(
        self, stream: str, instruction: Instruction, compute: SlowedCompute | None, contested: tuple[Transfer, ...]
    ) -> Generator[simpy.Event, None, Mapping[str, float]]:
        """Run one instruction: what is not on contested links first, then each such transfer. Returns its parts.

        No transfer is slowed as compute, contested or not.
        """
        computes = compute if stream == COMPUTE and instruction.computes else None
        slows = compute if stream != COMPUTE and instruction.slows_compute else None
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
            yield simpy.Timeout(self.environment, rest_s)
        for transfer in moving:
            if self._flows is not None and transfer in contested:
                work = self._flows.start(transfer)
                yield work
                extra.append(work.extra)
            else:
                yield simpy.Timeout(self.environment, transfer.seconds)
        if slows:
            slows.end(instruction)
        return combined(instruction.parts, *extra) if any(extra) else instruction.parts


def _happened(state: Span | simpy.Event, key: EventKey) -> None:
    """Wake who waits for what has been recorded. Raises ScaletaxError where it had been already."""
    if isinstance(state, Span):
        raise ScaletaxError("program", f"event {key} is recorded twice")
    state.succeed()


def _weighs(stream: str, instruction: Instruction) -> bool:
    """Whether an instruction is compute that something may slow, or slows compute itself."""
    return instruction.computes if stream == COMPUTE else bool(instruction.slows_compute)


def _without_s(instruction: Instruction, transfers: tuple[Transfer, ...]) -> float:
    """Seconds of an instruction apart from some of its transfers."""
    whole_s = instruction.duration_s
    rest_s = whole_s - sum([transfer.seconds for transfer in transfers])
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
