"""Prints what it costs to simulate every device on its own: one step and a hundred, from 64 GPUs to a million.

Run by hand or with `make bench`. Figures, not verdicts: machines differ. Every size runs in a process of its own, so
that its peak memory is its own. Everything varies: speeds, kernels, stalls, slow devices, nodes and links, the network.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Sequence

TENSOR, MICRO_BATCHES = 8, 16
LLAMA_405B, LLAMA_70B = ("llama-3-405b", 16), ("llama-3-70b", 8)
"""Model and depth of its pipeline."""
GOALS = {(16384, 1): (0.5, 1024), (16384, 100): (20.0, None), (131072, 1): (4.0, 4096), (1048576, 1): (40.0, 12288)}
"""(GPUs, steps) -> seconds and MiB."""
SLOPE_SIZES = (64, 512, 4096, 32768, 262144)
SLOPE_GOAL = 1.05
RUN = """
import json, resource, sys, time
from pathlib import Path
from sim.simulate import prepare, simulate_prepared
from sim.scenario import scenario_from
document = json.loads(sys.argv[1])
prepared = prepare(scenario_from(document, Path("benchmark.toml")))
start = time.perf_counter()
outcome = simulate_prepared(prepared)
wall_s = time.perf_counter() - start
times = outcome.step_times
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([wall_s, peak, times.mean_s, times.alike_s]))
"""


def document(model: str, pipeline: int, devices: int, steps: int) -> dict[str, object]:
    """The scenario of one size: as many replicas as there are devices for, sixteen micro-batches each."""
    data = devices // (TENSOR * pipeline)
    plan = {"tensor": TENSOR, "pipeline": pipeline, "data": data, "zero": 1, "recompute": "full"}
    if model == LLAMA_405B[0]:
        plan["layers_per_stage"] = [7, *[8] * 14, 7]
    system = {
        "name": "cluster",
        "topology": "dgx-h100-superpod",
        "devices": devices,
        "stack": "megatron-2022",
        "sizes": {"largest_nodes": 1 << 17},
        "plan": plan,
        "variation": "as-found",
    }
    training = {"tokens": 1e12, "sequence": 8192, "global_batch": f"{data * MICRO_BATCHES} sequences"}
    return {"schema": 1, "steps": steps, "model": {"name": model}, "training": training, "system": [system]}


def measured(model: str, pipeline: int, devices: int, steps: int) -> float:
    """Simulate one size in a process of its own; print a line; return the seconds it took."""
    text = json.dumps(document(model, pipeline, devices, steps))
    done = subprocess.run([sys.executable, "-c", RUN, text], check=True, capture_output=True, text=True)
    wall_s, peak, mean_s, alike_s = json.loads(done.stdout)
    goal = ""
    if model == LLAMA_405B[0] and (devices, steps) in GOALS:
        goal_s, goal_mib = GOALS[devices, steps]
        goal = f"   goal {goal_s:g} s, ratio {wall_s / goal_s:.2f}"
        goal += f"; {goal_mib} MiB, ratio {peak / goal_mib:.2f}" if goal_mib else ""
    what = f"{model}, {devices:,} GPUs, {steps} step{'s' if steps > 1 else ''}"
    print(f"  {what:44s} {wall_s:8.3f} s {peak:7.0f} MiB   {mean_s / alike_s - 1:+.1%} step time{goal}", flush=True)
    return float(wall_s)


def slope(sizes: Sequence[int], times_s: Sequence[float]) -> float:
    """Of the straight line through times against sizes, both in logarithms."""
    x, y = [math.log(size) for size in sizes], [math.log(time_s) for time_s in times_s]
    middle_x, middle_y = sum(x) / len(x), sum(y) / len(y)
    over = sum((a - middle_x) * (b - middle_y) for a, b in zip(x, y, strict=True))
    return over / sum((a - middle_x) ** 2 for a in x)


def main() -> None:
    """Print all figures."""
    print("every device simulated, all variation on      wall time   peak memory")
    for devices, steps in GOALS:
        measured(*LLAMA_405B, devices, steps)
    times_s = [measured(*LLAMA_70B, devices, 1) for devices in SLOPE_SIZES]
    whole, last = slope(SLOPE_SIZES, times_s), slope(SLOPE_SIZES[-2:], times_s[-2:])
    print(f"slope of log time against log GPUs: {whole:.2f}, {last:.2f} over the last step   goal {SLOPE_GOAL}")


if __name__ == "__main__":
    main()
