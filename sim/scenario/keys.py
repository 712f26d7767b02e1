"""Dotted keys, as --set and [sweep] write them: training.tokens, system.NAME.devices, system.devices.

In a file with entries a key is about all of them, or about one: entry.NAME.training.tokens.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sim.errors import InputError, closest, some_of
from sim.scenario.other_names import LISTED_BY, not_a_key, usual_name
from sim.scenario.schema import NAMED_BY, RESERVED_KEYS, TABLES, in_a_list, keys_of

# A name or a config says the whole model, so setting one replaces whatever [model] held.
_WHOLE_MODEL = (("model", "name"), ("model", "config"))
# What a key may not change: the format, what names the systems, and the sweep itself.
FIXED = (("schema",), ("sweep",), ("system",), ("system", "name"), ("base",), ("entry",))
# The tables that every entry has its own of.
_OF_ENTRIES = ("model", "training", "system")


@dataclass(frozen=True, slots=True)
class Key:
    """One dotted key.

    path: without the system's name, for example ("system", "plan", "tensor").
    system: name of the one system it is about; None means all, or that it is not about a system.
    """

    path: tuple[str, ...]
    system: str | None = None
    entry: str | None = None
    """The one entry that it is about; None means all, or that the file has none."""

    @property
    def reach(self) -> tuple[str, ...]:
        """The path of what changes when the key is set."""
        return ("model",) if self.path in _WHOLE_MODEL else self.path

    def __str__(self) -> str:
        name = [] if self.system is None else [self.system]
        entry = [] if self.entry is None else ["entry", self.entry]
        return ".".join([*entry, *self.path[:1], *name, *self.path[1:]])

    def concerns(self, system: str, entry: str | None = None) -> bool:
        """Whether setting the key changes the scenario of this system (of this entry)."""
        return self.system in (None, system) and self.entry in (None, entry)

    def covers(self, other: Key) -> bool:
        """Whether setting this key also sets the other one, on the systems that both are about."""
        shared = self.system is None or other.system is None or self.system == other.system
        shared = shared and (self.entry is None or other.entry is None or self.entry == other.entry)
        return shared and other.reach[: len(self.reach)] == self.reach


def system_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the systems of a document that is not checked yet, those of its entries included, each once."""
    names = _names(document.get("system"))
    for entry in _tables(document.get("entry")):
        names += _names(entry.get("system"))
    return list(dict.fromkeys(names))


def entry_names(document: Mapping[str, Any]) -> list[str]:
    """Names of the entries of a document that is not checked yet."""
    return _names(document.get("entry"))


def _names(listed: object) -> list[str]:
    return [table["name"] for table in _tables(listed) if isinstance(table.get("name"), str)]


def _tables(listed: object) -> list[Mapping[str, Any]]:
    return [entry for entry in listed if isinstance(entry, Mapping)] if isinstance(listed, list) else []


def parse_key(text: str, systems: Sequence[str], where: str, entries: Sequence[str] = ()) -> Key:
    """Read a dotted key; the name of a system or of an entry may contain spaces and dots, and may be quoted.

    Raises InputError with the closest match for an unknown key.
    """
    for name in entries:
        for prefix in (f"entry.{name}.", f'entry."{name}".'):
            if text.startswith(prefix):
                return _of_entry(text, text.removeprefix(prefix), name, systems, where)
    if entries and text.startswith("entry."):
        given = text.removeprefix("entry.")
        raise InputError(
            where,
            f"unknown entry in '{text}'{closest(given.split('.')[0], entries)}",
            f"write entry.NAME.KEY, NAME of: {some_of(entries, given)}",
        )
    known = _known_paths()
    path = tuple(text.split("."))
    if path in known:
        return Key(path)
    if path in FIXED:
        raise InputError(where, f"'{text}' cannot be set here", "change it in the file")
    candidates = [Key(path, name) for path in known for name in systems if path[0] == "system"]
    written = {str(key): key for key in candidates}
    written |= {f'system."{key.system}".{".".join(key.path[1:])}': key for key in candidates}
    if text in written:
        return written[text]
    allowed = [".".join(each) for each in known if each not in RESERVED_KEYS]
    alike = sorted(name for name in allowed if name.split(".")[0] == path[0]) or sorted(allowed)
    one = f"\none system's own: system.NAME.KEY, NAME of: {some_of(systems, text)}" if path[0] == "system" else ""
    name = usual_name(path[-1])
    told = len(path) == 1 or name != path[-1]
    usual = [".".join(each) for each in known if told and each[-1] == name]
    for each, why in RESERVED_KEYS.items():
        if usual == [".".join(each)]:
            raise InputError(where, f"'{text}' is reserved: {why}", "leave it out")
    hint = f"; did you mean '{usual[0]}'?" if usual else closest(text, [*allowed, *(str(key) for key in candidates)])
    if elsewhere := not_a_key((*path[:1], *path[-2:-1]), path[-1]):
        hint = f"; {elsewhere}"
    listed = some_of(alike, usual[0] if usual else text, listed_by=LISTED_BY)
    raise InputError(where, f"unknown key '{text}'{hint}", f"allowed: {listed}{one}")


def with_value(document: Mapping[str, Any], key: Key, value: object) -> dict[str, Any]:
    """Return a copy of the document in which the key has the value; tables that lack are made."""
    changed = copy.deepcopy(dict(document))
    if isinstance(changed.get("entry"), list) and key.path[0] in _OF_ENTRIES:
        bare = replace(key, entry=None)
        changed["entry"] = [
            with_value(entry, bare, value) if key.entry in (None, entry.get("name")) else entry
            for entry in changed["entry"]
        ]
        return changed
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


def _of_entry(text: str, rest: str, entry: str, systems: Sequence[str], where: str) -> Key:
    """A key behind the name of an entry: of a table that entries have."""
    key = parse_key(rest, systems, where)
    if key.path[0] not in _OF_ENTRIES:
        raise InputError(where, f"'{text}': '{rest}' is the same for all entries", f"write '{rest}'")
    return replace(key, entry=entry)


def _assign(table: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    for number, step in enumerate(path[:-1]):
        # A degree set under plan = "best" fixes the plan; what is set under a name changes that one.
        if step not in table or (step == "plan" and isinstance(table[step], str)):
            table[step] = {}
        elif step in NAMED_BY and isinstance(table[step], str):
            table[step] = {NAMED_BY[step]: table[step]}
        elif step in NAMED_BY and isinstance(table[step], list):
            # What is set of several is set of each.
            members = [{step: member} for member in table[step]]
            for member in members:
                _assign(member, path[number:], value)
            table[step] = [member[step] for member in members]
            return
        if not isinstance(table[step], dict):
            return  # the check of the structure reports that this is not a table
        table = table[step]
    table[path[-1]] = copy.deepcopy(value)


def settable_paths() -> list[tuple[str, ...]]:
    """The keys that --set and [sweep] may set, without the names of systems and entries; whole tables among them."""
    paths = [(*table, key) for table in TABLES if not in_a_list(table) for key in keys_of(table)]
    return [path for path in paths if path not in FIXED]


def _known_paths() -> list[tuple[str, ...]]:
    return [*settable_paths(), *RESERVED_KEYS]
