"""The axes of [sweep]: lists, ranges and logarithmic spaces, crossed with one another or advancing together."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from sim.errors import InputError, shown, some_of
from sim.scenario.keys import entry_names, parse_key, system_names
from sim.scenario.overrides import parse_value

TOGETHER = "zip"
"""The one key of [sweep] that is no axis: lists of axes that advance together."""
MOST_VALUES = 100_000
"""Of one axis."""
_EXAMPLE = 'write [8, 64, 256], { range = [8, 64, 8] } or { logspace = ["1 us", "100 us", 5] }'
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)")
_FIRST_AXIS = re.compile(r'((?:[^"=]|"[^"]*")*)=(.*)', re.DOTALL)


def axes_of(sweep: object) -> dict[str, Any]:
    """The axes of a [sweep] without what says which of them advance together."""
    return {key: value for key, value in sweep.items() if key != TOGETHER} if isinstance(sweep, Mapping) else {}


def spelled_out(document: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The document with every range and logarithmic space of [sweep] as the list that it stands for.

    Raises InputError for one that is not finite, or longer than MOST_VALUES; its values are not made then.
    """
    sweep = document.get("sweep")
    if not isinstance(sweep, Mapping):
        return dict(document)
    lists = {
        text: _values(value, f"{where}: [sweep] '{text}'") if isinstance(value, Mapping) else value
        for text, value in axes_of(sweep).items()
    }
    return {**document, "sweep": {**lists, **({TOGETHER: sweep[TOGETHER]} if TOGETHER in sweep else {})}}


def with_axes(document: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """The document with each "key=v1,v2" as an axis, in the place of the axis of that key where there is one.

    Values are as TOML writes them, or bare text; a list or a range in TOML is taken whole. Raises InputError.
    """
    changed = {**document, "sweep": document.get("sweep", {})}
    if not isinstance(changed["sweep"], Mapping):
        return changed
    for text in texts:
        where = f"--sweep {text}"
        parts = _FIRST_AXIS.fullmatch(text)
        if parts is None:
            raise InputError(where, "there is no '='", "write key=v1,v2, for example system.devices=8,64,256")
        name, written = parts[1].strip(), parts[2].strip()
        key = parse_key(name, system_names(changed), where, entry_names(changed))
        whole = parse_value(written, where)
        listed = [parse_value(part.strip(), where) for part in written.split(",")] if written else []
        axis = {name: whole if isinstance(whole, (list, dict)) else listed}
        kept: dict[str, Any] = {}
        for old, values in changed["sweep"].items():
            is_axis = old != TOGETHER
            if is_axis and key.covers(parse_key(old, system_names(changed), where, entry_names(changed))):
                kept |= axis
            else:
                kept[old] = values
        changed["sweep"] = kept | axis
    return changed


def groups(sweep: object, where: str) -> list[tuple[str, ...]]:
    """The axes as groups that advance together, in the order of the file; most groups are of one axis.

    Raises InputError for groups of axes that are not there, are in two groups, or have different numbers of values.
    """
    axes = axes_of(sweep)
    listed = sweep.get(TOGETHER, []) if isinstance(sweep, Mapping) else []
    place = f"{where} {TOGETHER}"
    if not isinstance(listed, list) or not all(_are_names(one) for one in listed):
        raise InputError(place, f"{shown(listed)} are no lists of axes", 'write zip = [["one axis", "another axis"]]')
    named = [axis for one in listed for axis in one]
    for axis in named:
        if axis not in axes:
            raise InputError(
                place,
                f"there is no axis {shown(axis)}",
                f"axes: {some_of(axes, str(axis))}" if axes else "write an axis first",
            )
        if named.count(axis) > 1:
            raise InputError(place, f"'{axis}' is there more than once", "name each axis in one list")
    for one in listed:
        lengths = {axis: len(axes[axis]) for axis in one}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"'{axis}' {length}" for axis, length in lengths.items())
            raise InputError(place, f"axes that advance together have as many values: {counts}", "give each as many")
    group_of = {axis: tuple(one) for one in listed for axis in one}
    return list(dict.fromkeys(group_of.get(axis, (axis,)) for axis in axes))


def _are_names(group: object) -> bool:
    """Whether this is a list of two names or more."""
    return isinstance(group, list) and len(group) > 1 and all(isinstance(name, str) for name in group)


def _values(spec: Mapping[str, Any], where: str) -> list[Any]:
    if len(spec) != 1 or next(iter(spec)) not in KINDS:
        raise InputError(where, f"{shown(list(spec))} is no kind of axis", _EXAMPLE)
    ((kind, ends),) = spec.items()
    if not isinstance(ends, list) or len(ends) != 3 or isinstance(ends[2], bool):
        raise InputError(where, f"{kind} = {shown(ends)} has not three members", _EXAMPLE)
    return KINDS[kind](ends, where)


def _range(ends: list[Any], where: str) -> list[Any]:
    """From the first to the last, both among the values where the step leads there."""
    (first, unit), (last, other), (step, third) = (_number(end, where) for end in ends)
    unit = _one_unit([unit, other, third], where)
    if not step or (last - first) / step < 0:
        words = f"no steps of {shown(ends[2])} lead from {shown(ends[0])} to {shown(ends[1])}"
        raise InputError(where, words, _EXAMPLE)
    steps = (last - first) / step
    _check_count(steps + 1, where)
    count = math.floor(steps + 1e-9) + 1
    whole = all(isinstance(end, int) for end in ends)
    return [_written(first + number * step, unit, whole) for number in range(count)]


def _logspace(ends: list[Any], where: str) -> list[Any]:
    """So many values from the first to the last, each so many times the one before; whole where the ends are."""
    (first, unit), (last, other) = (_number(end, where) for end in ends[:2])
    unit, count = _one_unit([unit, other], where), ends[2]
    if first <= 0 or last <= 0 or not isinstance(count, int) or count < 2:
        raise InputError(where, f"logspace = {shown(ends)}: two ends above zero and a number from 2 are due", _EXAMPLE)
    _check_count(count, where)
    whole = all(isinstance(end, int) for end in ends)
    values = [_written(float(value), unit, whole) for value in np.geomspace(first, last, count)]
    return list(dict.fromkeys(values))


KINDS: Mapping[str, Callable[[list[Any], str], list[Any]]] = {"range": _range, "logspace": _logspace}
"""Of axes that say their ends and a third number."""


def _check_count(count: float, where: str) -> None:
    if count > MOST_VALUES:
        raise InputError(where, f"this axis has {count:,.10g} values", f"write at most {MOST_VALUES:,}")


def _number(value: object, where: str) -> tuple[float, str]:
    """A finite number and its unit, which may be empty."""
    number, unit = math.nan, ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str):
        number, unit = amount_of(value) or (number, unit)
    if not math.isfinite(number):
        raise InputError(where, f"{shown(value)} is no number that an axis can have", _EXAMPLE)
    return number, unit


def amount_of(text: str) -> tuple[float, str] | None:
    """The number and the unit of a value as a file writes it; None where it does not begin with a number."""
    match = _QUANTITY.fullmatch(text.strip())
    return None if match is None else (float(match[1]), match[2])


def _one_unit(units: Sequence[str], where: str) -> str:
    if len(set(units)) > 1:
        raise InputError(where, f"units differ: {', '.join(unit or 'none' for unit in units)}", "write one unit")
    return units[0]


def _written(value: float, unit: str, whole: bool) -> Any:
    """A value as a file would have it, without the noise of the last bits."""
    number: Any = round(value) if whole else float(f"{value:.12g}")
    return f"{number} {unit}" if unit else number
