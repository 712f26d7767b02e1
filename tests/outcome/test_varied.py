"""The account where devices differ: by hand, and closed for whatever the lanes find."""

from collections import Counter

import numpy as np
import pytest

from sim.engine.lanes import Extra, LaneRun
from sim.errors import InputError
from sim.outcome.ledger import Account, Ledger
from sim.outcome.lines import LINES
from sim.outcome.varied import varied_ledger


def alike(devices=4, step_s=10.0, **given):
    """A ledger of equal devices: `useful` is whatever the given lines leave."""
    lines = {**dict.fromkeys(LINES, 0.0), **given}
    lines["useful"] = devices * step_s - sum(given.values())
    return Ledger(lines, devices, step_s)


def vary(ledger, found, **waiting):
    """The ledger of what was found. waiting: seconds of each of the devices in use, by line."""
    used = found.extras["all"].work_s.size
    return varied_ledger(ledger, {"all": Account(used, {}, waiting)}, found)


def run(step_s, work_s, stalls_s=0.0, moving_s=None, late_s=None):
    """What the lanes found in one step of one tensor rank and some replicas."""
    work = np.array([work_s], dtype=float)
    moving = {line: np.array([extra], dtype=float) for line, extra in (moving_s or {}).items()}
    return LaneRun(
        np.array([step_s]), {"all": Extra(work, np.zeros_like(work) + stalls_s, moving)}, Counter(), late_s or {}
    )


def test_one_slow_replica_by_hand():
    # One of four takes a second longer; the other three wait for it.
    ledger = vary(alike(), run(11.0, [1.0, 0.0, 0.0, 0.0]))
    assert ledger.step_time_s == 11
    assert ledger.device_seconds["kernel_loss"] == pytest.approx(1)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(3)
    assert ledger.device_seconds["useful"] == 40


def test_the_mean_of_the_steps_counts():
    found = LaneRun(np.array([10.0, 12.0]), run(0, [1.0, 0.0, 0.0, 0.0]).extras, Counter(), {})
    ledger = vary(alike(), found)
    assert (ledger.step_time_s, ledger.device_seconds["straggler_wait"]) == (11, pytest.approx(3))


def test_a_critical_path_on_which_nothing_is_late_moves_no_waiting():
    ledger = vary(alike(), run(11.0, [1.0, 0.0, 0.0, 0.0], late_s={"data_comm": 0.0}))
    assert (ledger.device_seconds["straggler_wait"], ledger.device_seconds["data_comm"]) == (pytest.approx(3), 0)


def test_faster_devices_wait_longer():
    ledger = vary(alike(kernel_loss=8.0), run(10.5, [0.5, -0.5, 0.5, -0.5]))
    assert ledger.device_seconds["kernel_loss"] == pytest.approx(8)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(2)


def test_stalls_and_slow_sends_are_on_their_own_lines():
    found = run(11.0, [0.0] * 4, [0.25, 0, 0, 0], {"pipeline_comm": [0.75, 0, 0, 0]})
    ledger = vary(alike(pipeline_comm=2.0), found)
    assert ledger.device_seconds["launch"] == pytest.approx(0.25)
    assert ledger.device_seconds["pipeline_comm"] == pytest.approx(2.75)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(3)


def test_who_is_slow_where_it_would_have_waited_takes_nobodys_time():
    # The step is as long as before: two seconds of bubble became work.
    ledger = vary(alike(bubble=6.0, imbalance=2.0), run(10.0, [2.0, 0.0, 0.0, 0.0]), bubble=1.5, imbalance=0.5)
    assert ledger.device_seconds["straggler_wait"] == 0
    assert ledger.device_seconds["bubble"] == pytest.approx(4.5)
    assert ledger.device_seconds["imbalance"] == pytest.approx(1.5)


def test_without_bubbles_hidden_communication_gives_way():
    ledger = vary(alike(data_comm=6.0), run(10.0, [2.0, 0.0, 0.0, 0.0]), data_comm=1.5)
    assert ledger.device_seconds["data_comm"] == pytest.approx(4)
    assert ledger.device_seconds["straggler_wait"] == 0


def test_unused_devices_are_stranded_for_the_longer_step():
    ledger = vary(alike(devices=5, stranded=10.0), run(11.0, [1.0, 0.0, 0.0, 0.0]))
    assert ledger.device_seconds["stranded"] == pytest.approx(11)


def test_what_one_spares_is_its_own_and_not_what_others_wait():
    # Half of the devices take two seconds longer, of which one hides communication; the others wait for that one.
    ledger = vary(alike(data_comm=8.0), run(11.0, [2.0, 2.0, 0.0, 0.0]), data_comm=2.0)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(2)
    assert ledger.device_seconds["data_comm"] == pytest.approx(6)
    assert ledger.device_seconds["kernel_loss"] == pytest.approx(4)


def test_waiting_for_a_slow_network_is_communication():
    # Three quarters of what the path takes beyond the usual are gradients on their way.
    late_s = {"work": 0.25, "data_comm": 0.75}
    ledger = vary(alike(), run(11.0, [0.25, 0.0, 0.0, 0.0], late_s=late_s))
    assert ledger.device_seconds["data_comm"] == pytest.approx(0.75 * 3.75)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(0.25 * 3.75)


def test_a_path_on_which_devices_are_fast_waits_for_the_network_alone():
    ledger = vary(alike(kernel_loss=4.0), run(11.0, [-0.5] * 4, late_s={"work": -0.5, "data_comm": 1.5}))
    assert ledger.device_seconds["data_comm"] == pytest.approx(6)
    assert ledger.device_seconds["straggler_wait"] == pytest.approx(0)


def test_devices_that_spare_more_than_kernels_lose():
    ledger = vary(alike(kernel_loss=1.0, optimizer=2.0, recompute=2.0), run(9.5, [-0.5] * 4))
    assert ledger.device_seconds["kernel_loss"] == 0
    assert ledger.device_seconds["optimizer"] == ledger.device_seconds["recompute"] == pytest.approx(1.5)


def test_devices_beyond_their_peak_are_refused():
    with pytest.raises(InputError, match="more than their peak\n  use a smaller speed_spread, more devices"):
        vary(alike(kernel_loss=1.0), run(9.0, [-1.0] * 4))
