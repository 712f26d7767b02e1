"""What an editor offers for a key of a scenario file, beside what its type says: names of the catalogue, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import GetJsonSchemaHandler
from pydantic_core.core_schema import CoreSchema

from sim.scenario.table import Json

OWN_FILE: Json = {"type": "string", "pattern": r"\.toml$"}


@dataclass(frozen=True, slots=True)
class OneOf:
    """Names that a key may have, and what else, as JSON Schema."""

    names: Callable[[], Iterable[object]]
    own: Json | None = None

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        found: Json = {"enum": list(self.names())}
        return found if self.own is None else {"anyOf": [found, self.own]}


@dataclass(frozen=True, slots=True)
class OrList:
    """A key that may have a list of values, which stands for each in turn."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        found = handler(schema)
        return {"anyOf": [found, {"type": "array", "items": found, "minItems": 1}]}


@dataclass(frozen=True, slots=True)
class OrWord:
    """A word that may stand in the place of a table."""

    word: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Json:
        return {"anyOf": [{"const": self.word}, handler(schema)]}
