"""Reads a scenario file into a document: plain tables, checked for structure, overrides applied."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.reading import parse_toml, read_text
from sim.scenario.axes import axes_of, spelled_out, with_axes
from sim.scenario.base import with_base
from sim.scenario.entries import check_entries, filled
from sim.scenario.keys import entry_names, parse_key, system_names, with_value
from sim.scenario.overrides import apply_overrides
from sim.scenario.problems import check
from sim.scenario.several_stacks import stacks_as_axes


def read_document(
    path: Path,
    overrides: Sequence[str] = (),
    tell: Callable[[str], object] = lambda note: None,
    axes: Sequence[str] = (),
    text: str | None = None,
) -> dict[str, Any]:
    """Read one scenario file.

    overrides: "key=value" texts, as --set takes them. axes: "key=v1,v2" texts, as --sweep takes them. tell: called
    with a note for each axis of [sweep] that an override replaces although it is another key. text: what the file says
    where none was written; path is then its name in messages, and relative paths are taken from where it would lie.
    Returns the tables as written, laid over those of its base, overrides applied; [sweep] is kept, as lists. Where
    there are entries, every one of them has all its tables, laid over those that the file has in common.
    Raises InputError when the file is not there, is not TOML, or does not have the structure of the format.
    """
    written = _parse(path) if text is None else parse_toml(text, str(path))
    document = stacks_as_axes(filled(with_base(written, path, _parse), path), path)
    document = apply_overrides(spelled_out(document, str(path)), overrides, str(path), tell)
    document = stacks_as_axes(document, path)
    if axes:
        document = spelled_out(with_axes(document, axes), str(path))
    first = _at_first_point(document, path)
    if "entry" in first:
        check_entries(first, path)
    else:
        check(first, path)
    return document


def _parse(path: Path) -> dict[str, Any]:
    return parse_toml(read_text(path, str(path)), str(path))


def _at_first_point(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with the first value of each axis, because a key may be given by its axis alone."""
    first = dict(document)
    for text, values in axes_of(document.get("sweep")).items():
        key = parse_key(text, system_names(document), f"{path}: [sweep]", entry_names(document))
        if isinstance(values, list) and values:
            first = with_value(first, key, values[0])
    return first
