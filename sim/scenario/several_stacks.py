"""`stack = ["a", { name = "b", cuda_graph = "full" }]`: a system with several stacks is swept over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import InputError, shown
from sim.scenario.axes import axes_of
from sim.scenario.keys import Key, entry_names, parse_key, system_names

_PATH = ("system", "stack")


def stacks_as_axes(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with an axis of [sweep] in the place of every list of stacks; without one, as it is.

    Raises InputError for a list that is none of names, and beside an axis that sets the stack already.
    """
    changed = dict(document)
    axes: dict[str, Any] = {}
    if isinstance(changed.get("system"), list):
        changed["system"] = [_without_list(one, None, axes, path) for one in changed["system"]]
    if isinstance(changed.get("entry"), list):
        changed["entry"] = [
            {**one, "system": [_without_list(each, one.get("name"), axes, path) for each in one["system"]]}
            if isinstance(one, dict) and isinstance(one.get("system"), list)
            else one
            for one in changed["entry"]
        ]
    if not axes:
        return dict(document)
    sweep = changed.get("sweep", {})
    _check_apart(sweep, axes, changed, path)
    return {**changed, "sweep": {**sweep, **axes}}


def listed_stacks(names: str | None) -> list[str]:
    """Names with commas between, as --stack takes them, each once; none without it. Raises InputError for no name."""
    listed = list(dict.fromkeys(name.strip() for name in (names or "").split(",") if name.strip()))
    if names is not None and not listed:
        raise InputError("--stack", f"'{names}' names no stack", "write one or more names, or leave --stack out")
    return listed


def stack_override(names: str | None) -> list[str]:
    """What --set takes for the names of --stack."""
    listed = listed_stacks(names)
    return [f"system.stack={listed[0] if len(listed) == 1 else json.dumps(listed)}"] if listed else []


def _without_list(system: Any, entry: str | None, axes: dict[str, Any], path: Path) -> Any:
    """A system without its list of stacks, which becomes an axis."""
    if not isinstance(system, Mapping) or not isinstance(system.get("stack"), list):
        return system
    stacks, name = system["stack"], system.get("name")
    if not stacks or not all(isinstance(one, (str, Mapping)) for one in stacks) or not isinstance(name, str):
        where = f'{path}: [system "{name}"] stack'
        raise InputError(where, f"{shown(stacks)} is no list of names", 'write stack = ["megatron-2022", "vtrain"]')
    axes[str(Key(_PATH, name, entry))] = stacks
    return {key: value for key, value in system.items() if key != "stack"}


def _check_apart(sweep: Any, axes: Mapping[str, Any], document: Mapping[str, Any], path: Path) -> None:
    systems, entries = system_names(document), entry_names(document)
    for text in axes_of(sweep):
        key = parse_key(text, systems, f"{path}: [sweep]", entries)
        for own in axes:
            if key.covers(parse_key(own, systems, f"{path}: [sweep]", entries)):
                problem = f"'{text}' is an axis, and a system has a list of stacks of its own"
                raise InputError(f"{path}: [sweep]", problem, "leave out one of the two")
