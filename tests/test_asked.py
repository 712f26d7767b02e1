"""What a search is asked for: a scenario from a few words, limits, cluster sizes; and counts for a scaling law."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.asked import asked, count, refuse_beside_file, sizes_of, with_limits
from sim.errors import InputError
from sim.scenario import PlanRequest
from sim.scenario.amounts import batch_note
from sim.scenario.several_stacks import listed_stacks

BEST = PlanRequest()
OPTIONS: dict[str, Any] = {
    "model": "cerebras-gpt-111m", "topology": "hgx-a100-node", "devices": 8, "batch": "48", "sequence": 512,
}  # fmt: skip


def test_options_make_a_scenario() -> None:
    (one,) = asked(**OPTIONS, overrides=["training.precision=fp16"])
    assert (one.model.name, one.system.devices, one.training.global_batch) == ("cerebras-gpt-111m", 8, 48)
    assert (one.training.sequence, one.training.precision, one.system.plan) == (512, "fp16", BEST)
    assert one.system.stack == "megatron-core-2024-plain"
    (wafer,) = asked(**{**OPTIONS, "topology": "andromeda", "devices": 2})
    assert wafer.system.stack == "cerebras-r2"
    (tokens,) = asked(**{**OPTIONS, "batch": "24576 tokens"})
    assert tokens.training.global_batch == 48


@pytest.mark.parametrize(
    ("stack", "changes", "is_default"),
    [
        (None, [], True),
        ("megatron-core-2024", [], False),
        (None, ["system.stack=megatron-2022"], False),
        ("megatron-core-2024,megatron-2022", [], False),
    ],
)
def test_a_stack_that_nobody_named_is_a_guess(stack: str | None, changes: list[str], is_default: bool) -> None:
    found = asked(**OPTIONS, stack=stack, overrides=changes)
    assert {one.system.stack_is_default for one in found} == {is_default}


def test_amounts_of_the_options_are_for_people() -> None:
    (scenario,) = asked(**{**OPTIONS, "batch": "1M tokens", "tokens": "1.4T"})
    recipe = scenario.training
    assert (recipe.tokens, recipe.asked_batch_tokens) == (1.4e12, 1_000_000)
    assert abs(recipe.global_batch * recipe.sequence - 1_000_000) <= recipe.sequence / 2
    assert batch_note(recipe).startswith("a batch of 1,000,000 tokens is ")


def test_old_devices_are_planned_in_the_precision_that_they_have() -> None:
    (one,) = asked(**{**OPTIONS, "topology": "dgx-1-v100"})
    assert one.training.precision == "fp16"


@pytest.mark.parametrize("option", ["--model", "--topology", "--devices", "--batch"])
def test_a_missing_option_is_named(option: str) -> None:
    with pytest.raises(InputError, match=f"neither a scenario file nor {option}"):
        asked(**{**OPTIONS, option.removeprefix("--"): None})


def test_a_file_and_options_do_not_go_together() -> None:
    with pytest.raises(InputError, match=r"both the scenario mine\.toml and --devices"):
        refuse_beside_file(Path("mine.toml"), {"devices": 8, "model": None})
    refuse_beside_file(Path("mine.toml"), {"devices": None})
    refuse_beside_file(None, {"devices": 8})


def test_sizes_are_read_in_order() -> None:
    assert sizes_of(None) == []
    assert sizes_of("512, 64,512") == [64, 512]
    for text in ("", "64,many", "64,-1", "0"):
        with pytest.raises(InputError, match="is not a list of device counts"):
            sizes_of(text)


def test_limits_of_the_command_line_replace_those_of_a_scenario() -> None:
    points = [*asked(**OPTIONS), *asked(**{**OPTIONS, "topology": "andromeda", "devices": 1})]
    gpus, wafer = with_limits(points, ["tensor <= 2"], "10 %")
    assert [limit.text for limit in gpus.system.search.only] == ["tensor <= 2"]
    assert gpus.system.search.memory_margin == pytest.approx(0.1)
    # There is nothing to limit on a wafer; where there are only wafers, that is said.
    assert wafer == points[1]
    assert with_limits(points, (), None) == points
    with pytest.raises(InputError, match="only wafers"):
        with_limits(points[1:], ["tensor <= 2"], None)
    for option, only, margin in (("--only", ["tensr <= 2"], None), ("--memory-margin", (), "ten")):
        with pytest.raises(InputError) as caught:
            with_limits(points, only, margin)
        assert caught.value.where == option


def test_a_batch_may_be_a_number_and_names_a_folder() -> None:
    (one,) = asked(**{**OPTIONS, "batch": 48})
    assert one.training.global_batch == 48
    assert one.title == "cerebras-gpt-111m-hgx-a100-node-8"
    (other,) = asked(**{**OPTIONS, "topology": "dgx-h100-superpod"})
    assert other.title != one.title


def test_a_stack_that_is_named_twice_is_one() -> None:
    assert listed_stacks("megatron-2022, vtrain,megatron-2022") == ["megatron-2022", "vtrain"]


def test_a_limit_of_what_no_search_tries_says_so() -> None:
    points = asked(**OPTIONS)
    with pytest.raises(InputError, match="no search tries values of zero_group") as caught:
        with_limits(points, ["zero_group = 2"], None)
    assert "did you mean" not in str(caught.value)


def test_counts_are_read() -> None:
    found = [count(text, "") for text in ("13e9", "13B", "2 T", "1,000", "0.5k", None)]
    assert found == [13e9, 13e9, 2e12, 1000, 500, None]
    for text in ("", "x", "-3", "0", "1e999", "13Q"):
        with pytest.raises(InputError, match="no number above zero"):
            count(text, "--tokens")
