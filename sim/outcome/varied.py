"""The account of a step where devices differ: that of equal devices, and what their differences add to it.

What a device's own work takes longer is its own: kernels below peak, or a stall. All other time that the step then
has beyond the step of equal devices is waiting, and waiting that is only there because somebody is late is
straggler_wait.
"""

from __future__ import annotations

import numpy as np

from sim.engine.lanes import Extra, LaneRun
from sim.outcome.ledger import Ledger, checked
from sim.outcome.lines import SPLIT_LINES

_IDLE = ("bubble", "imbalance")
_COMMUNICATION = (*(line for line in SPLIT_LINES if line.endswith("_comm")), "weight_streaming")


def varied_ledger(alike: Ledger, run: LaneRun) -> Ledger:
    """The account of the mean step of a run.

    alike: the account of the same step with every device alike.
    Raises LedgerNotClosed as close_ledger does.
    """
    mean_s = float(run.step_times_s.mean())
    longer_s = mean_s - alike.step_time_s
    lines = dict(alike.device_seconds)
    spared_s, used = 0.0, 0
    for extra in run.extras.values():
        waits_s = longer_s - _own_s(extra)
        used += waits_s.size
        lines["kernel_loss"] += float(extra.work_s.sum())
        lines["launch"] += float(extra.stalls_s.sum())
        for line, moving_s in extra.moving_s.items():
            lines[line] += float(moving_s.sum())
        lines["straggler_wait"] += float(waits_s[waits_s > 0].sum())
        spared_s -= float(waits_s[waits_s < 0].sum())
    # A device that takes longer where it would have waited waits less than its equals do.
    for group in (_IDLE, ("straggler_wait",), _COMMUNICATION):
        spared_s -= _taken_off(lines, group, spared_s)
    lines["stranded"] += (alike.devices - used) * longer_s
    return checked(Ledger(lines, alike.devices, mean_s))


def _own_s(extra: Extra) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(T, D) seconds that each device is busy beyond the usual."""
    own_s = extra.work_s + extra.stalls_s
    for moving_s in extra.moving_s.values():
        own_s = own_s + moving_s
    return own_s


def _taken_off(lines: dict[str, float], group: tuple[str, ...], seconds: float) -> float:
    """Take seconds off some lines, each in proportion to what is on it, as far as they go. Returns how many."""
    there_s = sum(lines[line] for line in group)
    taken_s = min(seconds, there_s)
    for line in group:
        lines[line] -= taken_s * lines[line] / there_s if there_s else 0.0
    return taken_s
