"""Writes what a scaling law answered: results.json, budget.csv and the chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.catalog import ParametricLaw
from sim.outcome.quality.optimum import Recipe
from sim.outcome.quality.study import Study
from sim.page.borders import csv_text
from sim.records.document import RESULTS_SCHEMA, plain_data, versions
from sim.records.files import write_folder
from sim.report.budget.screen import budget_notes, budget_rows
from sim.study.price import Machine


def budget_document(study: Study, machine: Machine | None) -> dict[str, Any]:
    """Everything that was found as plain data."""
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
        "same_loss": list(budget_rows(study, machine)),
        "notes": budget_notes(study, machine),
    }
    return dict(plain_data(document))


def write_budget(study: Study, machine: Machine | None, directory: Path) -> list[Path]:
    """Write everything into a folder, all of it or nothing; return the paths.

    Raises InputError when the folder cannot be written.
    """

    def draw(folder: Path) -> list[Path]:
        # Drawing is the one heavy import of this room.
        from sim.report.charts.budget import budget_figure
        from sim.report.charts.canvas import save

        return save(budget_figure(study), folder, "budget")

    texts = {"budget.csv": csv_text(budget_rows(study, machine))}
    has_chart = isinstance(study.law, ParametricLaw)
    return write_folder(directory, budget_document(study, machine), texts, draw if has_chart else None)


def _record(recipe: Recipe) -> dict[str, float]:
    return {**recipe._asdict(), "training_flops": recipe.training_flops}
