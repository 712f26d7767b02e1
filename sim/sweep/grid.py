"""Expands the [sweep] of a scenario file into points: each system with each combination of its axes.

A file with entries gives the points of every entry, in their order; an axis holds for all of them, or for the one that
it names. A system is crossed with the common axes and with its own, never with those of another system, so that no
point appears twice. Order: systems as in the file, axes as in the file, the last axis fastest.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.scenario import (
    Key,
    Published,
    Refusal,
    Scenario,
    entry_names,
    is_refused,
    parse_key,
    published_of,
    read_document,
    refusals,
    scenario_from,
    system_names,
    whole,
    with_value,
    within,
)


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of axis values."""

    document: dict[str, Any]
    """One system, no [sweep]."""
    axes: dict[str, Any] = field(default_factory=dict)
    """Values by dotted key, as [sweep] writes it."""
    entry: str = ""
    published: Published | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a scenario file comes to: its points, and the entries that it expects to be refused."""

    scenarios: list[Scenario]
    refusals: list[Refusal]


@dataclass(frozen=True, slots=True)
class _Axis:
    text: str
    key: Key
    values: Sequence[Any]


def load_scenarios(
    path: Path, overrides: Sequence[str] = (), tell: Callable[[str], object] = lambda note: None
) -> list[Scenario]:
    """Read a scenario file and return every point of it, as load does."""
    return load(path, overrides, tell).scenarios


def load(path: Path, overrides: Sequence[str] = (), tell: Callable[[str], object] = lambda note: None) -> Loaded:
    """Read a scenario file: every point of it, and what it expects to be refused.

    overrides: "key=value" texts, as --set takes them. tell: as read_document takes it.
    Raises InputError when anything in the file is not usable.
    """
    document = read_document(path, overrides, tell)
    return Loaded([_scenario(point, path) for point in expand(document, str(path))], refusals(document, path))


def _scenario(point: Point, path: Path) -> Scenario:
    try:
        scenario = scenario_from(point.document, path, point.axes)
    except InputError as error:
        raise within(error, path, point.entry) from None
    return dataclasses.replace(scenario, entry=point.entry, published=point.published)


def expand(document: Mapping[str, Any], where: str) -> list[Point]:
    """Return the points of a document, as read_document returns it.

    where: the scenario file, for messages.
    Raises InputError for an unknown axis, one without values or with a value twice, and two that set one key.
    """
    names, entries = system_names(document), entry_names(document)
    sweep = document.get("sweep", {})
    axes = [_axis(text, values, names, f"{where}: [sweep]", entries) for text, values in sweep.items()]
    common = {key: value for key, value in document.items() if key != "sweep"}
    if "entry" not in document:
        return _crossed(common, axes, where)
    return [
        dataclasses.replace(point, entry=entry["name"], published=published_of(entry, _only_system(point)))
        for entry in document["entry"]
        if not is_refused(entry)
        for point in _crossed(whole(common, entry), axes, where, entry["name"])
    ]


def _crossed(common: Mapping[str, Any], axes: Sequence[_Axis], where: str, entry: str | None = None) -> list[Point]:
    """Every system of a document (of an entry) with its axes."""
    points: list[Point] = []
    for system in common["system"]:
        own = [axis for axis in axes if axis.key.concerns(system["name"], entry)]
        _check_apart(own, f"{where}: [sweep]")
        for values in itertools.product(*(axis.values for axis in own)):
            point: dict[str, Any] = {**common, "system": [system]}
            for axis, value in zip(own, values, strict=True):
                point = with_value(point, axis.key, value)
            points.append(Point(point, {axis.text: value for axis, value in zip(own, values, strict=True)}))
    return points


def _only_system(point: Point) -> str:
    return str(point.document["system"][0]["name"])


def _axis(text: str, values: object, systems: Sequence[str], where: str, entries: Sequence[str] = ()) -> _Axis:
    key = parse_key(text, systems, where, entries)
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
