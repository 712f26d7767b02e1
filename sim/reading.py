"""The one way to read a file of the user, so that a result can say which files it rests on, and what they held."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

ABSENT = "absent"
"""In place of a digest: there was no such file, or it could not be read."""
_CHANGED = "changed meanwhile"
_noted: ContextVar[dict[str, str] | None] = ContextVar("_noted", default=None)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is that of none."""
    try:
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        _note(path, ABSENT)
    return found


def read_bytes(path: Path) -> bytes:
    """What the file holds. Raises what Path.read_bytes does."""
    try:
        content = path.read_bytes()
    except (OSError, ValueError):
        _note(path, ABSENT)
        raise
    _note(path, _digest(content))
    return content


def read_text(path: Path) -> str:
    """What the file holds, as UTF-8. Raises what Path.read_text does."""
    return read_bytes(path).decode("utf-8")


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
        return _digest(Path(path).read_bytes())
    except (OSError, ValueError):
        return ABSENT


def _note(path: Path, digest: str) -> None:
    found = _noted.get()
    if found is not None:
        place = os.path.abspath(path)
        found[place] = digest if found.get(place, digest) == digest else _CHANGED


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
