"""The simulator against published measurements."""

from __future__ import annotations

import pytest

from sim.catalog import load_sources, load_stack, stack_names
from sim.hardware.topology import load_topology
from sim.validation.compare import Comparison, compare, comparison_table, headline
from sim.validation.measurements import read_measurements

SANITY_BOUND = 0.20


@pytest.fixture(scope="module")
def comparisons() -> list[Comparison]:
    return compare()


def test_every_check_row_is_within_twenty_per_cent(comparisons: list[Comparison]) -> None:
    checks = [row for row in comparisons if row.measurement.role == "check"]
    assert len(checks) >= 8
    assert {row.measurement.id: row.error for row in checks if abs(row.error) > SANITY_BOUND} == {}


def test_the_estimate_of_the_authors_is_near_too(comparisons: list[Comparison]) -> None:
    (estimate,) = [row for row in comparisons if row.measurement.role == "estimate"]
    assert abs(estimate.error) < SANITY_BOUND


def test_errors_are_signed_towards_the_prediction() -> None:
    measurement = read_measurements()[0]
    assert Comparison(measurement, 2 * measurement.step_time_s).error == pytest.approx(1.0)
    assert Comparison(measurement, 0.5 * measurement.step_time_s).error == pytest.approx(-0.5)


def test_fit_rows_never_enter_the_headline(comparisons: list[Comparison]) -> None:
    wild = [row if row.measurement.role == "check" else Comparison(row.measurement, 10.0) for row in comparisons]
    assert headline(wild) == headline(comparisons)


def test_the_rows_that_constants_were_fitted_on_are_marked() -> None:
    roles = {row.id: row.role for row in read_measurements()}
    assert [row for row, role in roles.items() if role == "fit"] == ["W001", "W003", "W007"]
    assert set(roles.values()) == {"check", "fit", "estimate"}


def test_the_error_band_of_every_stack_is_what_its_rows_say(comparisons: list[Comparison]) -> None:
    for name in stack_names():
        checks = [row for row in comparisons if row.measurement.role == "check"]
        own = [row for row in checks if row.measurement.scenario.system.stack == name]
        errors = [row.error for row in own]
        devices = {load_topology(row.measurement.scenario.system.topology, 1, "test").device for row in own}
        assert set(load_stack(name).checked_on) == devices
        assert load_stack(name).error_band == (round(min(errors), 3), round(max(errors), 3))


def test_every_row_names_a_listed_source() -> None:
    assert {row.source for row in read_measurements()} <= set(load_sources())


def test_the_table_has_a_line_per_row(comparisons: list[Comparison]) -> None:
    table = comparison_table(comparisons)
    assert all(row.measurement.id in table for row in comparisons)
