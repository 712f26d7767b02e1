"""Picks curves out of the rows of a sweep: which column is meant, along which axis, one curve for each of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from sim.errors import InputError, closest, some_of
from sim.outcome.comparison.knee import knee
from sim.page.numbers import large, number
from sim.records import metrics
from sim.scenario import AxisKey
from sim.scenario.axes import amount_of
from sim.study.axis_words import axis_words, value_words

Row = Mapping[str, Any]
_LARGE = 1e6
_TIMES = (metrics.TIME_TO_TRAIN, metrics.STEP_TIME)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of rows, or several that are one: the same key of different systems.

    metric: what it holds; None for names and axes. categories: of an axis of text, in words and in the order of the
    sweep; its numbers are places among them.
    """

    name: str
    keys: tuple[str, ...]
    metric: metrics.Metric | None = None
    categories: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For an axis of a chart."""
        name = self.keys[0] if self.name == "name" else self.name.replace("_", " ")
        return self.metric.axis if self.metric else name

    def of(self, row: Row) -> Any:
        """The value of a row; None where it has none."""
        return next((row[key] for key in self.keys if row.get(key) is not None), None)

    def number(self, row: Row) -> float | None:
        """The value as a number, in the unit of the words; of a text with a unit the number. None for other text."""
        value = self.of(row)
        if self.categories:
            return None if value is None else float(self.categories.index(value_words(value)))
        if isinstance(value, str):
            amount = amount_of(value)
            return amount[0] if amount else None
        if value is None or isinstance(value, (list, dict)):
            return None
        return float(value) / (self.metric.unit.axis_size if self.metric else 1.0)

    def text(self, row: Row) -> str:
        """The value of a row for people."""
        value = self.of(row)
        if self.metric or value is None:
            return self.metric.written(value) if self.metric else "-"
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return _written(value) if is_number else value_words(value)

    def said(self, row: Row) -> str:
        """The value in a sentence: "micro batch 2"; a name speaks for itself."""
        return self.text(row) if self.name == "name" else f"{self.words} {self.text(row)}"

    def tick(self, place: float) -> str:
        """A place on an axis in words."""
        return self.categories[int(place)] if self.categories else _written(place)

    def as_axis(self, rows: Sequence[Row]) -> Column:
        """The same to draw along: with categories where not all that rows have in it are numbers."""
        values = [value for row in rows if (value := self.of(row)) is not None]
        if all(self.number(row) is not None for row in rows if self.of(row) is not None):
            return self
        return replace(self, categories=tuple(dict.fromkeys(map(value_words, values))))


DEVICES = Column("devices", ("devices",))


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One curve. low, high: of rows that differ in what is not told apart; equal to ys where none do.

    bend: which of the points is the knee; None of what is not time against devices, and where no point inside is one.
    """

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    rows: tuple[Row, ...]
    """A row for each x, the middle one."""
    bend: int | None = None


def column(name: str, rows: Sequence[Row], option: str) -> Column:
    """The column that a name means: itself, a short name, one without its unit, or the last part of an axis.

    Raises InputError with the closest names.
    """
    names = list(dict.fromkeys(key for row in rows for key in row))
    key = name if name in names else metrics.called(name)
    found = (key,) if key in names else tuple(_ending(name, names))
    if not found:
        problem = f"there is no column '{name}'{closest(name, names)}"
        raise InputError(option, problem, f"columns: {some_of(names, name)}")
    return Column(name, found, metrics.by_key().get(found[0]))


def axes_of_rows(rows: Sequence[Row]) -> list[AxisKey]:
    """Columns of axes in which the rows differ."""
    names = list(dict.fromkeys(key for row in rows for key in row if isinstance(key, AxisKey)))
    return [name for name in names if len({repr(row[name]) for row in rows if name in row}) > 1]


def usual_x(rows: Sequence[Row]) -> Column | None:
    """The number of devices where that of a system differs, else the first axis that is a number, else the first one.

    None without an axis of several values.
    """
    sizes = {(row.get("system"), row.get("devices")) for row in rows}
    if len(sizes) > len({system for system, _ in sizes}):
        return DEVICES
    names = list(dict.fromkeys(key for row in rows for key in row))
    found = [Column(one.last, tuple(_ending(one.last, names)) or (one,)).as_axis(rows) for one in axes_of_rows(rows)]
    return min(found, key=lambda one: bool(one.categories), default=None)


def series_of(rows: Sequence[Row], x: Column, y: Column, by: Column | None = None) -> list[Series]:
    """A curve for each value of a column, or without one for each system and each combination of the other axes.

    Rows without a number in x or y are left out.
    """
    others = [] if by else _apart(rows, x)
    timed = x.keys == DEVICES.keys and y.metric in _TIMES
    alone = bool(others) and len({(row.get("entry"), row.get("system")) for row in rows}) == 1
    groups: dict[str, dict[float, list[tuple[float, Row]]]] = {}
    for row in rows:
        at, height = x.number(row), y.number(row)
        if at is not None and height is not None:
            label = str(by.of(row)) if by else _label(row, others, alone)
            groups.setdefault(label, {}).setdefault(at, []).append((height, row))
    return [_curve(label, group, timed) for label, group in groups.items()]


def along(rows: Sequence[Row], x: Column) -> list[AxisKey]:
    """Axes that advance together with x: at each of its places they have one value."""
    return [name for name in axes_of_rows(rows) if name not in x.keys and _is_along(name, rows, x)]


def _apart(rows: Sequence[Row], x: Column) -> list[AxisKey]:
    """Axes that tell curves along x apart, devices last; seeds do not."""
    names = [one for one in axes_of_rows(rows) if one not in x.keys and one.last != "seed"]
    axes = [one for one in names if x.keys != DEVICES.keys or one.last != "devices"]
    return sorted((one for one in axes if not _is_along(one, rows, x)), key=lambda one: one.last == "devices")


def _is_along(name: AxisKey, rows: Sequence[Row], x: Column) -> bool:
    found: dict[str, str] = {}
    places = ((repr((row.get("system"), x.of(row))), repr(row[name])) for row in rows if name in row)
    return all(found.setdefault(place, value) == value for place, value in places)


def _curve(label: str, group: Mapping[float, list[tuple[float, Row]]], timed: bool) -> Series:
    xs = sorted(group)
    sorted_ = [sorted(group[at], key=lambda pair: pair[0]) for at in xs]
    ys = tuple(median(height for height, _ in own) for own in sorted_)
    bend = knee(xs, ys) if timed and len(xs) > 2 else None
    return Series(
        label,
        tuple(xs),
        ys,
        tuple(own[0][0] for own in sorted_),
        tuple(own[-1][0] for own in sorted_),
        tuple(own[len(own) // 2][1] for own in sorted_),
        bend.index if bend and bend.place == "inside" else None,
    )


def _written(value: float) -> str:
    return large(value) if value >= _LARGE else number(value)


def _label(row: Row, others: Sequence[AxisKey], alone: bool) -> str:
    """alone: of the only system, which needs no name."""
    name = ", ".join(filter(None, (row.get("entry"), str(row.get("system")))))
    words = ", ".join(axis_words(key, row[key]) for key in others if row.get(key) is not None)
    return (words if alone else f"{name} ({words})") if words else name


def _ending(last: str, names: Sequence[str]) -> list[str]:
    """Axes of any system whose key ends so."""
    return [name for name in names if isinstance(name, AxisKey) and name.ends(last)]
