"""Where curves bend and what bends them, on curves worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.comparison.knee import elasticities, knee, largest_growth
from sim.outcome.ledger import Ledger
from sim.outcome.lines import LINES


def ledger(**seconds: float) -> Ledger:
    lines = {line: seconds.get(line, 0.0) for line in LINES}
    return Ledger(lines, 1, math.fsum(lines.values()))


def test_the_smallest_devices_times_time_squared_is_the_knee():
    # 64, 50, 64.
    found = knee([1.0, 2.0, 4.0], [8.0, 5.0, 4.0])
    assert (found.index, found.devices, found.place) == (1, 2.0, "inside")
    assert found.elasticity_before == pytest.approx(math.log2(8 / 5))
    assert found.elasticity_after == pytest.approx(math.log2(5 / 4))


def test_an_ideal_curve_has_no_knee_within_its_sizes():
    found = knee([8.0, 64.0, 1000.0], [1000.0, 125.0, 8.0])
    assert (found.place, found.devices) == ("last", 1000.0)
    assert found.elasticity_before == pytest.approx(1.0)
    assert found.elasticity_after is None


def test_a_curve_that_gains_nothing_is_past_its_knee():
    found = knee([8.0, 64.0], [10.0, 10.0])
    assert (found.place, found.devices, found.elasticity_before) == ("first", 8.0, None)


def test_one_size_is_its_own_end():
    assert knee([8.0], [10.0]).place == "last"


def test_elasticity_of_half():
    assert elasticities([10.0, 40.0], [6.0, 3.0]) == pytest.approx([0.5])


@given(st.floats(0.01, 100.0), st.floats(0.01, 100.0), st.integers(3, 12), st.integers(3, 12))
def test_the_knee_of_amdahls_law_is_where_serial_and_parallel_are_equal(
    serial_s: float, parallel_s: float, below: int, above: int
):
    at = parallel_s / serial_s
    sizes = [at * 2.0**power for power in range(-below, above + 1)]
    found = knee(sizes, [serial_s + parallel_s / size for size in sizes])
    assert found.devices == pytest.approx(at)
    assert found.elasticity_before is not None
    assert found.elasticity_after is not None
    assert found.elasticity_before > 0.5 > found.elasticity_after


@given(st.lists(st.floats(1.1, 5.0), min_size=1, max_size=6), st.floats(0.1, 1e6))
def test_the_knee_does_not_depend_on_the_units(steps: list[float], unit: float):
    sizes = [1.0]
    for step in steps:
        sizes.append(sizes[-1] * step)
    times_s = [3.0 + 40.0 / size for size in sizes]
    assert knee(sizes, times_s).index == knee(sizes, [unit * time_s for time_s in times_s]).index


def test_the_line_that_grows_most_bends_the_curve():
    found = largest_growth(
        ledger(useful=10.0, bubble=1.0, data_comm=5.0), ledger(useful=10.0, bubble=4.0, data_comm=6.0)
    )
    assert (found.line, found.device_s, found.total_device_s) == ("bubble", 3.0, 4.0)
    assert found.share == pytest.approx(0.75)


def test_an_ideal_curve_is_bent_by_nothing():
    same = ledger(useful=10.0, bubble=1.0)
    assert largest_growth(same, same).share is None
    assert largest_growth(same, ledger(useful=10.0)).share is None
