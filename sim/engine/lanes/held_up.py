"""What held up the step: who on the critical path took most beyond the usual, and of what that is made.

From the instruction that ended last the path goes back to what each one waited for longest, to the step's beginning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.engine.lanes.draws import Lasting, StepDraws
from sim.engine.lanes.turns import Floats, Integers, Order, Turn

WORK, STALLS = "work", "stalls"
"""Causes beside the ledger lines of communication: work that takes longer, and stalls."""
_NOTICED = 1e-9
"""What a path takes beyond the usual counts from this share of the step on."""


class Culprit(NamedTuple):
    """Who held everyone up in a step: "device", "node", "network" or "nobody". number: of the device or the node."""

    by: str
    number: int | None = None


NOBODY = Culprit("nobody")
NETWORK = Culprit("network")


def held_up(
    order: Order,
    ends_s: list[Floats],
    longest: Mapping[int, Integers],
    draws: StepDraws,
    always: Lasting,
    step: int,
) -> tuple[Culprit, dict[str, float]]:
    """Name who held everyone up in one step, and by cause the seconds that its critical path took beyond the usual.

    ends_s, longest: as Advanced has them. Between tensor ranks, which wait for each other all the time, it is the one
    that works longest in the turn. A slow link is its device's; other delays of the network are nobody's own. What a
    node that is slow as a whole does late is the node's.
    """
    late_s: dict[Culprit, float] = defaultdict(float)
    causes_s: dict[str, float] = defaultdict(float)
    path = _Path(order, ends_s, step)
    for number, rank, replica, beyond_s in path.back():
        turn = order.turns[number]
        moving_s = _at(draws.network_s(turn), step, rank, replica) - turn.network_s
        if moving_s:
            late_s[_slow_link(turn, rank, replica, order, always)] += moving_s
            causes_s[turn.line] += moving_s
        own_s = beyond_s - moving_s
        if turn.work_s:
            if number in longest:
                rank = int(_of_step(longest[number], step)[replica if longest[number].shape[1] > 1 else 0])
            late_s[_own(order.lanes[turn.actor].device(rank, replica), always)] += own_s
            stalled_s = min(max(own_s, 0.0), _stalled_s(number, turn, rank, replica, draws, step))
            causes_s[STALLS] += stalled_s
            causes_s[WORK] += own_s - stalled_s
    worst = max(late_s, key=lambda one: (late_s[one], -(one.number or 0)), default=NOBODY)
    return (worst if late_s[worst] > _NOTICED * path.end_s else NOBODY), dict(causes_s)


def _own(device: int, always: Lasting) -> Culprit:
    """A device, or the slow node that it is in."""
    node = device // always.domain
    return Culprit("node", node) if node in always.slow_nodes else Culprit("device", device)


def _stalled_s(number: int, turn: Turn, rank: int, replica: int, draws: StepDraws, step: int) -> float:
    """Seconds that a device stalls in a turn, or, where the ranks of its replica meet, that any of them does."""
    met = turn.instruction.meetings > 0
    return sum(
        seconds
        for at_step, _, at_rank, at_replica, seconds in draws.stalls.get(number, ())
        if at_step == step and at_replica == replica and (met or at_rank == rank)
    )


def _slow_link(turn: Turn, rank: int, replica: int, order: Order, always: Lasting) -> Culprit:
    """The device with the slowest link among those who communicate; the network where none is slower than others."""
    partners = order.lanes[turn.actor].partners(turn, len(always.link_delays))
    _, ranks, replicas = partners.shape
    near = partners[:, rank if ranks > 1 else 0, replica if replicas > 1 else 0]
    delays = always.link_delays[near]
    slowest = int(near[np.argmax(delays)])
    return Culprit("device", slowest) if delays.max() > delays.min() else NETWORK


def _at(values: Floats, step: int, rank: int, replica: int) -> float:
    """One of (B or 1, T or 1, D or 1) values."""
    one = _of_step(values, step)
    return float(one[rank if len(one) > 1 else 0, replica if one.shape[1] > 1 else 0])


def _of_step(values: np.ndarray[tuple[int, ...], np.dtype[Any]], step: int) -> Any:
    """Those of one step, of values that may be the same for all steps."""
    return values[step if len(values) > 1 else 0]


class _Path:
    """The critical path of one step."""

    def __init__(self, order: Order, ends_s: list[Floats], step: int) -> None:
        self._order, self._step = order, step
        self._ends_s = ends_s
        latest = [(float(_of_step(ends_s[number], step).max()), -number) for number in order.last]
        self.end_s, last = max(latest)
        self._last = -last

    def back(self) -> list[tuple[int, int, int, float]]:
        """(number of the turn, rank, replica, seconds beyond the usual) of every turn on it, the last one first."""
        found = []
        number: int | None = self._last
        rank, replica = self._latest(self._last, "all", 0, 0)[1:]
        while number is not None:
            turn = self._order.turns[number]
            end_s = _at(self._ends_s[number], self._step, rank, replica)
            befores = [*turn.waits, *([] if turn.previous is None else [turn.previous])]
            alone = turn.instruction.together == "alone"
            scope = "tensor" if alone and turn.instruction.meetings else turn.instruction.together
            candidates = [(*self._latest(before, scope, rank, replica), before) for before in befores]
            # Of equal ones the one that comes first in the program.
            start_s, at_rank, at_replica, before = max(
                candidates, key=lambda one: (one[0], -one[3]), default=(0.0, rank, replica, None)
            )
            found.append((number, rank, replica, end_s - start_s - turn.length_s))
            number, rank, replica = before, at_rank, at_replica
        return found

    def _latest(self, number: int, scope: str, rank: int, replica: int) -> tuple[float, int, int]:
        """(end, rank, replica) of the last of those whom a device at (rank, replica) waits for at a turn."""
        ends_s: Floats = _of_step(self._ends_s[number], self._step)
        ranks, replicas = ends_s.shape
        if scope in ("alone", "data"):
            ends_s = ends_s[rank if ranks > 1 else 0][None]
        if scope in ("alone", "tensor"):
            ends_s = ends_s[:, replica if replicas > 1 else 0][:, None]
        row, column = divmod(int(np.argmax(ends_s)), ends_s.shape[1])
        found_rank = row if scope in ("tensor", "all") and ranks > 1 else rank
        found_replica = column if scope in ("data", "all") and replicas > 1 else replica
        return float(ends_s[row, column]), found_rank, found_replica
