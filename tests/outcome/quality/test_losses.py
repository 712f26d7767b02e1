"""Scaling laws: by hand, against the papers that they are from, and against each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import ComputeLaw, ParametricLaw, law_names, load_law
from sim.errors import InputError
from sim.outcome.quality.expected import expected_losses
from sim.outcome.quality.losses import (
    compute_for_loss,
    expected_loss,
    floor_at,
    least_parameters,
    loss_of_compute,
    tokens_for_loss,
)

BY_HAND = ParametricLaw("by hand", "", "", 1.0, 100.0, 0.5, 100.0, 0.5, 1.0, 1e12, 1.0, 1e12)
# Dey et al. 2023 (arXiv 2304.03208), model table in the modelzoo's README: FLOP as reported, and loss on the Pile.
PILE = [
    (2.6e18, 2.608),
    (1.3e19, 2.349),
    (6.1e19, 2.181),
    (2.8e20, 1.997),
    (1.1e21, 1.834),
    (6.3e21, 1.704),
    (2.3e22, 1.572),
]
sizes = st.floats(1e7, 1e13)


def parametric() -> list[ParametricLaw]:
    return [law for law in map(load_law, law_names()) if isinstance(law, ParametricLaw)]


def test_the_loss_by_hand() -> None:
    assert expected_loss(BY_HAND, 1e6, 4e6) == pytest.approx(1 + 0.1 + 0.05)
    assert floor_at(BY_HAND, 1e6) == pytest.approx(1.1)
    assert tokens_for_loss(BY_HAND, 1e6, 1.15) == pytest.approx(4e6)
    # A hundredth of 100 is left for the size: 100 / N^0.5 = 0.1.
    assert least_parameters(BY_HAND, 1.1) == pytest.approx(1e6)


@pytest.mark.parametrize(("flops", "published"), PILE)
def test_cerebras_gpt_reproduces_its_seven_losses(flops: float, published: float) -> None:
    law = load_law("cerebras-gpt")
    assert isinstance(law, ComputeLaw)
    assert loss_of_compute(law, flops) == pytest.approx(published, rel=0.011)
    assert compute_for_loss(law, loss_of_compute(law, flops)) == pytest.approx(flops)
    assert law.least_flops <= flops <= law.most_flops


@pytest.mark.parametrize("law", parametric(), ids=lambda law: law.name)
@given(parameters=sizes, tokens=sizes, more=st.floats(1.01, 100))
def test_more_of_either_never_loses_more(law: ParametricLaw, parameters: float, tokens: float, more: float) -> None:
    loss = expected_loss(law, parameters, tokens)
    assert law.floor < floor_at(law, parameters) < loss
    assert expected_loss(law, parameters * more, tokens) < loss
    assert expected_loss(law, parameters, tokens * more) < loss


@pytest.mark.parametrize("law", parametric(), ids=lambda law: law.name)
@given(parameters=sizes, tokens=st.floats(1e8, 1e13))
def test_tokens_for_a_loss_are_those_that_reach_it(law: ParametricLaw, parameters: float, tokens: float) -> None:
    loss = float(expected_loss(law, parameters, tokens))
    assert tokens_for_loss(law, parameters, loss) == pytest.approx(tokens, rel=1e-6)
    assert least_parameters(law, loss) < parameters


def test_formulas_broadcast() -> None:
    parameters, tokens = np.geomspace(1e8, 1e11, 4)[:, None], np.geomspace(1e10, 1e12, 3)
    losses = expected_loss(BY_HAND, parameters, tokens)
    assert losses.shape == (4, 3)
    assert losses[2, 1] == pytest.approx(expected_loss(BY_HAND, float(parameters[2, 0]), float(tokens[1])))


def test_laws_speak_of_what_they_know() -> None:
    every = {one.law: one for one in expected_losses(13e9, 260e9, 2.2e22)}
    assert set(every) == set(law_names())
    assert all(one.fitted for one in every.values())
    # On 100 tokens a parameter the law of compute at 20 has nothing to say.
    assert "cerebras-gpt" not in {one.law for one in expected_losses(13e9, 1.3e12, 1.1e23)}
    large = expected_losses(70e9, 1.4e12, 6e23)
    assert not any(one.fitted for one in large)
    assert large[0].law == law_names()[0] == "chinchilla-epoch"
    assert all(math.isfinite(one.loss) for one in large)


def test_unknown_laws_are_named() -> None:
    with pytest.raises(InputError, match="did you mean 'chinchilla'"):
        load_law("chinchila", "--law")


def test_every_figure_of_a_law_is_read() -> None:
    for name in law_names():
        law = load_law(name)
        assert all(getattr(law, figure.name) == float(figure.value) for figure in law.figures)
        assert len(law.figures) >= 6
