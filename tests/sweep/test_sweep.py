"""Running a grid: every point once, whoever computes it, in whatever order, however often it is begun."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest
from quick_work import POINTS as TEXT
from quick_work import deadly, quick, threads

from sim.errors import InputError
from sim.scenario import Scenario, read_document
from sim.sweep.crew import Result
from sim.sweep.executors import Workplace, workplace
from sim.sweep.grid import count_points, points_of
from sim.sweep.keys import asked_key, digest_of, point_key
from sim.sweep.store import Store
from sim.sweep.sweep import Progress, run_sweep


class Counting:
    """Work that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, scenario: Scenario) -> Result:
        self.calls += 1
        return quick(scenario)


def run(
    folder: Path,
    work: Callable[[Scenario], Result] = quick,
    place: Workplace | None = None,
    text: str = TEXT,
    limit: int | None = None,
) -> tuple[Progress, list[dict[str, Any]]]:
    path = folder.parent / "file.toml"
    path.write_text(text, encoding="utf-8")
    document = read_document(path)
    with Store(folder) as store:
        points = points_of(document, str(path), limit)
        progress = run_sweep(document, path, points, store, place or threads(), work, limit=limit)
        return progress, [{**names, **record["row"]} for names, record, _ in store.records()]


def test_every_point_is_computed_once_and_in_the_order_of_the_grid(tmp_path: Path) -> None:
    work = Counting()
    progress, rows = run(tmp_path / "out", work)
    assert work.calls == 24 == progress.new == progress.done == progress.total
    assert progress.failed == 2
    assert [(row["seed"], row["sequence"]) for row in rows] == [(n, s) for n in range(1, 13) for s in (256, 512)]
    again, same = run(tmp_path / "out", work)
    assert work.calls == 24
    assert (again.new, again.done, again.failed) == (0, 24, 2)
    assert same == rows


def test_more_points_add_to_what_is_there(tmp_path: Path) -> None:
    work = Counting()
    run(tmp_path / "out", work, limit=5)
    assert work.calls == 5
    run(tmp_path / "out", work)
    assert work.calls == 24
    wider, rows = run(tmp_path / "out", work, text=TEXT.replace("[256, 512]", "[128, 256, 512]"))
    assert (work.calls, wider.new, len(rows)) == (36, 12, 36)
    _, fewer = run(tmp_path / "out", work, text=TEXT.replace("[256, 512]", "[512]"))
    assert work.calls == 36
    assert [row["sequence"] for row in fewer] == [512] * 12


def test_the_same_point_of_another_file_is_not_computed_again(tmp_path: Path) -> None:
    work = Counting()
    run(tmp_path / "out", work)
    text = TEXT.replace("title =", "# a comment\ntitle =").replace("points", "another title").replace("2e9", "2.0e9")
    progress, rows = run(tmp_path / "out", work, text=text)
    assert (work.calls, progress.new, len(rows)) == (24, 0, 24)


def test_a_point_goes_by_the_names_of_the_file_that_asks(tmp_path: Path) -> None:
    run(tmp_path / "out")
    text = TEXT.replace("points", "another title").replace('"training.sequence" = [256, 512]', "")
    progress, rows = run(tmp_path / "out", text=text)
    assert progress.new == 0
    assert {row["title"] for row in rows} == {"another title"}
    assert not any("training.sequence" in row for row in rows)
    _, rows = run(tmp_path / "out")
    assert [row["training.sequence"] for row in rows] == [256, 512] * 12


def test_points_that_are_one_are_computed_once(tmp_path: Path) -> None:
    work = Counting()
    text = TEXT.replace("[256, 512]", "[512]") + '"training.tokens" = [2e9, "2e9"]\n'
    progress, rows = run(tmp_path / "out", work, text=text.replace('"2e9"', "2000000000"))
    assert work.calls == 12
    assert (progress.done, len(rows)) == (24, 24)


def test_a_point_that_cannot_be_read_is_a_row_with_its_error(tmp_path: Path) -> None:
    progress, rows = run(tmp_path / "out", text=TEXT.replace("[256, 512]", "[512, -1]"))
    assert (progress.done, progress.failed) == (24, 13)
    assert sum("sequence" in row.get("error", "") for row in rows) == 12


