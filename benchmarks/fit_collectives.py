"""Fits the latencies of each fabric generation to the fit rows of the measured collectives, and prints them.

Run by hand: python benchmarks/fit_collectives.py. One constant a generation: what a launch costs inside a node; on EFA,
whose small messages are slow, what a card adds. (What share of the links' rate is reached is measured, on the largest
message; between nodes of InfiniBand nothing is fitted.) Least squares on the logarithm of time, by golden section.
"""

from __future__ import annotations

import functools
import math
import operator
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import tomli_w

from sim.hardware.topology import Topology, load_topology, shelf
from sim.validation.collectives import (
    CollectiveComparison,
    CollectiveRow,
    compare_collectives,
    mean_error,
    read_collectives,
)

LAUNCH, CARD = "timing.collective_launch", "link_class.nic.latency"
GENERATIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "NVLink 2 (DGX-1)": (("V100, one node",), LAUNCH),
    "NVLink 3": (("A100, one node",), LAUNCH),
    "NVLink 4": (("H100, one node", "H200, one node"), LAUNCH),
    "NVLink 5": (("B200, one node",), LAUNCH),
    "Elastic Fabric Adapter": (("B200, 4 nodes", "H200, 4 nodes"), CARD),
}
GOLDEN = (math.sqrt(5) - 1) / 2
STEPS = 16
RANGE_S = 1e-6, 2e-4


def builder(folder: Path, key: str, value_s: float) -> Callable[[str, int], Topology]:
    """Build topologies from the shelf with one time replaced."""

    def build(topology: str, devices: int) -> Topology:
        raw = tomllib.loads((shelf("topologies") / f"{topology}.toml").read_text(encoding="utf-8"))
        functools.reduce(operator.getitem, key.split("."), raw)["value"] = f"{value_s * 1e6:.9f} us"
        (folder / f"{topology}.toml").write_text(tomli_w.dumps(raw), encoding="utf-8")
        return load_topology(f"{topology}.toml", devices, "fit", folder)

    return build


def compared(rows: list[CollectiveRow], key: str, value_s: float) -> list[CollectiveComparison]:
    """Predictions with one time replaced."""
    with tempfile.TemporaryDirectory() as folder:
        return compare_collectives(rows, builder(Path(folder), key, value_s))


def loss(rows: list[CollectiveRow], key: str, value_s: float) -> float:
    """Mean squared logarithm of predicted over measured time."""
    return fmean(math.log(one.predicted_s / one.row.time_s) ** 2 for one in compared(rows, key, value_s))


def fit(rows: list[CollectiveRow], key: str) -> float:
    """The time that fits best."""
    low, high = (math.log(one) for one in RANGE_S)
    for _ in range(STEPS):
        inner = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        lower, upper = (loss(rows, key, math.exp(one)) for one in inner)
        low, high = (low, inner[1]) if lower < upper else (inner[0], high)
    return math.exp((low + high) / 2)


def main() -> None:
    """Fit every generation and print constants and errors."""
    everything = read_collectives()
    for name, (sweeps, key) in GENERATIONS.items():
        own = [row for row in everything if row.sweep in sweeps]
        rows = [row for row in own if row.role == "fit"]
        value_s = fit(rows, key)
        checks = [one for one in compared(own, key, value_s) if one.row.role == "check" and one.row.size_bytes >= 1e6]
        print(f"{name}: {key} = {value_s * 1e6:.1f} us")
        print(f"  fitted on {', '.join(row.id for row in rows)}")
        print(f"  mean error of bus bandwidth over {len(checks)} check rows of 1 MB and more: {mean_error(checks):.1%}")


if __name__ == "__main__":
    main()
