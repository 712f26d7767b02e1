"""The account where devices differ: by hand, and closed for whatever the lanes find."""

from collections import Counter

import numpy as np
import pytest

from sim.engine.lanes import Extra, LaneRun
from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES
from sim.outcome.varied import varied_ledger


def alike(devices=4, step_s=10.0, **given):
    """A ledger of equal devices: `useful` is whatever the given lines leave."""
    lines = {**dict.fromkeys(LINES, 0.0), **given}
    lines["useful"] = devices * step_s - sum(given.values())
    return Ledger(lines, devices, step_s)


def run(step_s, work_s, stalls_s=0.0, moving_s=None):
    """What the lanes found in one step of one tensor rank and some replicas."""
    work = np.array([work_s], dtype=float)
    moving = {line: np.array([extra], dtype=float) for line, extra in (moving_s or {}).items()}
    return LaneRun(np.array([step_s]), {"all": Extra(work, np.zeros_like(work) + stalls_s, moving)}, Counter())


def test_one_slow_replica_by_hand():
    # One of four takes a second longer; the other three wait for it.
    ledger = varied_ledger(alike(), run(11.0, [1.0, 0.0, 0.0, 0.0]))
    assert ledger.step_time_s == 11
    assert ledger.device_seconds["kernel_loss"] == pytest.approx(1)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(3)
    assert ledger.device_seconds["useful"] == 40


def test_the_mean_of_the_steps_counts():
    found = LaneRun(np.array([10.0, 12.0]), run(0, [1.0, 0.0, 0.0, 0.0]).extras, Counter())
    ledger = varied_ledger(alike(), found)
    assert (ledger.step_time_s, ledger.device_seconds["straggler_wait"]) == (11, pytest.approx(3))


def test_faster_devices_wait_longer():
    ledger = varied_ledger(alike(kernel_loss=8.0), run(10.5, [0.5, -0.5, 0.5, -0.5]))
    assert ledger.device_seconds["kernel_loss"] == pytest.approx(8)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(2)


def test_stalls_and_slow_sends_are_on_their_own_lines():
    found = run(11.0, [0.0] * 4, [0.25, 0, 0, 0], {"pipeline_comm": [0.75, 0, 0, 0]})
    ledger = varied_ledger(alike(pipeline_comm=2.0), found)
    assert ledger.device_seconds["launch"] == pytest.approx(0.25)
    assert ledger.device_seconds["pipeline_comm"] == pytest.approx(2.75)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(3)


def test_who_is_slow_where_it_would_have_waited_takes_nobodys_time():
    # The step is as long as before: two seconds of bubble became work.
    ledger = varied_ledger(alike(bubble=6.0, imbalance=2.0), run(10.0, [2.0, 0.0, 0.0, 0.0]))
    assert ledger.device_seconds["straggler_wait"] == 0
    assert ledger.device_seconds["bubble"] == pytest.approx(4.5)
    assert ledger.device_seconds["imbalance"] == pytest.approx(1.5)


def test_without_bubbles_hidden_communication_gives_way():
    ledger = varied_ledger(alike(data_comm=6.0, tensor_comm=2.0), run(10.0, [2.0, 0.0, 0.0, 0.0]))
    assert ledger.device_seconds["data_comm"] == pytest.approx(4.5)
    assert ledger.device_seconds["tensor_comm"] == pytest.approx(1.5)


def test_unused_devices_are_stranded_for_the_longer_step():
    ledger = varied_ledger(alike(devices=5, stranded=10.0), run(11.0, [1.0, 0.0, 0.0, 0.0]))
    assert ledger.device_seconds["stranded"] == pytest.approx(11)
