"""Names of models that were read from files: two files never have one name among the points of a scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.scenario import Scenario


def told_apart(scenarios: Sequence[Scenario], documents: Sequence[Mapping[str, Any]]) -> list[Scenario]:
    """The scenarios, in which models of different files that are called alike have as much of their paths as it takes.

    documents: of each scenario; a model with a name of its own keeps it.
    """
    files = [_file(one, document["model"]) for one, document in zip(scenarios, documents, strict=True)]
    alike: dict[str, set[Path]] = {}
    for scenario, file in zip(scenarios, files, strict=True):
        if file:
            alike.setdefault(scenario.model.name, set()).add(file)
    return [
        scenario if not file else _named(scenario, file, alike[scenario.model.name])
        for scenario, file in zip(scenarios, files, strict=True)
    ]


def _file(scenario: Scenario, model: Mapping[str, Any]) -> Path | None:
    """The file that the model was read from and named after."""
    named_after = model.get("config") if "name" not in model else None
    return (scenario.path.parent / named_after).resolve() if named_after else None


def _named(scenario: Scenario, file: Path, alike: set[Path]) -> Scenario:
    """A scenario whose model has the fewest folders before its name that tell its file from those alike."""
    if len(alike) == 1:
        return scenario
    parts = {one: (*one.parts[:-1], one.stem) if one.stem == scenario.model.name else one.parts[:-1] for one in alike}
    most = max(map(len, parts.values()))
    size = next((size for size in range(2, most) if len({own[-size:] for own in parts.values()}) == len(alike)), most)
    return replace(scenario, model=replace(scenario.model, name="/".join(parts[file][-size:])))
