"""A SQLite file of which every row has a hash of itself: what is damaged is found out when it is opened."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sim.errors import InputError

LOCK = "sweep.lock"
COLUMNS = {
    "about": ("name TEXT PRIMARY KEY", "value TEXT NOT NULL"),
    "asked": ("asked TEXT PRIMARY KEY", "key TEXT NOT NULL", "files TEXT NOT NULL"),
    "grid": ("place INTEGER PRIMARY KEY", "asked TEXT NOT NULL", "names TEXT NOT NULL"),
    "points": ("key TEXT PRIMARY KEY", "record TEXT NOT NULL", "state INTEGER NOT NULL", "files TEXT NOT NULL"),
}
_SCRIPT = "\n".join(
    (
        "BEGIN;",
        *(
            f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)}, hash TEXT NOT NULL) WITHOUT ROWID;"
            for table, columns in COLUMNS.items()
        ),
        "COMMIT;",
    )
)
Row = tuple[Any, ...]


def connected(path: Path) -> sqlite3.Connection:
    """A connection to a file of which every row is whole. Raises sqlite3.DatabaseError for another one."""
    connection = _plain_connection(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        if not _schema(connection):
            connection.executescript(_SCRIPT)
        if _schema(connection) != _expected_schema():
            raise sqlite3.DatabaseError("the tables are other ones")
        for table in COLUMNS:
            if not all(_is_whole(table, row) for row in connection.execute(f"SELECT * FROM {table}")):
                raise sqlite3.DatabaseError(f"a row of {table} is not what was written")
    except UnicodeDecodeError as error:
        # What SQLite says of damaged definitions has their bytes in it.
        connection.close()
        raise sqlite3.DatabaseError("its definitions are damaged") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _plain_connection(path: Path | str) -> sqlite3.Connection:
    """A connection that reads text which is not UTF-8 as other text, so that its row is found out by its hash."""
    connection = sqlite3.connect(path, timeout=30.0)
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return connection


def _schema(connection: sqlite3.Connection) -> list[Row]:
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()


@functools.cache
def _expected_schema() -> list[Row]:
    with contextlib.closing(_plain_connection(":memory:")) as connection:
        connection.executescript(_SCRIPT)
        return _schema(connection)


def insert(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    marks = ", ".join("?" * (len(COLUMNS[table]) + 1))
    connection.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)


def whole_rows(path: Path, table: str) -> list[Row]:
    """Rows of a damaged file that are whole, from both ends of the table until it cannot be read on."""
    found: dict[Any, Row] = {}
    unreadable = sqlite3.Error, UnicodeDecodeError
    for order in ("ASC", "DESC"):
        with contextlib.suppress(*unreadable), contextlib.closing(_plain_connection(path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")  # without it, SQLite reads nothing of a file cut short
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1 {order}"):
                if _is_whole(table, row):
                    found[row[0]] = row
    return list(found.values())


def locked(folder: Path) -> sqlite3.Connection:
    """Hold the folder until this process ends, however it ends. Raises InputError where another one does."""
    lock = sqlite3.connect(folder / LOCK, timeout=0.1, isolation_level=None)
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


def is_about_the_disk(error: sqlite3.Error, path: Path) -> bool:
    """Whether the file cannot be had as it is; one that could be written, and claims otherwise, is damaged."""
    words = ("full", "unable to open", "disk I/O", "locked")
    is_read_only = not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
    return is_read_only or any(one in str(error) for one in words)


def _is_whole(table: str, row: Row) -> bool:
    return len(row) == len(COLUMNS[table]) + 1 and row[-1] == hash_of(table, row[:-1])


def hash_of(table: str, row: Row) -> str:
    return hashlib.sha256(f"{table} {row!r}".encode()).hexdigest()[:16]
