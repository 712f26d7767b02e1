"""Prints how long single steps take to simulate, after imports. Run by hand or with `make bench`.

Figures, not verdicts: machines differ. Every case runs in this process several times; the median is printed.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from sim.simulate import simulate
from sim.sweep.execute import run_points
from sim.sweep.grid import load_scenarios

SCENARIOS = Path(__file__).parents[1] / "scenarios"
REPEATS = 5


def median_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall time of some work, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def gpt3(devices: int) -> float:
    """A folded step of GPT-3 175B: tensor 8, pipeline 8, six virtual stages, 96 micro-batches a replica."""
    batch = devices // 64 * 96
    overrides = [f"system.devices={devices}", f"training.global_batch={batch} sequences"]
    (scenario,) = load_scenarios(SCENARIOS / "gpt3-175b-a100.toml", overrides)
    return median_s(lambda: simulate(scenario))


def command(*arguments: str) -> float:
    """A whole process of the command line."""
    return median_s(lambda: subprocess.run([sys.executable, "-m", "sim", *arguments], check=True, capture_output=True))


def main() -> None:
    """Print a line per figure: what, seconds, and the goal where there is one."""
    claim = load_scenarios(SCENARIOS / "claim.toml")
    rows = [(f"GPT-3 175B, one folded step on {devices:,} A100", gpt3(devices), 0.3) for devices in (64, 1024, 4096)]
    rows.append((f"claim.toml, {len(claim)} points", median_s(lambda: run_points(claim), 3), 20.0))
    rows.append(("scaletax --help, whole process", command("--help"), 0.3))
    for what, seconds, goal_s in rows:
        print(f"{what:48s} {seconds:8.3f} s   goal {goal_s:g} s, ratio {seconds / goal_s:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
