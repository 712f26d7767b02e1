"""What is asked of a scaling law, and its answer: the recipe, others of the same loss, the least lifetime compute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.catalog import ComputeLaw, Law, ParametricLaw
from sim.errors import InputError
from sim.outcome.quality.losses import (
    compute_for_loss,
    expected_loss,
    floor_at,
    least_parameters,
    loss_of_compute,
    tokens_for_loss,
)
from sim.outcome.quality.optimum import (
    TRAINING_FLOPS,
    Recipe,
    at_compute,
    compute_optimal,
    lifetime_optimal,
    optimal_for_loss,
)

_SMALLEST = 1.0
"""A model has a parameter, and has seen a token."""
_LARGEST = 1e30
"""Of parameters and tokens; in far larger models nothing but the floor would be left of a loss, to the last digit."""
_SIZES = tuple(2.0**power for power in (-2.5, -2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2))
"""Other sizes, over that of least training."""
_ALIKE = 1e-3
"""Recipes whose sizes are as near as that are one."""
_ALLOWED = (
    "give a compute budget, a target loss, or both; or parameters together with tokens, a compute budget or a target"
    " loss; or tokens together with a compute budget"
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a user knows; two of them at most, and the tokens that the model will read and write in its life.

    inference_weight: what a FLOP of inference costs, over what one of training does.
    """

    compute_flops: float | None = None
    target_loss: float | None = None
    parameters: float | None = None
    tokens: float | None = None
    inference_tokens: float = 0.0
    inference_weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Study:
    """An answer. recipe: what was asked about. least_training: the same loss with the fewest FLOPs of training.

    least_lifetime: with the fewest of training and inference together, or the cheapest of both where they cost
    differently; None where no inference is asked for. same_loss: recipes of this loss by size, the smallest first.
    left_out: other sizes that have more or fewer tokens per parameter than any model that the law was fitted on.
    """

    law: Law
    question: Question
    loss: float
    recipe: Recipe
    least_training: Recipe
    least_lifetime: Recipe | None
    same_loss: tuple[Recipe, ...]
    left_out: tuple[Recipe, ...] = ()

    @property
    def fitted(self) -> bool:
        """Whether the law was fitted on models like the one asked about."""
        return is_fitted(self.law, self.recipe)


def is_fitted(law: Law, recipe: Recipe) -> bool:
    """Whether a law was fitted on models of such a size, on so many tokens."""
    if isinstance(law, ComputeLaw):
        return law.least_flops <= recipe.training_flops <= law.most_flops
    sizes = law.least_parameters <= recipe.parameters <= law.most_parameters
    return sizes and law.least_tokens <= recipe.tokens <= law.most_tokens


def answer(law: Law, question: Question) -> Study:
    """Answer a question by a law. Raises InputError where it cannot be, and says what could."""
    _check_numbers(question)
    if isinstance(law, ComputeLaw):
        return _by_compute(law, question)
    recipe = _recipe(law, question)
    _check_size(recipe)
    loss = float(expected_loss(law, *recipe)) if question.target_loss is None else question.target_loss
    least = optimal_for_loss(law, loss)
    _check_size(least)
    lifetime = None
    if question.inference_tokens:
        lifetime = lifetime_optimal(law, loss, question.inference_tokens, question.inference_weight)
    named = [one for one in (recipe, least, lifetime) if one is not None]
    others, left_out = _other_sizes(law, loss)
    return Study(law, question, loss, recipe, least, lifetime, _by_size([*named, *others]), tuple(left_out))


def _recipe(law: ParametricLaw, question: Question) -> Recipe:
    """The model that is asked about."""
    compute, loss, parameters, tokens = (
        question.compute_flops, question.target_loss, question.parameters, question.tokens,
    )  # fmt: skip
    given = [value for value in (compute, loss, parameters, tokens) if value is not None]
    if not given or len(given) > 2 or (tokens is not None and len(given) == 1):
        number = len(given) or "none"
        raise InputError("budget", f"{number} of compute, target loss, parameters and tokens given", _ALLOWED)
    if loss is not None:
        _check_loss(law, loss)
    match compute, loss, parameters, tokens:
        case float(), None, None, None:
            return compute_optimal(law, compute)
        case float(), float(), None, None:
            return _affordable(law, compute, loss)
        case float(), None, float(), None:
            return Recipe(parameters, compute / (TRAINING_FLOPS * parameters))
        case float(), None, None, float():
            return Recipe(compute / (TRAINING_FLOPS * tokens), tokens)
        case None, float(), None, None:
            return optimal_for_loss(law, loss)
        case None, float(), float(), None:
            return _long_enough(law, loss, parameters)
        case None, None, float(), float():
            return Recipe(parameters, tokens)
    raise InputError("budget", "these two do not make a question", _ALLOWED)


