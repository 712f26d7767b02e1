"""Reads a scenario file into a document: plain tables, checked for structure, overrides applied."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import InputError, some_of
from sim.scenario.axes import axes_of, spelled_out, with_axes
from sim.scenario.base import with_base
from sim.scenario.entries import check_entries, filled
from sim.scenario.keys import entry_names, parse_key, system_names, with_value
from sim.scenario.overrides import apply_overrides
from sim.scenario.problems import check


def read_document(
    path: Path,
    overrides: Sequence[str] = (),
    tell: Callable[[str], object] = lambda note: None,
    axes: Sequence[str] = (),
) -> dict[str, Any]:
    """Read one scenario file.

    overrides: "key=value" texts, as --set takes them. axes: "key=v1,v2" texts, as --sweep takes them. tell: called
    with a note for each axis of [sweep] that an override replaces although it is another key.
    Returns the tables as written, laid over those of its base, overrides applied; [sweep] is kept, as lists. Where
    there are entries, every one of them has all its tables, laid over those that the file has in common.
    Raises InputError when the file is not there, is not TOML, or does not have the structure of the format.
    """
    document = filled(with_base(_parse(_text(path), path), path, lambda base: _parse(_text(base), base)), path)
    document = apply_overrides(spelled_out(document, str(path)), overrides, str(path), tell)
    if axes:
        document = spelled_out(with_axes(document, axes), str(path))
    first = _at_first_point(document, path)
    if "entry" in first:
        check_entries(first, path)
    else:
        check(first, path)
    return document


def missing_file(path: Path, where: str) -> InputError:
    """Build the error for a file that is not there: it names the files nearby that were perhaps meant."""
    folder = path.parent
    if path.is_dir():
        return InputError(where, f"{path} is a folder, not a file", "write the name of a file in it")
    if not folder.is_dir():
        return InputError(where, f"there is no folder {folder}", "check the path")
    alike = [entry for entry in folder.iterdir() if entry.suffix == path.suffix and entry.is_file()]
    names = sorted(entry.name for entry in alike)
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.6)
    kind = f"{path.suffix} file" if path.suffix else "file without a suffix"
    if near:
        remedy = f"did you mean {' or '.join(near)}?"
    elif names:
        remedy = f"in that folder: {some_of(names)}"
    else:
        remedy = f"there is no {kind} in {folder}"
    return InputError(where, f"there is no file {path}", remedy)


def _text(path: Path) -> str:
    if not path.is_file():
        raise missing_file(path, str(path))
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", "save the file as UTF-8") from None
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}", "check its permissions") from None


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", message, re.DOTALL)
        problem, spot = (found[1], found[2]) if found else (message, "")
        if spot == "end of document":
            lines = text.splitlines() or [""]
            spot = f"line {len(lines)}, column {len(lines[-1]) + 1}"
        where = f"{path}: {spot}" if spot else str(path)
        unquoted = 'text needs quotes: name = "value"'
        remedy = unquoted if "Invalid value" in problem else "mend this line, or the one before it"
        raise InputError(where, f"not TOML: {problem}", remedy) from None


def _at_first_point(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The document with the first value of each axis, because a key may be given by its axis alone."""
    first = dict(document)
    for text, values in axes_of(document.get("sweep")).items():
        key = parse_key(text, system_names(document), f"{path}: [sweep]", entry_names(document))
        if isinstance(values, list) and values:
            first = with_value(first, key, values[0])
    return first
