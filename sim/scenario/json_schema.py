"""The structure of a scenario file as a JSON Schema, for editors: made of the tables that the reader reads by.

JSON Schema cannot say everything that the reader checks: units of amounts, what two keys say together, names that
stand for each other, what a base or an entry adds. What it refuses, the reader refuses.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import os
import textwrap
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassSchema, NullableSchema, WithDefaultSchema

from sim.catalog import Model, model_names, undisclosed_models
from sim.errors import InputError
from sim.reading import parse_json, read_text
from sim.scenario.axes import KINDS, TOGETHER
from sim.scenario.entries import OWN_TABLES
from sim.scenario.entry_tables import EntryTable
from sim.scenario.keys import FIXED, settable_paths
from sim.scenario.overrides import parse_value
from sim.scenario.schema import TABLES, Document, ModelTable, in_a_list
from sim.scenario.table import NUMBER_OR_TEXT, Json, Table, fields_of, keys

_TITLE = "Scenario of scaletax"
_ANOTHER = "choose another file with --out"


class _Tables(GenerateJsonSchema):
    """The tables of a scenario file; TOML has no null, and a key that lacks is left out."""

    def nullable_schema(self, schema: NullableSchema) -> Json:
        """The type of a key that may lack."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> Json:
        """A key with its default, where that is a value which the file could have."""
        found, default = self.generate_inner(schema["schema"]), schema.get("default")
        told = isinstance(default, (bool, int, float, str)) and (default or default is False)
        return {**found, "default": default} if told else found

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A key is called by its name."""
        return False

    def field_is_present(self, field: Any) -> bool:
        """What the program makes of other keys is none."""
        return not field.get("serialization_exclude")

    def dataclass_schema(self, schema: DataclassSchema) -> Json:
        """A table, with what each of its keys is and examples of it."""
        found, table = super().dataclass_schema(schema), schema["cls"]
        del found["title"]
        meanings = _meanings(table)
        for key, one in keys(table).items():
            told = found["properties"][key]
            told |= {"description": meanings[key]} if key in meanings else {}
            if one.examples:
                told["examples"] = [parse_value(str(example), key) for example in one.examples]
        return found


def schema_text() -> str:
    """The schema as the text of a file."""
    return json.dumps(scenario_schema(), indent=1) + "\n"


def write_schema(path: Path) -> None:
    """Write the schema into a file. Raises InputError where it cannot be written, or the file holds anything else."""
    if os.path.lexists(path):
        found = parse_json(read_text(path, str(path)), str(path), _ANOTHER)
        if not isinstance(found, dict) or found.get("title") != _TITLE:
            raise InputError(str(path), "this file is no schema of scenarios", _ANOTHER)
    try:
        path.write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        problem = f"the schema cannot be written here: {error.strerror or error}"
        raise InputError(str(path), problem, _ANOTHER) from None


def scenario_schema() -> Json:
    """JSON Schema (draft 2020-12) of scenario files, with the names of this installation's catalogue and shelves."""
    whole = TypeAdapter(Document).json_schema(schema_generator=_Tables)
    tables, own = whole["$defs"], whole["properties"]
    tables[EntryTable.__name__]["properties"] |= {key: own[key] for key in OWN_TABLES}
    # A name alone is one of the catalogue; beside fields of its own a model may have any.
    known = [*model_names(), *undisclosed_models()]
    tables[ModelTable.__name__] |= {
        "if": {"required": ["name"], "maxProperties": 1},
        "then": {"properties": {"name": {"enum": known}}},
    }
    tables["Span"] = {"anyOf": [_span(kind) for kind in KINDS]}
    own["sweep"] = {"type": "object", "description": own["sweep"]["description"], **_axes()}
    demands = [_demand(path, key) for path in TABLES if not in_a_list(path) for key in _take_required(whole, path)]
    without_entries = {"if": {"not": {"required": ["entry"]}}, "then": {"allOf": demands}}
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": _TITLE,
        **whole,
        "description": "What is simulated: a model, its training, and the systems that train it.",
        "if": {"not": {"required": ["base"]}},
        "then": {"required": ["schema"], **without_entries},
    }


def _meanings(table: type[Table]) -> dict[str, str]:
    """What the keys of a table are: the text below the field of each, where there is one."""
    source = textwrap.dedent(inspect.getsource(Model if table is ModelTable else table))
    body = cast("ast.ClassDef", ast.parse(source).body[0]).body
    fields = fields_of(table)
    return {
        fields[field.target.id].alias or field.target.id: " ".join(str(below.value.value).split())
        for field, below in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id in fields
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def _take_required(whole: Json, path: tuple[str, ...]) -> list[str]:
    """The keys that a table must have unless a base, an entry or an axis says them; only the others stay in it."""
    table = whole["$defs"][TABLES[path].__name__] if path else whole
    required = table.pop("required", [])
    fixed = [key for key in required if path and (*path, key) in FIXED]
    table |= {"required": fixed} if fixed else {}
    return [key for key in required if key not in fixed]


def _demand(path: tuple[str, ...], key: str) -> Json:
    """That a table has a key, unless an axis of [sweep] sets it, makes its table, or lies within it."""
    wanted: Json = {"required": [key]}
    part = (*path, "part")
    if part in TABLES and key in keys(TABLES[part]):
        wanted = {"anyOf": [wanted, {"required": ["part"]}]}
    for step in reversed(path):
        wanted = {"properties": {step: {"items": wanted} if step == "system" else wanted}}
    if (*path, key) in FIXED:
        return wanted
    whole, *above = (_pattern((*path, key)[:length]) for length in range(len(path) + 1, 0, -1))
    set_by = f"^({'|'.join([rf'{whole}([.].+)?', *above])})$"
    return {"if": {"properties": {"sweep": {"propertyNames": {"not": {"pattern": set_by}}}}}, "then": wanted}


def _axes() -> Json:
    """[sweep]: by keys, of all systems and entries or of one, the values of each; and which axes advance together."""
    plain, named = {}, {}
    for path in settable_paths():
        table = f"$defs/{TABLES[path[:-1]].__name__}/" if path[1:] else ""
        values = {"type": "array", "items": {"$ref": f"#/{table}properties/{path[-1]}"}, "minItems": 1}
        plain[".".join(path)] = axis = {"anyOf": [values, {"$ref": "#/$defs/Span"}]}
        if path[0] in OWN_TABLES:
            named[f"^{_pattern(path)}$"] = axis
    names = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    together = {TOGETHER: {"type": "array", "items": names}}
    return {"properties": {**plain, **together}, "patternProperties": named, "additionalProperties": False}


def _pattern(path: tuple[str, ...]) -> str:
    """A dotted key, with the names of an entry and of a system where it may have them."""
    table, *steps = path
    text = "[.](.+[.])?".join([table, "[.]".join(steps)]) if table == "system" and steps else "[.]".join(path)
    return f"(entry[.].+[.])?{text}" if table in OWN_TABLES else text


def _span(kind: str) -> Json:
    """An axis by its ends and a third number."""
    ends = {"type": "array", "items": {"type": list(NUMBER_OR_TEXT)}, "minItems": 3, "maxItems": 3}
    return {"type": "object", "properties": {kind: ends}, "required": [kind], "additionalProperties": False}
