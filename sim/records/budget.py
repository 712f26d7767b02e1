"""What a scaling law answered as plain data: results.json and the rows of budget.csv."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sim.outcome.quality.optimum import INFERENCE_FLOPS, Recipe, lifetime_flops
from sim.outcome.quality.study import Study, is_fitted
from sim.records.document import RESULTS_SCHEMA, plain_data, versions
from sim.study.price import Machine

_ALIKE = 1e-3


def budget_document(study: Study, machine: Machine | None, notes: Sequence[str]) -> dict[str, Any]:
    """Everything that was found as plain data. notes: what a reader must know beside the numbers."""
    question, lifetime = study.question, study.least_lifetime
    document = {
        "schema": RESULTS_SCHEMA,
        **versions(),
        "law": study.law.name,
        "corpus": study.law.corpus,
        "question": {name: getattr(question, name) for name in question.__slots__},
        "loss": study.loss,
        "fitted": study.fitted,
        "recipe": _record(study.recipe),
        "least_training": _record(study.least_training),
        "least_lifetime": None if lifetime is None else _record(lifetime),
        "same_loss": budget_rows(study, machine),
        "notes": list(notes),
    }
    return dict(plain_data(document))


def budget_rows(study: Study, machine: Machine | None) -> list[dict[str, float | str | bool | None]]:
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
                "name": name_of(recipe, study),
                "fitted": is_fitted(study.law, recipe),
            }
        )
    return rows


def name_of(recipe: Recipe, study: Study) -> str:
    """What a recipe is beside a size."""
    names = {"asked about": study.recipe, "least training": study.least_training}
    if study.least_lifetime is not None:
        names["least in all" if study.question.inference_weight == 1.0 else "cheapest in all"] = study.least_lifetime
    return ", ".join(name for name, one in names.items() if alike(one, recipe))


def alike(one: Recipe, other: Recipe) -> bool:
    """Whether two recipes are one, up to what a table shows."""
    return math.isclose(one.parameters, other.parameters, rel_tol=_ALIKE)


def _record(recipe: Recipe) -> dict[str, float]:
    return {**recipe._asdict(), "training_flops": recipe.training_flops}
