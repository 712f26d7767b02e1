"""Partial pooling, held to what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim.validation.pooling import Linear, Priors, common_values, distance, misfit, most_probable, row_weights

WIDE = 1000.0
"""Half width of the errors' distribution, so wide that it is a normal one near 0: its variance is half the square."""


def priors(*family: int) -> Priors:
    count = len(family)
    return Priors(np.array(family), np.full(count, -3.0), np.full(count, 3.0))


def rows(slopes: list[list[float]], error: list[float], weight: list[float] | None = None) -> Linear:
    table = np.array(slopes)
    return Linear(np.array(error), table, np.zeros_like(table), np.array(weight or [1.0] * len(error)))


def found(linear: Linear, known: Priors, half_width: float) -> np.ndarray:
    """Step after step, until nothing moves."""
    here = np.zeros(len(known.family))
    for _ in range(20):
        here = most_probable(linear, known, here, half_width)
    return here


def test_one_row_moves_a_constant_by_the_share_of_a_normal_posterior() -> None:
    # Prior variance 1 (half common, half its own); row variance 1000^2 / 2, slope 1000, so 1/2 in the constant's unit:
    # a row that alone would say 0.0009 moves it by 1 / (1 + 1/2) = 2/3 of that.
    value = found(rows([[WIDE]], [-0.9 * WIDE * 1e-3]), priors(0), WIDE)
    assert value[0] == pytest.approx(0.9e-3 * 2 / 3, rel=1e-3)


def test_ten_rows_move_it_to_where_they_are() -> None:
    linear = rows([[WIDE]] * 10, [-0.9e-3 * WIDE] * 10)
    assert found(linear, priors(0), WIDE)[0] == pytest.approx(0.9e-3 * 10 / (10 + 0.5), rel=1e-3)


def test_a_member_that_no_row_speaks_of_takes_the_common_value() -> None:
    # The first member's own variance and the row's make 1/2 + 1/2 around a common value of variance 1/2: it moves by
    # 1/2 / (1 + 1/2) = 1/3 of what the row says, and the silent member with it.
    value = found(rows([[WIDE, 0.0]], [-0.9e-3 * WIDE]), priors(0, 0), WIDE)
    assert value == pytest.approx([0.9e-3 * 2 / 3, 0.9e-3 / 3], rel=1e-3)


def test_families_do_not_move_each_other() -> None:
    value = found(rows([[WIDE, 0.0]], [-0.9e-3 * WIDE]), priors(0, 1), WIDE)
    assert value[1] == pytest.approx(0.0, abs=1e-9)


def test_common_values_by_hand() -> None:
    assert common_values(np.array([1.0, 2.0, 5.0]), priors(0, 0, 1)) == pytest.approx([1.0, 2.5])


def test_improbability_by_hand() -> None:
    # Own distances 0 and 1 around a common value of 1: (0 + 1) / 1 + 1 / 1.
    assert distance(np.array([1.0, 2.0]), np.array([1.0]), priors(0, 0)) == pytest.approx(2.0)
    assert misfit(np.array([0.05, 0.0]), np.array([0.5, 1.0]), 0.05) == pytest.approx(0.5 * np.log(2))


def test_rows_of_a_source_weigh_the_root_of_their_number_together() -> None:
    weights = row_weights(["a", "a", "a", "a", "b"])
    assert list(weights) == pytest.approx([0.5, 0.5, 0.5, 0.5, 1.0])


def test_an_odd_row_pulls_little() -> None:
    slopes = [[0.1]] * 11
    quiet = found(rows(slopes, [-0.05] * 10 + [0.0]), priors(0), 0.05)
    odd = found(rows(slopes, [-0.05] * 10 + [2.0]), priors(0), 0.05)
    assert odd[0] == pytest.approx(quiet[0], abs=0.1)


def test_nothing_leaves_its_range_nor_goes_further_than_a_step() -> None:
    linear = rows([[10.0]] * 50, [-100.0] * 50)
    assert most_probable(linear, priors(0), np.zeros(1), 0.05)[0] == pytest.approx(1.0)
    assert found(linear, priors(0), 0.05)[0] == pytest.approx(3.0)


def test_known_constants_are_recovered_from_rows_made_of_them() -> None:
    draws = np.random.default_rng(7)
    family = (0, 0, 0, 1, 1)
    truth = np.array([0.4, 0.9, 0.6, -0.5, -0.8])
    slopes = draws.uniform(0.05, 0.5, (200, 5)) * (draws.random((200, 5)) < 0.5)
    error = -slopes @ truth + draws.normal(0, 0.003, 200)
    linear = Linear(error, slopes, np.zeros_like(slopes), np.ones(200))
    assert found(linear, priors(*family), 0.05) == pytest.approx(truth, abs=0.05)
