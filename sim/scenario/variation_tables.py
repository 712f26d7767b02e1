"""The structure of [system.variation]: in what devices, nodes and links differ."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from sim.errors import InputError, shown, some_of
from sim.scenario.amounts import part, share, slowdown, stall
from sim.scenario.table import Table

_MOST_STALLS_PER_HOUR = 3600.0
"""One a second: what comes more often than that is no rare stall but part of every kernel's time."""

Share = Annotated[float, PlainValidator(share)]
Part = Annotated[float, PlainValidator(part)]
Slowdown = Annotated[float, PlainValidator(slowdown)]
Number = Annotated[int, Field(ge=0)]


class StallsTable(Table):
    """[system.variation.stalls]: rare stalls of a device."""

    per_device_hour: Annotated[float, Field(ge=0, le=_MOST_STALLS_PER_HOUR, allow_inf_nan=False)] | None = Field(
        None, examples=["0.2"]
    )
    mean: Annotated[float, PlainValidator(stall)] | None = Field(None, examples=['"100 ms"'])


class SlowTable(Table):
    """[system.variation.slow_devices], slow_nodes, slow_links: a share of them that is slow."""

    share: Part | None = Field(None, examples=['"0.5 %"'])
    slowdown: Slowdown | None = Field(None, examples=['"20 %"'])


class SlowPlaceTable(Table):
    """One [[system.variation.slow]]: a device or a node that is slow, by its number."""

    slowdown: Slowdown = Field(examples=['"20 %"'])
    device: Number | None = Field(None, examples=["3"])
    node: Number | None = Field(None, examples=["0"])

    @model_validator(mode="after")
    def _one_place(self) -> SlowPlaceTable:
        if (self.device is None) == (self.node is None):
            given = "neither is there" if self.device is None else "both are there"
            raise InputError("", f"a slow place is one device or one node, and {given}", "write device = 3 or node = 0")
        return self


def _all_different(places: list[SlowPlaceTable]) -> list[SlowPlaceTable]:
    names = [f"node {place.node}" if place.device is None else f"device {place.device}" for place in places]
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise InputError("", f"{some_of(repeated)} is there more than once", "write each place once")
    return places


class VariationTable(Table):
    """[system.variation]: a profile of the catalogue, and what is changed in it."""

    profile: str = Field("none", examples=['"well-run"'])
    speed_spread: Share | None = Field(None, examples=['"1 %"'])
    kernel_jitter: Share | None = Field(None, examples=['"3 %"'])
    network_noise: Share | None = Field(None, examples=['"2 %"'])
    stalls: StallsTable | None = Field(None, examples=['{ per_device_hour = 0.2, mean = "100 ms" }'])
    slow_devices: SlowTable | None = Field(None, examples=['{ share = "0.5 %", slowdown = "20 %" }'])
    slow_nodes: SlowTable | None = Field(None, examples=['{ share = "0.5 %", slowdown = "20 %" }'])
    slow_links: SlowTable | None = Field(None, examples=['{ share = "0.5 %", slowdown = "20 %" }'])
    slow: Annotated[list[SlowPlaceTable], AfterValidator(_all_different)] | None = None


def name_or_table(value: object) -> object:
    """The name of a profile stands for a table that says no more than that."""
    if isinstance(value, str):
        return {"profile": value}
    if not isinstance(value, dict):
        raise InputError(
            "",
            f"{shown(value)} is not a variation",
            'write for example variation = "well-run" (scaletax list variations), or a table [system.variation]',
        )
    return value
