"""A stack with options: read from files, set by --set and [sweep], laid over bases, written back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.asked import asked
from sim.errors import InputError
from sim.scenario import resolved_toml
from sim.scenario.json_schema import scenario_schema
from sim.scenario.several_stacks import stack_override
from sim.scenario.types import StackRequest
from sim.sweep.grid import load_scenarios
from sim.sweep.keys import point_key

FILE = """
schema = 1
[model]
name = "cerebras-gpt-590m"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "H100"
topology = "dgx-h100-superpod"
devices = 8
stack = STACK
"""
BRIDGE = "megatron-bridge-26.06"
ASKED = f'{{ name = "{BRIDGE}", cuda_graph = "full", tensor_overlap = false }}'


def loaded(folder: Path, stack: str, *overrides: str, more: str = "") -> list[Any]:
    path = folder / "one.toml"
    path.write_text(FILE.replace("STACK", stack) + more, encoding="utf-8")
    return load_scenarios(path, overrides)


def stacks(folder: Path, stack: str, *overrides: str, more: str = "") -> list[Any]:
    return [one.system.stack for one in loaded(folder, stack, *overrides, more=more)]


def test_options_are_keys_of_a_table(tmp_path: Path) -> None:
    (found,) = stacks(tmp_path, ASKED)
    assert found == StackRequest(BRIDGE, cuda_graph="full", tensor_overlap=False)
    assert found.text == " (cuda_graph full, tensor_overlap off)"
    # Without any it is the name alone, and a name may stand for the newest of a line.
    assert stacks(tmp_path, f'{{ name = "{BRIDGE}" }}') == [BRIDGE]
    latest = stacks(tmp_path, '{ name = "megatron-bridge-latest", pipeline_overlap = false }')
    assert latest == [StackRequest("megatron-bridge-26.08", pipeline_overlap=False)]


def test_options_are_set_and_swept_by_their_keys(tmp_path: Path) -> None:
    asked_for = [StackRequest(BRIDGE, "layer")]
    assert stacks(tmp_path, f'"{BRIDGE}"', "system.stack.cuda_graph=layer") == asked_for
    assert stacks(tmp_path, f'"{BRIDGE}"', "system.H100.stack.cuda_graph=layer") == asked_for
    more = '[sweep]\n"system.stack.cuda_graph" = ["none", "full"]\n'
    assert stacks(tmp_path, f'"{BRIDGE}"', more=more) == [StackRequest(BRIDGE, "none"), StackRequest(BRIDGE, "full")]
    # A stack that is named replaces the options of the one before.
    assert stacks(tmp_path, ASKED, 'system.stack="vtrain"') == ["vtrain"]


def test_options_hold_for_stacks_of_the_command_line(tmp_path: Path) -> None:
    option = "system.stack.cuda_graph=full"
    assert stacks(tmp_path, '"vtrain"', *stack_override(BRIDGE), option) == [StackRequest(BRIDGE, "full")]
    two = stacks(tmp_path, '"vtrain"', *stack_override(f"{BRIDGE}, megatron-bridge-26.08"), option)
    assert two == [StackRequest(BRIDGE, "full"), StackRequest("megatron-bridge-26.08", "full")]
    words = {"model": "cerebras-gpt-590m", "topology": "dgx-h100-superpod", "devices": 8, "batch": 64}
    found = asked(**words, stack=f"{BRIDGE},megatron-bridge-26.08", overrides=[option])  # type: ignore[arg-type]
    assert [one.system.stack for one in found] == two


def test_options_over_a_list_say_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="several stacks, each with options of its own"):
        loaded(tmp_path, f'["vtrain", "{BRIDGE}"]', "system.stack.cuda_graph=full")


def test_options_are_laid_over_a_base(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(FILE.replace("STACK", f'"{BRIDGE}"'), encoding="utf-8")

    def over(stack: str) -> Any:
        (tmp_path / "upper.toml").write_text(
            f'base = "base.toml"\n[[system]]\nname = "H100"\nstack = {stack}\n', encoding="utf-8"
        )
        return load_scenarios(tmp_path / "upper.toml")[0].system.stack

    assert over('{ cuda_graph = "full" }') == StackRequest(BRIDGE, "full")
    (tmp_path / "base.toml").write_text(FILE.replace("STACK", ASKED), encoding="utf-8")
    assert over("{ tensor_overlap = true }") == StackRequest(BRIDGE, "full", tensor_overlap=True)
    # Another stack has none of what was asked of the one below.
    assert over('{ name = "megatron-core-2024", gradient_overlap = false }') == StackRequest(
        "megatron-core-2024", gradient_overlap=False
    )


def test_a_path_in_the_table_is_looked_for_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    text = FILE.replace("STACK", '{ name = "mine.toml", cuda_graph = "full" }')
    (tmp_path / "own" / "base.toml").write_text(text, encoding="utf-8")
    (tmp_path / "upper.toml").write_text('base = "own/base.toml"\n', encoding="utf-8")
    (found,) = load_scenarios(tmp_path / "upper.toml")
    assert found.system.stack.name == str(tmp_path / "own" / "mine.toml")


def test_copies_say_the_options_again(tmp_path: Path) -> None:
    scenarios = loaded(tmp_path, ASKED)
    (text,) = resolved_toml(scenarios)
    assert tomllib.loads(text)["system"][0]["stack"] == tomllib.loads(f"stack = {ASKED}")["stack"]
    (tmp_path / "copy.toml").write_text(text, encoding="utf-8")
    (again,) = load_scenarios(tmp_path / "copy.toml")
    assert again.system == scenarios[0].system
    # A result is of its options, and no other one stands for it.
    keys = {point_key(loaded(tmp_path, one)[0]) for one in (ASKED, f'"{BRIDGE}"', f'{{ name = "{BRIDGE}" }}')}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("stack", "told"),
    [
        ("3", "3 is no software stack"),
        ('{ cuda_graph = "full" }', "'name' is missing"),
        (f'{{ name = "{BRIDGE}", cuda_graph = "whole" }}', "unknown cuda_graph 'whole'"),
        (f'{{ name = "{BRIDGE}", tensor_overlap = "on" }}', "write true or false"),
        ('{ name = "megatron-brige-26.06", cuda_graph = "full" }', "did you mean 'megatron-bridge-26.06'"),
    ],
)
def test_what_is_no_stack_is_refused_with_what_to_write(tmp_path: Path, stack: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        loaded(tmp_path, stack)
    assert told in str(caught.value)


def test_editors_are_told_the_options() -> None:
    keys = scenario_schema()["$defs"]["StackRequest"]["properties"]
    assert keys["cuda_graph"]["enum"] == ["none", "layer", "full"]
    assert all("description" in one for one in keys.values())
