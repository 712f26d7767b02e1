"""What a scaling law answers, for people: sentences, recipes of the same loss, other laws, what to know beside it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from sim.catalog import ComputeLaw, Law, ParametricLaw, law_names, load_law
from sim.errors import InputError
from sim.outcome.quality.optimum import INFERENCE_FLOPS, Recipe, lifetime_flops
from sim.outcome.quality.study import Study, answer, is_fitted
from sim.page.numbers import large
from sim.report.layout import table, wrapped
from sim.study.price import Machine

_ALIKE = 1e-3
_LARGEST_WRITTEN = 1e16
_PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def budget_screen(study: Study, machine: Machine | None) -> str:
    """Return the answer as plain text: ASCII only, narrow enough for a terminal."""
    parts = [
        "\n".join(wrapped(line) for line in _answers(study)),
        _same_loss(study, machine),
        _other_laws(study),
        "\n".join(wrapped(f"note: {line}") for line in budget_notes(study, machine)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def budget_notes(study: Study, machine: Machine | None) -> list[str]:
    """What a reader must know beside the numbers."""
    law = study.law
    notes = [f"{law.name}: {law.title}; losses are nats per token on {law.corpus}, and comparable on that alone"]
    if study.left_out:
        notes.insert(0, _left_out(study))
    if not all(is_fitted(law, recipe) for recipe in study.same_loss):
        this = "models marked outside lie" if study.fitted else "this model lies"
        notes.insert(0, f"{this} outside those that {law.name} was fitted on: {fitted_range(law)}")
    notes.append("FLOP: 6 x parameters x tokens of training, 2 x parameters x tokens of inference, without attention")
    if isinstance(law, ComputeLaw):
        notes.append(f"{law.name} counts FLOP as its paper does, 9 to 38 % more than that")
    if machine is not None:
        price = f"rented at prices of {machine.rental.date}" if machine.rental else "its rental price is unknown"
        if machine.rental and machine.rental.assumed:
            price += ", assumed, from no source that could be checked"
        served = f", inference at {100 * machine.inference_mfu:.3g} %"
        notes.append(
            f"{machine.device} at {100 * machine.mfu:.3g} % of its dense half-precision peak{served}, as given;"
            f" {price}. Simulate a scenario for what a cluster reaches"
        )
    return notes


def _answers(study: Study) -> list[str]:
    """The answer in a sentence or two."""
    question, recipe, least = study.question, study.recipe, study.least_training
    lines = [
        f"{large(recipe.parameters)} parameters on {large(recipe.tokens)} tokens"
        f" ({recipe.tokens / recipe.parameters:.3g} per parameter), {recipe.training_flops:.3g} FLOP: loss"
        f" {study.loss:.4g}."
    ]
    if not _alike(recipe, least):
        more = recipe.training_flops / least.training_flops - 1.0
        lines.append(
            f"The same loss with least training: {large(least.parameters)} parameters on"
            f" {large(least.tokens)} tokens, {least.training_flops:.3g} FLOP; the model above takes"
            f" {100 * more:.3g} % more."
        )
    best = study.least_lifetime
    if best is not None:
        tokens = question.inference_tokens
        whole, other = (float(lifetime_flops(*each, tokens)) for each in (best, recipe))
        cheapest = "cheapest" if question.inference_weight != 1.0 else "least FLOP"
        saved = 1.0 - whole / other
        change = f"{100 * saved:.3g} % less" if saved >= 0 else f"{-100 * saved:.3g} % more"
        lines.append(
            f"With {large(tokens)} tokens of inference, {cheapest} in all at that loss:"
            f" {large(best.parameters)} parameters on {large(best.tokens)} tokens"
            f" ({best.tokens / best.parameters:.3g} per parameter), {whole:.3g} FLOP, {change} than the first model."
        )
    return lines


def _same_loss(study: Study, machine: Machine | None) -> str:
    """A row for each recipe of the same loss."""
    tokens = study.question.inference_tokens
    headers = ["parameters", "tokens", "tokens per\nparameter", "training\nFLOP"]
    headers += ["inference\nFLOP", "in all\nFLOP"] if tokens else []
    headers += ["device-\nhours", "rented, USD\nlow to high"] if machine else []
    rows = []
    for recipe in study.same_loss:
        # A model that the law was not fitted on is marked.
        marks = _name(recipe, study), "" if is_fitted(study.law, recipe) else "outside"
        rows.append([*_cells(recipe, tokens, machine), ", ".join(filter(None, marks))])
    text = table(rows, "r" * len(headers) + "l", [*headers, ""])
    return f"All of these reach a loss of {study.loss:.4g}:\n\n{text}" if len(rows) > 1 else ""


def _cells(recipe: Recipe, inference_tokens: float, machine: Machine | None) -> list[str]:
    cells = [
        large(recipe.parameters),
        large(recipe.tokens),
        f"{recipe.tokens / recipe.parameters:,.3g}",
        f"{recipe.training_flops:.3g}",
    ]
    if inference_tokens:
        cells += [f"{INFERENCE_FLOPS * recipe.parameters * inference_tokens:.3g}"]
        cells += [f"{float(lifetime_flops(*recipe, inference_tokens)):.3g}"]
    if machine is not None:
        cost = machine.cost_usd(recipe, inference_tokens)
        cells += [f"{machine.device_hours(recipe, inference_tokens):,.0f}"]
        cells += [f"{cost.low:,.0f} to {cost.high:,.0f}" if cost else "unknown"]
    return cells


def _name(recipe: Recipe, study: Study) -> str:
    """What a recipe is beside a size."""
    names = {"asked about": study.recipe, "least training": study.least_training}
    if study.least_lifetime is not None:
        names["least in all" if study.question.inference_weight == 1.0 else "cheapest in all"] = study.least_lifetime
    return ", ".join(name for name, one in names.items() if _alike(one, recipe))


def _left_out(study: Study) -> str:
    """Which sizes are no options, and why."""
    law, sizes = study.law, [large(recipe.parameters) for recipe in study.left_out]
    assert isinstance(law, ParametricLaw)
    fewest, most = law.tokens_per_parameter
    return (
        f"left out: {', '.join(sizes)} parameters, whose tokens per parameter lie outside {fewest:.2g} to {most:,.0f},"
        f" the fewest and the most of models within those that {law.name} was fitted on"
    )


def _other_laws(study: Study) -> str:
    """What other laws say of the same budget, or of the same model."""
    rows = []
    for name in law_names():
        try:
            other = answer(load_law(name), dataclasses.replace(study.question, inference_tokens=0.0))
        except InputError:
            continue
        recipe = other.recipe
        per = f"{recipe.tokens / recipe.parameters:.3g}"
        cells = (large(recipe.parameters), large(recipe.tokens), per, f"{other.loss:.4g}")
        rows.append((name, *cells, other.law.corpus))
    if study.question.target_loss is not None or len(rows) < 2:
        # A loss on one corpus is another model's on another.
        return ""
    headers = ("law", "parameters", "tokens", "tokens per\nparameter", "loss", "on")
    return f"What other laws say:\n\n{table(rows, 'lrrrrl', headers)}"


def fitted_range(law: Law) -> str:
    """The models that a law was fitted on, in words."""
    if isinstance(law, ComputeLaw):
        return f"{law.least_flops:.3g} to {law.most_flops:.3g} FLOP"
    sizes = f"{large(law.least_parameters)} to {large(law.most_parameters)} parameters"
    return f"{sizes}, {large(law.least_tokens)} to {large(law.most_tokens)} tokens"


def _alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes are one, up to what a table shows."""
    return math.isclose(one.parameters, other.parameters, rel_tol=_ALIKE)


def budget_rows(study: Study, machine: Machine | None) -> Sequence[dict[str, float | str | bool | None]]:
    """A flat row for each recipe of the same loss, for budget.csv; unknown costs are empty."""
    tokens = study.question.inference_tokens
    rows: list[dict[str, float | str | bool | None]] = []
    for recipe in study.same_loss:
        cost = machine.cost_usd(recipe, tokens) if machine else None
        rows.append(
            {
                "law": study.law.name,
                "loss": study.loss,
                "parameters": recipe.parameters,
                "tokens": recipe.tokens,
                "training_flops": recipe.training_flops,
                "inference_flops": INFERENCE_FLOPS * recipe.parameters * tokens,
                "lifetime_flops": float(lifetime_flops(*recipe, tokens)),
                "device_hours": machine.device_hours(recipe, tokens) if machine else None,
                "rental_usd_low": cost.low if cost else None,
                "rental_usd": cost.typical if cost else None,
                "rental_usd_high": cost.high if cost else None,
                "name": _name(recipe, study),
                "fitted": is_fitted(study.law, recipe),
            }
        )
    return rows
