"""Reads the text files that a user names, and the TOML and JSON in them: the one border for all readers.

What cannot be read, is no file, or is too large, too deep or no text for a person is refused with its place. Every file
that is read is noted, so that a result can say which files it rests on, and what they held.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from sim.errors import InputError, shown, some_of

_Found = TypeVar("_Found")
LARGEST_FILE_BYTES = 32 * 2**20
"""Of a text file."""
DEEPEST = 64
"""Tables and lists within one another."""
LARGEST_INTEGER = 2**63 - 1
"""TOML has integers of 64 bits; what has more is no figure of anything here."""

ABSENT = "absent"
"""In place of a digest: there was no such file, or it could not be read."""
_CHANGED = "changed meanwhile"
_noted: ContextVar[dict[str, str] | None] = ContextVar("_noted", default=None)
_DIGITS_PER_BIT = math.log10(2)


class NotTOML(InputError):
    """Text that is no TOML document."""


def read_text(path: Path, where: str) -> str:
    """Read a UTF-8 file, with or without a byte order mark, and note it. where: of what names it, first in messages.

    Raises InputError for what is not there, is no regular file, is too large, or is not UTF-8.
    """
    checked(str(path), where)
    try:
        content = _content(path, where)
    except (FileNotFoundError, NotADirectoryError):
        _note(path, ABSENT)
        raise missing_file(path, where) from None
    except (OSError, InputError) as error:
        _note(path, ABSENT)
        if isinstance(error, InputError):
            raise
        raise InputError(where, f"{shown(str(path))} cannot be read: {error.strerror}", "check the path") from None
    _note(path, _digest(content))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", "save the file as UTF-8") from None


def is_file(path: Path) -> bool:
    """Whether there is such a file; a path that cannot be one is none. That there is none is noted."""
    try:
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        _note(path, ABSENT)
    return found


@contextlib.contextmanager
def noting() -> Iterator[dict[str, str]]:
    """What is read meanwhile, in this thread: absolute path -> digest of what it held, or ABSENT."""
    found: dict[str, str] = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def digest_of(path: str) -> str:
    """The digest of what a file holds now, or ABSENT."""
    try:
        return _digest(_content(Path(path), path))
    except (OSError, ValueError):
        return ABSENT


def _note(path: Path, digest: str) -> None:
    found = _noted.get()
    if found is not None:
        place = os.path.abspath(path)
        found[place] = digest if found.get(place, digest) == digest else _CHANGED


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _content(path: Path, where: str) -> bytes:
    """What a regular file of a sensible size holds. Raises InputError for another one, and what the system says."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise _no_regular_file(path, where)
    if found.st_size > LARGEST_FILE_BYTES:
        size = f"{path} has {found.st_size:,} bytes"
        raise InputError(where, size, f"at most {LARGEST_FILE_BYTES:,} are read")
    return path.read_bytes()


def missing_file(path: Path, where: str) -> InputError:
    """Build the error for a file that is not there: it names the files nearby that were perhaps meant."""
    folder = path.parent
    if not folder.is_dir():
        return InputError(where, f"there is no folder {folder}", "check the path")
    try:
        alike = [entry for entry in folder.iterdir() if entry.suffix == path.suffix and entry.is_file()]
    except OSError as error:
        return InputError(where, f"the folder {folder} cannot be read: {error.strerror}", "check its permissions")
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


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """Read a TOML document. where: the file, first in messages. Raises InputError, with the line."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem, spot = _place_of(error, text)
        unquoted = 'text needs quotes: name = "value"'
        remedy = unquoted if "Invalid value" in problem else "mend this line, or the one before it"
        raise NotTOML(f"{where}: {spot}" if spot else where, f"not TOML: {problem}", remedy) from None
    except (RecursionError, ValueError) as error:
        raise _too_much(error, where) from None
    return checked(found, where)


def parse_json(text: str, where: str, remedy: str) -> Any:
    """Read a JSON document. remedy: what to do about one that is none. Raises InputError, with the line."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        spot = f"{where}: line {error.lineno}, column {error.colno}"
        raise InputError(spot, f"not JSON: {error.msg}", remedy) from None
    except (RecursionError, ValueError) as error:
        raise _too_much(error, where) from None
    return checked(found, where)


def checked(found: _Found, where: str) -> _Found:
    """A document as it is, if nothing in it is larger or deeper than anything that it could be meant to say.

    Raises InputError for an integer of more than 64 bits, a text with a NUL, and what is nested deeper than DEEPEST.
    """
    level: list[tuple[str, Any]] = [("", found)]
    for _ in range(DEEPEST + 1):
        level = [pair for at, value in level for pair in _members(at, value, where)]
        if not level:
            return found
    raise InputError(where, f"nested deeper than {DEEPEST} levels", "write it flatter")


def _members(at: str, value: object, where: str) -> list[tuple[str, Any]]:
    """What a table or list holds, each with its place; nothing of a plain value, which is checked."""
    place = f"{where}: {at}" if at else where
    if isinstance(value, Mapping):
        return [(f"{at}.{key}" if at else str(key), member) for key, member in value.items()]
    if isinstance(value, list):
        return [(f"{at}[{number}]", member) for number, member in enumerate(value)]
    if isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        digits = f"a whole number of about {value.bit_length() * _DIGITS_PER_BIT:.0f} digits"
        raise InputError(place, digits, f"write a whole number of at most {LARGEST_INTEGER:,}")
    if isinstance(value, str) and "\0" in value:
        raise InputError(place, "text with a NUL character", "leave the character out")
    return []


def _too_much(error: Exception, where: str) -> InputError:
    """What the parsers refuse that is no slip of the format."""
    if isinstance(error, RecursionError):
        return InputError(where, f"nested deeper than {DEEPEST} levels", "write it flatter")
    return InputError(where, "a number of very many digits", f"write whole numbers of at most {LARGEST_INTEGER:,}")


def _no_regular_file(path: Path, where: str) -> InputError:
    if path.is_dir():
        return InputError(where, f"{path} is a folder, not a file", "write the name of a file in it")
    return InputError(where, f"{path} is a device or a pipe, not a file", "save it as a file first")


def _place_of(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """(what is wrong, in which line and column): tomllib says both in one sentence."""
    message = str(error)
    found = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", message, re.DOTALL)
    problem, spot = (found[1], found[2]) if found else (message, "")
    if spot == "end of document":
        lines = text.splitlines() or [""]
        spot = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return problem, spot
