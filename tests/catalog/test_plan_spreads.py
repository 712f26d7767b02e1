"""How far measured plans lay apart: the catalogue's figures against the rows that they come from."""

from __future__ import annotations

import csv
from collections import defaultdict
from importlib import resources
from statistics import median

from sim.catalog import plan_spreads

TABLE = resources.files("sim.validation") / "training_measurements.csv"
ROWS = list(csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()))
VTRAIN, BLOOM = plan_spreads()


def test_sweeps_of_vtrain_on_clusters() -> None:
    sweeps: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for row in ROWS:
        if row["source"] == "vtrain-multi":
            sweeps[row["model"], row["n_gpus"]].append(float(row["step_time_s"]))
    found = sorted(median(steps_s) / min(steps_s) for steps_s in sweeps.values())
    assert len(found) == 4
    assert {float(devices) for _, devices in sweeps} == {64, 256, 512}
    assert (VTRAIN.least, VTRAIN.most) == (round(found[0], 2), round(found[-1], 2))


def test_the_search_of_bloom() -> None:
    rows = [row for row in ROWS if row["source"].startswith("bigscience-workshop")]
    rates = [float(row["model_tflops_per_gpu"]) for row in rows]
    assert len(rates) == 46
    assert {float(row["n_gpus"]) for row in rows} == {384}
    assert BLOOM.least == BLOOM.most == round(max(rates) / median(rates), 2)
