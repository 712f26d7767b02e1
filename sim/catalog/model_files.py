"""Reads the models of the catalogue: models/FAMILY.toml, one family, one paper a file, a table per size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim.catalog.data_files import names_on, read_data
from sim.catalog.figures import read_figure
from sim.catalog.loader import construct, fixed
from sim.catalog.records import Model
from sim.catalog.sources import load_sources
from sim.catalog.undisclosed import undisclosed, undisclosed_models
from sim.errors import InputError, shown, unknown_name


def model_names() -> list[str]:
    """Names of all models, family by family, small to large within a family."""
    return [name for family in names_on("models") for name in read_data(f"models/{family}")["model"]]


def load_model(name: str, where: str = "catalogue") -> Model:
    """Read one model. Raises InputError with the closest match for an unknown name, and for an undisclosed model."""
    for family in names_on("models"):
        raw = read_data(f"models/{family}")
        if name in raw["model"]:
            return model_of(name, family, raw)
    if name in undisclosed_models():
        raise undisclosed(undisclosed_models()[name], where, load_sources())
    raise unknown_name(where, "model", name, [*model_names(), *undisclosed_models()])


def model_of(name: str, family: str, raw: Mapping[str, Any]) -> Model:
    """Build one model: the family's common fields, then its own; one figure cites the paper."""
    where = f"catalogue: {name}"
    own = dict(raw["model"][name])
    cite = {key: own.pop(key, raw.get(key, "")) for key in ("source", "date", "note")}
    figure = read_figure("architecture", {"value": name, "kind": "published", **cite}, where)
    values = {**raw.get("common", {}), **own, "name": name, "figures": (figure,)}
    values.setdefault("kv_heads", values["heads"])
    values.setdefault("head_dim", values["hidden"] // values["heads"])
    values.setdefault("ffn_hidden", 4 * values["hidden"])
    where = f"{where} ({family}.toml)"
    return construct(Model, {**values, "runs": read_runs(values.get("runs", []), f"{where}: runs")}, where)


def read_runs(written: object, where: str) -> tuple[tuple[str, int], ...]:
    """Runs of layers as pairs; whether there are such kinds, and as many layers, is known where kinds are."""
    runs: tuple[tuple[str, int], ...] = fixed(written)
    for run in runs if isinstance(runs, tuple) else [runs]:
        if not isinstance(run, tuple) or [type(part) for part in run] != [str, int] or run[1] < 1:
            raise InputError(
                where, f"{shown(run)} is no run of layers", 'write for example [["dense", 16], ["dense", 8]]'
            )
    return runs
