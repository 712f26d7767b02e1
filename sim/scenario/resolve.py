"""Turns a checked document of one system into a Scenario: names looked up, amounts and paths resolved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.catalog import Model, Variation, load_model, load_recipe, optimizer_names, stack_names
from sim.errors import InputError, ScaletaxError, shown, some_of, unknown_name
from sim.scenario.amounts import sequences_in
from sim.scenario.axis_key import AxisKey
from sim.scenario.bounds import MOST_SEQUENCES, check_size
from sim.scenario.hardware_tables import PartTable, SizesTable
from sim.scenario.model_config import read_model_config
from sim.scenario.model_fields import build_model
from sim.scenario.price_table import prices_from
from sim.scenario.problems import attempt, check, check_structure, combine, place
from sim.scenario.run import run_from
from sim.scenario.schema import ModelTable, PlanTable, ReportTable, SystemTable, TrainingTable
from sim.scenario.table import Table
from sim.scenario.types import (
    ComparedWith,
    Lora,
    NetworkChange,
    Part,
    PlanRequest,
    RecipeRequest,
    Report,
    RunRequest,
    Scenario,
    Search,
    System,
    Training,
)
from sim.scenario.variation import Place, variation_from


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
    training = attempt(errors, _training, document.training, model, path) if model else None

    def at(*keys: str) -> str:
        return f"{path}: {place(('system', 0, *keys), raw)}"

    table = document.system[0]
    name_at = at("variation") if isinstance(raw["system"][0].get("variation"), str) else at("variation", "profile")
    variation = attempt(errors, variation_from, table.variation, at, name_at)
    run_at = at("run") if isinstance(raw["system"][0].get("run"), str) else at("run", "reliability")
    run = attempt(errors, run_from, table.run, run_at)
    system = attempt(errors, _system, table, variation or Variation(), run or RunRequest(), path, at)
    if errors or model is None or training is None or system is None:
        raise combine(errors)
    return Scenario(
        title=path.stem if document.title is None else document.title,
        path=path,
        model=model,
        training=training,
        system=system,
        report=_report(document.report),
        seed=document.seed,
        axes=axes,
        steps=document.steps,
    )


def _report(table: ReportTable) -> Report:
    asked = table.comparison
    compared = None if asked is None else ComparedWith(asked.system, tuple(dict.fromkeys(asked.devices)))
    return Report(table.flop_convention, table.charts, compared)


def read_model(raw: object, path: Path) -> Model:
    """The model of a table [model] alone. Raises InputError for one that is not known or not whole."""
    return _model(check_structure(_OnlyModel, {"model": raw}, path).model, path)


class _OnlyModel(Table):
    model: ModelTable


def _model(table: ModelTable, path: Path) -> Model:
    given = {key: value for key, value in table.model_dump().items() if value is not None}
    config = given.pop("config", None)
    if config is not None:
        own = [key for key in given if key != "name"]
        if own:
            raise InputError(
                f"{path}: [model]",
                f"'config' and fields of its own ({some_of(own)})",
                "leave out one of the two",
            )
        return read_model_config(path.parent / config, table.name, f"{path}: [model] config")
    if set(given) == {"name"}:
        return load_model(given["name"], f"{path}: [model] name")
    if not given:
        raise InputError(f"{path}: [model]", "the table is empty", 'write for example name = "cerebras-gpt-13b"')
    return build_model(given, f"{path}: [model]")


def _training(table: TrainingTable, model: Model, path: Path) -> Training:
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
    if table.optimizer not in optimizer_names():
        raise unknown_name(f"{path}: [training] optimizer", "optimizer", table.optimizer, optimizer_names())
    recipe = RecipeRequest(**table.recipe.model_dump()) if table.recipe else RecipeRequest()
    asked = table.global_batch
    batch = sequences_in(asked, sequence)
    check_size(batch, MOST_SEQUENCES, "sequences", f"{path}: [training] global_batch")
    rounded = asked.unit == "tokens" and asked.count % sequence != 0
    return Training(
        tokens=table.tokens.tokens,
        sequence=sequence,
        global_batch=batch,
        precision=_precision(table, recipe, path),
        optimizer=table.optimizer,
        method=table.method,
        lora=Lora(table.lora.rank, tuple(table.lora.targets)) if table.lora else None,
        tokens_per_parameter=table.tokens.per_parameter,
        asked_batch_tokens=asked.count if rounded else None,
        recipe=recipe,
    )


def _precision(table: TrainingTable, recipe: RecipeRequest, path: Path) -> Any:
    """That of the recipe's products where one is named; both may be written, and then agree."""
    if recipe.name is None:
        return table.precision
    products = load_recipe(recipe.name, f"{path}: [training] recipe").products.name
    if "precision" in table.model_fields_set and table.precision != products:
        raise InputError(
            f"{path}: [training] precision",
            f"precision = {shown(table.precision)}, but the products of the recipe '{recipe.name}' run in {products}",
            "leave one of the two out",
        )
    return products


def _system(table: SystemTable, variation: Variation, run: RunRequest, path: Path, at: Place) -> System:
    if table.stack not in stack_names():
        raise unknown_name(at("stack"), "software stack", table.stack, stack_names())
    _check_resolution(table, variation, at)
    parts = tuple(_part(part, path) for part in table.part or ())
    return System(
        name=table.name,
        topology=_topology(table.topology, path) if table.topology else "",
        devices=table.devices or sum(part.devices for part in parts),
        stack=table.stack,
        plan=_plan(table.plan),
        search=_search(table, at),
        jitter=table.jitter,
        sizes=_sizes(table.sizes),
        resolution=table.resolution,
        variation=variation,
        parts=parts,
        run=run,
        prices=prices_from(table.price),
        network=NetworkChange(table.network.rate_times, table.network.latency_times),
    )


def _part(table: PartTable, path: Path) -> Part:
    return Part(_topology(table.topology, path), table.devices, _sizes(table.sizes))


def _topology(name: str, path: Path) -> str:
    """A name on the shelf as it is, a file from the folder of the scenario."""
    return str((path.parent / name).resolve()) if name.endswith(".toml") else name


def _sizes(table: SizesTable | None) -> dict[str, float]:
    return {} if table is None else table.model_dump(exclude_none=True)


def _check_resolution(table: SystemTable, variation: Variation, at: Place) -> None:
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


def _search(table: SystemTable, at: Place) -> Search:
    """Limits of the search, where there is one."""
    if table.search is None:
        return Search()
    if table.plan is not None:
        raise InputError(
            at("search"),
            "limits of a search, but the plan is fixed by [system.plan]",
            'write plan = "best", or leave [system.search] out',
        )
    return Search(tuple(table.search.only or ()), table.search.memory_margin)


def _plan(table: PlanTable | None) -> PlanRequest:
    if table is None:
        return PlanRequest()
    given: dict[str, Any] = table.model_dump()
    lists = {key: tuple(value) for key, value in given.items() if isinstance(value, list)}
    return PlanRequest(rule="fixed", **{**given, **lists})
