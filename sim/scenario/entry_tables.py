"""The structure of [[entry]]: named experiments of one file, and what was published of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from sim.catalog import load_sources
from sim.errors import InputError, closest
from sim.scenario.table import Table, Text
from sim.units import quantity

_SECONDS_PER_DAY = 86400.0
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _known_source(text: str) -> str:
    """A key of the catalogue's sources, or a citation of several words."""
    if text not in load_sources() and " " not in text:
        raise InputError(
            "",
            f"unknown source '{text}'{closest(text, load_sources())}",
            "write a key of sim/catalog/sources.toml, or author, title and year as text",
        )
    return text


class PublishedTable(Table):
    """[entry.published]: figures to show beside the predicted ones."""

    system: Text | None = Field(None, examples=['"8 A100"'])
    days: Positive | None = Field(None, examples=["14.8"])
    time: Annotated[float, PlainValidator(lambda value: quantity(value, "s", ""))] | None = Field(
        None, examples=['"3 h"', '"14.8 days"']
    )
    device_hours: Positive | None = Field(None, examples=["82432"])
    cost_usd: Positive | None = Field(None, examples=["100"])
    cost: Annotated[float, PlainValidator(lambda value: quantity(value, "usd", ""))] | None = Field(
        None, examples=['"100 USD"']
    )
    loss: Positive | None = Field(None, examples=["1.572"])
    source: Annotated[Text, AfterValidator(_known_source)] | None = Field(None, examples=['"llama-2023"'])
    note: Text | None = Field(None, examples=['"as the source states it"'])
    clean: bool | None = None
    remembered: bool = False

    @model_validator(mode="after")
    def _said_once_and_cited(self) -> PublishedTable:
        for one, other in (("days", "time"), ("cost_usd", "cost")):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise InputError("", f"'{one}' and '{other}' are both given", "leave out one of the two")
        figures = (self.days, self.time, self.device_hours, self.cost_usd, self.cost, self.loss)
        if any(figure is not None for figure in figures):
            if self.source is None:
                raise InputError("", "a figure without 'source'", 'write for example source = "llama-2023"')
        elif self.note is None:
            raise InputError("", "no figure and no 'note'", "write what was published, or a note on why nothing is")
        return self

    @property
    def time_s(self) -> float | None:
        """Time to train in seconds, however it was written."""
        return self.time if self.days is None else self.days * _SECONDS_PER_DAY

    @property
    def usd(self) -> float | None:
        """Money in USD, however it was written."""
        return self.cost if self.cost_usd is None else self.cost_usd


class EntryTable(Table):
    """One [[entry]]. Its tables are checked where they are whole, laid over what the file has in common."""

    name: Text = Field(examples=['"LLaMA 7B"'])
    model: dict[str, Any] | None = Field(None, examples=['{ name = "llama-7b" }'])
    training: dict[str, Any] | None = Field(None, examples=["{ tokens = 1e12 }"])
    system: list[dict[str, Any]] | None = Field(None, examples=['[{ name = "8 A100", devices = 8 }]'])
    published: PublishedTable | None = None
    expect: Literal["refused"] | None = None


def _different_names(entries: list[EntryTable]) -> list[EntryTable]:
    names = [entry.name for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise InputError("", f"{names.count(name)} entries are named '{name}'", "give each its own name")
    return entries


Entries = Annotated[list[EntryTable], Field(min_length=1), AfterValidator(_different_names)]


class Collection(Table):
    """The list of entries of a file, apart from all else that the file says."""

    entry: Entries
