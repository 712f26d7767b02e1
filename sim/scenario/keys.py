"""Dotted keys, as --set and [sweep] write them: training.tokens, system.NAME.devices, system.devices."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.errors import InputError, closest
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, keys_of

# A name or a config says the whole model, so setting one replaces whatever [model] held.
_WHOLE_MODEL = (("model", "name"), ("model", "config"))
# What a key may not change: the format, what names the systems, and the sweep itself.
_FIXED = (("schema",), ("sweep",), ("system",), ("system", "name"))


@dataclass(frozen=True, slots=True)
class Key:
    """One dotted key.

    path: without the system's name, for example ("system", "plan", "tensor").
    system: name of the one system it is about; None means all, or that it is not about a system.
    """

    path: tuple[str, ...]
    system: str | None = None

    @property
    def reach(self) -> tuple[str, ...]:
        """The path of what changes when the key is set."""
        return ("model",) if self.path in _WHOLE_MODEL else self.path

    def __str__(self) -> str:
        name = [] if self.system is None else [self.system]
        return ".".join([*self.path[:1], *name, *self.path[1:]])

    def concerns(self, system: str) -> bool:
        """Whether setting the key changes the scenario of this system."""
        return self.system is None or self.system == system

    def covers(self, other: Key) -> bool:
        """Whether setting this key also sets the other one, on the systems that both are about."""
        shared = self.system is None or other.system is None or self.system == other.system
        return shared and other.reach[: len(self.reach)] == self.reach


def system_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the systems of a document that is not checked yet."""
    systems = document.get("system")
    entries = systems if isinstance(systems, list) else []
    names = [entry.get("name") for entry in entries if isinstance(entry, Mapping)]
    return [name for name in names if isinstance(name, str)]


def parse_key(text: str, systems: Sequence[str], where: str) -> Key:
    """Read a dotted key; the name of a system may contain spaces and dots, and may be quoted.

    Raises InputError with the closest match for an unknown key.
    """
    known = _known_paths()
    path = tuple(text.split("."))
    if path in known:
        return Key(path)
    if path in _FIXED:
        raise InputError(where, f"'{text}' cannot be set here", "change it in the file")
    candidates = [Key(path, name) for path in known for name in systems if path[0] == "system"]
    written = {str(key): key for key in candidates}
    written |= {f'system."{key.system}".{".".join(key.path[1:])}': key for key in candidates}
    if text in written:
        return written[text]
    allowed = [".".join(each) for each in known if each not in RESERVED_KEYS]
    alike = sorted(name for name in allowed if name.split(".")[0] == path[0]) or sorted(allowed)
    one = f"\none system's own: system.NAME.KEY, NAME of: {', '.join(systems)}" if path[0] == "system" else ""
    raise InputError(
        where,
        f"unknown key '{text}'{closest(text, [*allowed, *(str(key) for key in candidates)])}",
        f"allowed: {', '.join(alike)}{one}",
    )


def with_value(document: Mapping[str, Any], key: Key, value: object) -> dict[str, Any]:
    """Return a copy of the document in which the key has the value; tables that lack are made."""
    changed = copy.deepcopy(dict(document))
    if key.path[0] != "system":
        if key.path in _WHOLE_MODEL:
            changed["model"] = {}
        _assign(changed, key.path, value)
        return changed
    systems = changed.get("system")
    for entry in systems if isinstance(systems, list) else []:
        if isinstance(entry, dict) and (key.system is None or entry.get("name") == key.system):
            _assign(entry, key.path[1:], value)
    return changed


def _assign(table: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for step in path[:-1]:
        # A degree set under plan = "best" fixes the plan; a figure set under a variation's name changes that one.
        if step not in table or (step == "plan" and isinstance(table[step], str)):
            table[step] = {}
        elif step == "variation" and isinstance(table[step], str):
            table[step] = {"profile": table[step]}
        if not isinstance(table[step], dict):
            return  # the check of the structure reports that this is not a table
        table = table[step]
    table[path[-1]] = copy.deepcopy(value)


def _known_paths() -> list[tuple[str, ...]]:
    paths = [(*table, key) for table in TABLES if not _in_a_list(table) for key in keys_of(table)]
    return [path for path in (*paths, *RESERVED_KEYS) if path not in _FIXED]


def _in_a_list(table: tuple[str, ...]) -> bool:
    return any(table[: len(listed)] == listed for listed in LISTED)
