"""The store of a sweep: what is in it stays, whatever happens to the process, the disk or the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import InputError
from sim.sweep.store import DONE, FAILED, LOST, NAME, Answer, Asked, Store, StoreError, read_only


def answers(count: int, state: int = DONE, start: int = 0) -> list[Answer]:
    return [Answer(f"key {n}", {"row": {"n": n, "text": "x" * 200}}, state, {}) for n in range(start, start + count)]


def named(count: int) -> list[Asked]:
    return [Asked(f"asked {n}", f"key {n}", {}) for n in range(count)]


def filled(folder: Path, count: int) -> None:
    with Store(folder) as store:
        store.begin("grid")
        store.list((n, f"asked {n}", {"title": "points"}) for n in range(count))
        store.listed("grid")
        store.write(answers(count))
        store.name(named(count))


def test_what_is_written_is_read_in_the_order_of_the_grid(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        assert not store.begin("grid")
        store.list([(0, "asked 2", {"a": 2}), (1, "asked 0", {"a": 0}), (2, "asked 1", {})])
        store.listed("grid")
        store.write([*answers(2), *answers(1, FAILED, 2)])
        store.name(named(3))
        assert [record["row"]["n"] for _, record, _ in store.records()] == [2, 0, 1]
        assert [failed for _, _, failed in store.records()] == [True, False, False]
        assert [names for names, _, _ in store.records()] == [{"a": 2}, {"a": 0}, {}]
        assert store.counts() == (3, 2, 1, 0)
    with Store(tmp_path) as store:
        assert store.begin("grid")
        assert store.known(["asked 0", "asked 1", "asked 2", "asked 3"]) == {"asked 0", "asked 1", "asked 2"}
        assert not store.begin("another")
        assert store.counts() == (0, 0, 0, 0)
        assert store.has(["key 0", "key 9"]) == {"key 0"}


def test_a_point_whose_process_was_killed_is_tried_again(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(answers(1, LOST))
        store.name(named(1))
        assert store.known(["asked 0"]) == set()
        assert store.has(["key 0"]) == set()
        store.write(answers(1))
        assert store.known(["asked 0"]) == {"asked 0"}


def test_fresh_forgets(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    with Store(tmp_path, fresh=True) as store:
        assert store.has(["key 0"]) == set()


def test_one_process_at_a_time_holds_a_folder_and_others_may_read(tmp_path: Path) -> None:
    filled(tmp_path, 3)
    with Store(tmp_path), pytest.raises(InputError, match="another process is at work"):
        Store(tmp_path)
    with Store(tmp_path), read_only(tmp_path) as reader:
        assert reader.counts() == (3, 3, 0, 0)
    with pytest.raises(InputError, match="there is no sweep in this folder"):
        read_only(tmp_path / "nowhere")


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        bad = [*answers(3), Answer("key x", {"row": float("nan")}, DONE, {})]
        with pytest.raises(ValueError, match="not JSON compliant"):
            store.write(bad)
        assert store.has(["key 0"]) == set()


def test_a_full_disk_is_told_and_costs_nothing_that_was_finished(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write(answers(5))
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full") as told:
            store.write(answers(500, start=10))
        assert "what was finished is kept" in str(told.value)
        assert told.value.exit_code == 2
        store._connection.execute("PRAGMA max_page_count = 1000000")
        assert store.has([f"key {n}" for n in range(20)]) == {f"key {n}" for n in range(5)}
        store.write(answers(20))
    with Store(tmp_path) as store:
        assert len(store.has([f"key {n}" for n in range(20)])) == 20


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "file" / "folder")


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_truncated_file_is_put_aside_and_what_can_be_read_is_kept(tmp_path: Path, share: float) -> None:
    filled(tmp_path, 400)
    path = tmp_path / NAME
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share) or 50])
    with Store(tmp_path) as store:
        assert store.salvage is not None
        assert store.salvage.damaged.is_file()
        keys = store.has([f"key {n}" for n in range(400)])
        assert len(keys) == store.salvage.kept
        assert bool(keys) == (share == 0.9)
        store.write(answers(400))
    with Store(tmp_path) as store:
        assert store.salvage is None
        assert len(store.has([f"key {n}" for n in range(400)])) == 400


def test_a_file_that_is_no_store_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"no database at all" * 100)
    with Store(tmp_path) as store:
        assert store.salvage is not None
        assert store.salvage.kept == 0
        assert store.salvage.damaged.read_bytes().startswith(b"no database")


def test_a_file_that_is_no_store_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "sweep.sqlite").write_text("mine", encoding="utf-8")
    with Store(tmp_path, fresh=True) as store:
        assert store.salvage is not None
        assert store.salvage.damaged.read_text(encoding="utf-8") == "mine"
