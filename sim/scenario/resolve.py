"""Turns a checked document of one system into a Scenario: names looked up, amounts and paths resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, cast

from sim.catalog import (
    Model,
    Variation,
    check_stack_name,
    load_model,
    load_recipe,
    load_reliability,
    optimizer_names,
    precision_of,
)
from sim.errors import InputError, ScaletaxError, shown, some_of, unknown_name
from sim.scenario.amounts import Batch, sequences_in
from sim.scenario.axis_key import AxisKey
from sim.scenario.bounds import MOST_SEQUENCES, check_size
from sim.scenario.model_config import read_model_config
from sim.scenario.model_fields import build_model
from sim.scenario.problems import attempt, check, check_structure, combine, place
from sim.scenario.schema import Document, ModelTable
from sim.scenario.stack_request import StackRequest
from sim.scenario.table import Table, only_given
from sim.scenario.types import Scenario, System, Training, name_of
from sim.scenario.variation import Place, VariationTable, variation_from

SHARED = tuple(sorted({one.name for one in fields(Document)} & {one.name for one in fields(Scenario)} - {"entry"}))
"""Fields of a file that a scenario made of it has as well; an entry is there by its name alone."""


def scenario_from(document: Mapping[str, Any], path: Path, axes: Mapping[AxisKey, Any] | None = None) -> Scenario:
    """Build the scenario of one point.

    document: as read_document returns it, with one system and without [sweep].
    path: of the scenario file; relative paths in it are taken from its folder.
    axes: values of the sweep axes at this point, for the record; the document has them already.
    Raises InputError that reports all problems found, the first as the headline.
    """
    try:
        return _resolve(document, path, dict(axes or {}))
    except InputError as error:
        raise at_point(error, axes or {}) from None


def at_point(error: ScaletaxError, axes: Mapping[AxisKey, Any]) -> ScaletaxError:
    """The error, of the same kind, that also names the point of the sweep which has it."""
    if not axes:
        return error
    at = ", ".join(f"{key} = {shown(value)}" for key, value in axes.items())
    return type(error)(error.where, f"{error.problem}\nat the sweep point {at}", error.remedy)


def _resolve(raw: Mapping[str, Any], path: Path, axes: dict[AxisKey, Any]) -> Scenario:
    document = check(raw, path)
    if len(document.system) != 1 or document.sweep:
        raise ValueError("a scenario is made of one system and no sweep: expand the document first")
    errors: list[InputError] = []
    model = attempt(errors, _model, document.model, path)
    training = attempt(errors, _training, document.training, raw["training"], model, path) if model else None

    def at(*keys: str) -> str:
        return f"{path}: {place(('system', 0, *keys), raw)}"

    table, written = document.system[0], raw["system"][0]
    name_at = at("variation") if isinstance(written.get("variation"), str) else at("variation", "profile")
    variation = attempt(errors, _variation, table, at, name_at)
    run_at = at("run") if isinstance(written.get("run"), str) else at("run", "reliability")
    if table.run.profile is not None:
        attempt(errors, load_reliability, table.run.profile, run_at)
    system = attempt(errors, _system, table, written, variation or Variation(), path, at)
    if errors or model is None or training is None or system is None:
        raise combine(errors)
    found = {name: getattr(document, name) for name in SHARED}
    title = path.stem if document.title is None else document.title
    found |= {"title": title, "model": model, "training": training, "system": system}
    return Scenario(**found, path=path, axes=axes)


def read_model(raw: object, path: Path) -> Model:
    """The model of a table [model] alone. Raises InputError for one that is not known or not whole."""
    return _model(check_structure(_OnlyModel, {"model": raw}, path).model, path)


@dataclass(frozen=True, slots=True)
class _OnlyModel(Table):
    model: Annotated[Mapping[str, Any], only_given(ModelTable)]


def _model(table: Mapping[str, Any], path: Path) -> Model:
    given = dict(table)
    config = given.pop("config", None)
    if config is not None:
        own = [key for key in given if key != "name"]
        if own:
            raise InputError(
                f"{path}: [model]", f"'config' and fields of its own ({some_of(own)})", "leave out one of the two"
            )
        return read_model_config(path.parent / config, given.get("name"), f"{path}: [model] config")
    if set(given) == {"name"}:
        return load_model(given["name"], f"{path}: [model] name")
    if not given:
        raise InputError(f"{path}: [model]", "the table is empty", 'write for example name = "cerebras-gpt-13b"')
    return build_model(given, f"{path}: [model]")


def _training(table: Training, written: Mapping[str, Any], model: Model, path: Path) -> Training:
    sequence = table.sequence or model.max_sequence
    if model.position == "learned" and sequence > model.max_sequence:
        raise InputError(
            f"{path}: [training] sequence",
            f"{sequence} tokens, but {model.name} has learned positions for {model.max_sequence}",
            f"write at most {model.max_sequence}",
        )
    if (table.method == "lora") != (table.lora is not None):
        given = "is there" if table.lora else "is missing"
        raise InputError(
            f"{path}: [training] method",
            f'method = "{table.method}", but [training.lora] {given}',
            'set method = "lora"' if table.lora else "add [training.lora] with rank and targets",
        )
    of_heads = [one for one in table.lora.targets if one not in ("output", "mlp")] if table.lora else []
    if of_heads and model.key_value_rank:
        problem = f"adapters of {some_of(of_heads)}: {model.name} makes queries, keys and values of latent numbers"
        raise InputError(f"{path}: [training.lora] targets", problem, 'simulated there: "output", "mlp"')
    if table.optimizer not in optimizer_names():
        raise unknown_name(f"{path}: [training] optimizer", "optimizer", table.optimizer, optimizer_names())
    precision = _precision(table, "precision" in written, path)
    asked, batch = table.asked_batch_tokens, table.global_batch
    if asked is not None:
        batch = sequences_in(Batch(asked, "tokens"), sequence)
    check_size(batch, MOST_SEQUENCES, "sequences", f"{path}: [training] global_batch")
    rounded = asked if asked is not None and asked % sequence else None
    return replace(table, sequence=sequence, global_batch=batch, asked_batch_tokens=rounded, precision=precision)


def _precision(table: Training, is_written: bool, path: Path) -> Any:
    """That of the recipe's products where one is named; both may be written, and then agree."""
    name = table.recipe.name
    if name is None:
        return table.precision
    products = precision_of(load_recipe(name, f"{path}: [training] recipe"))
    if is_written and table.precision != products:
        raise InputError(
            f"{path}: [training] precision",
            f"precision = {shown(table.precision)}, but the products of the recipe '{name}' run in {products}",
            "leave one of the two out",
        )
    return products


