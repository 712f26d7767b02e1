"""The structure of a scenario file: which tables there are, which keys each has, and of what type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass
from types import MappingProxyType, NoneType
from typing import Annotated, Any, get_args, get_type_hints

from pydantic import Field, PlainValidator

from sim.catalog import Model, model_names
from sim.errors import InputError, shown
from sim.scenario.entry_tables import Entries
from sim.scenario.offers import OWN_FILE, OneOf
from sim.scenario.shelf import scenario_names
from sim.scenario.table import (
    Count,
    NamedBy,
    Positive,
    Table,
    Text,
    is_listed,
    keys,
    like,
    names_differ,
    only_given,
    tables_within,
    unless,
)
from sim.scenario.types import Report, System, Training

SCHEMA = 1
_ANY_TEXT = {"type": "string", "minLength": 1}
_MOST_STEPS = 100_000
"""That are simulated where devices differ: enough for one percentile in a thousand, few enough to be held in memory."""


def _known_schema(value: object) -> int:
    if value != SCHEMA or not isinstance(value, int) or isinstance(value, bool):
        raise InputError("", f"schema {shown(value)} is not known", f"write schema = {SCHEMA}")
    return SCHEMA


_AS_WRITTEN = {int: Count, float: Positive, str: Text}


def _key_of(hint: Any) -> Any:
    """The type of a key for a field of the catalogue's Model; any of them may lack."""
    (given,) = set(get_args(hint)) - {NoneType} if NoneType in get_args(hint) else (hint,)
    return _AS_WRITTEN.get(given, given) | None


ModelTable = make_dataclass(
    "ModelTable",
    [
        ("name", Annotated[Text | None, OneOf(model_names, _ANY_TEXT), like('"cerebras-gpt-13b"')], None),
        ("config", Annotated[Text | None, like('"path/to/config.json"')], None),
        *(
            (one.name, _key_of(get_type_hints(Model)[one.name]), None)
            for one in fields(Model)
            if one.name not in ("name", "runs", "wide_ends", "figures")
        ),
    ],
    bases=(Table,),
    frozen=True,
    slots=True,
)
ModelTable.__doc__ = """[model]: a name on the shelf, or a config.json, or the fields of catalog.Model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Table):
    """The whole file. What it shares with a Scenario has the same name there."""

    schema_version: Annotated[
        int, OneOf(lambda: [SCHEMA]), PlainValidator(_known_schema), like(str(SCHEMA), name="schema")
    ]
    """Version of the format."""
    base: Annotated[Text | None, OneOf(scenario_names, OWN_FILE), like('"claim"', '"other.toml"')] = None
    """A scenario that this file is laid over."""
    title: str | None = None
    """Heading of the results; by default the name of the file."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of everything that is drawn at random."""
    steps: Annotated[Count, Field(le=_MOST_STEPS, examples=["100"])] = 100
    """Optimizer steps that are simulated where devices differ."""
    model: Annotated[Mapping[str, Any], only_given(ModelTable), like('{ name = "cerebras-gpt-13b" }')]
    training: Annotated[Training, like('{ tokens = 257e9, global_batch = "720 sequences" }')]
    system: Annotated[list[System], Field(min_length=1), names_differ("systems")]
    report: Report = field(default=Report())
    entry: Entries | None = None
    sweep: Annotated[dict[str, Annotated[list[Any], Field(min_length=1)]], unless({})] = field(default_factory=dict)
    """Axes: values of a key. Every combination of them is a point."""


TABLES: Mapping[tuple[str, ...], type[Table]] = MappingProxyType(tables_within(Document))

# Tables that stand in a list without names: no dotted key leads into one, the list is set as a whole.
LISTED = tuple(
    path for path in TABLES if path and path != ("system",) and is_listed(keys(TABLES[path[:-1]])[path[-1]].annotation)
)

# Tables that a name may stand for, and the key that it is then.
NAMED_BY: Mapping[str, str] = MappingProxyType(
    {
        key: named.key
        for table in TABLES.values()
        for key, one in keys(table).items()
        for named in one.metadata
        if isinstance(named, NamedBy)
    }
)

_NO_EXPERTS = "mixtures of experts are not simulated yet, and no dense model stands for one"
# Keys and values that have a meaning in this format but nothing behind them yet.
RESERVED_KEYS: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("model", "experts"): _NO_EXPERTS,
        ("model", "experts_per_token"): _NO_EXPERTS,
        ("system", "plan", "context"): "context parallelism is not simulated yet",
        ("system", "plan", "expert"): "expert parallelism is not simulated yet",
    }
)
_NO_NARROW_PRODUCTS = "training with products of less than 16 bits is not simulated yet"
RESERVED_VALUES: Mapping[tuple[str, ...], Mapping[str, str]] = MappingProxyType(
    {
        ("training", "precision"): dict.fromkeys(("fp8", "mxfp8", "fp4", "mxfp4", "nvfp4"), _NO_NARROW_PRODUCTS),
    }
)


def in_a_list(table: tuple[str, ...]) -> bool:
    """Whether no dotted key leads into a table."""
    return any(table[: len(listed)] == listed for listed in LISTED)


def keys_of(table: tuple[str, ...]) -> list[str]:
    """Names of the keys of one table, as written in the file."""
    return list(keys(TABLES[table]))


def examples_of(table: tuple[str, ...], key: str) -> list[str]:
    """Examples of values of one key, as written in the file; empty where none is given."""
    field = keys(TABLES[table]).get(key)
    return [str(example) for example in (field.examples or [])] if field else []
