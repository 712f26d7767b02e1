"""Prints how long many runs over days take to simulate, after imports. Run by hand or with `make bench`.

Figures, not verdicts: machines differ. Every case runs in this process several times; the median is printed.
"""

from __future__ import annotations

import resource
import statistics
import time

import numpy as np

from sim.catalog import load_model, load_reliability
from sim.hardware.topology import Storage
from sim.outcome.run.conditions import Conditions
from sim.outcome.run.recovery import Cluster, conditions
from sim.outcome.run.simulated import simulate_runs
from sim.parallel.checkpoint import checkpoint_bytes
from sim.scenario.types import RunRequest, Training

RUNS = 10_000
REPEATS = 3
GOAL_S = 5.0
DAY_S = 86_400.0
STEP_S = 5.0


def sixty_days(devices: int, spares: int | None) -> Conditions:
    """Llama 3 405B on so many H100, with the failures of Llama 3, for as many steps as fill 60 days."""
    return conditions(
        RunRequest(spares=spares),
        load_reliability("llama-3"),
        Cluster(devices, devices // 8, Storage(2e12, 2e12, None)),
        checkpoint_bytes(load_model("llama-3-405b"), Training(1e12, 8192, 1)),
        60 * DAY_S / STEP_S,
        STEP_S,
        0.01,
    )


def median_s(run: Conditions) -> tuple[float, float]:
    """Median wall time of simulating the runs, and failures of the mean run."""
    times, failures = [], 0.0
    for seed in range(REPEATS):
        start = time.perf_counter()
        found = simulate_runs(run, RUNS, np.random.default_rng(seed))
        times.append(time.perf_counter() - start)
        failures = float(found.failures.mean())
    return statistics.median(times), failures


def main() -> None:
    """Print a line per case: what, seconds, and the goal."""
    for devices, spares in ((16_384, None), (16_384, 16), (1_024, None)):
        seconds, failures = median_s(sixty_days(devices, spares))
        kept = "always a spare" if spares is None else f"{spares} spares"
        what = f"{RUNS:,} runs of 60 days on {devices:,} GPUs, {kept}, {failures:.0f} failures"
        print(f"{what:72s} {seconds:8.3f} s   goal {GOAL_S:g} s, ratio {seconds / GOAL_S:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
