"""Axes of [sweep]: lists, ranges, logarithmic spaces; crossed, or advancing together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.scenario import read_document
from sim.scenario.axes import groups, spelled_out, with_axes
from sim.sweep.grid import MOST_POINTS, count_points, expand, points_of

TEXT = """
schema = 1
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
[[system]]
name = "two"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
"""


def document(tmp_path: Path, sweep: str, axes: tuple[str, ...] = (), overrides: tuple[str, ...] = ()) -> dict[str, Any]:
    path = tmp_path / "file.toml"
    path.write_text(f"{TEXT}\n[sweep]\n{sweep}\n", encoding="utf-8")
    return read_document(path, overrides, axes=axes)


def values(spec: dict[str, Any]) -> list[Any]:
    return list(spelled_out({"sweep": {"seed": spec}}, "here")["sweep"]["seed"])


def test_ranges_hold_both_ends() -> None:
    assert values({"range": [8, 64, 8]}) == [8, 16, 24, 32, 40, 48, 56, 64]
    assert values({"range": [1, 10, 4]}) == [1, 5, 9]
    assert values({"range": [0.1, 0.5, 0.1]}) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert values({"range": [3, 1, -1]}) == [3, 2, 1]
    assert values({"range": ["1 h", "3 h", "1 h"]}) == ["1.0 h", "2.0 h", "3.0 h"]


def test_logarithmic_spaces_grow_by_a_factor() -> None:
    assert values({"logspace": [8, 512, 4]}) == [8, 32, 128, 512]
    assert values({"logspace": ["1 us", "100 us", 3]}) == ["1.0 us", "10.0 us", "100.0 us"]
    # Whole numbers stay whole, and none is there twice.
    assert values({"logspace": [1, 4, 6]}) == [1, 2, 3, 4]


@given(st.integers(1, 1000), st.integers(1, 1000), st.integers(1, 50))
def test_a_range_is_python_s_with_its_end(first: int, more: int, step: int) -> None:
    assert values({"range": [first, first + more, step]}) == list(range(first, first + more + 1, step))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"range": [1, 2]}, "has not three members"),
        ({"steps": [1, 2, 3]}, "is no kind of axis"),
        ({"range": [1, 5, -1]}, "no steps of -1 lead from 1 to 5"),
        ({"range": [1, 5, 0]}, "no steps of 0"),
        ({"range": ["1 h", "5 s", "1 h"]}, "units differ: h, s, h"),
        ({"range": ["x", 5, 1]}, "is no number that an axis can have"),
        ({"range": [1, 10**9, 1]}, "this axis has 1,000,000,000 values"),
        ({"logspace": [0, 5, 3]}, "two ends above zero"),
        ({"logspace": [1, 5, 1]}, "a number from 2"),
        ({"logspace": [1, 5, 10**9]}, "1,000,000,000 values"),
    ],
)
def test_axes_that_are_none_say_so(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        values(spec)


def test_axes_advance_together(tmp_path: Path) -> None:
    sweep = '"system.one.devices" = [8, 16]\n"system.one.jitter" = ["1 %", "2 %"]\nseed = [1, 2]\n'
    crossed = expand(document(tmp_path, sweep), "file")
    assert [point.document["system"][0]["name"] for point in crossed].count("one") == 8
    together = expand(document(tmp_path, sweep + 'zip = [["system.one.devices", "system.one.jitter"]]'), "file")
    pairs = [
        (point.axes["system.one.devices"], point.axes["system.one.jitter"], point.axes["seed"])
        for point in together
        if "system.one.devices" in point.axes
    ]
    assert pairs == [(8, "1 %", 1), (8, "1 %", 2), (16, "2 %", 1), (16, "2 %", 2)]
    assert sum("system.one.devices" not in point.axes for point in together) == 2


def test_groups_must_be_there_once_and_as_long() -> None:
    sweep = {"a": [1, 2], "b": [3, 4], "c": [5]}
    assert groups({**sweep, "zip": [["b", "a"]]}, "here") == [("b", "a"), ("c",)]
    for zipped, words in (
        ([["a", "d"]], "there is no axis 'd'"),
        ([["a", "c"]], "as many values: 'a' 2, 'c' 1"),
        ([["a", "b"], ["a", "c"]], "'a' is there more than once"),
        ([["a"]], "are no lists of axes"),
        ("a", "are no lists of axes"),
    ):
        with pytest.raises(InputError, match=re.escape(words)):
            groups({**sweep, "zip": zipped}, "here")


def test_axes_of_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    found = document(tmp_path, "seed = [1, 2]", ("seed=3,4,5", "system.one.devices={ range = [8, 24, 8] }"))
    assert found["sweep"] == {"seed": [3, 4, 5], "system.one.devices": [8, 16, 24]}
    texts = with_axes({"system": []}, ["model.name=llama-7b, llama-13b", "seed=[7]"])["sweep"]
    assert texts == {"model.name": ["llama-7b", "llama-13b"], "seed": [7]}
    with pytest.raises(InputError, match="there is no '='"):
        with_axes({"system": []}, ["seed"])
    with pytest.raises(InputError, match=r"did you mean 'training\.tokens'"):
        with_axes({"system": []}, ["training.token=1"])


def test_an_override_takes_an_axis_out_of_its_group(tmp_path: Path) -> None:
    sweep = '"system.one.devices" = [8, 16]\nseed = [1, 2]\nzip = [["system.one.devices", "seed"]]'
    left = document(tmp_path, sweep, overrides=("seed=5",))
    assert [point.axes for point in expand(left, "file")][:2] == [{"system.one.devices": 8}, {"system.one.devices": 16}]


def test_a_grid_that_is_too_large_is_refused_before_it_is_made(tmp_path: Path) -> None:
    axis = "{ range = [1, 1000, 1] }"
    large = document(tmp_path, f'seed = {axis}\nsteps = {axis}\n"training.sequence" = {axis}')
    assert count_points(large, "file") == 2 * 10**9
    with pytest.raises(InputError, match=r"2,000,000,000 points: 1,000 x 1,000 x 1,000 \+ 1,000 x 1,000 x 1,000"):
        points_of(large, "file")
    assert len(list(points_of(large, "file", 7))) == 7
    assert MOST_POINTS == 10**6


@pytest.mark.parametrize("end", [float("inf"), float("-inf"), float("nan"), "1e999 us"])
@pytest.mark.parametrize("kind", ["range", "logspace"])
def test_ends_of_an_axis_are_finite(kind, end):
    for ends in ([end, 8, 8], [1, end, 8]):
        with pytest.raises(InputError, match="is no number that an axis can have"):
            spelled_out({"sweep": {"seed": {kind: ends}}}, "here")


def test_steps_too_small_to_count_are_refused():
    with pytest.raises(InputError, match="this axis has inf values"):
        spelled_out({"sweep": {"training.tokens": {"range": [1.0, 1e300, 1e-300]}}}, "here")


def test_only_names_advance_together():
    with pytest.raises(InputError, match="are no lists of axes"):
        groups({"seed": [1], "zip": [[{"a": 1}, "seed"]]}, "here")
