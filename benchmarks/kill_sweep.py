"""Kills a sweep of 300 points at random moments, its parent, a worker or a Dask worker, and compares what comes of it.

After every kill the same command goes on; in the end the table must have the bytes of a sweep that nobody disturbed,
with every point once. Run by hand: python benchmarks/kill_sweep.py [MOMENTS]
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SCENARIO = """
schema = 1
title = "small steps"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "cluster"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
plan = { micro_batch = 1 }
[sweep]
"system.cluster.devices" = [2, 4, 5, 8, 16]
seed = { range = [1, 60, 1] }
"""
POINTS = 300


def command(file: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "sim", "sweep", str(file), "--out", str(out), "--jobs", "2", *more]


def environment(program: Path = ROOT) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(program)}


def start(arguments: list[str], program: Path = ROOT) -> subprocess.Popen[bytes]:
    """A process that runs the program of a folder."""
    quiet, env = subprocess.DEVNULL, environment(program)
    return subprocess.Popen(arguments, cwd=program, env=env, stdout=quiet, stderr=quiet, start_new_session=True)


def finish(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300)


def workers_of(parent: int) -> list[int]:
    """Processes that compute for a sweep: all that descend from it and run Python, but those that only serve."""
    with contextlib.suppress(psutil.NoSuchProcess):
        found = psutil.Process(parent).children(recursive=True)
        return [one.pid for one in found if any("forkserver" in word for word in one.cmdline())]
    return []


def disturb(file: Path, out: Path, victim: str, wait_s: float, *more: str) -> None:
    """Begin or go on with a sweep, and kill the parent or one of its workers after some time."""
    process = start(command(file, out, *more))
    time.sleep(wait_s)
    if victim == "parent":
        process.kill()
    else:
        workers = workers_of(process.pid)
        if workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(random.choice(workers), signal.SIGKILL)
    process.wait(timeout=300)


@contextlib.contextmanager
def dask_cluster(
    folder: Path, workers: int = 2, program: Path = ROOT
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler and workers as processes of their own; yields the address, and the workers, then the scheduler.

    program: folder of the one that the workers run.
    """
    details = folder / "scheduler.json"
    base = [sys.executable, "-m", "dask"]
    scheduler = start([*base, "scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", str(details)])
    crew: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(1200):
            if details.is_file() and details.read_text().strip().endswith("}"):
                break
            time.sleep(0.05)
        crew += [dask_worker(details, program) for _ in range(workers)]
        address = json.loads(details.read_text())["address"].replace("tcp://", "dask://")
        yield address, [*crew, scheduler]
    finally:
        for process in (*crew, scheduler):
            process.kill()
            process.wait()


def dask_worker(details: Path, program: Path) -> subprocess.Popen[bytes]:
    arguments = ["--scheduler-file", str(details), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    local = tempfile.mkdtemp(prefix="dask-worker-")
    return start([sys.executable, "-m", "dask", "worker", *arguments, "--local-directory", local], program)


def points_in(out: Path) -> int:
    """Points in the store, and each once by its key."""
    with contextlib.closing(sqlite3.connect(out / "sweep.sqlite")) as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM points").fetchone()
    return int(count)


def survive(file: Path, undisturbed: Path, out: Path, victim: str, moments: list[float], *more: str) -> None:
    """Disturb a sweep at these moments and let it end; raise AssertionError where anything differs."""
    for wait_s in moments:
        disturb(file, out, victim, wait_s, *more)
    done = finish(command(file, out, *more))
    assert "Traceback" not in done.stderr, done.stderr
    assert (out / "points.csv").read_bytes() == (undisturbed / "points.csv").read_bytes()
    assert points_in(out) == points_in(undisturbed)


def main(moments: int) -> None:
    """Every victim at so many moments."""
    random.seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "small.toml"
        file.write_text(SCENARIO, encoding="utf-8")
        begun = time.perf_counter()
        print(finish(command(file, folder / "calm")).stdout)
        print(f"undisturbed: {time.perf_counter() - begun:.1f} s")
        for victim in ("parent", "worker"):
            times = [random.uniform(0.3, 3.0) for _ in range(moments)]
            # A store that starts again now and then has something left to be killed at.
            for number, start_at in enumerate(range(0, moments, 3)):
                survive(file, folder / "calm", folder / f"{victim}-{number}", victim, times[start_at : start_at + 3])
            print(f"{victim}: killed at {moments} moments, the same bytes every time")
        for number in range(moments):
            with dask_cluster(folder) as (address, crew):
                process = start(command(file, folder / f"dask-{number}", "--executor", address))
                time.sleep(random.uniform(1.0, 4.0))
                crew[0].kill()
                process.wait(timeout=300)
                survive(file, folder / "calm", folder / f"dask-{number}", "worker", [], "--executor", address)
            (folder / "scheduler.json").unlink()
        print(f"dask worker: killed at {moments} moments, the same bytes every time")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
