"""Where a sweep keeps what it found: one SQLite file in its folder, written in whole batches, readable after any crash.

Tables: points (what a key's answer is, and which files it rests on), asked (which key a point of a grid came to, and
which files said so), grid (the points of the last sweep in their order, and how its file names each), about. Every row
has a hash of itself. A row that is damaged is as if it had never been there.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import InputError, ScaletaxError
from sim.reading import is_file
from sim.sweep.sound_file import Row, connected, hash_of, insert, is_about_the_disk, locked, whole_rows

NAME = "sweep.sqlite"
_KEPT = ("asked", "points")
"""Tables of which a damaged store's whole rows are kept; the list of the grid is made again."""


class StoreError(ScaletaxError, OSError):
    """The store of a sweep cannot be read or written."""

    exit_code = 2


DONE, FAILED, LOST = 0, 1, 2
"""A point with an outcome, one that ended in an error, and one whose process was killed: that one is tried again."""


class Answer(NamedTuple):
    """What one point came to. record: plain data, of its error where it failed. state: DONE, FAILED or LOST.

    files: what was read for it, as sim.reading notes it.
    """

    key: str
    record: Mapping[str, Any]
    state: int
    files: Mapping[str, str]


class Asked(NamedTuple):
    """Which key a point of a grid came to. files: what was read to tell."""

    asked: str
    key: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Salvage:
    """What became of a damaged store."""

    kept: int
    damaged: Path


