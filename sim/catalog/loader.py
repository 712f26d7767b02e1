"""Reads the catalogue's data files into records.

Layout: devices/NAME.toml, stacks/NAME.toml, recipes/NAME.toml, optimizers/NAME.toml (one record a file), formats.toml,
sources.toml (sources.py). Models: model_files.py; hosts: hosts.py; libraries and variations: network_files.py.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from sim.catalog.data_files import names_on, read_data
from sim.catalog.figures import Figure, read_figure, si_value
from sim.catalog.precision_records import NO_COPY, Format, Optimizer, Quantised, Recipe
from sim.catalog.records import Device, Gpu, Wafer
from sim.catalog.sources import load_sources
from sim.catalog.stack_guide import latest_stacks, stack_meant
from sim.catalog.stack_records import GpuStack, Stack, WaferStack
from sim.catalog.tpu_records import Tpu, TpuStack
from sim.errors import InputError, shown, unknown_name

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")
_MACHINES: dict[str, tuple[type[Device], type[Stack]]] = {
    "gpu": (Gpu, GpuStack), "tpu": (Tpu, TpuStack), "wafer": (Wafer, WaferStack),
}  # fmt: skip
"""`record` of a device's and a stack's file -> what they are read as."""
_BY_FORMAT = {"peak_flops_per_s", "format_efficiency"}
"""Tables of a device with an entry for each format."""
PRECISIONS = ("bf16", "fp16", "fp32", "tf32")
"""Of matrix products; each has a recipe of its name, which every stack has unless it names another."""
NARROW_PRECISIONS = ("fp8", "mxfp8", "nvfp4")
"""Those that a stack has only if it names a recipe for them."""


def device_names() -> list[str]:
    """Names of all devices."""
    return list(names_on("devices"))


def stack_names() -> list[str]:
    """Names of all software stacks."""
    return list(names_on("stacks"))


def nameable_stacks() -> list[str]:
    """Names of all software stacks, and the names that stand for the newest of a line."""
    return [*stack_names(), *latest_stacks()]


def check_stack_name(name: str, where: str) -> str:
    """The stack that a name stands for. Raises InputError with the closest match for an unknown one."""
    check_known(where, "software stack", name, nameable_stacks())
    return stack_meant(name)


def stacks_that_run(schedule: str) -> list[str]:
    """Names of the stacks that split models into pipelines and can run a schedule of one."""
    stacks = [load_stack(name) for name in stack_names()]
    return [
        stack.name
        for stack in stacks
        if getattr(stack, "pipeline_parallel", False) and schedule in getattr(stack, "schedules", ())
    ]


def stacks_with_zero_groups() -> list[str]:
    """Names of the stacks that can share sharded states out in groups of the replicas."""
    return [name for name in stack_names() if getattr(load_stack(name), "zero_groups", False)]


def is_stack(record: object) -> bool:
    """Whether this is a software stack, for whatever machines."""
    return any(isinstance(record, stack) for _, stack in _MACHINES.values())


def load_device(name: str, where: str = "catalogue") -> Device:
    """Read one device. Raises InputError with the closest match for an unknown name."""
    check_known(where, "device", name, device_names())
    return _device(name)


@functools.cache
def _device(name: str) -> Device:
    return device_of(name, with_base("devices", name), f"catalogue: {name}")


def device_of(name: str, raw: Mapping[str, Any], where: str) -> Device:
    """Build a device from what a file states. where: how messages name the file."""
    values = values_of(name, raw, where)
    for table in _BY_FORMAT & values.keys():
        values[table] = _with_shared_peaks(values[table])
    return construct(_MACHINES[raw["record"]][0], values, where)


def _with_shared_peaks(stated: Mapping[str, float]) -> dict[str, float]:
    """What a device says of formats, and the same of those that it multiplies at the peak of another."""
    shared, _ = group_of("peak_of", read_data("formats")["peak_of"], "catalogue: formats")
    return {**{name: stated[other] for name, other in shared.items() if other in stated}, **stated}


def check_source(figure: Figure, where: str) -> None:
    """Raise InputError where a figure cites a source that is not listed."""
    if figure.source and figure.source not in load_sources():
        error = unknown_name(f"{where}: {figure.name}", "source", figure.source, load_sources())
        remedy = 'cite a key of sim/catalog/sources.toml, or write kind = "assumed" and name the source in the note'
        raise InputError(error.where, error.problem, remedy)


def load_stack(name: str, where: str = "catalogue") -> Stack:
    """Read one software stack, or what "megatron-latest" and the like stand for.

    Raises InputError with the closest match for an unknown name.
    """
    return _stack(check_stack_name(name, where))


@functools.cache
def _stack(name: str) -> Stack:
    return stack_of(name, with_base("stacks", name), f"catalogue: {name}")


def stack_of(name: str, raw: Mapping[str, Any], where: str) -> Stack:
    """Build a stack from what a file states. where: how messages name the file."""
    values = values_of(name, raw, where)
    if "recipes" in values:
        values["recipes"] = _recipes(values["recipes"], where)
    return construct(_MACHINES[raw["record"]][1], values, where)


def _recipes(stated: Mapping[str, object], where: str) -> dict[str, Recipe]:
    """The recipe of every precision: the one that a stack names, or the usual one; narrow ones only if it names one."""
    found = {precision: load_recipe(precision, where) for precision in PRECISIONS}
    for precision, name in stated.items():
        place = f"{where}: recipes"
        check_known(place, "precision", precision, (*PRECISIONS, *NARROW_PRECISIONS))
        if name == NO_COPY.name and precision in NARROW_PRECISIONS:
            # What the base of a stack has, and the stack has not.
            continue
        recipe = load_recipe(name if isinstance(name, str) else shown(name), f"{place}.{precision}")
        if precision_of(recipe) != precision:
            problem = f"the products of the recipe '{name}' run in {recipe.products.name}"
            raise InputError(f"{place}.{precision}", problem, f"name a recipe whose products run in {precision}")
        found[precision] = recipe
    usual = load_recipe("bf16")
    return {precision: recipe.beside(found["bf16"], usual) for precision, recipe in found.items()}


def recipe_names() -> list[str]:
    """Names of all precision recipes."""
    return list(names_on("recipes"))


def recipes_with(precision: str) -> list[str]:
    """Names of the recipes whose products run in a precision."""
    return [name for name in recipe_names() if precision_of(load_recipe(name)) == precision]


@functools.cache
def load_recipe(name: str, where: str = "catalogue") -> Recipe:
    """Read one precision recipe. Raises InputError with the closest match for an unknown name."""
    check_known(where, "precision recipe", name, recipe_names())
    place = f"catalogue: {name}"
    values = values_of(name, with_base("recipes", name), place)
    other = {key: values.pop(key) for key in ("name", "title", "figures")}
    stated = values.pop("quantised", None)
    uses = {use: load_format(value) for use, value in values.items()}
    quantised = None if stated is None else construct(Quantised, _with_formats(stated), f"{place}: quantised")
    return construct(Recipe, {**other, **uses, "quantised": quantised}, place)


def _with_formats(stated: Mapping[str, Any]) -> dict[str, Any]:
    """A table whose values are formats where the record has formats."""
    formats = {spec.name for spec in dataclasses.fields(Quantised) if spec.type == Format.__name__}
    return {key: load_format(value) if key in formats else value for key, value in stated.items()}


def precision_of(recipe: Recipe) -> str:
    """What scenarios call a recipe's products: the format whose peak they run at."""
    return peak_of(recipe.products.name)


