"""Expands the [sweep] of a scenario file into points: each system with each combination of its axes.

A system is crossed with the common axes and with its own, never with those of another system, so that no
point appears twice. Order: systems as in the file, axes as in the file, the last axis fastest.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.scenario import Key, Scenario, parse_key, read_document, scenario_from, system_names, with_value


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of axis values."""

    document: dict[str, Any]
    """One system, no [sweep]."""
    axes: dict[str, Any] = field(default_factory=dict)
    """Values by dotted key, as [sweep] writes it."""


@dataclass(frozen=True, slots=True)
class _Axis:
    text: str
    key: Key
    values: Sequence[Any]


def load_scenarios(
    path: Path, overrides: Sequence[str] = (), tell: Callable[[str], object] = lambda note: None
) -> list[Scenario]:
    """Read a scenario file and return every point of it.

    overrides: "key=value" texts, as --set takes them. tell: as read_document takes it.
    Raises InputError when anything in the file is not usable.
    """
    document = read_document(path, overrides, tell)
    return [scenario_from(point.document, path, point.axes) for point in expand(document, str(path))]


def expand(document: Mapping[str, Any], where: str) -> list[Point]:
    """Return the points of a document, as read_document returns it.

    where: the scenario file, for messages.
    Raises InputError for an unknown axis, one without values or with a value twice, and two that set one key.
    """
    names = system_names(document)
    sweep = document.get("sweep", {})
    axes = [_axis(text, values, names, f"{where}: [sweep]") for text, values in sweep.items()]
    common = {key: value for key, value in document.items() if key != "sweep"}
    points: list[Point] = []
    for system in document["system"]:
        own = [axis for axis in axes if axis.key.concerns(system["name"])]
        _check_apart(own, f"{where}: [sweep]")
        for values in itertools.product(*(axis.values for axis in own)):
            point: dict[str, Any] = {**common, "system": [system]}
            for axis, value in zip(own, values, strict=True):
                point = with_value(point, axis.key, value)
            points.append(Point(point, {axis.text: value for axis, value in zip(own, values, strict=True)}))
    return points


def _axis(text: str, values: object, systems: Sequence[str], where: str) -> _Axis:
    key = parse_key(text, systems, where)
    if not isinstance(values, list) or not values:
        raise InputError(where, f"'{text}' is not a list of values", f'write "{text}" = [...]')
    # By their text, because 1, 1.0 and true are equal in Python and are not the same in a file.
    written = [repr(value) for value in values]
    for value, same in zip(values, written, strict=True):
        if written.count(same) > 1:
            problem = f"'{text}' has the value {value!r} more than once"
            raise InputError(where, problem, "write each value once")
    return _Axis(text, key, values)


def _check_apart(axes: Sequence[_Axis], where: str) -> None:
    for one, other in itertools.combinations(axes, 2):
        if one.key.covers(other.key) or other.key.covers(one.key):
            problem = f"'{one.text}' and '{other.text}' set the same key"
            raise InputError(where, problem, "leave out one of the two")
