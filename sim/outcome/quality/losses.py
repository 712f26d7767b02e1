"""The loss that a law expects of a model, and what it takes to reach one."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.catalog import ComputeLaw, ParametricLaw

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


def expected_loss(law: ParametricLaw, parameters: Numbers, tokens: Numbers) -> Numbers:
    """E + A / N^alpha + B / D^beta, in nats per token (Hoffmann et al. 2022, arXiv 2203.15556, Eq. 2).

    Hand-worked: with A = B = 100, both exponents 0.5 and E = 1, a million parameters on 4 million tokens: 1.15.
    """
    size = law.parameter_scale / parameters**law.parameter_exponent
    loss: Numbers = law.floor + size + law.token_scale / tokens**law.token_exponent
    return loss


def floor_at(law: ParametricLaw, parameters: Numbers) -> Numbers:
    """The loss that models of this size come near to with ever more tokens: E + A / N^alpha."""
    loss: Numbers = law.floor + law.parameter_scale / parameters**law.parameter_exponent
    return loss


def least_parameters(law: ParametricLaw, loss: float) -> float:
    """The size below which no number of tokens reaches a loss above the law's floor: (A / (L - E))^(1/alpha)."""
    return float((law.parameter_scale / (loss - law.floor)) ** (1.0 / law.parameter_exponent))


def tokens_for_loss(law: ParametricLaw, parameters: Numbers, loss: float) -> Numbers:
    """Tokens after which models of these sizes reach a loss: (B / (L - E - A / N^alpha))^(1/beta).

    parameters: each above least_parameters, below which there are none.
    Hand-worked: with the law above and L = 1.15, a million parameters need 4 million tokens.
    """
    tokens: Numbers = (law.token_scale / (loss - floor_at(law, parameters))) ** (1.0 / law.token_exponent)
    return tokens


def loss_of_compute(law: ComputeLaw, training_flops: Numbers) -> Numbers:
    """(C / C0)^-exponent + E (Dey et al. 2023, arXiv 2304.03208, Eq. 1)."""
    loss: Numbers = (training_flops / law.compute_scale_flops) ** -law.exponent + law.floor
    return loss


def compute_for_loss(law: ComputeLaw, loss: float) -> float:
    """FLOPs of a training run that reaches a loss above the law's floor: C0 x (L - E)^(-1/exponent)."""
    return float(law.compute_scale_flops * (loss - law.floor) ** (-1.0 / law.exponent))
