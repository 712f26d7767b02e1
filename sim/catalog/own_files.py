"""A device or a stack of the user's own: a file that names a base of the catalogue and states what differs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from sim.catalog.figures import Figure, unit_of
from sim.catalog.loader import (
    check_source,
    device_names,
    device_of,
    is_group,
    load_optimizer,
    load_stack,
    nameable_stacks,
    over,
    stack_of,
    with_base,
)
from sim.catalog.records import Device
from sim.catalog.stack_guide import stack_meant
from sim.catalog.stack_records import Stack
from sim.errors import InputError, shown, unknown_name
from sim.reading import parse_toml, read_text
from sim.units import quantity


def read_device(path: Path, where: str) -> Device:
    """Read a device of the user's own from a file that names a base of the catalogue and states what differs.

    where: how messages name the file.
    Raises InputError for a file that cannot be read, and for what cannot be a device.
    """
    base, raw = _over_base(path, where, "device", device_names())
    device = device_of(path.stem, raw, where)
    for figure in device.figures:
        check_source(figure, where)
        _check_sense(figure, where)
    return dataclasses.replace(device, base=base)


def find_stack(given: str, where: str) -> Stack:
    """The stack of a name, or of a path ending in .toml. where: how messages name what gives it."""
    return read_stack(Path(given), given, where) if given.endswith(".toml") else load_stack(given, where)


def read_stack(path: Path, where: str, named_at: str = "") -> Stack:
    """Read a software stack of the user's own in the same way. Raises InputError as read_device does.

    named_at: how messages name what names the file, where there is none.
    """
    base, raw = _over_base(path, where, "stack", nameable_stacks(), named_at)
    stack, like = stack_of(path.stem, raw, where), {figure.name: figure for figure in load_stack(base).figures}
    for figure in stack.figures:
        check_source(figure, where)
        if figure.group == "optimizer_traffic_bytes":
            load_optimizer(figure.name.partition(".")[2], f"{where}: {figure.group}")
        if figure != like.get(figure.name):
            _check_alike(figure, like.get(figure.name, figure), where)
    return stack


def _over_base(path: Path, where: str, kind: str, names: list[str], named_at: str = "") -> tuple[str, dict[str, Any]]:
    """(name of its base, figures of the base with those of the file over them)."""
    raw = parse_toml(read_text(path, named_at or where), where)
    missing = [key for key in ("title", "base") if not isinstance(raw.get(key), str)]
    if missing:
        remedy = f'write title = "My {kind}" and base = the nearest of scaletax list {kind}s; state only what differs'
        raise InputError(where, f"a {kind} needs {' and '.join(missing)}, in quotes", remedy)
    if path.stem in names:
        raise InputError(where, f"the catalogue has a '{path.stem}', with errors of its own", "call the file otherwise")
    if raw["base"] not in names:
        raise unknown_name(f"{where}: base", _CALLED[kind], raw["base"], names)
    below = with_base(f"{kind}s", stack_meant(raw["base"]) if kind == "stack" else raw["base"])
    if raw.get("record", below["record"]) != below["record"]:
        raise InputError(f"{where}: record", f"'{raw['base']}' is a {below['record']}", "leave record out")
    for key, entry in raw.items():
        if is_group(below.get(key)) and not is_group(entry):
            raise InputError(f"{where}: {key}", "this is a table of figures, not one", f"write [{key}]")
        if is_group(entry) and not is_group(below.get(key, entry)):
            raise InputError(f"{where}: {key}", "this figure has no value", f"write {key} = {{ value = ... }}")
    return raw["base"], over(below, raw)


_CALLED = {"device": "device", "stack": "software stack"}


def _check_alike(figure: Figure, like: Figure, where: str) -> None:
    """Raise InputError for a figure of a stack that is not of the type, or without the unit, of its base's."""
    value, model, place = figure.value, like.value, f"{where}: {figure.name}"
    if (unit := unit_of(figure.name)) and value != 0:
        quantity(value, unit, place)
    elif not unit and _type_of(value) != _type_of(model):
        raise InputError(place, f"{shown(value)} is not {_type_of(model)}", f"write for example {shown(model)}")
    elif isinstance(value, (int, float)) and not 0 <= value < math.inf:
        raise InputError(place, f"{shown(value)} is no number from 0 on", f"write for example {shown(model)}")
    if value == 0 and figure.name in _DIVISORS:
        raise InputError(place, "0 is too little", f"write for example {shown(model)}")
    if isinstance(value, (int, float)) and value > (most := _MOST.get(figure.name, math.inf)):
        raise InputError(place, f"{shown(value)} is more than {most}", f"write for example {shown(model)}")
    whole = value if isinstance(value, list) else [value]
    if figure.name in _WHOLE and any(one % 1 for one in whole):
        raise InputError(place, f"{shown(value)} is not whole", f"write for example {shown(model)}")


_DIVISORS = ("vocabulary_multiple", "gradient_bucket_bytes", "array_ceiling")
"""Figures of a stack that something is divided by."""
_MOST = {"overlap_slowdown": 0.9, "array_ceiling": 1}
"""Shares, and the most that each can be."""
_WHOLE = ("vocabulary_multiple", "prefetch_layers", "default_zero_stage", "zero_stages")


def _type_of(value: object) -> str:
    """What kind of value this is, in words."""
    if isinstance(value, list):
        return "a list of " + (_type_of(value[0]).removeprefix("a ") if value else "nothing")
    kinds: dict[type, str] = {bool: "true or false", int: "a number", float: "a number", str: "a word"}
    return kinds.get(type(value), "a value")


_COUNTS = {
    "multiprocessors": (0, "write for example 108"),
    "gemm_aligned_elements": (0, "write for example 8"),
    "gemm_buffered_elements": (0, "write for example 218"),
    "gemm_splits": (1, "write for example [1, 2, 4, 8]"),
    "gemm_tiles": (2, "write for example [[256, 128], [128, 256]]"),
}
"""Figures that are whole numbers, lists (1) of them, or lists of pairs (2); and what to write."""


_SWITCHES = ("fp8_transposes",)
"""Figures that are true or false."""


def _check_sense(figure: Figure, where: str) -> None:
    """Raise InputError for a figure of a device without the unit that is due, and for no count or share above zero."""
    value, place = figure.value, f"{where}: {figure.name}"
    if unit := unit_of(figure.name):
        quantity(value, unit, place)
    elif figure.name in _SWITCHES:
        if not isinstance(value, bool):
            raise InputError(place, f"{shown(value)} is neither true nor false", "write true or false")
    elif figure.name in _COUNTS:
        depth, example = _COUNTS[figure.name]
        if not _is_counted(value, depth):
            what = ("a whole number", "a list of whole numbers", "a list of pairs of whole numbers")[depth]
            raise InputError(place, f"{shown(value)} is not {what} of at least 1", example)
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise InputError(place, f"{shown(value)} is not a share above 0, up to 1", "write for example 0.8")


def _is_counted(value: object, depth: int) -> bool:
    """Whether this is a whole number of at least 1, or a list of them, or one of pairs."""
    if not depth:
        return not isinstance(value, bool) and isinstance(value, int) and value >= 1
    if not isinstance(value, list) or not value:
        return False
    return all(_is_counted(one, depth - 1) and (depth == 1 or len(one) == 2) for one in value)
