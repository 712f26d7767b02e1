"""A list of stacks becomes an axis of the sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.errors import InputError
from sim.scenario.several_stacks import stack_override, stacks_as_axes
from sim.scenario.types import StackRequest
from sim.sweep.grid import load_scenarios

FILE = """
schema = 1
[model]
name = "cerebras-gpt-590m"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "A100"
topology = "hgx-a100-node"
devices = 8
stack = STACKS
"""


def loaded(folder: Path, stacks: str, overrides: tuple[str, ...] = (), more: str = "") -> list[Any]:
    path = folder / "two.toml"
    path.write_text(FILE.replace("STACKS", stacks) + more, encoding="utf-8")
    return load_scenarios(path, overrides)


def test_each_stack_is_a_point_by_the_name_that_it_stands_for(tmp_path: Path) -> None:
    points = loaded(tmp_path, '["vtrain", "megatron-latest"]')
    assert [one.system.stack for one in points] == ["vtrain", "megatron-core-2024"]
    assert [dict(one.axes) for one in points] == [
        {"system.A100.stack": "vtrain"},
        {"system.A100.stack": "megatron-latest"},
    ]
    assert loaded(tmp_path, '"vtrain"')[0].axes == {}


def test_an_option_replaces_what_the_file_says(tmp_path: Path) -> None:
    for stacks in ('"vtrain"', '["vtrain", "megatron-latest"]'):
        one = loaded(tmp_path, stacks, tuple(stack_override("megatron-2022")))
        assert [point.system.stack for point in one] == ["megatron-2022"]
        two = loaded(tmp_path, stacks, tuple(stack_override("megatron-2022, vtrain")))
        assert [point.system.stack for point in two] == ["megatron-2022", "vtrain"]
    assert stack_override(None) == []
    for nothing in ("", " , "):
        with pytest.raises(InputError, match="names no stack"):
            stack_override(nothing)


@pytest.mark.parametrize("stacks", ["[]", "[1]", '["vtrain", ["megatron-2022"]]'])
def test_a_list_is_one_of_names(tmp_path: Path, stacks: str) -> None:
    with pytest.raises(InputError, match="is no list of names"):
        loaded(tmp_path, stacks)


def test_a_name_in_a_list_is_looked_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'vtrain'"):
        loaded(tmp_path, '["vtrain", "vtrian"]')


def test_a_list_and_an_axis_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave out one of the two"):
        loaded(tmp_path, '["vtrain", "megatron-2022"]', more='[sweep]\n"system.stack" = ["vtrain"]\n')


def test_a_system_of_an_entry_has_an_axis_of_its_own() -> None:
    system = {"name": "A", "stack": ["vtrain", "megatron-2022"]}
    document = {
        "entry": [{"name": "one", "system": [system]}, {"name": "two", "system": [{**system, "stack": "vtrain"}]}]
    }
    changed = stacks_as_axes(document, Path("file"))
    assert changed["sweep"] == {"entry.one.system.A.stack": ["vtrain", "megatron-2022"]}
    assert changed["entry"] == [{"name": "one", "system": [{"name": "A"}]}, document["entry"][1]]
    assert stacks_as_axes({"system": [{"name": "A", "stack": "vtrain"}]}, Path("file")) == {
        "system": [{"name": "A", "stack": "vtrain"}]
    }


def test_a_stack_of_a_list_may_have_options(tmp_path: Path) -> None:
    stacks = '["vtrain", { name = "megatron-bridge-26.06", cuda_graph = "full" }]'
    bare, graphed = (one.system.stack for one in loaded(tmp_path, stacks))
    assert (bare, graphed) == ("vtrain", StackRequest("megatron-bridge-26.06", "full"))
    with pytest.raises(InputError, match="unknown key 'cuda_graphs'; did you mean 'cuda_graph'"):
        loaded(tmp_path, '["vtrain", { name = "vtrain", cuda_graphs = "full" }]')