def test_processes_find_what_threads_find(tmp_path: Path) -> None:
    _, rows = run(tmp_path / "threads")
    progress, same = run(tmp_path / "processes", place=workplace("local", 2, "sim.sweep.crew"))
    assert same == rows
    assert progress.new == 24


def test_a_point_that_kills_its_process_is_given_up_and_the_others_are_not(tmp_path: Path) -> None:
    progress, rows = run(tmp_path / "out", deadly, workplace("local", 2, "sim.sweep.crew"))
    lost = [row for row in rows if "killed" in row.get("error", "")]
    assert len(rows) == 24
    assert [(row["seed"], row["training.sequence"]) for row in lost] == [(3, 256)]
    assert progress.failed == 3
    # It is tried again, and the others are not.
    again, rows = run(tmp_path / "out")
    assert again.new == 1
    assert not any("killed" in row.get("error", "") for row in rows)


def test_an_executor_that_breaks_once_is_replaced(tmp_path: Path) -> None:
    class Breaks(ThreadPoolExecutor):
        left = 3

        def submit(self, function, /, *arguments, **named) -> Future:  # type: ignore[no-untyped-def, override, type-arg]
            if Breaks.left:
                Breaks.left -= 1
                future: Future[object] = Future()
                future.set_exception(BrokenProcessPool("killed"))
                return future
            return super().submit(function, *arguments, **named)

    place = Workplace(lambda: Breaks(2), lambda executor: executor.shutdown(), 2)
    progress, rows = run(tmp_path / "out", place=place)
    assert progress.new == 24
    assert not any("killed" in row.get("error", "") for row in rows)


def test_work_that_is_at_fault_is_not_hidden(tmp_path: Path) -> None:
    def broken(scenario: Scenario) -> Result:
        raise ZeroDivisionError("a defect")

    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "out", broken)


def test_stopping_keeps_what_was_finished(tmp_path: Path) -> None:
    class Stops(Executor):
        calls = 0

        def submit(self, function, /, *arguments, **named) -> Future:  # type: ignore[no-untyped-def, override, type-arg]
            Stops.calls += 1
            if Stops.calls == 4:
                raise KeyboardInterrupt
            future: Future[object] = Future()
            future.set_result(function(*arguments, **named))
            return future

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", place=Workplace(Stops, lambda executor: None, 1))
    work = Counting()
    progress, _ = run(tmp_path / "out", work)
    assert 0 < progress.new == work.calls < 24


def test_heavy_points_are_begun_first(tmp_path: Path) -> None:
    order: list[int] = []

    def notes(scenario: Scenario) -> Result:
        order.append(scenario.system.devices)
        return quick(scenario)

    text = TEXT.replace('"training.sequence" = [256, 512]', '"system.devices" = [8, 512, 64]')
    one = Workplace(lambda: ThreadPoolExecutor(1), lambda executor: executor.shutdown(), 1)
    _, rows = run(tmp_path / "out", notes, one, text.replace("[1, 12, 1]", "[1, 2, 1]"))
    assert order == [512, 512, 64, 64, 8, 8]
    assert [row["seed"] for row in rows] == [1, 1, 1, 2, 2, 2]


def test_keys_say_what_an_answer_rests_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.toml"
    path.write_text(TEXT)
    document = read_document(path)
    one, other = list(points_of(document, "file"))[:2]
    from sim.sweep.grid import scenario_of

    scenario, another = scenario_of(one, path), scenario_of(other, path)
    assert point_key(scenario) == point_key(scenario_of(one, tmp_path / "other.toml"))
    assert point_key(scenario) != point_key(another)
    common = digest_of(document, path)
    assert asked_key(one, common) != asked_key(other, common)
    before = point_key(scenario)
    monkeypatch.setattr("sim.sweep.keys.environment", lambda: "a changed constant")
    assert point_key(scenario) != before
    assert digest_of(document, path) != common


def test_executors_that_are_none_say_so() -> None:
    with pytest.raises(InputError, match="unknown executor 'moon'"):
        workplace("moon", 1, "sim.sweep.sweep")
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        workplace("dask://127.0.0.1:9", 1, "sim.sweep.sweep", patience_s=0.5)


def test_points_are_counted_without_being_made(tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(TEXT)
    assert count_points(read_document(path), "file") == 24
