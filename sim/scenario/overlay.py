"""Lays one document over another: a file over its base, an entry over what its file has in common."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from sim.scenario.schema import NAMED_BY

# What names a whole table: given above, nothing of the table below is kept.
_WHOLE = {"model": ("name", "config"), "variation": ("profile",), "stack": ("name",)}
# Tables that stand in a list by their names.
_NAMED = ("system", "entry")
# What says the hardware of a system in one of two ways, and belongs to the way that it was written for.
_HARDWARE = {"part": ("topology", "devices", "sizes"), "topology": ("part", "sizes")}


def overlaid(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lower document with everything that the upper one says in its place.

    Tables are laid over key by key, systems and entries by their names; new ones follow. A model, a variation or a
    stack that is named, and any other value, replaces what was there. Nothing is checked here: what has the wrong type
    stays as it is for the check of the structure.
    """
    found = copy.deepcopy(dict(lower))
    for key, value in upper.items():
        below = found.get(key)
        if key in _NAMED and isinstance(below, list) and isinstance(value, list):
            found[key] = _by_name(below, value)
        elif _is_kept(key, below, value):
            found[key] = overlaid(below if isinstance(below, Mapping) else {NAMED_BY[key]: below}, value)
        else:
            found[key] = copy.deepcopy(value)
    for key in _outdated(upper):
        found.pop(key, None)
    return found


def _is_kept(key: str, below: object, value: object) -> bool:
    """Whether a table changes what is below it."""
    if not isinstance(value, Mapping) or any(name in value for name in _WHOLE.get(key, ())):
        return False
    return isinstance(below, Mapping) or (key in NAMED_BY and isinstance(below, str))


def _outdated(upper: Mapping[str, Any]) -> set[str]:
    """Keys of the same table that no longer hold: of other hardware, of adapters that are not trained."""
    gone = {key for given, others in _HARDWARE.items() if given in upper for key in others}
    if upper.get("method", "lora") != "lora":
        gone.add("lora")
    return gone - set(upper)


def _by_name(lower: list[Any], upper: list[Any]) -> list[Any]:
    """What has no name, or one that is there twice, is appended as it is, for the check to find."""
    names = [_name(one) for one in upper]
    below = {_name(one) for one in lower} - {""}
    laid = {name: one for name, one in zip(names, upper, strict=True) if name in below and names.count(name) == 1}
    found = [overlaid(one, laid[_name(one)]) if _name(one) in laid else copy.deepcopy(one) for one in lower]
    return [*found, *(copy.deepcopy(one) for one, name in zip(upper, names, strict=True) if name not in laid)]


def _name(entry: object) -> str:
    name = entry.get("name") if isinstance(entry, Mapping) else None
    return name if isinstance(name, str) else ""
