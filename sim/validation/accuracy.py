"""Writes what is known of errors on sources never seen into the catalogue, as the file that it is read from."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from sim.catalog.accuracy import Evidence

_DIGITS = 6
"""Significant ones of half-widths, shares and spreads."""
_HEADER = """\
# Errors of predictions for sources that were left out of every fit, and the rows that they were compared on. Generated
# from docs/unseen.json by `make unseen`; not to be edited. half_width: of the band that holds 80 % of the measured
# values, in ln(predicted / measured); without: the same, made of all other sources. sim/validation/bands.py says how.
"""


def evidence_toml(evidence: Evidence) -> str:
    """The catalogue's file of an evidence."""
    parts = [_HEADER + f"\nmemory_sources = {evidence.memory_sources}"]
    if evidence.selection is not None:
        parts.append(_table("[selection]", evidence.selection))
    for name, entries in (
        ("coverage", evidence.coverage),
        ("class", evidence.classes),
        ("memory", evidence.memory),
        ("compared", evidence.compared),
    ):
        parts += _tables(name, entries)
    return "\n\n".join(parts) + "\n"


def _tables(name: str, entries: Iterable[Any]) -> list[str]:
    return [_table(f"[[{name}]]", entry) for entry in entries]


def _table(header: str, record: Any) -> str:
    lines = [f"{key} = {_value(value)}" for key, value in dataclasses.asdict(record).items()]
    return "\n".join([header, *lines])


def _value(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float) and not math.isclose(value, round(value), abs_tol=0.0, rel_tol=1e-15):
        return repr(float(f"{value:.{_DIGITS}g}"))
    return json.dumps(value, ensure_ascii=False)
