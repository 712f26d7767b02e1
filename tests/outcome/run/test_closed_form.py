"""What is known in closed form: by hand, and held against one another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.run.closed_form import effective_time_ratio, expected_cycle_s, young_interval_s

SECONDS = st.floats(1.0, 1e5)


def test_youngs_interval_by_hand():
    assert young_interval_s(10.0, 20_000.0) == pytest.approx(632.4555, rel=1e-6)


def test_effective_time_by_hand():
    assert effective_time_ratio(3600.0, 36.0, 36_000.0, 360.0) == pytest.approx(0.94 / 1.01)


def test_a_cycle_by_hand():
    assert expected_cycle_s(0.9, 0.1, 1.0, 0.0) == pytest.approx(np.e - 1.0)


def test_formulas_broadcast():
    assert young_interval_s(np.array([1.0, 4.0]), 2.0).shape == (2,)
    assert effective_time_ratio(np.full((3, 1), 600.0), 1.0, np.array([1e5, 1e6]), 60.0).shape == (3, 2)


def test_what_no_float_holds_is_infinite_and_no_warning():
    assert expected_cycle_s(1e6, 1.0, 1.0, 1.0) == np.inf


@given(checkpoint_s=st.floats(1.0, 100.0), between_s=st.floats(1e6, 1e8))
def test_youngs_interval_has_the_best_first_order_ratio(checkpoint_s, between_s):
    best_s = young_interval_s(checkpoint_s, between_s)
    at = [float(effective_time_ratio(factor * best_s, checkpoint_s, between_s, 0.0)) for factor in (0.5, 1.0, 2.0)]
    assert at[1] > at[0]
    assert at[1] > at[2]


@given(interval_s=SECONDS, checkpoint_s=st.floats(0.0, 100.0), recovery_s=st.floats(0.0, 1000.0))
def test_without_failures_to_speak_of_both_forms_are_the_share_of_checkpoints(interval_s, checkpoint_s, recovery_s):
    share = interval_s / (interval_s + checkpoint_s)
    assert effective_time_ratio(interval_s, checkpoint_s, 1e13, recovery_s) == pytest.approx(share, rel=1e-6)
    assert interval_s / expected_cycle_s(interval_s, checkpoint_s, 1e13, recovery_s) == pytest.approx(share, rel=1e-6)
