"""[[entry]]: named experiments of one file, and what was published of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from sim.catalog import load_sources
from sim.errors import InputError, closest
from sim.scenario.offers import OneOf
from sim.scenario.table import Positive, Table, Text, like, measured, names_differ, unless

_SECONDS_PER_DAY = 86400.0


def _known_source(text: str) -> str:
    """A key of the catalogue's sources, or a citation of several words."""
    if text not in load_sources() and " " not in text:
        raise InputError(
            "",
            f"unknown source '{text}'{closest(text, load_sources())}",
            "write a key of sim/catalog/sources.toml, or author, title and year as text",
        )
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Table):
    """What was published of an experiment, to show beside the prediction; None where nothing was.

    source: a key of the catalogue's sources, or a citation. What is remembered is never a check. system: which one it
    is said of, None for the first. days, cost: None once read, they are other ways to write time and cost_usd.
    """

    system: Annotated[Text | None, like('"8 A100"')] = field(default=None, compare=False, repr=False)
    time_s: Annotated[float | None, measured("s", "s"), like('"3 h"', '"14.8 days"', name="time")] = None
    days: Annotated[Positive | None, like("14.8")] = field(default=None, compare=False, repr=False)
    device_hours: Annotated[Positive | None, like("82432")] = None
    cost_usd: Annotated[Positive | None, like("100")] = None
    cost: Annotated[float | None, measured("usd", "USD"), like('"100 USD"')] = field(
        default=None, compare=False, repr=False
    )
    loss: Annotated[Positive | None, like("1.572")] = None
    source: Annotated[
        Text, OneOf(load_sources, {"type": "string", "pattern": " "}), AfterValidator(_known_source), unless(""),
        like('"llama-2023"'),
    ] = ""  # fmt: skip
    note: Annotated[Text, unless(""), like('"as the source states it"')] = ""
    clean: bool | None = None
    """Whether time and device-hours are those of a run without downtime; left out: not known."""
    remembered: bool = False
    """Whether the figure, or what its workload rests on, was not read in the source."""

    @model_validator(mode="after")
    def _said_once_and_cited(self) -> Published:
        ways = {("days", "time"): (self.days, self.time_s), ("cost_usd", "cost"): (self.cost_usd, self.cost)}
        for (one, other), values in ways.items():
            if None not in values:
                raise InputError("", f"'{one}' and '{other}' are both given", "leave out one of the two")
        figures = (self.days, self.time_s, self.device_hours, self.loss, self.cost_usd, self.cost)
        if any(figure is not None for figure in figures):
            if not self.source:
                raise InputError("", "a figure without 'source'", 'write for example source = "llama-2023"')
        elif not self.note:
            raise InputError("", "no figure and no 'note'", "write what was published, or a note on why nothing is")
        time_s = self.time_s if self.days is None else self.days * _SECONDS_PER_DAY
        cost_usd = self.cost if self.cost_usd is None else self.cost_usd
        return replace(self, time_s=time_s, days=None, cost_usd=cost_usd, cost=None)


@dataclass(frozen=True, slots=True)
class EntryTable(Table):
    """One [[entry]]. Its tables are checked where they are whole, laid over what the file has in common."""

    name: Annotated[Text, like('"LLaMA 7B"')]
    model: Annotated[dict[str, Any] | None, like('{ name = "llama-7b" }')] = None
    training: Annotated[dict[str, Any] | None, like("{ tokens = 1e12 }")] = None
    system: Annotated[list[dict[str, Any]] | None, like('[{ name = "8 A100", devices = 8 }]')] = None
    published: Published | None = None
    expect: Literal["refused"] | None = None
    """refused: the model is one of which too little is known to simulate it."""


Entries = Annotated[list[EntryTable], Field(min_length=1), names_differ("entries")]


@dataclass(frozen=True, slots=True)
class Collection(Table):
    """The list of entries of a file, apart from all else that the file says."""

    entry: Entries
