"""A damaged store: what is whole stays, what is not is computed again and told, and no row is ever wrong."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from quick_work import quick, threads

from sim.scenario import read_document
from sim.sweep.grid import points_of
from sim.sweep.store import NAME, Store, StoreError, read_only
from sim.sweep.sweep import run_sweep
from sim.sweep.tables import CSV_NAME, write_csv

TEXT = """
schema = 1
title = "points"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
[sweep]
seed = { range = [9, 12, 1] }
"training.sequence" = [256, 512, -1]
"""


class Sweep:
    """One sweep file, its finished store, and the table that comes of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "file.toml"
        self.path.write_text(TEXT, encoding="utf-8")
        self.document = read_document(self.path)
        self.table, self.new, _ = self.run(folder / "whole")
        self.store = (folder / "whole" / NAME).read_bytes()

    def run(self, folder: Path) -> tuple[bytes, int, bool]:
        """Go on with the store in a folder: (the table, points computed, whether damage was told)."""
        with Store(folder) as store:
            points = points_of(self.document, str(self.path))
            progress = run_sweep(self.document, self.path, points, store, threads(), quick)
            write_csv(store, folder / CSV_NAME)
            return (folder / CSV_NAME).read_bytes(), progress.new, store.salvage is not None


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return Sweep(tmp_path_factory.mktemp("sweep"))


def damaged(sweep: Sweep, folder: Path, place: int, mask: int) -> Path:
    folder.mkdir()
    content = bytearray(sweep.store)
    content[place] ^= mask
    (folder / NAME).write_bytes(content)
    return folder


def check(sweep: Sweep, folder: Path) -> None:
    """The table is that of the whole store, and a reader has the same rows or says that there is damage."""
    with contextlib.suppress(StoreError), read_only(folder) as store:
        write_csv(store, folder / "read.csv")
        assert (folder / "read.csv").read_bytes() == sweep.table
    table, _, _ = sweep.run(folder)
    assert table == sweep.table


def test_any_flipped_byte_gives_the_same_rows(sweep: Sweep, tmp_path: Path) -> None:
    draw = random.Random(1)
    for number in range(40):
        place, mask = draw.randrange(len(sweep.store)), draw.randrange(1, 256)
        check(sweep, damaged(sweep, tmp_path / str(number), place, mask))


@pytest.mark.slow
def test_flipped_bytes_all_over_the_file(sweep: Sweep, tmp_path: Path) -> None:
    for number, place in enumerate(range(0, len(sweep.store), 29)):
        check(sweep, damaged(sweep, tmp_path / str(number), place, 1 << number % 8))


def test_text_that_is_no_text_is_computed_again_and_told(sweep: Sweep, tmp_path: Path) -> None:
    place = sweep.store.index(b'{"row":{"seed":9')
    folder = damaged(sweep, tmp_path / "out", place + 3, 0x80)
    assert sweep.run(folder) == (sweep.table, 1, True)
    assert sweep.run(folder) == (sweep.table, 0, False)


@pytest.mark.parametrize(
    ("statement", "computed"),
    [
        ("UPDATE points SET state = 1 - state", 8),
        ("UPDATE points SET record = '{'", 8),
        ("UPDATE points SET files = 'x'", 8),
        ("UPDATE points SET record = (SELECT record FROM points WHERE state = 0 LIMIT 1)", 7),
        ("UPDATE asked SET key = (SELECT MIN(key) FROM asked)", 0),
        ("UPDATE asked SET files = '['", 0),
        ("UPDATE grid SET names = '{\"title\": 1'", 0),
        ("UPDATE grid SET place = 100 - place", 0),
        ("UPDATE about SET value = 'another'", 0),
        ("DELETE FROM about", 0),
        ("DELETE FROM grid WHERE place = 3", 0),
        ("DELETE FROM asked", 0),
        ("DELETE FROM points WHERE state = 0", 6),
        ("DROP TABLE asked", 0),
        ("ALTER TABLE grid ADD COLUMN more TEXT", 0),
    ],
)
def test_edits_of_any_table_give_no_other_rows(sweep: Sweep, tmp_path: Path, statement: str, computed: int) -> None:
    folder = damaged(sweep, tmp_path / "out", 0, 0)
    connection = sqlite3.connect(folder / NAME)
    with connection:
        connection.execute(statement)
    connection.close()
    told: Any
    table, new, told = sweep.run(folder)
    assert (table, new) == (sweep.table, computed)
    assert told or statement.startswith("DELETE")


def test_a_store_of_another_version_is_put_aside(sweep: Sweep, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
    connection.execute("CREATE TABLE points (key TEXT PRIMARY KEY, record TEXT, failed INTEGER, hash TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="written by another version"):
        read_only(tmp_path)
    assert sweep.run(tmp_path) == (sweep.table, sweep.new, True)
    assert (tmp_path / f"{NAME}.damaged-1").is_file()
