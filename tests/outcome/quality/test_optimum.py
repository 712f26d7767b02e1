"""Sizes that suit a budget, a loss, or a life of inference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import ComputeLaw, ParametricLaw, load_law
from sim.outcome.quality.losses import expected_loss, least_parameters, tokens_for_loss
from sim.outcome.quality.optimum import (
    Recipe,
    at_compute,
    compute_optimal,
    lifetime_flops,
    lifetime_optimal,
    optimal_for_loss,
)


def law(name: str) -> ParametricLaw:
    found = load_law(name)
    assert isinstance(found, ParametricLaw)
    return found


PUBLISHED, REFITTED = law("chinchilla"), law("chinchilla-epoch")
SYMMETRIC = ParametricLaw("symmetric", "", "", 1.0, 100.0, 0.5, 100.0, 0.5, 1.0, 1e12, 1.0, 1e12)
GOPHER_FLOPS = 5.76e23
budgets = st.floats(1e18, 1e26)


def test_by_hand() -> None:
    assert compute_optimal(SYMMETRIC, 6e12) == pytest.approx((1e6, 1e6))
    assert lifetime_flops(2.0, 3.0, 5.0) == 2 * (6 * 3 + 2 * 5)
    assert Recipe(2.0, 3.0).training_flops == 36


def test_chinchilla_as_published_says_what_its_paper_says_for_gophers_budget() -> None:
    # Hoffmann et al. 2022: 40 to 70 billion parameters over its three approaches, 40 by the one of this law.
    assert compute_optimal(PUBLISHED, GOPHER_FLOPS).parameters == pytest.approx(40e9, rel=0.02)
    assert 67e9 < compute_optimal(REFITTED, GOPHER_FLOPS).parameters < 75e9


def test_the_refit_needs_about_twenty_tokens_a_parameter_at_every_budget() -> None:
    for flops in (1e19, 1e21, 1e23, 1e25):
        recipe = compute_optimal(REFITTED, flops)
        assert 15 < recipe.tokens / recipe.parameters < 27


def test_a_life_of_inference_wants_a_smaller_model() -> None:
    # Sardana et al. 2023: the quality of 13B, 2e12 tokens of inference: a 7B instead, 17 % (1.7e22) fewer FLOP.
    budget = min((flops for flops in (10 ** (22 + step / 2000) for step in range(4000))),
                 key=lambda flops: abs(compute_optimal(PUBLISHED, flops).parameters - 13e9))  # fmt: skip
    large = compute_optimal(PUBLISHED, budget)
    loss = float(expected_loss(PUBLISHED, *large))
    small = lifetime_optimal(PUBLISHED, loss, 2e12)
    assert small.parameters == pytest.approx(7e9, rel=0.05)
    before, after = lifetime_flops(*large, 2e12), lifetime_flops(*small, 2e12)
    assert 1 - after / before == pytest.approx(0.17, abs=0.01)
    assert before - after == pytest.approx(1.7e22, rel=0.05)


@pytest.mark.parametrize("one", [PUBLISHED, REFITTED], ids=lambda one: one.name)
@given(flops=budgets, off=st.floats(0.5, 2.0))
def test_no_other_split_of_a_budget_loses_less(one: ParametricLaw, flops: float, off: float) -> None:
    recipe = compute_optimal(one, flops)
    assert recipe.training_flops == pytest.approx(flops)
    loss = expected_loss(one, *recipe)
    assert expected_loss(one, recipe.parameters * off, recipe.tokens / off) >= loss * (1 - 1e-12)


@pytest.mark.parametrize("one", [PUBLISHED, REFITTED], ids=lambda one: one.name)
@given(flops=budgets)
def test_least_training_for_a_loss_is_the_budget_that_reaches_it(one: ParametricLaw, flops: float) -> None:
    recipe = compute_optimal(one, flops)
    assert optimal_for_loss(one, float(expected_loss(one, *recipe))) == pytest.approx(recipe, rel=1e-6)


@given(flops=st.floats(1e19, 1e25), inference=st.floats(1e9, 1e15), off=st.floats(0.6, 1.6))
def test_no_other_size_takes_less_in_its_life(flops: float, inference: float, off: float) -> None:
    loss = float(expected_loss(REFITTED, *compute_optimal(REFITTED, flops)))
    best = lifetime_optimal(REFITTED, loss, inference)
    assert expected_loss(REFITTED, *best) == pytest.approx(loss)
    least = least_parameters(REFITTED, loss)
    assert least < best.parameters <= optimal_for_loss(REFITTED, loss).parameters * (1 + 1e-9)
    other = best.parameters * off
    if other > least * (1 + 1e-9):
        tokens = float(tokens_for_loss(REFITTED, other, loss))
        assert lifetime_flops(other, tokens, inference) >= lifetime_flops(*best, inference) * (1 - 1e-9)


def test_inference_that_costs_more_wants_a_smaller_model() -> None:
    sizes = [lifetime_optimal(REFITTED, 2.0, 1e12, weight).parameters for weight in (0.0, 0.5, 1.0, 4.0)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(optimal_for_loss(REFITTED, 2.0).parameters, rel=1e-6)


def test_a_law_of_compute_knows_one_recipe() -> None:
    compute = load_law("cerebras-gpt")
    assert isinstance(compute, ComputeLaw)
    recipe = at_compute(compute, 6 * 20 * 1e18)
    assert recipe == pytest.approx((1e9, 20e9))
