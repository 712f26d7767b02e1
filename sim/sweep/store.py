"""Where a sweep keeps what it found: one SQLite file in its folder, written in whole batches, readable after any crash.

Tables: points (what a key's answer is, and a hash of that), asked (which key a point of a grid came to), grid (the
points of the last sweep in their order, and how its file names each), timing (kept apart, because it differs from run
to run), about.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import InputError, ScaletaxError

NAME = "sweep.sqlite"
_LOCK = "sweep.lock"
_FORMAT = "1"
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS points
    (key TEXT PRIMARY KEY, record TEXT NOT NULL, failed INTEGER NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS asked (asked TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grid (place INTEGER PRIMARY KEY, asked TEXT NOT NULL, names TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS timing (key TEXT PRIMARY KEY, wall_s REAL NOT NULL) WITHOUT ROWID;
"""


class StoreError(ScaletaxError, OSError):
    """The store of a sweep cannot be read or written."""

    exit_code = 2


DONE, FAILED, LOST = 0, 1, 2
"""A point with an outcome, one that ended in an error, and one whose process was killed: that one is tried again."""


class Answer(NamedTuple):
    """What one point came to. record: plain data, of its error where it failed. asked: how grids call it.

    state: DONE, FAILED or LOST.
    """

    asked: str
    key: str
    record: Mapping[str, Any]
    state: int
    wall_s: float


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

        Raises StoreError where it cannot be read or written, and InputError where another process holds it.
        """
        self.folder, self.path = folder, folder / NAME
        self.salvage: Salvage | None = None
        with _reported(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder) if alone else None
            if fresh:
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
        rows = [(one.key, _text(one.record), one.state) for one in answers]
        with _reported(self.path), self._connection as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", [(*row, _hash(row[0], row[1])) for row in rows]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO asked VALUES (?, ?)", [(one.asked, one.key) for one in answers]
            )
            connection.executemany(
                "INSERT OR REPLACE INTO timing VALUES (?, ?)", [(one.key, one.wall_s) for one in answers]
            )

    def name(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Keep which keys some points of a grid came to. Raises StoreError."""
        with _reported(self.path), self._connection as connection:
            connection.executemany("INSERT OR REPLACE INTO asked VALUES (?, ?)", pairs)

    def has(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer that stays."""
        return {row[0] for row in self._chosen(f"SELECT key FROM points WHERE failed < {LOST} AND key IN", keys)}

    def known(self, asked: Sequence[str]) -> set[str]:
        """Those points of a grid that have an answer that stays."""
        query = f"SELECT asked FROM asked JOIN points USING (key) WHERE failed < {LOST} AND asked IN"
        return {row[0] for row in self._chosen(query, asked)}

    def begin(self, digest: str) -> bool:
        """Whether the grid of this digest is the last one that was listed in full; forget the list of another one."""
        with _reported(self.path), self._connection as connection:
            if _about(connection, "grid") == digest:
                return True
            connection.execute("DELETE FROM grid")
            connection.execute("DELETE FROM about WHERE name = 'grid'")
        return False

    def list(self, places: Iterable[tuple[int, str, Mapping[str, Any]]]) -> None:
        """Add points to the list of the grid: place, how it is asked for, title and axes. Raises StoreError."""
        rows = ((place, asked, _text(names)) for place, asked, names in places)
        with _reported(self.path), self._connection as connection:
            connection.executemany("INSERT OR REPLACE INTO grid VALUES (?, ?, ?)", rows)

    def listed(self, digest: str) -> None:
        """Note that the grid is listed in full."""
        with _reported(self.path), self._connection as connection:
            connection.execute("INSERT OR REPLACE INTO about VALUES ('grid', ?)", (digest,))

    def counts(self) -> tuple[int, int, int, int]:
        """(points of the grid, with an outcome, with an error, given up because their process was killed)."""
        query = (
            f"SELECT COUNT(*), COALESCE(SUM(failed = {DONE}), 0), COALESCE(SUM(failed = {FAILED}), 0),"
            f" COALESCE(SUM(failed = {LOST}), 0)"
            " FROM grid LEFT JOIN asked USING (asked) LEFT JOIN points USING (key)"
        )
        with _reported(self.path):
            points, done, failed, lost = self._connection.execute(query).fetchone()
        return points, done, failed, lost

    def records(self) -> Iterator[tuple[dict[str, Any], dict[str, Any], bool]]:
        """(names, record, failed) of every finished point of the grid, in its order. Raises StoreError."""
        query = "SELECT names, record, failed FROM grid JOIN asked USING (asked) JOIN points USING (key) ORDER BY place"
        with _reported(self.path):
            for names, record, failed in self._connection.execute(query):
                yield json.loads(names), json.loads(record), bool(failed)

    def _chosen(self, query: str, values: Sequence[str]) -> Iterator[tuple[str]]:
        with _reported(self.path):
            for start in range(0, len(values), 500):
                part = values[start : start + 500]
                yield from self._connection.execute(f"{query} ({','.join('?' * len(part))})", part)

    def _opened(self) -> sqlite3.Connection:
        """A connection to a sound file; a damaged one is put aside, and what can be read of it copied."""
        try:
            connection = _connected(self.path)
        except sqlite3.DatabaseError as error:
            if not self.path.is_file() or _is_about_the_disk(error):
                raise
            return self._salvaged()
        rows = connection.execute("SELECT key, record, hash FROM points")
        lost = [(key,) for key, text, hashed in rows if _hash(key, text) != hashed]
        with connection:
            connection.executemany("DELETE FROM points WHERE key = ?", lost)
        return connection

    def _salvaged(self) -> sqlite3.Connection:
        rows = _readable(self.path)
        number = next(n for n in range(1, 10_000) if not self.path.with_name(f"{NAME}.damaged-{n}").exists())
        damaged = self.path.with_name(f"{NAME}.damaged-{number}")
        self.path.rename(damaged)
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        connection = _connected(self.path)
        with connection:
            connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?)", rows)
        self.salvage = Salvage(len(rows), damaged)
        return connection


def read_only(folder: Path) -> Store:
    """The store of a folder that must be there. Raises InputError where it is not."""
    if not (folder / NAME).is_file():
        raise InputError(str(folder), "there is no sweep in this folder", "run one: scaletax sweep FILE --out FOLDER")
    return Store(folder, alone=False)


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30.0)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        connection.executescript(_TABLES)
        with connection:
            connection.execute("INSERT OR IGNORE INTO about VALUES ('format', ?)", (_FORMAT,))
        if _about(connection, "format") != _FORMAT:
            raise InputError(
                str(path), "this store was written by another version", "choose another folder, or --fresh"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _about(connection: sqlite3.Connection, name: str) -> str | None:
    row = connection.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _readable(path: Path) -> list[tuple[str, str, int, str]]:
    """Answers of a damaged file that are whole, from both ends of the table until the damage."""
    found: dict[str, tuple[str, str, int, str]] = {}
    for order in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as connection:
            for row in connection.execute(f"SELECT key, record, failed, hash FROM points ORDER BY key {order}"):
                if isinstance(row[1], str) and _hash(row[0], row[1]) == row[3]:
                    found[row[0]] = row
    return list(found.values())


def _locked(folder: Path) -> sqlite3.Connection:
    """Hold the folder until this process ends, however it ends. Raises InputError where another one does."""
    lock = sqlite3.connect(folder / _LOCK, timeout=0.1, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise
        raise InputError(
            str(folder), "another process is at work on this sweep", "wait for it, or choose another folder with --out"
        ) from None
    return lock


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


def _is_about_the_disk(error: sqlite3.Error) -> bool:
    return any(
        words in str(error) for words in ("full", "readonly", "read-only", "unable to open", "disk I/O", "locked")
    )


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, allow_nan=False, separators=(",", ":"))


def _hash(key: str, text: str) -> str:
    return hashlib.sha256(f"{key} {text}".encode()).hexdigest()[:16]
