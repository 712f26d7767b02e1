"""A device of the user's own: a file that names a base of the catalogue and states what differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from sim.catalog.figures import Figure, unit_of
from sim.catalog.loader import (
    check_source,
    device_figures,
    device_names,
    device_of,
    is_group,
    load_device,
    over,
)
from sim.catalog.records import Device
from sim.errors import InputError, shown
from sim.reading import parse_toml, read_text
from sim.units import quantity


def read_device(path: Path, where: str) -> Device:
    """Read a device of the user's own from a file that names a base of the catalogue and states what differs.

    where: how messages name the file.
    Raises InputError for a file that cannot be read, and for what cannot be a device.
    """
    raw = parse_toml(read_text(path, where), where)
    missing = [key for key in ("title", "base") if not isinstance(raw.get(key), str)]
    if missing:
        remedy = 'write title = "My card" and base = the nearest of scaletax list devices; state only what differs'
        raise InputError(where, f"a device needs {' and '.join(missing)}, in quotes", remedy)
    if path.stem in device_names():
        raise InputError(where, f"the catalogue has a '{path.stem}', with prices and errors", "call the file otherwise")
    base = load_device(raw["base"], f"{where}: base")
    below = device_figures(base.name)
    if raw.get("record", below["record"]) != below["record"]:
        raise InputError(f"{where}: record", f"'{base.name}' is a {below['record']}", "leave record out")
    for key, entry in raw.items():
        if is_group(below.get(key)) and not is_group(entry):
            raise InputError(f"{where}: {key}", "this is a table of figures, not one", f"write [{key}]")
    device = device_of(path.stem, over(below, raw), where)
    for figure in device.figures:
        check_source(figure, where)
        _check_sense(figure, where)
    return dataclasses.replace(device, base=base.name)


_COUNTS = {
    "multiprocessors": (0, "write for example 108"),
    "gemm_aligned_elements": (0, "write for example 8"),
    "gemm_splits": (1, "write for example [1, 2, 4, 8]"),
    "gemm_tiles": (2, "write for example [[256, 128], [128, 256]]"),
}
"""Figures that are whole numbers, lists (1) of them, or lists of pairs (2); and what to write."""


def _check_sense(figure: Figure, where: str) -> None:
    """Raise InputError for a figure of a device without the unit that is due, and for no count or share above zero."""
    value, place = figure.value, f"{where}: {figure.name}"
    if unit := unit_of(figure.name):
        quantity(value, unit, place)
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
