"""Prints what the planner chooses for one GPU beside what was measured there, for docs/planner.md.

Measured: `benchmarks/measure_plans.py` on one H100 80 GB SXM (700 W), PyTorch 2.11, CUDA 13.0, November 2026, in
`benchmarks/one_gpu_plans.csv`. Nothing is fitted on these times.
"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np

from sim.outcome.outcome import Memory
from sim.prepare import prepare, prepare_as_measured
from sim.scenario import Scenario, scenario_from
from sim.simulate import simulate_prepared

TABLE = Path(__file__).parent / "one_gpu_plans.csv"
STACKS = {"False": ("torchtitan-2024-eager", "eager"), "True": ("torchtitan-2024", "compiled")}
Row = dict[str, str]


def scenario(row: Row, plan: object) -> Scenario:
    """The run of a row, with a plan."""
    training = {"tokens": 1e9, "sequence": int(row["sequence"]), "global_batch": f"{row['batch']} sequences"}
    system = {
        "name": "one",
        "topology": "hgx-h100-node",
        "devices": 1,
        "stack": STACKS[row["compiled"]][0],
        "plan": plan,
    }
    document = {"schema": 1, "model": {"name": row["model"]}, "training": training, "system": [system]}
    return scenario_from(document, Path("measured.toml"))


def allocated_gib(memory: Memory) -> float:
    """What an allocator has handed out at the peak."""
    return sum(size for item, size in memory.stages[0].items() if item not in ("fragmentation", "runtime")) / 2**30


def print_case(rows: list[Row]) -> None:
    """One model, eager or compiled: a line for each plan, then what is chosen and what was fastest."""
    predicted_s, measured_s = [], []
    for row in rows:
        plan = {"micro_batch": int(row["micro_batch"]), "recompute": row["recompute"]}
        prepared = prepare_as_measured(scenario(row, plan))
        step_s, fits = (
            simulate_prepared(prepared).step_time_s,
            prepared.memory.peak_bytes <= prepared.memory.capacity_bytes,
        )
        measured = float(row["step_time_s"]) if row["step_time_s"] else None
        if measured is not None:
            predicted_s.append(step_s)
            measured_s.append(measured)
        words = f"{measured:.3f} s | {step_s / measured - 1:+.1%}" if measured else "out of memory | "
        print(
            f"| {row['model']} | {STACKS[row['compiled']][1]} | {row['micro_batch']} | {row['recompute']}"
            f" | {f'{step_s:.3f} s' if fits else 'does not fit'} | {words}"
            f" | {allocated_gib(prepared.memory):.1f} | {row['peak_allocated_GiB'] if measured else ''} |"
        )
    ranks = [np.argsort(np.argsort(values)) for values in (predicted_s, measured_s)]
    fastest = min((row for row in rows if row["step_time_s"]), key=lambda row: float(row["step_time_s"]))
    chosen, correlation = prepare(scenario(rows[0], "best")).plan.summary(), np.corrcoef(*ranks)[0, 1]
    words = f"micro-batch {fastest['micro_batch']}, recompute {fastest['recompute']}"
    print(f"chosen: {chosen}; fastest measured: {words}; rank correlation {correlation:.3f}\n")


def main() -> None:
    """Print every case."""
    print("| model | | micro-batch | recompute | predicted | measured | error | GiB | measured |")
    print("|---|---|---:|---|---:|---:|---:|---:|---:|")
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for _, own in itertools.groupby(rows, key=lambda row: (row["model"], row["compiled"])):
        print_case(list(own))


if __name__ == "__main__":
    main()
