"""Provenance as data: every figure of the catalogue says where it comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import InputError
from sim.units import UNITS, quantity

# kind -> what it must carry: evidence needs a source, an assumption needs a note, a fit names its rows.
KINDS: dict[str, tuple[str, ...]] = {
    "datasheet": ("source",),
    "published": ("source",),
    "measured": ("source",),
    "derived": ("source", "note"),
    "fitted": ("source", "note"),
    "assumed": ("note",),
}
_ISO = re.compile(r"(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
# Longest first, so that "_bytes_per_s" is not read as "_s".
_UNIT_SUFFIXES = sorted(UNITS, key=len, reverse=True)
_KEYS = {"value", "kind", "source", "date", "note"}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as a data file states it.

    value: number, truth value, or text with a unit, as written.
    kind: a key of KINDS.
    source: key of sources.toml; empty for an assumption.
    date: when the source appeared or was read, ISO (year, or year-month, or full).
    """

    name: str
    value: Any
    kind: str
    source: str
    date: str
    note: str = ""

    @property
    def group(self) -> str:
        """The first key of its name: of the table that it stands in, or its own."""
        return self.name.partition(".")[0]


def read_figure(name: str, raw: object, where: str) -> Figure:
    """Read { value, kind, source, date, note } and hold it to the rules of its kind."""
    if not isinstance(raw, Mapping) or "value" not in raw:
        raise InputError(where, f"'{name}' is not a figure", "write { value = ..., kind = ..., source = ... }")
    surplus = sorted(set(raw) - _KEYS)
    if surplus:
        raise InputError(where, f"'{name}' has unknown keys {surplus}", f"allowed: {sorted(_KEYS)}")
    kind = str(raw.get("kind", ""))
    if kind not in KINDS:
        raise InputError(where, f"'{name}' has kind '{kind}'", f"allowed: {', '.join(KINDS)}")
    figure = Figure(
        name, raw["value"], kind, str(raw.get("source", "")), str(raw.get("date", "")), str(raw.get("note", ""))
    )
    missing = [need for need in KINDS[kind] if not getattr(figure, need)]
    if missing:
        raise InputError(where, f"'{name}' is {kind} but has no {' and no '.join(missing)}", "add it")
    return figure


def is_iso_date(text: str) -> bool:
    """Whether this is a year, a year and month, or a day: "2026", "2026-03", "2026-03-17"."""
    return _ISO.fullmatch(text) is not None


def si_value(figure: Figure, where: str) -> Any:
    """The plain value of a figure: text with a unit becomes an SI float, by the suffix of the figure's name."""
    unit = unit_of(figure.name)
    if not isinstance(figure.value, str) or not unit:
        return figure.value
    return quantity(figure.value, unit, f"{where}: {figure.name}")


def unit_of(name: str) -> str:
    """The unit suffix of a figure's name, or of the table that it stands in; empty where it has none."""
    parts = name.split(".")
    return next((suffix for suffix in _UNIT_SUFFIXES if any(part.endswith(f"_{suffix}") for part in parts)), "")
