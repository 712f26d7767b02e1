"""Sweeps whose parent, worker or Dask worker is killed: what comes of them has the bytes of one that was left alone.

A few moments here; `python benchmarks/kill_sweep.py` has thirty for each.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import kill_sweep
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sweep")
    file = folder / "small.toml"
    file.write_text(kill_sweep.SCENARIO.replace("[1, 60, 1]", "[1, 30, 1]"), encoding="utf-8")
    done = kill_sweep.finish(kill_sweep.command(file, folder / "calm"))
    assert done.returncode == 1, done.stderr
    assert "120 of 150 points done, 30 failed" in done.stdout
    return file, folder / "calm"


@pytest.mark.parametrize("victim", ["parent", "worker"])
def test_killed_and_gone_on_it_is_the_same(calm: tuple[Path, Path], tmp_path: Path, victim: str) -> None:
    file, undisturbed = calm
    kill_sweep.survive(file, undisturbed, tmp_path / "out", victim, [1.5])


def test_on_dask_it_is_the_same_and_so_it_is_when_a_worker_is_killed(calm: tuple[Path, Path], tmp_path: Path) -> None:
    file, undisturbed = calm
    with kill_sweep.dask_cluster(tmp_path) as (address, crew):
        process = kill_sweep.start(kill_sweep.command(file, tmp_path / "out", "--executor", address))
        time.sleep(3.0)
        crew[0].kill()
        process.wait(timeout=120)
        kill_sweep.survive(file, undisturbed, tmp_path / "out", "worker", [], "--executor", address)


def test_a_scheduler_that_is_killed_is_told_and_what_was_finished_is_kept(
    calm: tuple[Path, Path], tmp_path: Path
) -> None:
    file, undisturbed = calm
    out = tmp_path / "out"
    with kill_sweep.dask_cluster(tmp_path) as (address, crew):
        wait_for_workers(address)
        command = kill_sweep.command(file, out, "--executor", address)
        process = subprocess.Popen(
            command, cwd=kill_sweep.ROOT, env=kill_sweep.environment(), stderr=subprocess.PIPE, text=True
        )
        wait_for_points(out)
        crew[-1].kill()
        _, told = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "the Dask scheduler is gone" in told
    assert "Traceback" not in told
    assert kill_sweep.points_in(out) > 0
    kill_sweep.survive(file, undisturbed, out, "worker", [])


def test_workers_with_another_program_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(kill_sweep.SCENARIO, encoding="utf-8")
    shutil.copytree(kill_sweep.ROOT / "sim", tmp_path / "other" / "sim")
    shutil.copytree(kill_sweep.ROOT / "topologies", tmp_path / "other" / "topologies")
    with (tmp_path / "other" / "sim" / "units.py").open("a") as changed:
        changed.write("# another line\n")
    with kill_sweep.dask_cluster(tmp_path, 1, tmp_path / "other") as (address, _):
        wait_for_workers(address)
        found = kill_sweep.finish(kill_sweep.command(file, tmp_path / "out", "--executor", address))
    assert found.returncode == 2
    assert "the Dask worker at tcp://" in found.stderr
    assert "it computes with scaletax" in found.stderr
    assert kill_sweep.points_in(tmp_path / "out") == 0


def wait_for_workers(address: str) -> None:
    from distributed import Client

    with Client(address.replace("dask://", "tcp://"), set_as_default=False) as client:
        client.wait_for_workers(1, timeout=60)


def wait_for_points(out: Path) -> None:
    for _ in range(600):
        time.sleep(0.1)
        with contextlib.suppress(sqlite3.Error):
            if (out / "sweep.sqlite").is_file() and kill_sweep.points_in(out):
                return
    raise AssertionError("no point was kept within a minute")
