"""Which stack to take: an entry for every stack, names of the newest, counts that follow from the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.catalog import (
    StackChecks,
    default_stack,
    device_names,
    latest_stacks,
    load_device,
    load_stack,
    read_stack,
    stack_checks,
    stack_meant,
    stack_names,
)
from sim.catalog.data_files import read_data
from sim.catalog.stack_guide import stack_uses
from sim.errors import InputError
from sim.validation.stack_checks import checks_toml, counted_checks


def test_every_stack_says_whom_it_is_for() -> None:
    assert set(stack_uses()) == set(stack_names())


def test_the_newest_of_a_line_is_a_stack() -> None:
    assert set(latest_stacks().values()) <= set(stack_names())
    assert not set(latest_stacks()) & set(stack_names())
    assert load_stack("megatron-latest") is load_stack("megatron-core-2024")
    assert (stack_meant("megatron-latest"), stack_meant("vtrain")) == ("megatron-core-2024", "vtrain")


def test_a_slip_is_shown_the_names_of_the_newest_too() -> None:
    with pytest.raises(InputError, match="did you mean 'megatron-latest'"):
        load_stack("megatron-lastest")


def test_a_stack_of_ones_own_may_rest_on_the_newest(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('title = "Mine"\nbase = "internevo-latest"\nlaunch_factor = { value = 2.0, kind = "assumed", '
                   'date = "2026-11", note = "a guess" }\n')  # fmt: skip
    stack = read_stack(own, "here")
    assert (stack.name, stack.launch_factor) == ("mine", 2.0)
    assert stack.attention_kernel == load_stack("internevo-2023").attention_kernel


def test_what_checks_a_stack_follows_from_the_tables() -> None:
    stored = Path("sim/catalog/stack_checks.toml").read_text(encoding="utf-8")
    assert stored == checks_toml(), "run `make validation`"
    assert counted_checks()["deepspeed-zero3-2021"] == StackChecks(2, ("llm-analysis-narayanan21-tab2",))
    assert stack_checks("megatron-zero-bubble") == StackChecks(0, ())


def test_internevo_moves_the_bytes_that_its_code_moves() -> None:
    # By hand, per token and width in bf16 with an MLP of 11008 / 4096 = 2.6875 widths. As counted: two norms
    # (2 x 4 and 2 x 10), rotation of queries and keys (2 x 8), silu and product apart (2.6875 x (10 + 16)), two
    # residuals (2 x 12): 138.
    # InternLM: norms with a cast forward (6 + 4 + 4 + 2), twice, their backward (12 + 4 + 6, and a cast 6), and one
    # residual again: 2 x (32 + 28) + 6 = 126; rotation 16; silu and product apart, 2.6875 x (10 + 18); residuals 24.
    counted = 8 + 20 + 16 + 2.6875 * 26 + 24
    moved = 126 + 16 + 2.6875 * 28 + 24
    assert load_stack("internevo-2023").activation_passes == pytest.approx(moved / counted, abs=0.005)


def test_a_device_has_the_stack_of_its_time_where_none_is_named() -> None:
    assert default_stack("a100-80gb-sxm") == "megatron-core-2024-plain"
    assert default_stack("h100-80gb-sxm") is None
    assert {load_device(name).name for name in read_data("stack_guide")["default"]} <= set(device_names())
