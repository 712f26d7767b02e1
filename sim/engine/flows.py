"""Work whose pace depends on what else is going on: transfers on shared links, compute beside a collective.

Ties: paces change once an instant, after everything else that happens at it. So transfers that start or end together
do so in no order, and what follows a transfer at once on the same links never lets others have them in between.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from heapq import heappush
from typing import Any

import simpy
from simpy.events import EventPriority

from sim.engine.program import Instruction, Transfer
from sim.engine.sharing import SharedLinks
from sim.errors import ScaletaxError

_USUAL, _LAST = EventPriority(1), EventPriority(2)
"""SimPy's own priorities are 0 and 1, the lower the earlier: this is after all else at the same instant."""


class Timer(simpy.Event):
    """Happens some time after it was set, again and again: who sleeps does so once at a time."""

    def __init__(self, environment: simpy.Environment) -> None:
        super().__init__(environment)
        self._ok, self._value = True, None

    def set(self, seconds: float) -> Timer:
        """Let it happen after so long; what SimPy's schedule does, without another call."""
        self.callbacks, environment = [], self.env
        heappush(environment._queue, (environment._now + seconds, _USUAL, next(environment._eid), self))
        return self


class Work(simpy.Event):
    """Seconds of work at full pace, done at paces that others set; the event happens when all of it is done.

    wave: who does it. line: the ledger line of what it takes beyond full pace. end_s: when it is done at this pace.
    extra: ledger line -> seconds that it took beyond full pace.
    """

    def __init__(self, environment: simpy.Environment, wave: Hashable, line: str, seconds: float) -> None:
        self.env, self.callbacks = environment, []
        self._ok, self._value = True, None
        self.wave, self.line = wave, line
        self.end_s = float("inf")
        self.extra: dict[str, float] = {}
        self._left_s, self._pace, self._since_s = seconds, 0.0, environment.now

    def set_pace(self, pace: float, line: str) -> None:
        """Go on at a pace in (0, 1]. An unchanged pace leaves the end as it is, to the last bit."""
        if pace == self._pace and (line == self.line or pace == 1):
            return
        if self._pace:
            self._advance()
        self.line = line
        if pace != self._pace:
            self._pace = pace
            self.end_s = self._since_s + self._left_s / pace

    def finish(self) -> None:
        """Let the event happen."""
        if self._pace < 1:
            self._advance()
        self.env.schedule(self)

    def _advance(self) -> None:
        """Take what has been done since the last change off what is left."""
        now = self.env.now
        elapsed_s, pace = now - self._since_s, self._pace
        self._since_s = now
        self._left_s = max(0.0, self._left_s - elapsed_s * pace)
        if elapsed_s and pace < 1:
            self.extra[self.line] = self.extra.get(self.line, 0.0) + elapsed_s * (1 - pace)


class _EndOfInstant(simpy.Event):
    """Happens now, after everything else that happens now."""

    def __init__(self, environment: simpy.Environment, then: Callable[[simpy.Event], Any]) -> None:
        super().__init__(environment)
        self.callbacks.append(then)
        self._ok, self._value = True, None
        environment.schedule(self, _LAST)


class _Pacer(ABC):
    """Sets the paces of all work under way whenever something changes, and wakes whatever is done next.

    One timer for all: SimPy cannot call a timer back, and one for each piece of work would leave many void.
    """

    def __init__(self, environment: simpy.Environment) -> None:
        self._environment = environment
        self._works: list[Work] = []
        self._timer: Timer | None = None
        self._spare = Timer(environment)
        self._next_s = 0.0
        self._changed = False

    @abstractmethod
    def _set_paces(self) -> None: ...

    def _add(self, work: Work) -> Work:
        self._works.append(work)
        if len(self._works) == 1 and not self._changed:
            # Alone, it can go at once; another at the same instant changes its pace before any of it is done.
            self._go()
        else:
            self._change()
        return work

    def _change(self) -> None:
        if not self._changed and self._works:
            self._changed = True
            _EndOfInstant(self._environment, self._settle)

    def _settle(self, _: simpy.Event) -> None:
        self._changed = False
        if not self._works:
            # What was under way at the change has ended at the same instant.
            return
        self._go()

    def _go(self) -> None:
        """Set all paces, and the timer for what is done first."""
        self._set_paces()
        next_s = min([work.end_s for work in self._works])
        if self._timer is None or next_s != self._next_s:
            self._next_s = next_s
            # One that has been made void still has to go off.
            timer = self._spare if self._timer is None else Timer(self._environment)
            self._timer = timer.set(next_s - self._environment.now)
            timer.callbacks.append(self._ring)

    def _ring(self, timer: Timer) -> None:
        if timer is not self._timer:
            return
        self._timer, self._spare = None, timer
        works, next_s = self._works, self._next_s
        for work in [work for work in works if work.end_s <= next_s] if len(works) > 1 else [*works]:
            works.remove(work)
            work.finish()
        self._change()


class Flows(_Pacer):
    """The transfers under way on links that several waves compete for.

    What has the same key does not compete with itself; transfers of one wave on two streams have different ones.
    """

    def __init__(self, environment: simpy.Environment, links: SharedLinks) -> None:
        super().__init__(environment)
        self._links = links

    def contested(self, transfer: Transfer) -> bool:
        """Whether others may slow a transfer down."""
        return self._links.contested(transfer.wave)

    def start(self, transfer: Transfer) -> Work:
        """Put a transfer on its links from now on."""
        return self._add(Work(self._environment, transfer.wave, transfer.line, transfer.seconds))

    def _set_paces(self) -> None:
        if len(self._works) == 1:
            # Nobody to share with, which is how most transfers are.
            self._works[0].set_pace(1.0, self._works[0].line)
            return
        paces = self._links.paces(work.wave for work in self._works)
        for work in self._works:
            work.set_pace(paces[work.wave], work.line)


class SlowedCompute(_Pacer):
    """The compute of one actor, which loses speed while a collective of the actor runs beside it.

    Of several at once the one that takes most counts; of equal ones the first that started.
    """

    def __init__(self, environment: simpy.Environment) -> None:
        super().__init__(environment)
        self._beside: list[tuple[float, str]] = []

    def begin(self, instruction: Instruction) -> None:
        """A collective starts to take multiprocessors and memory bandwidth."""
        self._beside.append(_loss(instruction))
        self._change()

    def end(self, instruction: Instruction) -> None:
        """It gives them back."""
        self._beside.remove(_loss(instruction))
        self._change()

    def start(self, seconds: float) -> Work:
        """Compute from now on; seconds: how long it takes with nothing beside it."""
        return self._add(Work(self._environment, None, "", seconds))

    def _set_paces(self) -> None:
        share, line = max(self._beside, key=lambda loss: loss[0], default=(0.0, ""))
        for work in self._works:
            work.set_pace(1 - share, line)


def _loss(instruction: Instruction) -> tuple[float, str]:
    """Share of its speed that compute loses beside an instruction, and the line that this is on: its largest."""
    share, parts = instruction.slows_compute, instruction.parts
    if not 0 < share < 1 or not parts:
        raise ScaletaxError("program", f"'{instruction.what}' cannot take {share} of the compute beside it")
    return share, max(parts, key=lambda line: parts[line])
