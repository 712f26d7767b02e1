"""Lanes: every device of a program, advanced as numpy arrays, one operation per instruction.

The end of an instruction is a maximum of what it waits for, plus how long it takes: the same function for all devices
of an actor. So the clocks of all of them are one array, whatever their number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sim.catalog import Variation
from sim.engine.lanes.draws import StepDraws, Work, lasting
from sim.engine.lanes.held_up import Culprit, held_up
from sim.engine.lanes.turns import Floats, Integers, Order

_MOST_DRAWN = 1 << 18
"""Drawn values that are worked on together: about what a core's cache holds."""
_MOST_KEPT = 1 << 25
"""Ends of turns that are kept at once, for the critical path: a quarter of a GiB."""


@dataclass(slots=True)
class Extra:
    """What devices of one actor take beyond what they take when all are alike, in seconds of a mean step. (T, D) each.

    work_s: their own work, kernel by kernel. stalls_s: stalls. moving_s: by ledger line, communication that their
    compute stream does itself.
    """

    work_s: Floats
    stalls_s: Floats
    moving_s: dict[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaneRun:
    """What the lanes found over S steps.

    step_times_s: (S,). extras: actor -> what its devices took beyond the usual. culprits: who held everyone up, in how
    many of the steps. late_s: by cause, what the critical path of a mean step takes beyond the usual: "work", "stalls",
    and the ledger lines of communication between scale-up domains.
    """

    step_times_s: Floats
    extras: dict[str, Extra]
    culprits: Counter[Culprit]
    late_s: dict[str, float]


def run_lanes(order: Order, variation: Variation, seed: int, steps: int, devices: int, domain: int) -> LaneRun:
    """Advance every device through some steps.

    devices: how many the program uses. domain: devices in a node. Where nothing varies all steps are the same one.
    """
    always = lasting(variation, seed, devices, domain)
    run = LaneRun(np.zeros(steps), _no_extras(order), Counter(), {})
    size = _steps_at_once(order, steps)
    for first in range(0, steps, size):
        together = range(first, min(first + size, steps))
        draws = StepDraws(variation, always, order, seed, together)
        advanced = advance(order, draws)
        run.step_times_s[together.start : together.stop] = advanced.step_times_s(order)
        _add_up(run, advanced, draws, order, steps)
        for step in range(len(together)):
            culprit, late_s = held_up(order, advanced.ends_s, advanced.longest, draws, always, step)
            run.culprits[culprit] += 1
            for cause, seconds in late_s.items():
                run.late_s[cause] = run.late_s.get(cause, 0.0) + seconds / steps
    return run


@dataclass(slots=True)
class Advanced:
    """Some steps side by side: B of them.

    ends_s: (B or 1, T or 1, D or 1) of each turn. longest: turn in which tensor ranks meet -> (B or 1, D or 1) the one
    that works longest. worked_s: (B, T, D) seconds of own work and stalls of each actor. moved_s: (actor, line) ->
    (B, T, D) seconds beyond the usual of what its compute stream moves itself.
    """

    ends_s: list[Floats]
    longest: dict[int, Integers]
    worked_s: list[Floats]
    moved_s: dict[tuple[int, str], Floats]
    steps: int

    def step_times_s(self, order: Order) -> Floats:
        """(B,) when the last device has done its last instruction."""
        latest = np.zeros(self.steps)
        for number in order.last:
            np.maximum(latest, self.ends_s[number].max(axis=(1, 2)), out=latest)
        return latest


def advance(order: Order, draws: StepDraws) -> Advanced:
    """Advance all devices through some steps at once."""
    shapes = [(draws.steps, lanes.tensor, lanes.replicas) for lanes in order.lanes]
    done = Advanced([], {}, [np.zeros(shape) for shape in shapes], {}, draws.steps)
    begin = np.zeros((1, 1, 1))
    for number, turn in enumerate(order.turns):
        together = _WAITING[turn.instruction.together]
        start_s = begin if turn.previous is None else together(done.ends_s[turn.previous])
        for event in turn.waits:
            start_s = np.maximum(start_s, together(done.ends_s[event]))
        moving_s = draws.network_s(turn) if turn.network_s else None
        if turn.work_s:
            own_s = draws.work_s(number, turn)
            whole_s = own_s.sum(axis=1, dtype=np.float64) * (turn.stretches / own_s.shape[1])
            done.worked_s[turn.actor] += whole_s
            if turn.instruction.meetings:
                done.longest[number] = whole_s.argmax(axis=1)
            start_s = _worked(start_s, own_s, turn.instruction.meetings)
        if turn.fixed_s:
            start_s = start_s + turn.fixed_s
        if moving_s is not None:
            start_s = start_s + moving_s
            if turn.on_compute:
                key = (turn.actor, turn.line)
                beyond_s = done.moved_s.setdefault(key, np.zeros(shapes[turn.actor]))
                beyond_s += moving_s - turn.network_s
        done.ends_s.append(start_s)
    return done


def _worked(start_s: Floats, own_s: Work, meetings: int) -> Floats:
    """When work that started then is done: each stretch of it, where ranks meet, when the last of them has done it."""
    if not meetings:
        end_s: Floats = start_s + own_s.sum(axis=1, dtype=np.float64)
        return end_s
    first_s: Floats = (start_s + own_s[:, 0]).max(axis=1, keepdims=True)
    if own_s.shape[1] == meetings:
        rest_s: Floats = own_s[:, 1:].max(axis=2).sum(axis=1, dtype=np.float64)
    else:
        rest_s = (meetings - 1) * own_s[:, 0].max(axis=1)
    return first_s + rest_s[:, None]


_WAITING: dict[str, Callable[[Floats], Floats]] = {
    "alone": lambda clocks: clocks,
    "data": lambda clocks: clocks.max(axis=2, keepdims=True),
    "all": lambda clocks: clocks.max(axis=(1, 2), keepdims=True),
}


def _steps_at_once(order: Order, steps: int) -> int:
    """As many steps as fit into the cache while they are drawn, and into memory until their paths are known."""
    widest = kept = 0
    for turn in order.turns:
        lanes = order.lanes[turn.actor]
        widest = max(widest, turn.stretches * lanes.tensor * lanes.replicas)
        ranks = 1 if turn.instruction.meetings else lanes.tensor
        kept += ranks * (lanes.replicas if turn.instruction.together == "alone" else 1)
    return max(1, min(steps, _MOST_DRAWN // widest, _MOST_KEPT // kept))


def _no_extras(order: Order) -> dict[str, Extra]:
    shapes = {lanes.name: (lanes.tensor, lanes.replicas) for lanes in order.lanes}
    return {name: Extra(np.zeros(shape), np.zeros(shape)) for name, shape in shapes.items()}


def _add_up(run: LaneRun, advanced: Advanced, draws: StepDraws, order: Order, steps: int) -> None:
    """Add the share of some steps to the mean step."""
    usual_s = [0.0] * len(order.lanes)
    for number, turn in enumerate(order.turns):
        usual_s[turn.actor] += turn.work_s
        for _, _, rank, replica, stall_s in draws.stalls.get(number, ()):
            run.extras[order.lanes[turn.actor].name].stalls_s[rank, replica] += stall_s / steps
            run.extras[order.lanes[turn.actor].name].work_s[rank, replica] -= stall_s / steps
    for lanes, worked_s, one_s in zip(order.lanes, advanced.worked_s, usual_s, strict=True):
        run.extras[lanes.name].work_s += (worked_s.sum(axis=0) - draws.steps * one_s) / steps
    for (actor, line), moved_s in advanced.moved_s.items():
        own = run.extras[order.lanes[actor].name].moving_s
        own[line] = own.get(line, 0.0) + moved_s.sum(axis=0) / steps
