"""The formulas of collectives, by hand and by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.hardware import collectives

SIZES = st.floats(1, 1e12)
RANKS = st.integers(1, 4096)
RATES = st.floats(1e6, 1e12)
LATENCIES = st.floats(0, 1e-2)


def test_ring_all_reduce_by_hand():
    # 8 ranks, 8 GB at 100 GB/s: each sends 2 x 7/8 x 8 GB = 14 GB, 0.14 s; 14 hops of 1 us.
    time_s = collectives.ring_all_reduce_time_s(8e9, 8, 100e9, 8e-6)
    assert time_s == pytest.approx(0.14 + 14e-6)


def test_ring_gather_by_hand():
    # 4 ranks, 4 GB gathered at 100 GB/s: 3 GB pass through each, 0.03 s; 3 hops of 2 us.
    assert collectives.ring_gather_time_s(4e9, 4, 100e9, 8e-6) == pytest.approx(0.03 + 6e-6)


def test_two_levels_by_hand():
    # Inside 2 ranks: 2 x 1/2 x 8 GB at 100 GB/s and 2 hops of 1 us;
    # across 4: 2 x 3/4 x 4 GB at 10 GB/s and 6 hops of 5 us.
    time_s = collectives.two_level_all_reduce_time_s(8e9, 2, 4, 100e9, 2e-6, 10e9, 20e-6)
    assert time_s == pytest.approx(0.08 + 2e-6 + 0.6 + 30e-6)


def test_double_tree_by_hand():
    # 5 domains need 3 levels: up and down, 2 x (4 us + 3 x 10 us), and the bytes twice.
    assert collectives.double_tree_all_reduce_time_s(1e9, 5, 10e9, 4e-6, 10e-6) == pytest.approx(0.2 + 68e-6)


def test_send_and_broadcast_by_hand():
    assert collectives.send_time_s(1e9, 100e9, 5e-6) == pytest.approx(0.010005)
    assert collectives.tree_broadcast_time_s(1e9, 3, 100e9, 5e-6) == pytest.approx(0.010015)


@given(SIZES, RATES, LATENCIES)
def test_one_rank_communicates_nothing(size, rate, latency):
    assert collectives.ring_all_reduce_time_s(size, 1, rate, latency) == 0.0
    assert collectives.ring_gather_time_s(size, 1, rate, latency) == 0.0


@given(SIZES, RANKS, RATES)
def test_ring_moves_the_bytes_of_the_closed_form(size, ranks, rate):
    sent = collectives.ring_all_reduce_time_s(size, ranks, rate, 0.0) * rate
    assert sent == pytest.approx(2 * (ranks - 1) / ranks * size)


@given(SIZES, RANKS, RATES, LATENCIES)
def test_an_all_reduce_is_a_reduce_scatter_and_an_all_gather(size, ranks, rate, latency):
    gather = collectives.ring_gather_time_s(size, ranks, rate, latency)
    assert collectives.ring_all_reduce_time_s(size, ranks, rate, latency) == pytest.approx(2 * gather)


@given(SIZES, st.integers(1, 64), st.integers(1, 512), RATES)
def test_two_levels_move_as_many_bytes_as_one(size, inner, outer, rate):
    one = collectives.ring_all_reduce_time_s(size, inner * outer, rate, 0.0)
    assert collectives.two_level_all_reduce_time_s(size, inner, outer, rate, 0.0, rate, 0.0) == pytest.approx(one)


@given(SIZES, RANKS, RATES, LATENCIES, st.floats(1, 10))
def test_more_bandwidth_or_less_latency_is_never_slower(size, ranks, rate, latency, factor):
    base = collectives.ring_all_reduce_time_s(size, ranks, rate, latency)
    assert collectives.ring_all_reduce_time_s(size, ranks, rate * factor, latency) <= base
    assert collectives.ring_all_reduce_time_s(size, ranks, rate, latency / factor) <= base


def test_formulas_broadcast():
    sizes, ranks = np.array([[1e6], [1e9]]), np.array([1, 2, 8])
    times = collectives.ring_all_reduce_time_s(sizes, ranks, 1e11, 1e-5)
    assert times.shape == (2, 3)
    assert times[1, 2] == collectives.ring_all_reduce_time_s(1e9, 8, 1e11, 1e-5)
    assert collectives.double_tree_all_reduce_time_s(sizes, np.array([2, 4]), 1e11, 0.0, 1e-5).shape == (2, 2)
