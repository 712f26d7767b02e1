"""Which stack to take: what each stands for, the names of the newest, and how many published rows checked it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from sim.catalog.data_files import read_data


@dataclass(frozen=True, slots=True)
class StackUse:
    """For whom a stack is: its framework, of which time, on which devices, and with what it was run (take)."""

    framework: str
    time: str
    devices: str
    take: str


@dataclass(frozen=True, slots=True)
class StackChecks:
    """Published rows that a stack was compared with and nothing was fitted on, and the sources that they are of."""

    rows: int
    sources: tuple[str, ...]


@functools.cache
def stack_uses() -> Mapping[str, StackUse]:
    """What every stack is for, by its name."""
    return {name: StackUse(**entry) for name, entry in read_data("stack_guide")["stack"].items()}


def latest_stacks() -> Mapping[str, str]:
    """Names that stand for the newest stack of a line -> the stack."""
    latest: Mapping[str, str] = read_data("stack_guide")["latest"]
    return latest


def stack_meant(name: str) -> str:
    """The stack that a name stands for: itself, or the newest of a line, as "megatron-latest"."""
    return latest_stacks().get(name, name)


def default_stack(device: str) -> str | None:
    """What is taken on a device where no stack is named; None where the usual one of its kind of machine is."""
    found: Mapping[str, str] = read_data("stack_guide")["default"]
    return found.get(device)


def stack_checks(name: str) -> StackChecks:
    """What checked a stack."""
    entry = read_data("stack_checks").get(name, {"rows": 0, "sources": []})
    return StackChecks(entry["rows"], tuple(entry["sources"]))
