"""Writes fitted values into a file of the catalogue, line by line, so that everything else in it stays as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from sim.errors import InputError

_UNITS = {"_s": ("us", 1e6), "_bytes": ("B", 1.0)}


def with_figures(text: str, values: Mapping[str, float], source: str, date: str, note: str, where: str) -> str:
    """The text of a file with figures replaced, or added before its first table.

    values: by name; "table.key" is an entry of a table. Raises InputError where a file has no such table.
    """
    for name, value in values.items():
        table, _, key = name.rpartition(".")
        shown = f'"{key}"' if " " in key or "-" in key else key
        figure = f'value = {_written(key, value)}, kind = "fitted", source = "{source}", date = "{date}"'
        line = f'{shown} = {{ {figure}, note = "{note}" }}'
        text = _replaced(text, table, shown, line, where)
    return text


def write_figures(path: Path, values: Mapping[str, float], source: str, date: str, note: str) -> None:
    """Replace figures of a file on disk."""
    text = path.read_text(encoding="utf-8")
    path.write_text(with_figures(text, values, source, date, note, str(path)), encoding="utf-8")


def _written(key: str, value: float) -> str:
    if value == 0:
        # Nothing has no unit; a file's reader takes a quantity for more than that.
        return "0"
    for suffix, (unit, factor) in _UNITS.items():
        if key.endswith(suffix):
            return f'"{value * factor:.4g} {unit}"'
    return f"{value:.4g}"


def _replaced(text: str, table: str, key: str, line: str, where: str) -> str:
    head, separator, rest = _cut(text, table, where)
    section_end = re.search(r"^\[", rest, re.M)
    body, after = (rest[: section_end.start()], rest[section_end.start() :]) if section_end else (rest, "")
    pattern = re.compile(rf"^{re.escape(key)} = .*$", re.M)
    if pattern.search(body):
        body = pattern.sub(lambda _: line, body)
    else:
        body = f"{body.rstrip()}\n{line}\n" + ("\n" if after else "")
    return head + separator + body + after


def _cut(text: str, table: str, where: str) -> tuple[str, str, str]:
    """What is before a table's body, its header line, and what follows."""
    if not table:
        return "", "", text
    header = re.search(rf"^\[{re.escape(table)}\]\n", text, re.M)
    if header is None:
        raise InputError(where, f"it has no table [{table}]", "add it, with a figure for every entry")
    return text[: header.start()], header[0], text[header.end() :]
