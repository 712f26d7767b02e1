"""Picks curves out of the rows of a sweep: which column is meant, along which axis, one curve for each of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from sim.errors import InputError, closest, some_of
from sim.scenario import AxisKey
from sim.scenario.axes import amount_of
from sim.study.axis_words import axis_words, value_words

Row = Mapping[str, Any]

# How people call a column -> its name.
_CALLED = {
    "mfu": "mfu_full",
    "tax": "distribution_tax",
    "time": "time_to_train_s",
    "cost": "rental_usd",
    "energy": "energy_joules",
}
_UNITS = ("_s", "_usd", "_joules", "_bytes", "_per_s", "_hours")
_WORDS = {
    "mfu_full": "MFU",
    "distribution_tax": "distribution tax",
    "time_to_train_s": "time to train (days)",
    "rental_usd": "rental (USD)",
    "goodput": "goodput",
    "devices": "devices",
}
_SCALES = {"time_to_train_s": 86400.0}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of rows, or several that are one: the same key of different systems.

    categories: of an axis of text, in words and in the order of the sweep; its numbers are places among them.
    """

    name: str
    keys: tuple[str, ...]
    categories: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For an axis of a chart."""
        return _WORDS.get(self.keys[0], self.name.replace("_", " "))

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
        return float(value) / _SCALES.get(self.keys[0], 1.0)

    def tick(self, number: float) -> str:
        """A place on an axis in words."""
        return self.categories[int(number)] if self.categories else f"{number:,g}"

    def as_axis(self, rows: Sequence[Row]) -> Column:
        """The same to draw along: with categories where not all that rows have in it are numbers."""
        values = [value for row in rows if (value := self.of(row)) is not None]
        if all(self.number(row) is not None for row in rows if self.of(row) is not None):
            return self
        return replace(self, categories=tuple(dict.fromkeys(map(value_words, values))))


@dataclass(frozen=True, slots=True)
class Series:
    """One curve. low, high: of rows that differ in what is not told apart; equal to ys where none do."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    rows: tuple[Row, ...]
    """A row for each x, the middle one."""


def column(name: str, rows: Sequence[Row], option: str) -> Column:
    """The column that a name means: itself, with its unit left out, or the last part of an axis.

    Raises InputError with the closest names.
    """
    names = list(dict.fromkeys(key for row in rows for key in row))
    wanted = _CALLED.get(name, name)
    if wanted in names:
        return Column(name, (wanted,))
    for found in ([f"{wanted}{unit}" for unit in _UNITS if f"{wanted}{unit}" in names], _ending(wanted, names)):
        if found:
            return Column(name, tuple(found))
    raise InputError(option, f"there is no column '{name}'{closest(name, names)}", f"columns: {some_of(names, name)}")


def axes_of_rows(rows: Sequence[Row]) -> list[AxisKey]:
    """Columns of axes in which the rows differ."""
    names = list(dict.fromkeys(key for row in rows for key in row if isinstance(key, AxisKey)))
    return [name for name in names if len({repr(row[name]) for row in rows if name in row}) > 1]


def default_x(rows: Sequence[Row]) -> Column:
    """The number of devices where that of a system differs, else the first axis that is a number, else the first one.

    Raises InputError without one.
    """
    sizes = {(row.get("system"), row.get("devices")) for row in rows}
    if len(sizes) > len({system for system, _ in sizes}):
        return Column("devices", ("devices",))
    names = list(dict.fromkeys(key for row in rows for key in row))
    found = [Column(one.last, tuple(_ending(one.last, names)) or (one,)).as_axis(rows) for one in axes_of_rows(rows)]
    if found:
        return min(found, key=lambda one: bool(one.categories))
    raise InputError("--x", "no axis of this sweep is a number or text with two values", "name a column with --x")


def series_of(rows: Sequence[Row], x: Column, y: Column, by: Column | None) -> list[Series]:
    """A curve for each value of a column, or without one for each system and each combination of the other axes.

    Rows without a number in x or y are left out.
    """
    axes = [name for name in axes_of_rows(rows) if name not in x.keys]
    others = [name for name in axes if name.last != "devices"]
    if x.keys != ("devices",):
        others += [name for name in axes if name.last == "devices"]
    groups: dict[str, dict[float, list[tuple[float, Row]]]] = {}
    for row in rows:
        at, height = x.number(row), y.number(row)
        if at is not None and height is not None:
            label = str(by.of(row)) if by else _label(row, others)
            groups.setdefault(label, {}).setdefault(at, []).append((height, row))
    return [_curve(label, group) for label, group in groups.items()]


def _curve(label: str, group: Mapping[float, list[tuple[float, Row]]]) -> Series:
    xs = sorted(group)
    sorted_ = [sorted(group[at], key=lambda pair: pair[0]) for at in xs]
    return Series(
        label,
        tuple(xs),
        tuple(median(height for height, _ in own) for own in sorted_),
        tuple(own[0][0] for own in sorted_),
        tuple(own[-1][0] for own in sorted_),
        tuple(own[len(own) // 2][1] for own in sorted_),
    )


def _label(row: Row, others: Sequence[AxisKey]) -> str:
    words = [axis_words(name, row[name]) for name in others if row.get(name) is not None]
    return f"{row.get('system')} ({', '.join(words)})" if words else str(row.get("system"))


def _ending(last: str, names: Sequence[str]) -> list[str]:
    """Axes of any system whose key ends so."""
    return [name for name in names if isinstance(name, AxisKey) and name.ends(last)]
