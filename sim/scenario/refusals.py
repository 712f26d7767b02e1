"""Entries that their file expects to be refused: models of which too little is known to simulate them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.scenario.entries import is_refused, within
from sim.scenario.entry_tables import Published
from sim.scenario.resolve import read_model
from sim.scenario.table import read


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that cannot be simulated, as its file expects."""

    entry: str
    model: str
    reason: InputError
    published: Published | None = None


def refusals(document: Mapping[str, Any], path: Path) -> list[Refusal]:
    """The entries of a filled document that are expected to be refused, and why they are.

    Raises InputError for one that is not.
    """
    return [_refusal(entry, path) for entry in document.get("entry", ()) if is_refused(entry)]


def _refusal(entry: Mapping[str, Any], path: Path) -> Refusal:
    name = entry["name"]
    try:
        model = read_model(entry.get("model", {}), path)
    except InputError as error:
        published = read(Published, entry["published"]) if "published" in entry else None
        return Refusal(name, _model_name(entry), within(error, path, name), published)
    raise InputError(
        f'{path}: [entry "{name}"] expect',
        f"expected to be refused, but the model '{model.name}' is known",
        "leave 'expect' out",
    )


def _model_name(entry: Mapping[str, Any]) -> str:
    model = entry.get("model")
    return str(model.get("name", "")) if isinstance(model, Mapping) else ""
