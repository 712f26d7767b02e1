"""The structure of [[entry]]: named experiments of one file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sim.errors import InputError
from sim.scenario.published import Published
from sim.scenario.table import Table, Text


@dataclass(frozen=True, slots=True)
class EntryTable(Table):
    """One [[entry]]. Its tables are checked where they are whole, laid over what the file has in common."""

    name: Annotated[Text, Field(examples=['"LLaMA 7B"'])]
    model: Annotated[dict[str, Any] | None, Field(examples=['{ name = "llama-7b" }'])] = None
    training: Annotated[dict[str, Any] | None, Field(examples=["{ tokens = 1e12 }"])] = None
    system: Annotated[list[dict[str, Any]] | None, Field(examples=['[{ name = "8 A100", devices = 8 }]'])] = None
    published: Published | None = None
    expect: Literal["refused"] | None = None


def _different_names(entries: list[EntryTable]) -> list[EntryTable]:
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError("", f"{names.count(name)} entries are named '{name}'", "give each its own name")
    return entries


Entries = Annotated[list[EntryTable], Field(min_length=1), AfterValidator(_different_names)]


@dataclass(frozen=True, slots=True)
class Collection(Table):
    """The list of entries of a file, apart from all else that the file says."""

    entry: Entries
