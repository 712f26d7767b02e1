"""Expands the [sweep] of a scenario file into points: each system with each combination of its axes.

A file with entries gives the points of every entry, in their order; an axis holds for all of them, or for the one that
it names. A system is crossed with the common axes and with its own, never with those of another system, so that no
point appears twice. Order: systems as in the file, axes as in the file, the last axis fastest.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.scenario import (
    AxisKey,
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
from sim.scenario.axes import axes_of, groups
from sim.sweep.model_names import told_apart


@dataclass(frozen=True, slots=True)
class Point:
    """One combination of axis values."""

    document: dict[str, Any]
    """One system, no [sweep]."""
    axes: dict[AxisKey, Any] = field(default_factory=dict)
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


MOST_POINTS = 1_000_000
"""More are refused unless only some of them are asked for."""
MOST_LOADED = 2_000
"""Points of a file that are looked at together, by all commands but a sweep."""


def load_scenarios(
    path: Path, overrides: Sequence[str] = (), tell: Callable[[str], object] = lambda note: None
) -> list[Scenario]:
    """Read a scenario file and return every point of it, as load does."""
    return load(path, overrides, tell).scenarios


def load(
    path: Path,
    overrides: Sequence[str] = (),
    tell: Callable[[str], object] = lambda note: None,
    axes: Sequence[str] = (),
    text: str | None = None,
) -> Loaded:
    """Read a scenario file: every point of it, and what it expects to be refused.

    overrides, axes: "key=value" and "key=v1,v2" texts, as --set and --sweep take them. tell, text: as read_document
    takes them.
    Raises InputError when anything in the file is not usable, and for more points than are looked at together.
    """
    document = read_document(path, overrides, tell, axes, text)
    count = count_points(document, str(path))
    if count > MOST_LOADED:
        problem = f"the grid has {count:,} points"
        raise InputError(f"{path}: [sweep]", problem, f"use scaletax sweep: here are at most {MOST_LOADED:,}")
    points = expand(document, str(path))
    scenarios = told_apart([scenario_of(point, path) for point in points], [point.document for point in points])
    return Loaded(scenarios, refusals(document, path))


def scenario_of(point: Point, path: Path) -> Scenario:
    """Check and resolve one point. path: of the file, for messages and for paths in it. Raises InputError."""
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
    return list(points_of(document, where))


def points_of(document: Mapping[str, Any], where: str, limit: int | None = None) -> Iterator[Point]:
    """As expand, one point at a time; of a grid of more than MOST_POINTS only so many as limit says.

    Raises InputError as expand does, and for a grid that is too large, before any point is made.
    """
    grids = list(_grids(document, where))
    count = sum(grid.count for grid in grids)
    if count > MOST_POINTS and limit is None:
        raise InputError(
            f"{where}: [sweep]",
            f"the grid has {count:,} points: {' + '.join(grid.words for grid in grids)}",
            f"shorten an axis, let axes advance together (zip), or take some of it with --limit N;"
            f" at most {MOST_POINTS:,} are simulated",
        )
    return itertools.islice((point for grid in grids for point in grid), limit)


def count_points(document: Mapping[str, Any], where: str) -> int:
    """How many points a document has; none of them is made. Raises InputError as expand does."""
    return sum(grid.count for grid in _grids(document, where))


@dataclass(frozen=True, slots=True)
class _Grid:
    """One system (of one entry) and the axes that it is crossed with; in each factor axes advance together."""

    common: Mapping[str, Any]
    system: Mapping[str, Any]
    factors: tuple[tuple[_Axis, ...], ...]
    entry: Mapping[str, Any] | None

    @property
    def lengths(self) -> list[int]:
        return [len(factor[0].values) for factor in self.factors]

    @property
    def count(self) -> int:
        """How many points there are, without making them."""
        return math.prod(self.lengths)

    @property
    def words(self) -> str:
        """How the count comes about."""
        return " x ".join(f"{length:,}" for length in self.lengths) or "1"

    def __iter__(self) -> Iterator[Point]:
        for row in itertools.product(*(list(zip(*(axis.values for axis in one), strict=True)) for one in self.factors)):
            chosen = [
                (axis, value)
                for factor, values in zip(self.factors, row, strict=True)
                for axis, value in zip(factor, values, strict=True)
            ]
            document: dict[str, Any] = {**self.common, "system": [self.system]}
            for axis, value in chosen:
                document = with_value(document, axis.key, value)
            point = Point(document, {AxisKey(axis.text): value for axis, value in chosen})
            if self.entry is not None:
                published = published_of(self.entry, str(document["system"][0]["name"]))
                point = dataclasses.replace(point, entry=self.entry["name"], published=published)
            yield point


def _grids(document: Mapping[str, Any], where: str) -> Iterator[_Grid]:
    """The grid of every system, of every entry where there are some."""
    names, entries = system_names(document), entry_names(document)
    sweep, place = document.get("sweep", {}), f"{where}: [sweep]"
    axes = {text: _axis(text, values, names, place, entries) for text, values in axes_of(sweep).items()}
    together = groups(sweep, place)
    for one in together:
        _check_different([axes[text] for text in one], place)
    common = {key: value for key, value in document.items() if key != "sweep"}
    if "entry" not in document:
        yield from _grids_of(common, axes, together, place, None)
        return
    for entry in document["entry"]:
        if not is_refused(entry):
            yield from _grids_of(whole(common, entry), axes, together, place, entry)


def _grids_of(
    common: Mapping[str, Any],
    axes: Mapping[str, _Axis],
    together: Sequence[tuple[str, ...]],
    place: str,
    entry: Mapping[str, Any] | None,
) -> Iterator[_Grid]:
    name = None if entry is None else entry["name"]
    for system in common["system"]:
        own = [[axes[text] for text in one if axes[text].key.concerns(system["name"], name)] for one in together]
        _check_apart([axis for factor in own for axis in factor], place)
        yield _Grid(common, system, tuple(tuple(factor) for factor in own if factor), entry)


def _axis(text: str, values: object, systems: Sequence[str], where: str, entries: Sequence[str] = ()) -> _Axis:
    key = parse_key(text, systems, where, entries)
    if not isinstance(values, list) or not values:
        raise InputError(where, f"'{text}' is not a list of values", f'write "{text}" = [...]')
    return _Axis(text, key, values)


def _check_different(factor: Sequence[_Axis], where: str) -> None:
    """Raise InputError where a value, or all values of axes that advance together, are there twice."""
    # By their text, because 1, 1.0 and true are equal in Python and are not the same in a file.
    written = [tuple(map(repr, values)) for values in zip(*(axis.values for axis in factor), strict=True)]
    if len(set(written)) == len(written):
        return
    twice = next(values for values in written if written.count(values) > 1)
    names = ", ".join(f"'{axis.text}'" for axis in factor)
    verb = "has the value" if len(factor) == 1 else "have the values"
    raise InputError(where, f"{names} {verb} {', '.join(twice)} more than once", "write each value once")


def _check_apart(axes: Sequence[_Axis], where: str) -> None:
    for one, other in itertools.combinations(axes, 2):
        if one.key.covers(other.key) or other.key.covers(one.key):
            problem = f"'{one.text}' and '{other.text}' set the same key"
            raise InputError(where, problem, "leave out one of the two")
