"""Points of one system at several sizes are one curve; labels tell curves apart."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from sim.outcome.outcome import Outcome
from sim.page.numbers import counted
from sim.records.document import summary_rows
from sim.report.run import run_answer
from sim.scenario import AxisKey
from sim.scenario.types import RecipeRequest
from sim.study.findings import findings
from sim.study.points import comparable, curves, differing_work, representatives, slug


def test_sizes_of_a_system_are_one_curve(several: tuple[Outcome, ...]) -> None:
    found = curves(several)
    assert [(curve.label, curve.sizes) for curve in found] == [
        ("gpu cluster", [2, 8, 20]),
        ("pipeline", [4, 16]),
        ("wafer", [1, 2]),
    ]
    assert curves(tuple(reversed(several)))[-1].sizes == [2, 8, 20]


def test_axes_beside_the_size_are_named(different_models: tuple[Outcome, ...]) -> None:
    labels = [curve.label for curve in curves(different_models)]
    assert labels == ["gpu cluster (cerebras-gpt-111m)", "gpu cluster (cerebras-gpt-256m)"]
    assert not comparable(different_models)
    assert differing_work(different_models) == ["model"]
    assert run_answer(findings(different_models)) == ["The 2 points differ in model, so their times are not compared."]


@pytest.mark.parametrize(
    ("over", "unlike"),
    [
        ({"recipe": RecipeRequest(moments="int8")}, []),
        ({"optimizer": "muon"}, []),
        ({"precision": "fp32"}, []),
        ({"global_batch": 7}, []),
        ({"sequence": 7, "tokens": 8.0}, ["tokens", "sequence"]),
        ({"method": "finetune"}, ["method"]),
    ],
)
def test_times_are_compared_where_the_work_is_the_same(alone: Outcome, over: dict[str, Any], unlike: list[str]) -> None:
    training = dataclasses.replace(alone.scenario.training, **over)
    axes = {AxisKey("training.one"): "other"}
    other = dataclasses.replace(alone, scenario=dataclasses.replace(alone.scenario, training=training, axes=axes))
    assert differing_work([alone, other]) == unlike
    (first,) = run_answer(findings([alone, other]))
    assert ("times are not compared" in first) == bool(unlike)
    assert not unlike or f"differ in {' and '.join(unlike)}, so" in first


def test_a_table_as_an_axis_is_named_by_its_members(alone: Outcome) -> None:
    values = ("none", {"speed_spread": 0.03, "slow_links": {"share": 0.1}})
    points = []
    for seed, value in enumerate(values):
        scenario = dataclasses.replace(alone.scenario, axes={AxisKey("system.variation"): value}, seed=seed)
        points.append(dataclasses.replace(alone, scenario=scenario))
    labels = [curve.label for curve in curves(points)]
    assert labels == ["gpu cluster (variation none)", "gpu cluster (variation speed_spread 0.03, slow_links share 0.1)"]


def test_a_changed_profile_as_an_axis_is_short(alone: Outcome) -> None:
    slow = [{"node": 1, "slowdown": "10 %"}]
    axes = [
        {"system.variation": {"profile": "as-found", "slow": slow}, "seed": 0},
        {"system.variation": "as-found", "seed": 1},
    ]
    points = []
    for seed, own in enumerate(axes):
        scenario = dataclasses.replace(
            alone.scenario, axes={AxisKey(key): value for key, value in own.items()}, seed=seed
        )
        points.append(dataclasses.replace(alone, scenario=scenario))
    labels = [curve.label for curve in curves(points)]
    assert labels == [
        "gpu cluster (variation as-found + node 1 +10 %, seed 0)",
        "gpu cluster (variation as-found, seed 1)",
    ]
    cells = [row["system.variation"] for row in summary_rows(points)]
    assert cells[1] == "as-found"
    assert json.loads(cells[0]) == axes[0]["system.variation"]


def test_labels_are_unique_even_without_axes(alone: Outcome, different_models: tuple[Outcome, ...]) -> None:
    labels = [curve.label for curve in curves([alone, different_models[1], different_models[1]])]
    assert len(labels) == len(set(labels)) == 2


def test_representatives_are_the_largest_and_show_every_kind_of_device(several: tuple[Outcome, ...]) -> None:
    found = [(curve.label, point.devices) for curve, point in representatives(curves(several))]
    assert found == [("gpu cluster", 20), ("wafer", 2), ("pipeline", 16)]


def test_a_name_that_says_its_size_is_not_said_twice(several: tuple[Outcome, ...]) -> None:
    gpu = curves(several)[0]
    assert gpu.place(gpu.largest) == "gpu cluster on 20 devices"
    assert counted(1, "device") == "1 device"
    assert slug("A100 (batch 7)") == "a100-batch-7"
    assert slug("$$") == "point"
