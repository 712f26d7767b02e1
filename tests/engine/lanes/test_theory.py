"""Lanes against order statistics: what the slowest of many independent devices takes."""

import numpy as np
import pytest

from sim.catalog import SlowPlace, Stalls, Variation
from sim.engine.lanes import run_lanes
from tests.engine.lanes.by_hand import REDUCTION_S, WORK_S, replicas


def expected_maximum(count):
    """Of independent standard normal values, by integrating x d(Phi^n): exact but for the grid."""
    x = np.linspace(-10, 10, 200_001)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    below = np.cumsum(density) * (x[1] - x[0])
    return float(np.sum(x * count * below ** (count - 1) * density) * (x[1] - x[0]))


def test_the_integral_is_right():
    # Two values: 1 / sqrt(pi); three: 1.5 / sqrt(pi) (David and Nagaraja, Order Statistics, 3rd ed., sec. 3.2).
    assert expected_maximum(2) == pytest.approx(1 / np.sqrt(np.pi), rel=1e-4)
    assert expected_maximum(3) == pytest.approx(1.5 / np.sqrt(np.pi), rel=1e-4)


@pytest.mark.parametrize("count", [2, 16, 256, 4096])
def test_replicas_wait_for_the_slowest_of_them(count):
    order, spread = replicas(count), 0.02
    variation = Variation(speed_spread=spread)
    lags = [
        run_lanes(order, variation, seed, 1, count, 8).step_times_s[0] - WORK_S - REDUCTION_S for seed in range(400)
    ]
    error = np.std(lags) / np.sqrt(len(lags))
    assert np.mean(lags) == pytest.approx(spread * WORK_S * expected_maximum(count), abs=4 * error)


@pytest.mark.parametrize(("tensor", "meetings"), [(2, 5), (8, 20)])
def test_every_meeting_waits_for_the_slowest_rank(tensor, meetings):
    # 80 equal kernels of 1/80 s: squares sum to 1/80 s2, and a stretch deviates by jitter / sqrt(80 * meetings).
    order, jitter = replicas(1, tensor=tensor, meetings=meetings, squares_s2=1 / 80), 0.1
    found = run_lanes(order, Variation(kernel_jitter=jitter), 0, 4000, tensor, 8).step_times_s - WORK_S - REDUCTION_S
    expected = jitter * np.sqrt(meetings / 80) * expected_maximum(tensor)
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / np.sqrt(len(found)))


def test_kernels_of_one_device_average_out():
    order = replicas(1, squares_s2=1 / 100)
    found = run_lanes(order, Variation(kernel_jitter=0.2), 0, 4000, 1, 8).step_times_s
    assert found.mean() == pytest.approx(WORK_S + REDUCTION_S, abs=4 * 0.02 / np.sqrt(4000))
    assert found.std() == pytest.approx(0.02, rel=0.05)


@pytest.mark.slow
def test_stalls_come_at_their_rate_and_last_as_long_as_they_should():
    # 720 an hour and device are 0.2 a second of work; a lone device takes all of them.
    found = run_lanes(replicas(1), Variation(stalls=Stalls(720, 0.1)), 0, 20_000, 1, 8).step_times_s
    lost_s = found - WORK_S - REDUCTION_S
    assert np.mean(lost_s > 0) == pytest.approx(1 - np.exp(-0.2), abs=0.01)
    assert lost_s.mean() == pytest.approx(0.2 * 0.1, rel=0.05)
    # The variance of a compound Poisson sum is rate * E[length^2], which is 2 mean^2 for exponential lengths.
    assert lost_s.var() == pytest.approx(0.2 * 2 * 0.1**2, rel=0.1)


@pytest.mark.slow
def test_the_longest_stall_among_many_replicas_is_what_all_wait_for():
    # Each replica has a stall with a chance of 1 - exp(-q); the longest of n that are 0 or exponential exceeds x with
    # a chance of 1 - exp(-n q exp(-x / mean)) where none has two.
    count, per_second, mean_s = 100, 0.002, 0.05
    variation = Variation(stalls=Stalls(3600 * per_second, mean_s))
    found = run_lanes(replicas(count), variation, 0, 20_000, count, 8).step_times_s - WORK_S - REDUCTION_S
    for x in (0.01, 0.05, 0.1):
        expected = 1 - np.exp(-count * per_second * np.exp(-x / mean_s))
        assert np.mean(found > x) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("device", [0, 7, 31])
def test_one_slow_device_by_hand(device):
    order = replicas(8, tensor=4, meetings=10)
    variation = Variation(slow=(SlowPlace(0.1, device=device),))
    found = run_lanes(order, variation, 0, 3, 32, 8)
    assert found.step_times_s == pytest.approx([1.1 * WORK_S + REDUCTION_S] * 3)
    extra = found.extras["replicas"].work_s
    assert extra.sum() == pytest.approx(0.1 * WORK_S)
    assert extra[device % 4, device // 4] == pytest.approx(0.1 * WORK_S)
    (culprit,) = found.culprits
    assert (culprit, found.culprits[culprit]) == (("device", device), 3)
    assert found.late_s == pytest.approx({"work": 0.1 * WORK_S, "stalls": 0})


def test_a_slow_node_slows_all_its_devices():
    found = run_lanes(replicas(4, tensor=4), Variation(slow=(SlowPlace(0.25, node=1),)), 0, 1, 16, 8)
    assert found.extras["replicas"].work_s == pytest.approx(np.array([[0, 0, 0.25, 0.25]] * 4))