def _check_loss(law: Law, loss: float) -> None:
    if loss <= law.floor:
        raise InputError(
            "--target-loss",
            f"{loss:g} is not above {law.floor:.4g}, below which {law.name} expects no model to come",
            f"ask for more than {law.floor:.4g} (nats per token on {law.corpus}), or choose another law with --law",
        )


def _affordable(law: ParametricLaw, compute_flops: float, loss: float) -> Recipe:
    """The recipe of least training for a loss, if the budget is enough for it."""
    least = optimal_for_loss(law, loss)
    if least.training_flops > compute_flops * (1 + _ALIKE):
        reached = float(expected_loss(law, *compute_optimal(law, compute_flops)))
        raise InputError(
            "--compute",
            f"no model reaches a loss of {loss:g} with {compute_flops:.3g} FLOP: that takes"
            f" {least.training_flops:.3g} at least",
            f"raise --compute, or ask for a loss of {reached:.4g}, the least that this budget reaches",
        )
    return least


def _long_enough(law: ParametricLaw, loss: float, parameters: float) -> Recipe:
    """A model of this size, trained until it reaches the loss."""
    if parameters <= least_parameters(law, loss):
        raise InputError(
            "--parameters",
            f"no number of tokens takes {parameters:.3g} parameters to a loss of {loss:g}: they stay above"
            f" {float(floor_at(law, parameters)):.4g}",
            f"take more than {least_parameters(law, loss):.3g} parameters, or a higher --target-loss",
        )
    return Recipe(parameters, float(tokens_for_loss(law, parameters, loss)))


def _other_sizes(law: ParametricLaw, loss: float) -> tuple[list[Recipe], list[Recipe]]:
    """Recipes of this loss at other sizes than that of least training: of a shape that the law knows, and others."""
    at = optimal_for_loss(law, loss).parameters
    sizes = np.array([at * factor for factor in _SIZES])
    sizes = sizes[sizes > max(least_parameters(law, loss) * (1 + _ALIKE), _SMALLEST)]
    fewest, most = law.tokens_per_parameter
    known: list[Recipe] = []
    others: list[Recipe] = []
    for size in sizes:
        recipe = Recipe(float(size), float(tokens_for_loss(law, float(size), loss)))
        (known if fewest <= recipe.tokens / recipe.parameters <= most else others).append(recipe)
    return known, others


def _by_size(recipes: list[Recipe]) -> tuple[Recipe, ...]:
    """The smallest first, each once."""
    found: list[Recipe] = []
    for recipe in sorted(recipes):
        if not found or recipe.parameters > found[-1].parameters * (1 + _ALIKE):
            found.append(recipe)
    return tuple(found)


def _by_compute(law: ComputeLaw, question: Question) -> Study:
    """A law of compute alone knows one recipe for each budget."""
    if question.parameters is not None or question.tokens is not None or question.inference_tokens:
        raise InputError(
            "--law",
            f"{law.name} only knows models of {law.tokens_per_parameter:g} tokens a parameter: it cannot say what other"
            " sizes or more tokens do",
            "give --compute or --target-loss alone, or choose a law of parameters and tokens (scaletax list laws)",
        )
    compute, loss = question.compute_flops, question.target_loss
    if (compute is None) == (loss is None):
        raise InputError("budget", "this law takes one of compute and target loss", "give --compute or --target-loss")
    if loss is not None:
        _check_loss(law, loss)
        compute = compute_for_loss(law, loss)
    assert compute is not None
    recipe = at_compute(law, compute)
    _check_size(recipe)
    return Study(law, question, float(loss_of_compute(law, compute)), recipe, recipe, None, (recipe,))


def _check_numbers(question: Question) -> None:
    """Every number is one, above zero and no larger than a law can tell apart."""
    given = (
        ("--compute", question.compute_flops, TRAINING_FLOPS * _LARGEST**2, "7e9"),
        ("--target-loss", question.target_loss, _LARGEST, "2.1"),
        ("--parameters", question.parameters, _LARGEST, "7e9"),
        ("--tokens", question.tokens, _LARGEST, "7e9"),
        # No inference is a zero.
        ("--inference-tokens", question.inference_tokens or None, _LARGEST, "7e9"),
    )
    for option, value, most, example in given:
        if value is None or 0 < value <= most:
            continue
        raise InputError(
            option, f"{value:g} is no number above zero and up to {most:g}", f"write for example {example}"
        )


def _check_size(recipe: Recipe) -> None:
    """A model has a size: neither so small that it is none, nor so large that its loss is the floor."""
    if _SMALLEST <= recipe.parameters <= _LARGEST and _SMALLEST <= recipe.tokens <= _LARGEST:
        return
    small = min(recipe) < _SMALLEST
    raise InputError(
        "budget",
        f"this comes to a model of {recipe.parameters:.3g} parameters on {recipe.tokens:.3g} tokens",
        "no model fits this budget: give a larger one, for example --compute 1e21"
        if small
        else "no model is as large as that: give less compute, or a loss further above the law's floor",
    )
