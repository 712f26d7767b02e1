"""The size of model that suits a budget, a loss, or all the tokens that it will ever produce."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.catalog import ComputeLaw, ParametricLaw
from sim.outcome.quality.losses import least_parameters, tokens_for_loss

Numbers = TypeVar("Numbers", float, NDArray[np.float64])

TRAINING_FLOPS = 6.0
"""Per parameter and token: forward 2, backward 4 (Kaplan et al. 2020, arXiv 2001.08361), without attention."""
INFERENCE_FLOPS = 2.0
"""Per parameter and token: forward alone, as Sardana et al. 2023 (arXiv 2401.00448) count."""
_HALVINGS = 200


class Recipe(NamedTuple):
    """A model and what it is trained on."""

    parameters: float
    tokens: float

    @property
    def training_flops(self) -> float:
        """6 x parameters x tokens."""
        return TRAINING_FLOPS * self.parameters * self.tokens


def compute_optimal(law: ParametricLaw, training_flops: float) -> Recipe:
    """The recipe of least loss for a budget C = 6 N D (Hoffmann et al. 2022, Eq. 4).

    N = G (C/6)^(beta/(alpha+beta)), D = C / (6 N), G = (alpha A / (beta B))^(1/(alpha+beta)).
    Hand-worked: A = B and alpha = beta: as many tokens as parameters; 6e12 FLOP, a million of each.
    """
    alpha, beta = law.parameter_exponent, law.token_exponent
    scale = (alpha * law.parameter_scale / (beta * law.token_scale)) ** (1.0 / (alpha + beta))
    parameters = scale * (training_flops / TRAINING_FLOPS) ** (beta / (alpha + beta))
    return Recipe(parameters, training_flops / (TRAINING_FLOPS * parameters))


def optimal_for_loss(law: ParametricLaw, loss: float) -> Recipe:
    """The recipe that reaches a loss above the law's floor with least training.

    There alpha A / N^alpha = beta B / D^beta, and the two terms make up L - E.
    """
    alpha, beta = law.parameter_exponent, law.token_exponent
    of_size = (loss - law.floor) * beta / (alpha + beta)
    of_tokens = loss - law.floor - of_size
    return Recipe((law.parameter_scale / of_size) ** (1.0 / alpha), (law.token_scale / of_tokens) ** (1.0 / beta))


def at_compute(law: ComputeLaw, training_flops: float) -> Recipe:
    """The recipe of a law that knows one number of tokens per parameter."""
    parameters = math.sqrt(training_flops / (TRAINING_FLOPS * law.tokens_per_parameter))
    return Recipe(parameters, law.tokens_per_parameter * parameters)


def lifetime_flops(parameters: Numbers, tokens: Numbers, inference_tokens: float) -> Numbers:
    """Training and every token that is ever read or written: 6 N D + 2 N I (Sardana et al. 2023, Eq. 3)."""
    return parameters * (TRAINING_FLOPS * tokens + INFERENCE_FLOPS * inference_tokens)


def lifetime_optimal(law: ParametricLaw, loss: float, inference_tokens: float, inference_weight: float = 1.0) -> Recipe:
    """The recipe that reaches a loss with least training and inference together.

    inference_weight: what a FLOP of inference costs, over what one of training does.
    The derivative of 6 N D(N) + 2 w I N by N is 6 D (1 - alpha x / (beta y)) + 2 w I, with x = A / N^alpha and
    y = B / D^beta. It rises with N: below zero near the least size, above zero at the size of least training, so the
    size is found by halving what lies between them.
    """
    low, high = math.log(least_parameters(law, loss)), math.log(optimal_for_loss(law, loss).parameters)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _slope(law, math.exp(middle), loss, inference_weight * inference_tokens) < 0:
            low = middle
        else:
            high = middle
    return Recipe(math.exp(high), float(tokens_for_loss(law, math.exp(high), loss)))


def _slope(law: ParametricLaw, parameters: float, loss: float, inference_tokens: float) -> float:
    """Of lifetime_flops along the recipes of one loss, per parameter."""
    of_size = law.parameter_scale / parameters**law.parameter_exponent
    of_tokens = loss - law.floor - of_size
    if of_tokens <= 0:
        return -math.inf
    tokens = float((law.token_scale / of_tokens) ** (1.0 / law.token_exponent))
    share = float(law.parameter_exponent * of_size / (law.token_exponent * of_tokens))
    return TRAINING_FLOPS * tokens * (1.0 - share) + INFERENCE_FLOPS * inference_tokens
