"""Models that can be named but not simulated, because too little of them was published."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from sim.catalog.data_files import read_data
from sim.errors import InputError


@dataclass(frozen=True, slots=True)
class Undisclosed:
    """One model: what is missing, why, and a key of the sources."""

    name: str
    title: str
    missing: tuple[str, ...]
    reason: str
    source: str


@functools.cache
def undisclosed_models() -> dict[str, Undisclosed]:
    """All of them by name."""
    return {
        name: Undisclosed(name, raw["title"], tuple(raw["missing"]), raw["reason"], raw["source"])
        for name, raw in read_data("undisclosed").items()
    }


def undisclosed(model: Undisclosed, where: str, sources: Mapping[str, Mapping[str, str]]) -> InputError:
    """Build the error for a model that cannot be simulated: what is missing, who says so, what to do."""
    *others, last = model.missing
    missing = f"{', '.join(others)} and {last} are missing" if others else f"{last} is missing"
    return InputError(
        where,
        f"{model.title} cannot be simulated: {missing}",
        f"{model.reason} ({sources[model.source]['title']})\n"
        "write an assumption of your own as fields of [model]: layers, hidden, heads, vocab, max_sequence",
    )
