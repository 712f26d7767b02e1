"""The distribution of step times, and who held everyone up."""

from collections import Counter

import numpy as np
import pytest

from sim.engine.lanes import NETWORK, NOBODY, Culprit, LaneRun, Lanes, Order
from sim.outcome.step_times import HeldUp, StepTimes, step_times


def test_the_statistics_by_hand():
    times = StepTimes(np.array([1.0, 2.0, 3.0, 4.0]), 1.0, ())
    assert times.mean_s == 2.5
    assert times.percentile_s(50) == 2.5
    assert times.percentile_s(100) == 4
    # Squares of -1.5, -0.5, 0.5, 1.5 sum to 5; over n - 1 = 3.
    assert times.coefficient_of_variation == pytest.approx(np.sqrt(5 / 3) / 2.5)


def test_one_step_says_nothing_about_spread():
    assert StepTimes(np.array([3.0]), 3.0, ()).coefficient_of_variation == 0


def test_who_held_everyone_up_has_a_place_in_the_plan():
    order = Order((Lanes("stage 0", 0, 2, 3, 1, 2), Lanes("stage 1", 6, 2, 3, 1, 2)), (), ())
    culprits = Counter(
        {Culprit("device", 11): 5, NETWORK: 2, NOBODY: 1, Culprit("device", 0): 2, Culprit("node", 1): 4}
    )
    found = step_times(LaneRun(np.ones(14), {}, culprits, {"work": 0.5}), order, 0.5, 8)
    assert (found.alike_s, found.late_s) == (0.5, {"work": 0.5})
    assert found.held_up == (
        HeldUp("device", 5, 11, "stage 1", 2, 1),
        HeldUp("node", 4, node=1),
        HeldUp("device", 2, 0, "stage 0", 0, 0),
        HeldUp("network", 2),
        HeldUp("nobody", 1),
    )