def _variation(table: System, at: Place, name_at: str) -> Variation:
    """What the file says, which the check of the structure leaves in the place of the variation it stands for."""
    said = cast("Variation | VariationTable", table.variation)
    return variation_from(said, at, name_at) if isinstance(said, VariationTable) else said


def _system(table: System, written: Mapping[str, Any], variation: Variation, path: Path, at: Place) -> System:
    stack = _stack(table.stack, path, at("stack"))
    _check_resolution(table, variation, at)
    parts = tuple(replace(part, topology=_named_file(part.topology, path)) for part in table.parts)
    if "search" in written and table.plan.rule == "fixed":
        raise InputError(
            at("search"),
            "limits of a search, but the plan is fixed by [system.plan]",
            'write plan = "best", or leave [system.search] out',
        )
    topology = _named_file(table.topology, path)
    return replace(table, topology=topology, stack=stack, parts=parts, variation=variation)


def _stack(given: str | StackRequest, path: Path, where: str) -> str | StackRequest:
    """A stack by the name that the catalogue has it under, or the path of its file."""
    name = _named_file(name_of(given), path)
    meant = name if name.endswith(".toml") else check_stack_name(name, where)
    return replace(given, name=meant) if isinstance(given, StackRequest) else meant


def _named_file(name: str, path: Path) -> str:
    """A name of the catalogue or on the shelf as it is, a file from the folder of the scenario."""
    return str((path.parent / name).resolve()) if name.endswith(".toml") else name


def _check_resolution(table: System, variation: Variation, at: Place) -> None:
    """Devices that differ are simulated one by one, or their lag is estimated for all: never both."""
    varies = "" if variation.is_none else f"the variation '{variation.name}'"
    if table.jitter and varies:
        raise InputError(
            at("jitter"),
            f"jitter = {table.jitter:g} together with {varies}",
            "leave out one: jitter is the folded estimate of what variation simulates",
        )
    if table.resolution == "folded" and varies:
        raise InputError(
            at("resolution"),
            f'resolution = "folded" together with {varies}',
            'write resolution = "full" or "auto", or variation = "none"',
        )
    if table.resolution == "full" and table.jitter:
        raise InputError(
            at("resolution"),
            f'resolution = "full" together with jitter = {table.jitter:g}',
            "leave out one: jitter is the folded estimate of devices that differ (variation says how they do)",
        )
