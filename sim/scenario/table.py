"""What every table of a scenario file is: a frozen dataclass whose fields declare its keys, and nothing else does.

A field says what a key is called where that is not the field's name (alias), in which bounds it lies, how it is read
and how it is written back; pydantic reads tables from a file by that, and writes them. A table that the program makes
itself, or replaces a field of, is a plain dataclass: it is not checked and costs no more.

Types are strict, because a guess at what was meant would be a silent error: "8" and 8.0 are not 8.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    TypeAdapter,
    WrapSerializer,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import (
    CoreSchema,
    list_schema,
    no_info_after_validator_function,
    no_info_before_validator_function,
    no_info_plain_validator_function,
    plain_serializer_function_ser_schema,
    wrap_serializer_function_ser_schema,
)

from sim.errors import InputError, shown
from sim.scenario.bounds import LARGEST_COUNT
from sim.units import quantity

_Value = TypeVar("_Value")
_Table = TypeVar("_Table", bound="Table")
Json = dict[str, Any]


class Table:
    """A table of the file: no unknown keys, no conversion of types."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """What pydantic makes of a dataclass, made of the tables of a file, with keys in the order of the fields."""
        schema = handler(source)
        own = _within(schema, "dataclass", handler)
        keys = _within(own, "dataclass-args", handler)["fields"]
        names = [field.name for field in dataclasses.fields(source)]
        own["strict"] = False
        keys.sort(key=lambda field: names.index(field["name"]))
        for field in keys:
            field["kw_only"] = True
        return schema


def _within(schema: Any, kind: str, handler: GetCoreSchemaHandler) -> Any:
    """The schema of a kind that stands in another one, below the functions that are called around it."""
    own = handler.resolve_ref_schema(schema)
    return own if own["type"] == kind else _within(own["schema"], kind, handler)


def _as_it_is(value: Any) -> Any:
    return value


def _refuse_key(value: object) -> object:
    raise PydanticKnownError("unexpected_keyword_argument")


Count = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
Text = Annotated[str, Field(min_length=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Internal = Annotated[_Value, PlainValidator(_refuse_key), Field(exclude=True)]
"""No key of the file: what the program makes of the others."""


@dataclass(frozen=True, slots=True)
class AsList:
    """A tuple that is a list of the file. empty_is_told: one without members is written as such, and not left out."""

    at_least: int = 0
    empty_is_told: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        members = list_schema(handler.generate_schema(get_args(source)[0]), min_length=self.at_least)
        writer = wrap_serializer_function_ser_schema(self._written, schema=members)
        return no_info_after_validator_function(tuple, members, serialization=writer)

    def _written(self, members: tuple[Any, ...], write: Callable[[Any], Any]) -> Any:
        return write(list(members)) if members or self.empty_is_told else None


Several = Annotated[tuple[_Value, ...], AsList(at_least=1)]
"""A list that has a member at least where it is given."""


def like(*examples: str, name: str | None = None) -> Any:
    """Values of a key as messages show them, and what the file calls it where that is not the field's name."""
    return Field(alias=name, examples=list(examples))


def unless(default: object) -> WrapSerializer:
    """A key that is left out of what is written where it says no more than this."""
    return WrapSerializer(lambda value, write: None if value == default else write(value))


@dataclass(frozen=True, slots=True)
class NamedBy:
    """A table for which a name may stand, which says no more than one key of it.

    wrong, remedy: what is told of anything else; without them, that it is no table.
    """

    key: str
    wrong: str = ""
    remedy: str = ""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        table = handler(schema)
        return {"anyOf": [handler.resolve_ref_schema(table)["properties"][self.key], table]}

    def _read(self, value: object) -> object:
        if self.wrong and not isinstance(value, (str, dict)):
            raise InputError("", f"{shown(value)} {self.wrong}", self.remedy)
        return {self.key: value} if isinstance(value, str) else value


def names_differ(what: str) -> AfterValidator:
    """Tables of a list that are told apart by their names. what: in the plural."""

    def check(tables: list[Any]) -> list[Any]:
        names = [table.name for table in tables]
        for name in names:
            if names.count(name) > 1:
                raise InputError("", f"{names.count(name)} {what} are named '{name}'", "give each its own name")
        return tables

    return AfterValidator(check)


