"""Questions to scaling laws: what they answer, and what they cannot."""

from __future__ import annotations

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_law
from sim.errors import InputError
from sim.outcome.quality.losses import expected_loss
from sim.outcome.quality.study import Question, answer
from sim.page.terminal import screen
from sim.records.budget import budget_document
from sim.report.budget import budget_screen

LAW = load_law("chinchilla-epoch")
COMPUTE_LAW = load_law("cerebras-gpt")


def test_a_budget_is_spent_and_a_loss_is_reached() -> None:
    by_budget = answer(LAW, Question(compute_flops=1e21))
    assert by_budget.recipe.training_flops == pytest.approx(1e21)
    assert by_budget.recipe == pytest.approx(by_budget.least_training)
    by_loss = answer(LAW, Question(target_loss=by_budget.loss))
    assert by_loss.recipe == pytest.approx(by_budget.recipe)
    both = answer(LAW, Question(compute_flops=2e21, target_loss=by_budget.loss))
    assert both.recipe == pytest.approx(by_budget.recipe)


def test_all_ways_of_naming_a_model_agree() -> None:
    named = answer(LAW, Question(parameters=7e9, tokens=1e12))
    flops, loss = named.recipe.training_flops, named.loss
    for question in (
        Question(parameters=7e9, compute_flops=flops),
        Question(tokens=1e12, compute_flops=flops),
        Question(parameters=7e9, target_loss=loss),
    ):
        found = answer(LAW, question)
        assert found.recipe == pytest.approx(named.recipe)
        assert found.loss == pytest.approx(loss)
    assert named.least_training.training_flops < flops


def test_every_row_reaches_the_loss_and_the_best_are_among_them() -> None:
    study = answer(LAW, Question(parameters=13e9, tokens=260e9, inference_tokens=5e12))
    losses = [float(expected_loss(LAW, *recipe)) for recipe in study.same_loss]  # type: ignore[arg-type]
    assert losses == pytest.approx([study.loss] * len(losses))
    sizes = [recipe.parameters for recipe in study.same_loss]
    assert sizes == sorted(set(sizes))
    assert study.least_lifetime is not None
    for recipe in (study.recipe, study.least_training, study.least_lifetime):
        assert min(abs(size / recipe.parameters - 1) for size in sizes) < 2e-3
    assert min(sizes) < study.least_lifetime.parameters


def test_what_a_law_was_fitted_on() -> None:
    assert answer(LAW, Question(compute_flops=1e22)).fitted
    assert not answer(LAW, Question(compute_flops=1e25)).fitted
    assert answer(COMPUTE_LAW, Question(compute_flops=1e22)).fitted
    assert not answer(COMPUTE_LAW, Question(compute_flops=1e23)).fitted


def test_no_size_is_an_option_whose_tokens_per_parameter_no_fitted_model_has() -> None:
    # 5 billion tokens on 16 billion parameters, 500 billion on 70 million.
    assert LAW.tokens_per_parameter == pytest.approx((0.3125, 7142.857))  # type: ignore[union-attr]
    study = answer(LAW, Question(parameters=70e9, tokens=1.4e12))
    named = (study.recipe, study.least_training)
    assert study.left_out
    for recipe in study.left_out:
        assert recipe not in named
        assert not 0.3125 <= recipe.tokens / recipe.parameters <= 7142.857
    for recipe in study.same_loss:
        assert recipe in named or 0.3125 <= recipe.tokens / recipe.parameters <= 7142.857


def test_a_law_of_compute_answers_budgets_and_losses() -> None:
    study = answer(COMPUTE_LAW, Question(compute_flops=2.3e22))
    assert study.recipe.tokens == pytest.approx(20 * study.recipe.parameters)
    assert answer(COMPUTE_LAW, Question(target_loss=study.loss)).recipe == pytest.approx(study.recipe)


@pytest.mark.parametrize(
    ("law", "question", "words"),
    [
        (LAW, Question(target_loss=1.8), "1.8 is not above 1.817"),
        (COMPUTE_LAW, Question(target_loss=0.5), "0.5 is not above 0.5066"),
        (LAW, Question(compute_flops=1e20, target_loss=2.1), "that takes 2.14e+22 at least"),
        (LAW, Question(compute_flops=3.0), "no model fits this budget"),
        (COMPUTE_LAW, Question(compute_flops=1.0), "no model fits this budget"),
        (LAW, Question(compute_flops=math.nan), "--compute\n  nan is no number above zero"),
        (LAW, Question(target_loss=math.inf), "--target-loss\n  inf is no number above zero"),
        (LAW, Question(target_loss=math.nan), "--target-loss\n  nan is no number above zero"),
        (LAW, Question(parameters=1e60, tokens=1e60), "1e+60 is no number above zero and up to 1e+30"),
        (LAW, Question(compute_flops=1e20, inference_tokens=-1.0), "--inference-tokens\n  -1 is no number"),
        (LAW, Question(target_loss=LAW.floor + 1e-12), "no model is as large as that"),
        (LAW, Question(parameters=2.0, tokens=5.0), "a model of 0.244 parameters"),
        (LAW, Question(parameters=1e9, target_loss=1.9), "no number of tokens takes 1e+09 parameters"),
        (LAW, Question(), "none of compute, target loss, parameters and tokens given"),
        (LAW, Question(tokens=1e9), "1 of compute"),
        (LAW, Question(parameters=1e9), "these two do not make a question"),
        (LAW, Question(parameters=1e9, tokens=1e9, compute_flops=1e20), "3 of compute"),
        (LAW, Question(target_loss=2.0, tokens=1e12), "these two do not make a question"),
        (COMPUTE_LAW, Question(parameters=1e9, tokens=1e10), "only knows models of 20 tokens a parameter"),
        (COMPUTE_LAW, Question(compute_flops=1e20, inference_tokens=1e12), "only knows models of 20 tokens"),
        (COMPUTE_LAW, Question(), "takes one of compute and target loss"),
    ],
)
def test_what_cannot_be_answered_says_what_could(law, question: Question, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        answer(law, question)


amounts = st.one_of(st.none(), st.floats(1e-3, 1e35), st.just(math.nan), st.just(math.inf))
losses = st.one_of(st.none(), st.floats(0.1, 20), st.floats(1e-16, 1e-3).map(lambda above: LAW.floor + above))


@given(st.sampled_from([LAW, COMPUTE_LAW]), amounts, losses, amounts, amounts, st.floats(0, 1e35))
def test_any_numbers_give_a_report_or_a_message(law, compute, loss, parameters, tokens, inference) -> None:
    try:
        study = answer(law, Question(compute, loss, parameters, tokens, inference))
    except InputError:
        return
    # JSON refuses what is not finite.
    assert json.dumps(budget_document(study, None, ()), allow_nan=False)
    assert max(map(len, screen(budget_screen(study, None)).splitlines())) <= 80
    assert all(min(recipe) > 0 for recipe in study.same_loss)
