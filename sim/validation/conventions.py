"""What sources.toml says of a row: its stack, its hardware, its model's traits, and what fills its blanks."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from sim.catalog import device_names, load_device, load_stack, stack_meant
from sim.catalog.data_files import read_data
from sim.errors import InputError
from sim.machines import kind_of
from sim.validation.table import Row

UNKNOWN_YEAR = 2024
"""A row that does not say its year is taken for a recent one."""
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
    document: int | None = None
    """Tokens of the documents that it packed into sequences where it tuned a model."""
    lora: Mapping[str, Any] | None = None
    """Rank and targets of the adapters that it trained, where it did."""
    rate_counts: Literal["", "causal-attention", "full-attention"] = ""
    """What the source's FLOP/s count of attention, beside six for each parameter and token; empty: not known."""
    device_note: str = ""
    """What is taken for a device whose name in the table leaves it open."""


class Filling:
    """Fills the blanks of one row by its convention, and remembers what was taken."""

    def __init__(self, convention: Convention) -> None:
        self.convention = convention
        self.assumed: list[str] = []

    def filled(self, value: Any, key: str, default: Any) -> Any:
        """A stated value, or what is assumed for a blank."""
        if value not in (None, ""):
            return value
        taken = self.convention.assume.get(key, default)
        self.assumed.append(f"{key} {taken}")
        return taken


@dataclass(frozen=True, slots=True)
class Place:
    """Topologies for devices of one kind: one node where they fit into it, else a cluster, if the shelf has one.

    larger: for more than devices_per_cluster. is_one_domain: the node is a rack that is one scale-up domain, whatever
    the row calls a node. used: devices of such a rack that jobs of several take where they are multiples of it; 0: all.
    """

    devices_per_node: int
    node: str
    cluster: str | None = None
    devices_per_cluster: int = 0
    larger: str | None = None
    is_one_domain: bool = False
    used: int = 0


def device_of(row: Row) -> str | None:
    """The catalogue's name of a row's device; None where the catalogue has none."""
    name = row.gpu if row.gpu in device_names() else _conventions()["device"].get(row.gpu)
    return None if name is None else str(name)


def family_of(row: Row) -> str:
    """The first part of the name of a row's device: "a100"; empty where the catalogue has none."""
    return device_family(device_of(row) or "")


def device_family(device: str) -> str:
    """The first part of the name of a device of the catalogue."""
    return device.partition("-")[0]


def table_devices() -> list[str]:
    """Every name of a device that a table may use: those of the catalogue, and those that papers have for them."""
    return list(dict.fromkeys([*_conventions()["device"], *device_names()]))


def place_of(row: Row) -> Place | None:
    """The topologies of a row's device, by its name in the table where that has its own; None where there are none."""
    table = _conventions()["topology"]
    entry = table.get(row.gpu, table.get(device_of(row)))
    return None if entry is None else Place(**entry)


def convention_of(row: Row) -> Convention:
    """How a row is read, by the first entry that matches it; a stack that the row names goes before that."""
    for entry in _conventions()["source"]:
        if _matches(entry, row):
            break
    traits = {**_traits(row), **entry.get("traits", {})}
    return Convention(
        stack_meant(row.stack) or entry["stack"],
        bool(row.stack) or entry.get("known", True),
        _own_topology(entry, row),
        entry.get("assume", {}),
        tuple(entry.get("tuned", ())),
        traits,
        entry.get("memory", "reserved"),
        entry.get("document"),
        entry.get("lora"),
        entry.get("rate_counts", ""),
        _conventions()["device_note"].get(row.gpu, ""),
    )


def guessed_stack(row: Row, without: Collection[str] = ()) -> str:
    """The stack that the rules for sources that nobody has listed give a row; `without`: stacks that are passed over.

    Raises InputError where every rule that holds names one of those.
    """
    for entry in _conventions()["source"]:
        if not entry.get("known", True) and entry["stack"] not in without and _matches(entry, row):
            return str(entry["stack"])
    raise InputError(row.id, "no rule guesses a stack for it", "see the end of sim/validation/sources.toml")


def _own_topology(entry: Mapping[str, Any], row: Row) -> str | None:
    """The topology that a source names, for all its devices or for each."""
    named = entry.get("topology")
    return named.get(device_of(row)) if isinstance(named, Mapping) else named


def _matches(entry: Mapping[str, Any], row: Row) -> bool:
    """Whether an entry is about a row: every pattern and figure of it holds, and its stack runs on the row's device."""
    columns = {"match": row.source, "id": row.id, "note": row.note, "gpu": row.gpu.upper(), "model": row.model}
    stages = entry.get("zero_stage", row.zero_stage)
    return (
        all(re.match(entry[key], text) for key, text in columns.items() if key in entry)
        and ("named" not in entry or re.search(entry["named"], f"{row.source} {row.note}") is not None)
        and row.zero_stage in (stages if isinstance(stages, list) else [stages])
        and row.megatron_fsdp == entry.get("megatron_fsdp", row.megatron_fsdp)
        and row.flash_attention == entry.get("flash_attention", row.flash_attention)
        and ("fused" not in entry or bool(row.flash_attention) == entry["fused"])
        and entry.get("from_year", 0) <= (row.year or UNKNOWN_YEAR) <= entry.get("to_year", math.inf)
        and (not entry.get("unsplit") or (row.tp or 1) * (row.pp or 1) == 1)
        and (not entry.get("no_pipeline") or (row.pp or 1) == 1)
        and runs_on(entry["stack"], device_of(row))
    )


@functools.cache
def runs_on(stack: str, device: str | None) -> bool:
    """Whether stack and device are of one kind; nothing is held against a device that nobody knows."""
    return device is None or kind_of(load_stack(stack)) is kind_of(load_device(device))


def _traits(row: Row) -> dict[str, Any]:
    for entry in _conventions()["model"]:
        if re.match(entry["match"], row.model):
            return {key: value for key, value in entry.items() if key != "match"}
    return {}


def _conventions() -> dict[str, Any]:
    return read_data("sources", "sim.validation")
