"""Reads a model from a Hugging Face config.json.

Nothing in the file is passed over: a field is read by its family, is known to change nothing in what a step costs, or
is refused by its name. What is not simulated is refused first, by the name of the feature.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sim.catalog import Model
from sim.errors import InputError, shown, some_of
from sim.reading import parse_json, read_text
from sim.scenario.config_families import FAMILIES, Family
from sim.scenario.config_features import is_feature, refuse_features
from sim.scenario.config_fields import ModelConfig, is_free
from sim.scenario.model_fields import build_model

_LISTED_BY = "scaletax list architectures"


def read_model_config(path: Path, name: str | None, where: str) -> Model:
    """Read a model from a config.json.

    name: of the model; None takes the name of the folder that the file is in.
    where: of the key in the scenario file that names this file.
    Raises InputError when the file is not there, is not JSON, or describes something that is not known here.
    """
    config = ModelConfig(_fields(path, where), str(path))
    architecture, model_type = _names(config)
    refuse_features(config, architecture, model_type)
    family = _family(config, architecture, model_type)
    described = family.describe(config)
    _refuse_unread(config, family)
    known = {key: value for key, value in described.items() if value is not None}
    folder = Path(os.path.abspath(path)).parent.name.encode("utf-8", "replace").decode("utf-8")
    return build_model({"name": name or folder, **known}, str(path))


def _fields(path: Path, where: str) -> dict[str, Any]:
    """The tables of the file as JSON has them."""
    hint = "is this a Hugging Face config.json?"
    fields = parse_json(read_text(path, where), str(path), hint)
    if not isinstance(fields, dict):
        raise InputError(str(path), f"it holds {shown(fields)}, no fields of a model", hint)
    return fields


def _names(config: ModelConfig) -> tuple[str, str]:
    """The architecture and the model type, of which one may be empty. Raises InputError where both are."""
    listed, model_type = config.value("architectures"), config.value("model_type")
    named = isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], str)
    if listed and not named:
        raise InputError(config.where, f"'architectures' is {shown(listed)}", "it must name one architecture")
    if model_type is not None and not isinstance(model_type, str):
        raise InputError(config.where, f"'model_type' is {shown(model_type)}", "it must be text")
    if not named and not model_type:
        known = some_of((family.architecture for family in FAMILIES), listed_by=_LISTED_BY)
        raise InputError(config.where, "there is neither 'architectures' nor 'model_type'", f"known: {known}")
    return listed[0] if named else "", model_type or ""


def _family(config: ModelConfig, architecture: str, model_type: str) -> Family:
    """The family that the file names. Raises InputError for one that is not known, or for two that differ.

    No other name is suggested: a name alike is another computation.
    """
    given = architecture or model_type
    found = [one for one in FAMILIES if given == (one.architecture if architecture else one.model_type)]
    if not found:
        known = some_of([one.architecture for one in FAMILIES], given, listed_by=_LISTED_BY)
        remedy = f"known: {known}\nno other one stands for it, unless its layers are the same"
        raise InputError(config.where, f"the architecture '{given}' is not known here", remedy)
    if model_type and found[0].model_type != model_type:
        problem = f"'architectures' says {architecture}, but 'model_type' says {shown(model_type)}"
        raise InputError(config.where, problem, "leave out the one that is wrong")
    return found[0]


def _refuse_unread(config: ModelConfig, family: Family) -> None:
    """Raise InputError where fields are left that nobody read and that may change what a step costs."""
    unread = [key for key in config.unread() if not is_free(key, family.free) and not is_feature(key)]
    for name, table in config.tables.items():
        unread += [f"{name}.{key}" for key in table.unread() if not is_free(key, (), name) and not is_feature(key)]
    if unread:
        raise InputError(
            config.where,
            f"key '{unread[0]}' is not known here" if len(unread) == 1 else f"keys not known here: {some_of(unread)}",
            f"{family.architecture} has no such field; where it changes no size and no layer, leave it out of a copy",
        )
