"""Results hold how devices differ and every simulated step, and the same seed gives the same bytes."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import write_results

from sim.catalog import load_variation
from sim.outcome.outcome import Outcome
from sim.outcome.step_times import HeldUp, StepTimes
from sim.records.document import results_document
from sim.records.runs import step_times_record, variation_record
from sim.study.findings import findings

ROOT = Path(__file__).parents[2]
TIMES = ("mean_s", "p50_s", "p95_s", "p99_s", "coefficient_of_variation")


def test_the_document_holds_the_steps(varied: tuple[Outcome, ...]) -> None:
    document = json.loads(json.dumps(results_document(findings(varied)), allow_nan=False))
    assert document["schema"] == 2
    for outcome, point in zip(varied, document["points"], strict=True):
        steps, found = outcome.step_times, point["step_times"]
        assert steps is not None
        assert point["resolution"] == "full"
        assert point["resolution_why"] == "devices differ: variation 'as-found'"
        assert point["simulated_steps"] == len(found["times_s"]) == 30
        assert found["times_s"] == steps.times_s.tolist()
        assert point["step_time_mean_s"] == point["step_time_s"] == outcome.step_time_s
        assert point["step_time_alike_s"] == steps.alike_s
        assert found["late_s"] == dict(steps.late_s)
        assert found["late_s"].keys() >= {"work"}
        for percent in (50, 95, 99):
            assert point[f"step_time_p{percent}_s"] == np.percentile(steps.times_s, percent)
        assert point["step_time_coefficient_of_variation"] == steps.coefficient_of_variation > 0
        assert sum(one["steps"] for one in found["held_up"]) <= 30
        for one, written in zip(steps.held_up, found["held_up"], strict=False):
            assert (written["by"], written["steps"], written["device"]) == (one.by, one.steps, one.device)
            assert (written["rank"] is None) == (one.by != "device")


def test_the_variation_is_there_with_its_numbers() -> None:
    profile = load_variation("as-found")
    found = json.loads(json.dumps(variation_record(profile)))
    assert found["name"] == "as-found"
    assert found["speed_spread"] == profile.speed_spread
    assert found["stalls"] == {"per_device_hour": 4.8, "mean_s": 0.021}
    assert found["slow_links"] == dataclasses.asdict(profile.slow_links)
    assert "figures" not in found


def test_alike_devices_have_no_steps(alone: Outcome, asked_for: dict[str, Outcome]) -> None:
    (point,) = results_document(findings([alone]))["points"]
    assert point["step_times"] is None
    assert (point["resolution"], point["variation"], point["variation_profile"]["name"]) == ("folded", "none", "none")
    (asked,) = results_document(findings([asked_for["full"]]))["points"]
    assert (asked["resolution"], asked["resolution_why"]) == ("full", "asked for")


def test_a_single_step_has_no_percentiles(one_step: Outcome) -> None:
    (point,) = results_document(findings([one_step]))["points"]
    assert [point[f"step_time_{name}"] for name in TIMES] == [one_step.step_time_s, None, None, None, None]
    assert (point["simulated_steps"], point["step_times"]["times_s"]) == (1, [one_step.step_time_s])


def test_at_most_ten_are_named() -> None:
    held_up = tuple(HeldUp("device", 1, number, "replica", number) for number in range(25))
    found = step_times_record(StepTimes(np.ones(25), 1.0, held_up))
    assert found is not None
    assert [one["device"] for one in found["held_up"]] == list(range(10))


def test_a_node_is_named_by_its_number() -> None:
    found = step_times_record(StepTimes(np.ones(2), 1.0, (HeldUp("node", 2, node=5),), {"work": 0.5, "data_comm": 0.1}))
    assert found is not None
    nothing = dict.fromkeys(("device", "actor", "replica", "rank"))
    assert found["held_up"] == [{"by": "node", "steps": 2, "node": 5, **nothing}]
    assert found["late_s"] == {"work": 0.5, "data_comm": 0.1}


def test_the_summary_has_columns_for_steps(
    varied: tuple[Outcome, ...], one_step: Outcome, alone: Outcome, tmp_path: Path
) -> None:
    outcomes = [varied[1], one_step, alone]
    write_results(outcomes, [], tmp_path / "out", charts=False)
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["resolution"] for row in rows] == ["full", "full", "folded"]
    assert [row["variation"] for row in rows] == ["as-found", "as-found", "none"]
    assert [row["simulated_steps"] for row in rows] == ["30", "1", ""]
    steps = varied[1].step_times
    assert steps is not None
    assert float(rows[0]["step_time_p95_s"]) == steps.percentile_s(95)
    assert float(rows[0]["step_time_alike_s"]) == steps.alike_s
    assert float(rows[0]["step_time_mean_s"]) == float(rows[0]["step_time_s"])
    assert all(rows[0][f"step_time_{name}"] for name in TIMES)
    assert [bool(rows[1][f"step_time_{name}"]) for name in TIMES] == [True, False, False, False, False]
    assert not any(rows[2][f"step_time_{name}"] for name in ("alike_s", *TIMES))


@pytest.mark.slow
def test_workers_and_hash_seed_change_nothing_and_the_seed_does(tmp_path: Path) -> None:
    def document(name: str, jobs: int, hash_seed: str, seed: int) -> bytes:
        changes = ["system.variation=as-found", "steps=4", f"seed={seed}", "report.charts=false"]
        command = [sys.executable, "-m", "sim", "run", "quickstart", "--out", str(tmp_path / name), "--jobs", str(jobs)]
        for change in changes:
            command += ["--set", change]
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=environment)
        return (tmp_path / name / "results.json").read_bytes()

    first, second, other = document("a", 1, "1", 5), document("b", 2, "2", 5), document("c", 1, "1", 6)
    assert first == second
    times = [[point["step_times"]["times_s"] for point in json.loads(text)["points"]] for text in (first, other)]
    assert all(len(set(one)) == 4 for one in times[0])
    assert all(one != another for one, another in zip(*times, strict=True))
