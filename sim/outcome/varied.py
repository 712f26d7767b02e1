"""The account of a step where devices differ: that of equal devices, and what their differences add to it.

What a device's own work takes longer is its own: kernels below peak, or a stall. All other time that the step then
lasts longer is waiting. As far as the critical path is longer because the network is slower, it is on the line of that
communication; the rest is only there because of a straggler, and is straggler_wait.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sim.engine.lanes import Extra, LaneRun
from sim.errors import InputError
from sim.outcome.ledger import CLOSING_TOLERANCE, Account, Ledger, checked
from sim.outcome.lines import LINES

_OWN_WORK = ("kernel_loss",), ("recompute", "sharding_loss", "launch", "optimizer", "input")
"""Where time comes off that fast devices spare in their own work: first what they lose, then the rest but `useful`."""


def varied_ledger(alike: Ledger, accounts: Mapping[str, Account], run: LaneRun) -> Ledger:
    """The account of the mean step of a run.

    alike, accounts: of the same step with every device alike; of all devices, and by actor of one.
    Raises InputError where devices would be faster than their peak, LedgerNotClosed as close_ledger does.
    """
    mean_s = float(run.step_times_s.mean())
    longer_s = mean_s - alike.step_time_s
    lines, waited_s, used = dict(alike.device_seconds), 0.0, 0
    for actor, extra in run.extras.items():
        waits_s = longer_s - _own_s(extra)
        used += waits_s.size
        waited_s += float(waits_s[waits_s > 0].sum())
        # A device that takes longer where it would have waited waits less than its equals do.
        _spare(lines, accounts[actor], -float(waits_s[waits_s < 0].sum()))
        lines["kernel_loss"] += float(extra.work_s.sum())
        lines["launch"] += float(extra.stalls_s.sum())
        for line, moving_s in extra.moving_s.items():
            lines[line] += float(moving_s.sum())
    for line, share in _slow_network(run.late_s).items():
        lines[line] += share * waited_s
        lines["straggler_wait"] -= share * waited_s
    lines["straggler_wait"] += waited_s
    lines["stranded"] += (alike.devices - used) * longer_s
    _settle_work(lines, alike.devices * mean_s)
    return checked(Ledger(lines, alike.devices, mean_s))


def _own_s(extra: Extra) -> npt.NDArray[np.float64]:
    """(T, D) seconds that each device is busy beyond the usual."""
    own_s = extra.work_s + extra.stalls_s
    for moving_s in extra.moving_s.values():
        own_s = own_s + moving_s
    return own_s


def _spare(lines: dict[str, float], account: Account, seconds: float) -> None:
    """Take what devices of an actor wait less off what they wait for, each line in proportion."""
    idle_s = sum(account.waiting.values())
    for line, waiting_s in account.waiting.items():
        lines[line] -= seconds * waiting_s / idle_s if idle_s > 0 else 0.0


def _slow_network(excess_s: Mapping[str, float]) -> dict[str, float]:
    """Line -> share of the critical path's delay that is communication on it, delayed by the network."""
    moving_s = {line: excess_s[line] for line in sorted(excess_s) if line in LINES}
    whole_s = sum(moving_s.values()) + max(0.0, sum(excess_s.values()) - sum(moving_s.values()))
    return {line: seconds / whole_s for line, seconds in moving_s.items()} if whole_s > 0 else {}


def _settle_work(lines: dict[str, float], total_s: float) -> None:
    """Where fast devices spare more than kernels lose, take it off the other lines of work.

    Raises InputError where that is not enough: the devices would do more than their peak.
    """
    (first,), others = _OWN_WORK
    short_s = -min(lines[first], 0.0)
    there_s = sum(lines[line] for line in others)
    if short_s > there_s + CLOSING_TOLERANCE * total_s:
        raise InputError(
            "variation",
            "the devices that were drawn are so fast that they would do more than their peak",
            "use a smaller speed_spread, more devices, or another seed",
        )
    if short_s:
        lines[first] = 0.0
        for line in others:
            lines[line] -= short_s * lines[line] / there_s
