"""The structure of [[entry]]: named experiments of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from sim.scenario.published import Published
from sim.scenario.table import Table, Text, names_differ


@dataclass(frozen=True, slots=True)
class EntryTable(Table):
    """One [[entry]]. Its tables are checked where they are whole, laid over what the file has in common."""

    name: Annotated[Text, Field(examples=['"LLaMA 7B"'])]
    model: Annotated[dict[str, Any] | None, Field(examples=['{ name = "llama-7b" }'])] = None
    training: Annotated[dict[str, Any] | None, Field(examples=["{ tokens = 1e12 }"])] = None
    system: Annotated[list[dict[str, Any]] | None, Field(examples=['[{ name = "8 A100", devices = 8 }]'])] = None
    published: Published | None = None
    expect: Literal["refused"] | None = None


Entries = Annotated[list[EntryTable], Field(min_length=1), names_differ("entries")]


@dataclass(frozen=True, slots=True)
class Collection(Table):
    """The list of entries of a file, apart from all else that the file says."""

    entry: Entries
