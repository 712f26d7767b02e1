"""Spreads of step time among the plans that others measured on one cluster: plan_spreads.toml, a table a source."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from sim.catalog.data_files import read_data
from sim.catalog.figures import Figure, read_figure


@dataclass(frozen=True, slots=True)
class PlanSpread:
    """The least and the most, among the sweeps of one source, of the median step over the best one."""

    title: str
    least: float
    most: float
    figures: tuple[Figure, ...]


@functools.cache
def plan_spreads() -> tuple[PlanSpread, ...]:
    """All of them."""
    spreads = []
    for name, entry in read_data("plan_spreads").items():
        least, most = (read_figure(key, entry[key], f"catalogue: plan_spreads {name}") for key in ("least", "most"))
        spreads.append(PlanSpread(entry["title"], float(least.value), float(most.value), (least, most)))
    return tuple(spreads)
