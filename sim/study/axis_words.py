"""Values of sweep axes in words: a few for a label, an unambiguous text for a cell of a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sim.page.numbers import large
from sim.scenario import AxisKey
from sim.study.variation_words import per_cent

_LARGE = 1e6
"""Numbers from there on have a letter in a label, as tokens: "2.22 B"."""
_PLACES = ("node", "device")


def axis_words(key: AxisKey, value: object) -> str:
    """An axis in a label: the last part of its key and its value; a name speaks for itself."""
    return value_words(value) if key.last == "name" else f"{key.last} {value_words(value)}"


def value_words(value: object) -> str:
    """A value of an axis as people would say it: "as-found + node 1 +10 %" for a changed profile."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _place_words(value) or _table_words(value)
    if isinstance(value, list) and any(isinstance(member, Mapping) for member in value):
        return ", ".join(value_words(member) for member in value)
    return large(value) if isinstance(value, float) and value >= _LARGE else axis_cell(value)


def axis_cell(value: object) -> str:
    """A value of an axis in one cell of a table of text: text and numbers as they are, lists and tables as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _table_words(table: Mapping[str, Any]) -> str:
    """The members of a table; of a variation what they add to its profile, of a stack its options behind its name."""
    members = [_member_words(key, value) for key, value in table.items() if key not in ("profile", "name")]
    if "name" in table:
        return f"{table['name']} ({', '.join(members)})" if members else f"{table['name']}"
    return " + ".join([table["profile"], *members]) if "profile" in table else ", ".join(members)


def _member_words(key: str, value: object) -> str:
    """A member of a table; a list of slow places speaks for itself."""
    slow_places = isinstance(value, list) and value and all(_is_place(member) for member in value)
    return value_words(value) if slow_places else f"{key} {value_words(value)}"


def _is_place(value: object) -> bool:
    return isinstance(value, Mapping) and "slowdown" in value and any(kind in value for kind in _PLACES)


def _place_words(place: Mapping[str, Any]) -> str:
    """A slow place, its slowdown as it was written; nothing where it is none."""
    if not _is_place(place):
        return ""
    kind = next(kind for kind in _PLACES if kind in place)
    slowdown = place["slowdown"]
    return f"{kind} {place[kind]} +{slowdown if isinstance(slowdown, str) else per_cent(slowdown) or '0 %'}"
