"""What a sweep costs beside its points: overhead for each, two workers against one, going on, and memory.

Run with `make bench`, or by hand: python benchmarks/sweep.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kill_sweep import SCENARIO, environment

from sim.records.point_work import work
from sim.scenario import read_document
from sim.sweep.crew import Result
from sim.sweep.executors import local
from sim.sweep.grid import points_of, scenario_of
from sim.sweep.store import Store
from sim.sweep.sweep import run_sweep

ROOT = Path(__file__).parents[1]
GOALS = {"overhead_ms": 3.0, "speed_up": 1.8, "resume_s": 1.0, "memory_mb": 200.0}


def nothing(scenario: object) -> Result:
    """Work that takes no time."""
    return Result({"row": {"seed": scenario.seed, "time_to_train_s": 1.0}}, failed=False)  # type: ignore[attr-defined]


def file_of(folder: Path, seeds: int) -> Path:
    """A scenario with so many points for each of five sizes."""
    path = folder / f"small-{seeds}.toml"
    path.write_text(
        SCENARIO.replace("[1, 60, 1]", f"[1, {seeds}, 1]").replace("[2, 4, 5, 8, 16]", "[8, 12, 16, 24, 48]")
    )
    return path


def swept(path: Path, out: Path, jobs: int, what=work) -> float:  # type: ignore[no-untyped-def]
    """Seconds that a sweep takes, processes included."""
    begun = time.perf_counter()
    document = read_document(path)
    with Store(out) as store:
        run_sweep(document, path, points_of(document, str(path)), store, local(jobs, "sim.records.point_work"), what)
    return time.perf_counter() - begun


def main() -> None:
    """Print every figure beside its goal."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = file_of(folder, 400)
        scenarios = [scenario_of(point, path) for point in points_of(read_document(path), str(path))]
        work(scenarios[0])
        begun = time.perf_counter()
        for scenario in scenarios:
            work(scenario)
        alone_s = time.perf_counter() - begun
        print(f"{len(scenarios):,} points of {1e3 * alone_s / len(scenarios):.1f} ms each")
        one_s, two_s = swept(path, folder / "one", 1), swept(path, folder / "two", 2)
        idle_s = swept(path, folder / "idle", 1, nothing)
        overhead_ms = 1e3 * idle_s / len(scenarios)
        print(f"overhead: {overhead_ms:.2f} ms a point that takes no time, one worker (goal {GOALS['overhead_ms']:g})")
        print(f"one worker: {one_s:.1f} s where the points alone take {alone_s:.1f} s")
        print(f"two workers: {one_s / two_s:.2f} times one (goal {GOALS['speed_up']:g})")
        large = file_of(folder, 2000)
        swept(large, folder / "large", 2, nothing)
        print(f"going on with 10,000 finished points: {swept(large, folder / 'large', 2, nothing):.2f} s (goal 1)")
        command = [sys.executable, __file__, "memory", str(file_of(folder, 20_000)), str(folder / "huge")]
        print(subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True).stdout.strip())


def memory(path: Path, out: Path) -> None:
    """Peak memory of the parent of a sweep of 100,000 points."""
    took_s = swept(path, out, 2, nothing)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"100,000 points: {peak_mb:.0f} MB in the parent (goal {GOALS['memory_mb']:g}), {took_s:.0f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["memory"]:
        memory(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
