"""The grid: each system with its own axes and the common ones, in a fixed order, no point twice."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.sweep.grid import MOST_LOADED, Point, expand, load_scenarios

BASE = {
    "schema": 1,
    "training": {"tokens": 1e9, "global_batch": "64 sequences"},
    "system": [{"name": "A100 SuperPOD", "devices": 8}, {"name": "wafer", "devices": 1}],
}


def grid(**axes):
    return expand({**BASE, "sweep": axes}, "my.toml")


def refusal(**axes):
    with pytest.raises(InputError) as caught:
        grid(**axes)
    return str(caught.value)


def test_without_a_sweep_there_is_a_point_per_system():
    points = expand(BASE, "my.toml")
    assert points == [Point({**BASE, "system": [system]}, {}) for system in BASE["system"]]


def test_the_axis_of_a_system_is_its_own():
    points = grid(**{"system.A100 SuperPOD.devices": [8, 64]})
    systems = [point.document["system"][0] for point in points]
    found = [(system["name"], system["devices"]) for system in systems]
    assert found == [("A100 SuperPOD", 8), ("A100 SuperPOD", 64), ("wafer", 1)]
    assert [point.axes for point in points] == [
        {"system.A100 SuperPOD.devices": 8},
        {"system.A100 SuperPOD.devices": 64},
        {},
    ]


def test_systems_first_then_axes_in_file_order_with_the_last_fastest():
    points = grid(**{"training.tokens": [1e9, 2e9], "system.A100 SuperPOD.devices": [8, 64], "seed": [1, 2]})
    found = [(p.document["system"][0]["name"], *p.axes.values()) for p in points]
    assert found == [
        *(("A100 SuperPOD", tokens, n, seed) for tokens in (1e9, 2e9) for n in (8, 64) for seed in (1, 2)),
        *(("wafer", tokens, seed) for tokens in (1e9, 2e9) for seed in (1, 2)),
    ]
    assert [p.document["seed"] for p in points] == [1, 2] * 6


def test_the_document_given_is_left_alone():
    document = {**BASE, "sweep": {"training.tokens": [1, 2], "system.devices": [3]}}
    before = repr(document)
    expand(document, "my.toml")
    assert repr(document) == before


SIZES = st.lists(st.integers(1, 99), min_size=1, max_size=4, unique=True)


@given(SIZES, st.integers(1, 3), st.integers(1, 3))
def test_no_point_appears_twice(devices, tokens, seeds):
    axes = {
        "training.tokens": [float(n + 1) for n in range(tokens)],
        "system.A100 SuperPOD.devices": devices,
        "seed": list(range(seeds)),
    }
    points = grid(**axes)
    assert len(points) == tokens * seeds * (len(devices) + 1)
    assert len({repr(point.document) for point in points}) == len(points)
    sizes = [math.prod(len(axes[key]) for key in point.axes) for point in points]
    assert set(sizes) == {tokens * seeds * len(devices), tokens * seeds}


def test_an_unknown_axis():
    message = refusal(**{"training.globl_batch": ["1 sequences"]})
    assert message.startswith("my.toml: [sweep]\n  unknown key 'training.globl_batch'; did you mean")
    assert "did you mean 'training.global_batch'?" in message
    assert "did you mean 'system.wafer.devices'?" in refusal(**{"system.wafr.devices": [1]})
    assert "NAME of: A100 SuperPOD, wafer" in refusal(**{"system.wafr.devices": [1]})


@pytest.mark.parametrize("values", [8, [], "8"])
def test_an_axis_is_a_list(values):
    message = refusal(**{"system.devices": values})
    assert message.startswith("my.toml: [sweep]\n  'system.devices' is not a list of values\n  write")


def test_a_value_twice():
    message = refusal(**{"system.devices": [8, 1, 8]})
    assert "'system.devices' has the value 8 more than once\n  write each value once" in message


def test_equal_in_python_is_not_the_same_value():
    assert len(grid(seed=[1, 1.0, True])) == 6


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("system.devices", "system.wafer.devices"),
        ("system.plan", "system.plan.tensor"),
        ("model.name", "model.config"),
        ("model.name", "model.layers"),
        ("training", "training.tokens"),
    ],
)
def test_two_axes_of_one_key(one, other):
    assert f"'{one}' and '{other}' set the same key\n  leave out one" in refusal(**{one: [1], other: [2]})


def test_axes_of_different_systems_are_apart():
    assert len(grid(**{"system.wafer.devices": [1, 2], "system.A100 SuperPOD.devices": [3, 4]})) == 4


FILE = """
schema = 1
[model]
name = "cerebras-gpt-13b"
[training]
tokens = "20 per parameter"
[[system]]
name = "cluster"
topology = "dgx-a100-superpod"
stack = "fsdp-2023"
[sweep]
"training.global_batch" = ["64 sequences", "2048 tokens", "3 tokens"]
"system.cluster.devices" = [8]
"model.name" = ["cerebras-gpt-111m"]
"""


def test_a_key_may_be_given_by_its_axis_alone(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(FILE.replace(', "3 tokens"', ""))
    scenarios = load_scenarios(path)
    assert [scenario.training.global_batch for scenario in scenarios] == [64, 1]
    assert scenarios[1].axes == {
        "training.global_batch": "2048 tokens",
        "system.cluster.devices": 8,
        "model.name": "cerebras-gpt-111m",
    }
    assert scenarios[0].model.hidden == 768


def test_a_problem_at_one_point_says_which(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(FILE.replace('"cerebras-gpt-111m"', '"cerebras-gpt-111m", "cerebras-gpt-11m"'))
    with pytest.raises(InputError) as caught:
        load_scenarios(path)
    message = str(caught.value)
    assert "unknown model 'cerebras-gpt-11m'" in message
    assert "at the sweep point training.global_batch = '64 sequences', system.cluster.devices = 8" in message
    path.write_text(FILE.replace("[8]", "[]"))
    with pytest.raises(InputError, match=r"\[sweep\] system\.cluster\.devices\n  \[\] is empty"):
        load_scenarios(path)
    path.write_text(FILE.replace("[8]", "8"))
    with pytest.raises(InputError, match=r"\[sweep\] system.cluster.devices\n  8 is not a list\n"):
        load_scenarios(path)


def test_so_many_points_are_looked_at_together(tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(f"{FILE}seed = {{ range = [1, {MOST_LOADED}, 1] }}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"has {3 * MOST_LOADED:,} points\n  use scaletax sweep"):
        load_scenarios(path)