class Store:
    """The store of one folder, held by one process at a time. Close it, or use it in a with statement.

    salvage: set where the file was damaged, and what could be read of it is in a new one.
    """

    def __init__(self, folder: Path, *, fresh: bool = False, alone: bool = True) -> None:
        """Open the store of a folder, made if need be. fresh: forget what it holds. alone: hold it, to write into it.

        Raises StoreError where it cannot be read or written, or is damaged and not held, and InputError where another
        process holds it.
        """
        self.folder, self.path = folder, folder / NAME
        self.salvage: Salvage | None = None
        with _reported(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = locked(folder) if alone else None
            if fresh and _is_database(self.path):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._connection = self._opened()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        if self._lock is not None:
            self._lock.close()

    def write(self, answers: Sequence[Answer]) -> None:
        """Keep some answers, all of them or, where that fails, none. Raises StoreError."""
        self._put("points", [(one.key, _text(one.record), one.state, _text(one.files)) for one in answers])

    def name(self, points: Iterable[Asked]) -> None:
        """Keep which keys some points of a grid came to. Raises StoreError."""
        self._put("asked", ((one.asked, one.key, _text(one.files)) for one in points))

    def has(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer that stays."""
        return {row[0] for row in self._chosen(f"SELECT key FROM points WHERE state < {LOST} AND key IN", keys)}

    def known(self, asked: Sequence[str]) -> set[str]:
        """Those points of a grid that have an answer that stays."""
        query = f"SELECT asked FROM asked JOIN points USING (key) WHERE state < {LOST} AND asked IN"
        return {row[0] for row in self._chosen(query, asked)}

    def forget_changed(self, is_same: Callable[[str, str], bool]) -> None:
        """Forget what rests on a file that changed. is_same: whether one still has a digest. Raises StoreError."""
        with _reported(self.path), self._connection as connection:
            for table in _KEPT:
                texts = connection.execute(f"SELECT DISTINCT files FROM {table}").fetchall()
                changed = [(text,) for (text,) in texts if not all(is_same(*one) for one in json.loads(text).items())]
                connection.executemany(f"DELETE FROM {table} WHERE files = ?", changed)

    def begin(self, digest: str) -> bool:
        """Whether the grid of this digest is the last one that was listed in full; forget the list of another one."""
        with _reported(self.path), self._connection as connection:
            listed = connection.execute("SELECT value FROM about WHERE name = 'grid'").fetchone()
            if listed is not None and listed[0] == self._listed(digest):
                return True
            connection.execute("DELETE FROM grid")
            connection.execute("DELETE FROM about WHERE name = 'grid'")
        return False

    def list(self, places: Iterable[tuple[int, str, Mapping[str, Any]]]) -> None:
        """Add points to the list of the grid: place, how it is asked for, title and axes. Raises StoreError."""
        self._put("grid", ((place, asked, _text(names)) for place, asked, names in places))

    def listed(self, digest: str) -> None:
        """Note that the grid is listed in full."""
        with _reported(self.path):
            self._put("about", [("grid", self._listed(digest))])

    def counts(self) -> tuple[int, int, int, int]:
        """(points of the grid, with an outcome, with an error, given up because their process was killed)."""
        query = (
            f"SELECT COUNT(*), COALESCE(SUM(state = {DONE}), 0), COALESCE(SUM(state = {FAILED}), 0),"
            f" COALESCE(SUM(state = {LOST}), 0)"
            " FROM grid LEFT JOIN asked USING (asked) LEFT JOIN points USING (key)"
        )
        with _reported(self.path):
            points, done, failed, lost = self._connection.execute(query).fetchone()
        return points, done, failed, lost

    def records(self) -> Iterator[tuple[dict[str, Any], dict[str, Any], bool]]:
        """(names, record, failed) of every finished point of the grid, in its order. Raises StoreError."""
        query = "SELECT names, record, state FROM grid JOIN asked USING (asked) JOIN points USING (key) ORDER BY place"
        with _reported(self.path):
            for names, record, state in self._connection.execute(query):
                yield json.loads(names), json.loads(record), state != DONE

    def _listed(self, digest: str) -> str:
        """What is noted of a list: of which grid it is, and how long."""
        (count,) = self._connection.execute("SELECT COUNT(*) FROM grid").fetchone()
        return f"{digest} {count}"

    def _put(self, table: str, rows: Iterable[Row]) -> None:
        with _reported(self.path), self._connection as connection:
            insert(connection, table, ((*row, hash_of(table, row)) for row in rows))

    def _chosen(self, query: str, values: Sequence[str]) -> Iterator[tuple[str]]:
        with _reported(self.path):
            for start in range(0, len(values), 500):
                part = values[start : start + 500]
                yield from self._connection.execute(f"{query} ({','.join('?' * len(part))})", part)

    def _opened(self) -> sqlite3.Connection:
        """A connection to a sound file; a damaged one is put aside, and what can be read of it copied."""
        try:
            return connected(self.path)
        except sqlite3.DatabaseError as error:
            if not self.path.is_file() or is_about_the_disk(error, self.path):
                raise
        if self._lock is None:
            remedy = "give the command of the sweep again: what is damaged is computed again"
            raise StoreError(str(self.path), "it is damaged, or was written by another version", remedy)
        return self._salvaged()

    def _salvaged(self) -> sqlite3.Connection:
        rows = {table: whole_rows(self.path, table) for table in _KEPT}
        number = next(n for n in range(1, 10_000) if not self.path.with_name(f"{NAME}.damaged-{n}").exists())
        damaged = self.path.with_name(f"{NAME}.damaged-{number}")
        self.path.rename(damaged)
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        connection = connected(self.path)
        with connection:
            for table in _KEPT:
                insert(connection, table, rows[table])
        self.salvage = Salvage(len(rows["points"]), damaged)
        return connection


def read_only(folder: Path) -> Store:
    """The store of a folder that must be there. Raises InputError where it is not, StoreError where it is damaged."""
    if not is_file(folder / NAME):
        raise InputError(str(folder), "there is no sweep in this folder", "run one: scaletax sweep FILE --out FOLDER")
    return Store(folder, alone=False)


def _is_database(path: Path) -> bool:
    """Whether SQLite wrote a file; another one is nobody's to delete."""
    return path.is_file() and path.read_bytes()[:16] == b"SQLite format 3\0"


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn what the system or SQLite says about the file into a message about it."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, ScaletaxError):
            raise
        words = getattr(error, "strerror", None) or str(error)
        raise StoreError(
            str(path),
            f"the store of the sweep cannot be used: {words}",
            "free the disk or choose a folder that can be written with --out; what was finished is kept, and the same"
            " command goes on from there",
        ) from None


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, allow_nan=False, separators=(",", ":"))
