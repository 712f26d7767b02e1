"""What sources.toml says of a row: its stack, its hardware, its model's traits, and what fills its blanks."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from sim.validation.table import Row

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Convention:
    """How the rows of one source are read.

    known: False where the source is not listed and the stack is a guess.
    assume: values for blanks of the plan, by plan key, and precision. tuned: plan keys that the source does not state
    and is taken to have tuned. traits: of the model, beside its sizes. memory: what of a device's memory the source
    gives: the peak that the framework's allocator has handed out, or has reserved.
    """

    stack: str
    known: bool = True
    topology: str | None = None
    assume: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    tuned: tuple[str, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    memory: Literal["allocated", "reserved"] = "reserved"


def device_of(row: Row) -> str | None:
    """The catalogue's name of a row's device; None where the catalogue has none."""
    name = _conventions()["device"].get(row.gpu)
    return None if name is None else str(name)


def table_devices() -> list[str]:
    """Every name of a device that a table may use."""
    return list(_conventions()["device"])


def topology_of(device: str, devices: int) -> str:
    """The topology for some devices of one kind: a single node where they fit into it."""
    places = _conventions()["topology"][device]
    return str(places["node"] if devices <= places["devices_per_node"] else places["cluster"])


def convention_of(row: Row) -> Convention:
    """How a row is read, by the first entry that matches it."""
    for entry in _conventions()["source"]:
        if _matches(entry, row):
            break
    traits = {**_traits(row), **entry.get("traits", {})}
    return Convention(
        entry["stack"],
        entry.get("known", True),
        _own_topology(entry, row),
        entry.get("assume", {}),
        tuple(entry.get("tuned", ())),
        traits,
        entry.get("memory", "reserved"),
    )


def _own_topology(entry: Mapping[str, Any], row: Row) -> str | None:
    """The topology that a source names, for all its devices or for each."""
    named = entry.get("topology")
    return named.get(device_of(row)) if isinstance(named, Mapping) else named


def _matches(entry: Mapping[str, Any], row: Row) -> bool:
    columns = {"match": row.source, "id": row.id, "note": row.note, "gpu": row.gpu, "model": row.model}
    if "zero_stage" in entry and row.zero_stage != entry["zero_stage"]:
        return False
    return all(re.match(entry[key], text) for key, text in columns.items() if key in entry)


def _traits(row: Row) -> dict[str, Any]:
    for entry in _conventions()["model"]:
        if re.match(entry["match"], row.model):
            return {key: value for key, value in entry.items() if key != "match"}
    return {}


@functools.cache
def _conventions() -> dict[str, Any]:
    text = (resources.files("sim.validation") / "sources.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
