"""How much of one system equals a point of another, on curves worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.comparison.matching import Afforded, Match, at_devices, fastest_within, matching_devices

SIZES = [10.0, 100.0, 1000.0]
TIMES_S = [100.0, 10.0, 4.0]

curves = st.lists(
    st.tuples(st.floats(1.1, 10.0), st.floats(1.05, 10.0)), min_size=1, max_size=6
)  # how much larger and how much faster each size is than the one before


def curve_of(factors: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    sizes, times_s = [8.0], [1e6]
    for larger, faster in factors:
        sizes.append(sizes[-1] * larger)
        times_s.append(times_s[-1] / faster)
    return sizes, times_s


def test_between_two_sizes_logarithms_are_straight():
    match = matching_devices(SIZES, TIMES_S, 1000**0.5)
    assert match.reach == "within"
    assert match.devices == pytest.approx(1000**0.5)


def test_the_share_is_of_that_stretch_alone():
    # From 10 to 4 s over a factor of 10: sqrt(40) s is half way.
    assert matching_devices(SIZES, TIMES_S, 40**0.5).devices == pytest.approx(100 * 10**0.5)


def test_a_target_that_the_smallest_beats_needs_fewer():
    assert matching_devices(SIZES, TIMES_S, 101.0) == Match("fewer", 10.0)


def test_the_smallest_is_itself_within():
    assert matching_devices(SIZES, TIMES_S, 100.0) == Match("within", 10.0)


def test_a_curve_that_still_falls_needs_more():
    assert matching_devices(SIZES, TIMES_S, 3.0) == Match("more", 1000.0)


def test_a_single_size_is_itself_within():
    assert matching_devices([10.0], [100.0], 100.0) == Match("within", 10.0)


# A last size that saves a hundredth saves too little; 9.9 is 0.99 x 10.0.
@pytest.mark.parametrize("last_s", [10.0, 9.95, 9.9, 12.0])
def test_a_curve_that_no_longer_falls_never_gets_there(last_s: float):
    assert matching_devices(SIZES, [100.0, 10.0, last_s], 3.0) == Match("never", 1000.0)


def test_a_single_size_that_is_slower_never_gets_there():
    assert matching_devices([8.0], [10.0], 3.0) == Match("never", 8.0)


def test_of_a_curve_that_rises_again_the_first_crossing_counts():
    match = matching_devices([1.0, 2.0, 4.0, 8.0], [8.0, 4.0, 6.0, 2.0], 4.0)
    assert match == Match("within", 2.0)


@given(curves)
def test_a_point_of_a_curve_equals_itself(factors: list[tuple[float, float]]):
    sizes, times_s = curve_of(factors)
    for size, time_s in zip(sizes, times_s, strict=True):
        match = matching_devices(sizes, times_s, time_s)
        assert match.reach == "within"
        assert match.devices == pytest.approx(size, rel=1e-9)


@given(curves, st.floats(1.0, 1e7), st.floats(1.0, 100.0))
def test_a_shorter_time_never_needs_fewer_devices(factors: list[tuple[float, float]], target_s: float, shorter: float):
    sizes, times_s = curve_of(factors)
    order = {"fewer": 0, "within": 1, "more": 2}
    easy, hard = (matching_devices(sizes, times_s, one_s) for one_s in (target_s, target_s / shorter))
    assert (order[easy.reach], easy.devices) <= (order[hard.reach], hard.devices * (1 + 1e-12))


@given(curves, st.floats(0.0, 1.0))
def test_the_devices_of_a_match_take_the_target_time(factors: list[tuple[float, float]], share: float):
    sizes, times_s = curve_of(factors)
    target_s = times_s[0] * (times_s[-1] / times_s[0]) ** share
    match = matching_devices(sizes, times_s, target_s)
    assert at_devices(sizes, times_s, match.devices) == pytest.approx(target_s, rel=1e-6)


def test_a_value_between_two_sizes():
    assert at_devices([1.0, 100.0], [2.0, 8.0], 10.0) == pytest.approx(4.0)
    assert at_devices([8.0], [5.0], 8.0) == 5.0


@pytest.mark.parametrize("count", [0.9, 101.0])
def test_nothing_is_extrapolated(count: float):
    with pytest.raises(ValueError, match="not between"):
        at_devices([1.0, 100.0], [2.0, 8.0], count)


def test_the_fastest_for_a_limit_lies_between_sizes():
    found = fastest_within([10.0, 1000.0], [100.0, 10.0], [10.0, 1000.0], 100.0)
    assert found is not None
    assert (found.devices, found.time_s) == pytest.approx((100.0, 1000**0.5))


def test_a_limit_above_everything_allows_the_fastest_size():
    # The largest is not the fastest.
    assert fastest_within(SIZES, [100.0, 10.0, 12.0], [1.0, 2.0, 3.0], 9.0) == Afforded(100.0, 10.0)


def test_a_limit_below_everything_allows_nothing():
    assert fastest_within(SIZES, TIMES_S, [1.0, 2.0, 3.0], 0.5) is None