NUMBER_OR_TEXT = ("number", "string")


@dataclass(frozen=True, slots=True)
class As:
    """A key that is read by a function of what the file has, and written by another; without that, as it is.

    types: of what the file has, as JSON Schema names them.
    """

    read: Callable[[Any], Any]
    write: Callable[[Any], Any] = _as_it_is
    types: tuple[str, ...] = ("string",)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = plain_serializer_function_ser_schema(self.write, when_used="unless-none")
        return no_info_plain_validator_function(self.read, serialization=writer)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"type": self.types[0] if len(self.types) == 1 else list(self.types)}


def measured(kind: str, unit: str, read: Callable[[Any], float] | None = None) -> As:
    """A number that the file has as text with a unit.

    kind: of sim.units. unit: that it is written back in. read: instead of sim.units.quantity, where bounds are due.
    """
    return As(read or (lambda value: quantity(value, kind, "")), lambda number: f"{number!r} {unit}")


def given_keys(table: Any) -> dict[str, Any]:
    """Fields of a table that are there, by their names."""
    values = {field.name: getattr(table, field.name) for field in dataclasses.fields(table)}
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ReadAs:
    """A key that the file has as another type than the program: which, and what that becomes; and how it is written."""

    hint: Any
    then: Callable[[Any], Any] = _as_it_is
    write: Callable[[Any], Any] = _as_it_is

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = plain_serializer_function_ser_schema(self.write)
        schema = handler.generate_schema(self.hint)
        return no_info_after_validator_function(self.then, schema, serialization=writer)


def only_given(table: type[Table]) -> ReadAs:
    """A table of which the program has a mapping of the keys that are given."""
    return ReadAs(table, given_keys, lambda given: dict(given) or None)


def keys(table: type[Table]) -> Mapping[str, FieldInfo]:
    """The keys of a table, as the file has them, and what is declared of each."""
    return {field.alias or name: field for name, field in fields_of(table).items() if not field.exclude}


def fields_of(table: type[Table]) -> Mapping[str, FieldInfo]:
    """The fields of a table by their names, and what is declared of each."""
    return _fields(cast("Any", table))


@functools.cache
def _fields(table: Any) -> Mapping[str, FieldInfo]:
    hints = get_type_hints(table, include_extras=True)
    return {field.name: FieldInfo.from_annotation(hints[field.name]) for field in dataclasses.fields(table)}


def tables_within(table: type[Table], *path: str) -> dict[tuple[str, ...], type[Table]]:
    """A table and all that stand in it, by their paths."""
    found = {path: table}
    for key, field in keys(table).items():
        for inner in (one for hint in (field.annotation, *field.metadata) for one in _named(hint)):
            found |= tables_within(inner, *path, key)
    return found


def is_listed(hint: Any) -> bool:
    """Whether a type is that of a list, or of one that may lack."""
    return get_origin(hint) in (list, tuple) or (
        get_origin(hint) is not Literal and any(is_listed(one) for one in get_args(hint)[:1])
    )


def read(table: type[_Table], raw: Mapping[str, Any]) -> _Table:
    """Make a table of what the file has. Raises pydantic.ValidationError."""
    found: _Table = _adapter(cast("Any", table)).validate_python(raw)
    return found


def written(table: Table) -> dict[str, Any]:
    """A table as the file has it: what says nothing is left out."""
    told: dict[str, Any] = _told(_adapter(cast("Any", type(table))).dump_python(table, mode="json", by_alias=True))
    return told


@functools.cache
def _adapter(table: Any) -> TypeAdapter[Any]:
    return TypeAdapter(table)


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(member) for member in value]
    if not isinstance(value, dict):
        return value
    return {key: _told(member) for key, member in value.items() if member is not None}


def _named(hint: Any) -> Iterator[type[Table]]:
    """The tables that a type is made of."""
    if isinstance(hint, ReadAs):
        yield from _named(hint.hint)
    elif get_origin(hint) is None and isinstance(hint, type) and issubclass(hint, Table):
        yield hint
    for part in get_args(hint):
        yield from _named(part)
