"""Reads a model from a Hugging Face config.json.

Nothing in the file is passed over: a field is read by its family, is known to change nothing in what a step costs, or
is refused by its name. What is not simulated is refused first, by the name of the feature.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.catalog import Model
from sim.errors import InputError, shown, some_of
from sim.reading import parse_json, read_text
from sim.scenario.config_families import DEFAULTS, FAMILIES, Family
from sim.scenario.config_features import is_feature, refuse_features
from sim.scenario.config_fields import ModelConfig, is_free
from sim.scenario.model_fields import build_model

_LISTED_BY = "scaletax list architectures"
_TEXT = ("text_config", "llm_config", "language_config")
"""Where a model for more than text has its language model."""
_TOWERS = ("vision_config", "audio_config", "visual")
"""What such a model has beside it, where the fields of its language model stand in the file itself."""
_EVERY = ("config", "params")
"""Names of files that say nothing of what is in them."""


def read_model_config(path: Path, name: str | None, where: str) -> Model:
    """Read a model from a config.json; of one for more than text, its language model.

    name: of the model; None takes that of the file, or of its folder where the file is called as all are.
    where: of the key in the scenario file that names this file.
    Raises InputError when the file is not there, is not JSON, or describes something that is not known here.
    """
    config, part_of = _language_model(ModelConfig(_fields(path, where), str(path)))
    architecture, model_type = _names(config)
    family = _family(config, architecture, model_type)
    described = family.describe(config)
    refuse_features(config, architecture, model_type, read=True)
    _refuse_unread(config, family)
    known = {key: value for key, value in {**described, "part_of": part_of}.items() if value is not None}
    return build_model({"name": name or _name_of(path), **known}, str(path))


def _name_of(path: Path) -> str:
    """What people call the model in a file. In the cache of the Hugging Face hub its folder is two above."""
    absolute = Path(os.path.abspath(path))
    folder = absolute.parent
    if folder.parent.name == "snapshots":
        folder = folder.parents[1]
    found = folder.name.rpartition("--")[2] if path.stem in _EVERY else path.stem
    return found.encode("utf-8", "replace").decode("utf-8")


def _language_model(config: ModelConfig) -> tuple[ModelConfig, str | None]:
    """The language model of a file for more than text, and of what it is a part; any other file as it is."""
    named = config.fields.get("architectures"), config.fields.get("model_type")
    whole = next((str(one[0] if isinstance(one, list) else one) for one in named if one), "a model for more than text")
    for key in _TEXT:
        if isinstance(inner := config.fields.get(key), Mapping):
            # What is left out of a table within a file has the defaults of its class, sizes as well.
            tied = {one: value for one, value in config.fields.items() if one == "tie_word_embeddings"}
            fields = {**DEFAULTS.get(str(inner.get("model_type")), {}), **tied, **inner}
            return _language_model(ModelConfig(fields, f"{config.where}: {key}"))[0], whole
    if config.fields.keys() & set(_TOWERS):
        known = any(whole in one.architectures for one in FAMILIES)
        beside = _TOWERS if known else (*_TOWERS, "architectures")
        fields = {key: value for key, value in config.fields.items() if key not in beside}
        return ModelConfig(fields, config.where), whole
    return config, None


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
        known = some_of((family.architectures[0] for family in FAMILIES), listed_by=_LISTED_BY)
        raise InputError(config.where, "there is neither 'architectures' nor 'model_type'", f"known: {known}")
    return listed[0] if named else "", model_type or ""


def _family(config: ModelConfig, architecture: str, model_type: str) -> Family:
    """The family that the file names. Raises InputError for one that is not known, or for two that differ.

    No other name is suggested: a name alike is another computation.
    """
    by_name = [one for one in FAMILIES if not architecture or architecture in one.architectures]
    found = [one for one in by_name if not model_type or model_type in one.model_types]
    if found:
        return found[0]
    refuse_features(config, architecture, model_type, read=False)
    if by_name and architecture:
        problem = f"'architectures' says {architecture}, but 'model_type' says {shown(model_type)}"
        raise InputError(config.where, problem, "leave out the one that is wrong")
    given = architecture or model_type
    known = some_of([one.architectures[0] for one in FAMILIES], given, listed_by=_LISTED_BY)
    remedy = f"known: {known}\nno other one stands for it, unless its layers are the same"
    raise InputError(config.where, f"the architecture '{given}' is not known here", remedy)


def _refuse_unread(config: ModelConfig, family: Family) -> None:
    """Raise InputError where fields are left that nobody read and that may change what a step costs."""
    unread = [key for key in config.unread() if not is_free(key, family.free) and not is_feature(key)]
    for name, table in config.tables.items():
        unread += [f"{name}.{key}" for key in table.unread() if not is_free(key, (), name) and not is_feature(key)]
    if unread:
        raise InputError(
            config.where,
            f"key '{unread[0]}' is not known here" if len(unread) == 1 else f"keys not known here: {some_of(unread)}",
            f"{family.architectures[0]} has no such field; where it changes no size or layer, leave it out of a copy",
        )
