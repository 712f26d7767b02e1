"""--set key=value: changes to a document that is read, before it is checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sim.errors import InputError
from sim.reading import NotTOML, checked, parse_toml
from sim.scenario.keys import Key, entry_names, parse_key, system_names, with_value

_TOGETHER = "zip"
"""As in axes.py, which stands above this module."""


def apply_overrides(
    document: Mapping[str, Any], overrides: Sequence[str], path: str, tell: Callable[[str], object]
) -> dict[str, Any]:
    """Return the document with each "key=value" set, in order.

    tell: called with a note for each axis of [sweep] that is replaced by another key than its own.
    A key that is an axis of [sweep] loses its axis. Raises InputError for an unknown key or a missing "=".
    """
    changed = dict(document)
    for text in overrides:
        where = f"--set {text}"
        # The first "=" that is not within quotes: a system's name may contain one.
        parts = re.fullmatch(r'((?:[^"=]|"[^"]*")*)=(.*)', text, re.DOTALL)
        if parts is None:
            raise InputError(where, "there is no '='", "write key=value, for example training.tokens=1e9")
        key = parse_key(parts[1].strip(), system_names(changed), where, entry_names(changed))
        if isinstance(changed.get("sweep"), Mapping):
            changed["sweep"] = _without(key, changed, where, path, tell)
        changed = with_value(changed, key, parse_value(parts[2].strip(), where))
    return changed


def parse_value(text: str, where: str) -> Any:
    """Read a value as TOML, or take it as bare text where it is not TOML. Raises InputError for what no value can be.

    where: the option that gives it, for messages.
    """
    try:
        parsed = parse_toml(f"value = {text}", where)
    except NotTOML:
        return checked(text, where)
    return parsed["value"] if set(parsed) == {"value"} else text


def _without(
    key: Key, document: Mapping[str, Any], where: str, path: str, tell: Callable[[str], object]
) -> dict[str, Any]:
    """The axes that are left when the key has one value; of the others, those with another key are told of."""
    left: dict[str, Any] = {}
    systems, entries = system_names(document), entry_names(document)
    for text, values in document["sweep"].items():
        if text == _TOGETHER:
            continue
        axis = parse_key(text, systems, f"{path}: [sweep]", entries)
        if not key.covers(axis):
            if axis.covers(key):
                raise _covered(where, text, axis, key)
            left[text] = values
            continue
        if key.entry is not None and axis.entry is None:
            swept = {str(replace(axis, entry=name)): values for name in entries if name != key.entry}
            left |= swept
            tell(
                f"the sweep over {axis} is replaced by --set {key} for '{key.entry}'; the other entries are still swept"
            )
            continue
        others = systems if key.system is not None and axis.system is None else []
        swept = {str(Key(axis.path, name, axis.entry)): values for name in others if name != key.system}
        left |= swept
        if axis != key:
            alone = f" for '{key.system}'; the other systems are still swept" if swept else ""
            tell(f"the sweep over {axis} is replaced by --set {key}{alone}")
    together = document["sweep"].get(_TOGETHER)
    if isinstance(together, list):
        kept = [[axis for axis in group if axis in left] for group in together if isinstance(group, list)]
        left |= {_TOGETHER: groups} if (groups := [group for group in kept if len(group) > 1]) else {}
    return left


def _covered(where: str, text: str, axis: Key, key: Key) -> InputError:
    """The error for a key that an axis sets: a list of stacks is an axis as well."""
    if axis.path != ("system", "stack"):
        return InputError(where, f"the axis '{text}' of [sweep] sets this key at every point", f"set '{text}' instead")
    option = key.path[-1]
    return InputError(
        where,
        f"'{axis.system or 'the system'}' has several stacks, each with options of its own",
        f'write {option} beside the name of those that are to have it: {{ name = "...", {option} = ... }}; or set'
        f" '{text}' to one stack first",
    )
