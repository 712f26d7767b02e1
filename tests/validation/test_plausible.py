"""Which stacks somebody may have run: the guess first, and what the rules give where a fact is taken the other way."""

from __future__ import annotations

from typing import Any

import pytest
from measured import row

from sim.errors import InputError
from sim.validation.plausible import plausible_of, plausible_stacks


@pytest.mark.parametrize(
    ("facts", "stacks"),
    [
        (
            {"device": "h100-80gb-sxm", "year": 2024, "tensor": 8, "pipeline": 8},
            ["megatron-core-2024", "megatron-core-2025"],
        ),
        (
            {"device": "H100-80GB-SXM", "year": 2024, "zero_stage": 3},
            ["torchtitan-2024-eager", "torchtitan-2024", "fsdp-2023"],
        ),
        (
            {"device": "a100-80gb-sxm", "year": 2021, "flash_attention": False, "tensor": 8, "pipeline": 8},
            ["megatron-2021", "megatron-2020", "megatron-2022"],
        ),
        (
            {"device": "a100-80gb-sxm", "year": 2023, "framework": "GPT-NeoX", "tensor": 2},
            ["gpt-neox-2023", "gpt-neox-2022"],
        ),
        ({"device": "a100-80gb-sxm", "framework": "InternEvo", "flash_attention": True}, ["internevo-2023"]),
        ({"device": "cs-2"}, ["cerebras-r2"]),
    ],
)
def test_what_is_not_said_is_taken_either_way(facts: dict[str, Any], stacks: list[str]) -> None:
    assert list(plausible_stacks(**facts)) == stacks


def test_what_is_said_is_not_varied() -> None:
    stated = row(source="somebody", year=2023, flash_attention=1, zero_stage=1)
    assert "megatron-2022" not in plausible_of(stated)
    assert plausible_of(stated)[0] == "megatron-2023"


def test_a_stack_that_is_passed_over_is_not_plausible() -> None:
    stated = row(source="somebody", year=2023, flash_attention=1, zero_stage=1)
    assert plausible_of(stated, {"megatron-2023"})[0] == "megatron-core-2024"
    unfused = row(source="somebody", year=2022, flash_attention=0)
    assert plausible_of(unfused, {"megatron-2022"})[0] == "megascale-baseline-2024"
    sharded = row(source="somebody", year=2023, zero_stage=3, tp=1, dp=8)
    assert plausible_of(sharded, {"fsdp-2023"})[0] == "fsdp-2023-pure"
    with pytest.raises(InputError, match="no rule guesses"):
        plausible_of(row(source="somebody", gpu="CS-2"), {"cerebras-r1", "cerebras-r2"})
