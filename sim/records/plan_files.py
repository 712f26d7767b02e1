"""Writes what searches for plans found: results.json, the best plan as a scenario to run, and charts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from sim.errors import ScaletaxError
from sim.planning import PlanStudy
from sim.records.files import write_folder
from sim.records.plans import plans_document
from sim.scenario import Scenario, resolved_toml
from sim.scenario.types import Search
from sim.study.plans import SystemStudy
from sim.study.points import slug


def write_studies(
    studies: Sequence[SystemStudy], failures: Sequence[ScaletaxError], directory: Path, charts: bool = True
) -> list[Path]:
    """Write everything into a folder, all of it or nothing; return the paths.

    charts: whether to draw, where the scenarios do not forbid it. Raises InputError when the folder cannot be written.
    """
    documents = resolved_toml([with_best_plan(study.found) for study in studies])
    texts = {
        "best.toml" if len(documents) == 1 else f"best-{number}.toml": text
        for number, text in enumerate(documents, start=1)
    }
    drawn = charts and any(study.found.about.scenario.report.charts for study in studies)
    document = plans_document(studies, failures)
    return write_folder(directory, document, texts, (lambda folder: _draw(studies, folder)) if drawn else None)


def _draw(studies: Sequence[SystemStudy], folder: Path) -> list[Path]:
    # Drawing is the one heavy import of this room.
    from sim.report.charts.canvas import save
    from sim.report.charts.plans import effort_figure, plans_figure

    paths = []
    for study, suffix in zip(studies, _suffixes(studies), strict=True):
        if len(study.found.step_s) > 1:
            paths += save(plans_figure(study.found), folder, f"plans{suffix}")
        if len(study.sizes) > 1:
            paths += save(effort_figure(study), folder, f"effort{suffix}")
    return paths


def _suffixes(studies: Sequence[SystemStudy]) -> list[str]:
    """What tells the files of systems apart: their names, then their models, then a number."""
    if len(studies) == 1:
        return [""]
    scenarios = [study.found.about.scenario for study in studies]
    systems = [one.system.name for one in scenarios]
    names = [
        f"{name} {one.model.name}" if systems.count(name) > 1 else name
        for name, one in zip(systems, scenarios, strict=True)
    ]
    plain = [f"-{slug(name)}" for name in names]
    return [
        f"{name}-{plain[:place].count(name) + 1}" if plain.count(name) > 1 else name for place, name in enumerate(plain)
    ]


def with_best_plan(found: PlanStudy) -> Scenario:
    """The scenario with the best plan written down, on the devices that it uses."""
    scenario, plan = found.about.scenario, found.best[0].plan
    system = dataclasses.replace(scenario.system, plan=plan.request(), devices=plan.devices, search=Search())
    return dataclasses.replace(scenario, system=system)
