"""The losses that all laws expect of one training run."""

from __future__ import annotations

from dataclasses import dataclass

from sim.catalog import ComputeLaw, ParametricLaw, law_names, load_law
from sim.outcome.quality.losses import expected_loss, loss_of_compute

_AS_MANY = 1.25
"""A law that knows one number of tokens per parameter speaks of recipes as near to it as that."""


@dataclass(frozen=True, slots=True)
class ExpectedLoss:
    """What one law expects. loss: nats per token on that corpus. fitted: the law was fitted on such models."""

    law: str
    corpus: str
    loss: float
    fitted: bool


def expected_losses(parameters: float, tokens: float, training_flops: float) -> tuple[ExpectedLoss, ...]:
    """What every law that speaks of such a model expects of it, the default law first.

    training_flops: of the whole run, attention included, as laws of compute count.
    """
    found = []
    for name in law_names():
        law = load_law(name)
        match law:
            case ParametricLaw():
                fitted = (
                    law.least_parameters <= parameters <= law.most_parameters
                    and law.least_tokens <= tokens <= law.most_tokens
                )
                loss = float(expected_loss(law, parameters, tokens))
            case ComputeLaw():
                if not 1 / _AS_MANY <= tokens / parameters / law.tokens_per_parameter <= _AS_MANY:
                    continue
                fitted = law.least_flops <= training_flops <= law.most_flops
                loss = float(loss_of_compute(law, training_flops))
        found.append(ExpectedLoss(law.name, law.corpus, loss, fitted))
    return tuple(found)
