"""Who held everyone up: the device on the critical path that took most beyond the usual.

From the instruction that ended last the path goes back to what each one waited for longest, to the step's beginning.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from sim.engine.lanes.draws import Lasting
from sim.engine.lanes.turns import Floats, Order, Turn

_NOTICED = 1e-9
"""What a path takes beyond the usual counts from this share of the step on."""


class Culprit(NamedTuple):
    """Who held everyone up in a step. device: its number, None where it was no device. by: "device" or "network"."""

    by: str
    device: int | None = None


NOBODY = Culprit("nobody")
NETWORK = Culprit("network")


def culprit(order: Order, ends_s: list[Floats], worked_s: list[Floats], always: Lasting, step: int) -> Culprit:
    """Name who held everyone up in one step.

    ends_s, worked_s: as Advanced has them. A slow link is its device's; other delays of the network are nobody's own.
    Between the ranks of a tensor group, which wait for each other all the time, it is the one that worked longest.
    """
    late_s: dict[Culprit, float] = defaultdict(float)
    path = _Path(order, ends_s, step)
    for turn, rank, replica, beyond_s in path.back():
        lanes = order.lanes[turn.actor]
        if turn.work_s:
            if turn.instruction.meetings:
                rank = int(np.argmax(worked_s[turn.actor][step, :, replica]))
            late_s[Culprit("device", lanes.device(rank, replica))] += beyond_s
        elif turn.network_s:
            late_s[_slow_link(turn, rank, replica, order, always)] += beyond_s
    worst = max(late_s, key=lambda one: (late_s[one], -(one.device or 0)), default=NOBODY)
    return worst if worst is not NOBODY and late_s[worst] > _NOTICED * path.end_s else NOBODY


def _slow_link(turn: Turn, rank: int, replica: int, order: Order, always: Lasting) -> Culprit:
    """The device with the slowest link among those who communicate; the network where none has one."""
    devices = order.lanes[turn.actor].first_devices(turn.replicas)
    near = devices[rank] if turn.instruction.together != "alone" else devices[rank, replica : replica + 1]
    if turn.reach:
        near = np.append(near, np.clip(near + turn.reach, 0, len(always.link_delays) - 1))
    slowest = int(near[np.argmax(always.link_delays[near])])
    return Culprit("device", slowest) if always.link_delays[slowest] > 0 else NETWORK


class _Path:
    """The critical path of one step."""

    def __init__(self, order: Order, ends_s: list[Floats], step: int) -> None:
        self._order, self._step = order, step
        self._ends_s = ends_s
        latest = [(float(self._of(number).max()), -number) for number in order.last]
        self.end_s, last = max(latest)
        self._last = -last

    def back(self) -> list[tuple[Turn, int, int, float]]:
        """(turn, rank, replica, seconds beyond the usual) of every turn on it, the last one first."""
        found = []
        number: int | None = self._last
        rank, replica = self._latest(self._last, "all", 0, 0)[1:]
        while number is not None:
            turn = self._order.turns[number]
            end_s = self._at(number, rank, replica)
            befores = [*turn.waits, *([] if turn.previous is None else [turn.previous])]
            alone = turn.instruction.together == "alone"
            scope = "tensor" if alone and turn.instruction.meetings else turn.instruction.together
            candidates = [(*self._latest(before, scope, rank, replica), before) for before in befores]
            # Of equal ones the one that comes first in the program.
            start_s, at_rank, at_replica, before = max(
                candidates, key=lambda one: (one[0], -one[3]), default=(0.0, rank, replica, None)
            )
            found.append((turn, rank, replica, end_s - start_s - turn.length_s))
            number, rank, replica = before, at_rank, at_replica
        return found

    def _of(self, number: int) -> Floats:
        """(T or 1, D or 1) ends of a turn in this step."""
        ends_s = self._ends_s[number]
        one: Floats = ends_s[self._step if len(ends_s) > 1 else 0]
        return one

    def _at(self, number: int, rank: int, replica: int) -> float:
        ends_s = self._of(number)
        return float(ends_s[rank if len(ends_s) > 1 else 0, replica if ends_s.shape[1] > 1 else 0])

    def _latest(self, number: int, scope: str, rank: int, replica: int) -> tuple[float, int, int]:
        """(end, rank, replica) of the last of those whom a device at (rank, replica) waits for at a turn."""
        ends_s = self._of(number)
        ranks, replicas = ends_s.shape
        if scope in ("alone", "data"):
            ends_s = ends_s[rank if ranks > 1 else 0][None]
        if scope in ("alone", "tensor"):
            ends_s = ends_s[:, replica if replicas > 1 else 0][:, None]
        row, column = divmod(int(np.argmax(ends_s)), ends_s.shape[1])
        found_rank = row if scope in ("tensor", "all") and ranks > 1 else rank
        found_replica = column if scope in ("data", "all") and replicas > 1 else replica
        return float(ends_s[row, column]), found_rank, found_replica