@functools.cache
def peak_of(name: str) -> str:
    """The format whose peak a device multiplies in for another: the format itself but for a few."""
    shared, _ = group_of("peak_of", read_data("formats")["peak_of"], "catalogue: formats")
    return str(shared.get(name, name))


@functools.cache
def load_format(name: str) -> Format:
    """Read how numbers of one format are held."""
    widths, _ = group_of("element_bytes", read_data("formats")["element_bytes"], "catalogue: formats")
    return NO_COPY if name == NO_COPY.name else Format(name, widths[name])


def format_figures() -> list[Figure]:
    """Every figure about formats."""
    raw = read_data("formats")
    return [figure for table in raw for figure in group_of(table, raw[table], "catalogue: formats")[1]]


def optimizer_names() -> list[str]:
    """Names of all optimizers."""
    return list(names_on("optimizers"))


@functools.cache
def load_optimizer(name: str, where: str = "catalogue") -> Optimizer:
    """Read one optimizer. Raises InputError with the closest match for an unknown name."""
    check_known(where, "optimizer", name, optimizer_names())
    return _record(Optimizer, name, read_data(f"optimizers/{name}"), f"catalogue: {name}")


def own_figures(stack: str) -> Mapping[str, Any]:
    """What a stack's own file states, its "base" included, before anything is taken from that base."""
    return read_data(f"stacks/{stack}")


def with_base(shelf: str, name: str) -> dict[str, Any]:
    """A file on top of the one that it names as its base: it states what differs."""
    raw = read_data(f"{shelf}/{name}")
    return over(with_base(shelf, raw["base"]), raw) if "base" in raw else dict(raw)


def over(below: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of one file on top of those of another; in tables of figures, figure by figure."""
    found = dict(below)
    for key, entry in raw.items():
        found[key] = {**found[key], **entry} if is_group(entry) and key in found else entry
    return found


def is_group(entry: object) -> bool:
    """Whether this is a table of figures, not one figure or a word."""
    return isinstance(entry, Mapping) and "value" not in entry


def check_known(where: str, what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise unknown_name(where, what, name, names)


def fixed(value: Any) -> Any:
    """A value that nobody can change: lists, and those inside them, as tuples."""
    return tuple(map(fixed, value)) if isinstance(value, list) else value


def _record(kind: type[Record], name: str, raw: Mapping[str, Any], where: str) -> Record:
    """Build a record from a file of figures."""
    return construct(kind, values_of(name, raw, where), where)


def values_of(name: str, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The fields of a record from a file of figures; a table of figures becomes a dict."""
    figures: list[Figure] = []
    values: dict[str, Any] = {"name": name, "title": raw["title"]}
    for key, entry in raw.items():
        if key in ("title", "record", "base"):
            continue
        if is_group(entry):
            values[key], cited = group_of(key, entry, where)
            figures += cited
        else:
            figure = read_figure(key, entry, where)
            values[key] = fixed(si_value(figure, where))
            figures.append(figure)
    return {**values, "figures": tuple(figures)}


def group_of(key: str, raw: Mapping[str, Any], where: str) -> tuple[dict[str, Any], list[Figure]]:
    """A table of figures: (name -> plain value, the figures)."""
    figures = {member: read_figure(f"{key}.{member}", entry, where) for member, entry in raw.items()}
    return {member: si_value(figure, where) for member, figure in figures.items()}, list(figures.values())


def construct(kind: type[Record], values: dict[str, Any], where: str) -> Record:
    """A record from its fields by name. Raises InputError for a field that it does not have, or lacks."""
    known = {spec.name: spec for spec in dataclasses.fields(kind)}
    surplus = sorted(set(values) - set(known))
    missing = [
        key
        for key, spec in known.items()
        if key not in values and spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
    ]
    if surplus:
        raise unknown_name(where, "key", surplus[0], known)
    if missing:
        raise InputError(where, f"missing: {', '.join(missing)}", "see sim/catalog/records.py")
    return kind(**values)
