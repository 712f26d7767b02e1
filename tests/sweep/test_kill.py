"""Sweeps whose parent, worker or Dask worker is killed: what comes of them has the bytes of one that was left alone.

A few moments here; `python benchmarks/kill_sweep.py` has thirty for each.
"""

from __future__ import annotations

import time
from pathlib import Path

import kill_sweep
import pytest


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sweep")
    file = folder / "small.toml"
    file.write_text(kill_sweep.SCENARIO.replace("[1, 60, 1]", "[1, 30, 1]"), encoding="utf-8")
    done = kill_sweep.finish(kill_sweep.command(file, folder / "calm"))
    assert done.returncode == 1, done.stderr
    assert "150 points: 120 done, 30 failed" in done.stdout
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
