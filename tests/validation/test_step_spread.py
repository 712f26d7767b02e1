"""Measured spread of step times: rows, roles by rule, statistics."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sim.catalog import load_sources
from sim.hardware.topology import load_topology
from sim.validation.step_spread import Spread, read_step_spread, spread_of

ROWS = read_step_spread()


def test_every_row_can_be_read_and_is_told_apart():
    assert len({row.id for row in ROWS}) == len({(row.submission, row.benchmark) for row in ROWS}) == len(ROWS) == 48
    assert {row.source for row in ROWS} <= set(load_sources())
    assert Counter(row.benchmark for row in ROWS) == {"gpt3": 18, "llama31_405b": 20, "llama2_70b_lora": 10}


def test_statistics_are_possible_ones():
    for row in ROWS:
        spread = row.spread
        assert 0 < spread.coefficient_of_variation < 0.1
        assert 1 <= spread.p95_over_median <= spread.p99_over_median <= row.max_over_median + 1e-3, row.id
        assert 0 <= row.share_of_slow_steps < 0.05
        # More than one step in twenty above 1.1 medians would be above the 95th percentile.
        assert (row.share_of_slow_steps > 0) <= (row.max_over_median > 1.1)
        assert row.steps > 60


def test_roles_follow_their_rule():
    # By the order of their ids, the first of every four GPT-3 rows.
    gpt3 = sorted((row for row in ROWS if row.benchmark == "gpt3"), key=lambda row: row.id)
    assert [row.role for row in gpt3] == ["check" if index % 4 else "fit" for index in range(18)]
    others = {row.benchmark: {one.role for one in ROWS if one.benchmark == row.benchmark} for row in ROWS}
    assert others["llama31_405b"] == {"upper-bound"}
    assert others["llama2_70b_lora"] == {"other"}


def test_the_same_work_at_every_size():
    # GPUs x step time is what a step takes in device-seconds: about the same batch in every GPT-3 submission.
    seconds = [
        row.devices * row.spread.median_s for row in ROWS if row.benchmark == "gpt3" and "b200" not in row.submission
    ]
    assert 4000 < min(seconds) < max(seconds) < 14000


def test_simulated_rows_have_a_fabric_that_can_hold_them():
    for row in ROWS:
        assert bool(row.topology) == (row.benchmark == "gpt3")
        if row.topology:
            assert load_topology(row.topology, row.devices, row.id).devices == row.devices
            assert ("b200" in row.topology) == ("b200" in row.submission)


def test_statistics_by_hand():
    # A hundred steps of 1 s, five of them 1.2 s, and one of 4 s that counts for percentiles only.
    times_s = np.array([1.0] * 94 + [1.2] * 5 + [4.0])
    found = spread_of(times_s)
    assert found.median_s == 1.0
    assert found.coefficient_of_variation == pytest.approx(times_s[:-1].std(ddof=1) / times_s[:-1].mean())
    assert found.p95_over_median == pytest.approx(1.2)
    assert found.p99_over_median == pytest.approx(np.percentile(times_s, 99))
    assert spread_of(np.array([2.0, 2.0, 2.0])) == Spread(2.0, 0.0, 1.0, 1.0)


def test_delays_are_seconds_over_the_median():
    spread = Spread(10.0, 0.01, 1.02, 1.05)
    assert spread.p95_delay_s == pytest.approx(0.2)
    assert spread.p99_delay_s == pytest.approx(0.5)
    assert spread.deviation_s == pytest.approx(0.1)
