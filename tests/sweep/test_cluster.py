"""Workers of a Dask scheduler, in this process: who is refused, who is missed, and what is kept."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from quick_work import POINTS, quick, threads

from sim.errors import InputError, ScaletaxError
from sim.scenario import Scenario, read_document
from sim.sweep import crew
from sim.sweep.crew import Result
from sim.sweep.executors import ClusterGone, OtherProgram, Workplace, _check_programs, workplace
from sim.sweep.grid import points_of
from sim.sweep.keys import environment_words
from sim.sweep.store import Store
from sim.sweep.sweep import Progress, run_sweep


@pytest.fixture(scope="module")
def local_cluster() -> Iterator[Any]:
    """A scheduler and a worker as threads of this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0"
    ) as cluster:
        yield cluster


def place_of(cluster: Any) -> Workplace:
    return workplace(cluster.scheduler_address.replace("tcp://", "dask://"), 1, "quick_work", patience_s=0.2)


def run(folder: Path, place: Workplace, said: list[str] | None = None, work: Any = quick) -> Progress:
    path = folder / "file.toml"
    path.write_text(POINTS, encoding="utf-8")
    document = read_document(path)
    with Store(folder / "out") as store:
        points = points_of(document, str(path))
        return run_sweep(document, path, points, store, place, work, say=[].append if said is None else said.append)


def test_a_cluster_computes_every_point(local_cluster: Any, tmp_path: Path) -> None:
    progress = run(tmp_path, place_of(local_cluster))
    assert (progress.new, progress.failed) == (24, 2)


def test_the_last_worker_gone_is_said_and_waited_for(local_cluster: Any, tmp_path: Path) -> None:
    place = place_of(local_cluster)
    local_cluster.scale(0)
    local_cluster.sync(local_cluster._correct_state)

    class Said(list[str]):
        def append(self, words: str) -> None:
            super().append(words)
            local_cluster.scale(1)

    said = Said()
    assert run(tmp_path, place, said).new == 24
    assert len(said) == 1
    assert "nothing came for 0.2 s" in said[0]
    assert "has no worker left" in said[0]


def test_a_scheduler_without_workers_is_told(local_cluster: Any) -> None:
    local_cluster.scale(0)
    local_cluster.sync(local_cluster._correct_state)
    with pytest.raises(InputError, match="has no workers"):
        place_of(local_cluster)
    local_cluster.scale(1)
    local_cluster.sync(local_cluster._correct_state)


def test_a_scheduler_that_is_gone_is_told_and_what_was_finished_is_kept(tmp_path: Path) -> None:
    class Gone(Executor):
        calls = 0

        def submit(self, function, /, *arguments, **named) -> Future:  # type: ignore[no-untyped-def, override, type-arg]
            Gone.calls += 1
            future: Future[object] = Future()
            if Gone.calls == 3:
                future.cancel()
                future.set_running_or_notify_cancel()
            else:
                future.set_result(function(*arguments, **named))
            return future

    place = Workplace(Gone, lambda executor: None, 1, "dask://there:1")
    with pytest.raises(ClusterGone, match="what was finished is kept") as told:
        run(tmp_path, place)
    assert told.value.where == "dask://there:1"
    assert told.value.exit_code == 2
    assert not isinstance(told.value, CancelledError)
    assert 0 < run(tmp_path, threads()).new < 24


def test_a_scheduler_that_is_gone_when_it_is_asked_is_told_as_well(tmp_path: Path) -> None:
    class ClosedClientError(Exception):
        """As Dask calls it."""

    class Closed(ThreadPoolExecutor):
        def submit(self, function, /, *arguments, **named) -> Future:  # type: ignore[no-untyped-def, override, type-arg]
            raise ClosedClientError

    with pytest.raises(ClusterGone):
        run(tmp_path, Workplace(Closed, lambda executor: None, 1, "dask://there:1"))


def test_a_worker_with_another_program_is_refused_and_nothing_of_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mine_here_another_there() -> str:
        return "mine" if threading.current_thread() is threading.main_thread() else "another"

    monkeypatch.setattr(crew, "environment", mine_here_another_there)
    monkeypatch.setattr(crew, "environment_words", lambda: f"scaletax {mine_here_another_there()}")
    with pytest.raises(OtherProgram) as told:
        run(tmp_path, threads())
    assert "the worker on" in told.value.where
    assert "it computes with scaletax another; this sweep with scaletax mine" in told.value.problem
    monkeypatch.undo()
    assert run(tmp_path, threads()).new == 24


def test_a_worker_too_old_to_refuse_is_found_by_asking_it(tmp_path: Path) -> None:
    class Client:
        """Two workers, of which one knows nothing of this program."""

        def run(self, function: object, on_error: str) -> dict[str, object]:
            return {"tcp://one:1": environment_words(), "tcp://two:2": AttributeError("no such function")}

    def old(scenario: Scenario) -> Result:
        raise TypeError("takes 2 arguments, but 4 were given")

    place = threads()
    asking = Workplace(place.begin, place.stop, 2, "dask://there:1", lambda: _check_programs(Client()))
    with pytest.raises(OtherProgram, match="the Dask worker at tcp://two:2"):
        run(tmp_path, asking, work=old)


@pytest.mark.parametrize("error", [OtherProgram("a worker", "scaletax 1", "scaletax 2"), ClusterGone("dask://there:1")])
def test_errors_travel_between_processes(error: ScaletaxError) -> None:
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
