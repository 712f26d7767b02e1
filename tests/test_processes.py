"""The one pool of processes: what is killed is replaced, what is at fault is told, and nothing outlives its parent."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from process_work import dies_at, dies_once, nested, place, remember, remembered, square

from sim.processes import WorkersKilled, mapped

ROOT = Path(__file__).parents[1]


def test_results_come_in_order_whatever_the_number_of_processes() -> None:
    for jobs in (1, 3):
        assert list(mapped(square, range(7), jobs)) == [0, 1, 4, 9, 16, 25, 36]
    assert list(mapped(square, [], 3)) == []


def test_one_job_and_one_item_stay_in_this_process() -> None:
    assert list(mapped(place, [1, 2], 1)) == [os.getpid()] * 2
    assert list(mapped(place, [1], 2)) == [os.getpid()]
    assert os.getpid() not in mapped(place, [1, 2], 2)


def test_every_process_begins_with_what_it_is_given() -> None:
    assert list(mapped(remembered, range(4), 2, functools.partial(remember, "this"))) == ["this"] * 4


def test_a_pool_inside_a_pool() -> None:
    assert list(mapped(nested, [1, 2], 2)) == [[1, 4], [4, 9]]


def test_a_killed_process_is_replaced(tmp_path: Path) -> None:
    assert list(mapped(functools.partial(dies_once, tmp_path), range(4), 2)) == [0, 1, 4, 9]


def test_what_kills_every_process_is_told() -> None:
    found = mapped(functools.partial(dies_at, 2), range(4), 2)
    with pytest.raises(WorkersKilled, match="killed, 3 times at the same place"):
        list(found)


def test_an_error_of_the_work_comes_through_and_no_process_stays() -> None:
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(ZeroDivisionError):
        list(mapped(functools.partial(divmod, 1), [1, 0, 2], 2))
    assert not workers(psutil.Process()) - before


def workers(process: psutil.Process) -> set[psutil.Process]:
    """Processes that a process began, but the one that keeps count of shared things for all others."""
    with contextlib.suppress(psutil.NoSuchProcess):
        every = process.children(recursive=True)
        return {one for one in every if one.is_running() and "resource_tracker" not in " ".join(one.cmdline())}
    return set()


def started(*arguments: str) -> tuple[subprocess.Popen[str], set[psutil.Process]]:
    """A process that computes on two others, and those, once they are there."""
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(1200):
        found = workers(psutil.Process(process.pid))
        if len(found) >= 3:  # the one that forks, and two that compute
            return process, found
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no worker began within a minute")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_whoever_ends_leaves_no_process(how: signal.Signals) -> None:
    process, found = started("-c", "import sim.processes, time; list(sim.processes.mapped(time.sleep, [99, 99], 2))")
    process.send_signal(how)
    process.communicate(timeout=60)
    assert psutil.wait_procs(found, timeout=30)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_leaves_no_process(tmp_path: Path, how: signal.Signals) -> None:
    process, found = started("-m", "sim", "run", "cerebras-gpt-family", "--jobs", "2", "--out", str(tmp_path / "out"))
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    assert psutil.wait_procs(found, timeout=30)[1] == []
    assert "Traceback" not in told
    assert process.returncode == (130 if how == signal.SIGINT else -how)
