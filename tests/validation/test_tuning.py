"""What a source does not say of its plan is chosen among what fits; where nothing does, the row is not scored."""

from __future__ import annotations

from typing import Any

import pytest
from measured import case

from sim.errors import DoesNotFit
from sim.validation.cases import Case, case_of
from sim.validation.compare import compare_case
from sim.validation.obstacles import Unsupported
from sim.validation.table import read_tables
from sim.validation.tuning import settled

LARGE: dict[str, Any] = {"layers": 48, "d_model": 6144, "heads": 48, "n_gpus": 8, "vpp": None}
"""22 billion parameters: 44 GB of weights and 88 GB of fp32 gradients alone."""
BLANK: dict[str, Any] = {"source": "somebody", "dp": None, "tp": None, "pp": None, "zero_stage": 0}


def test_a_row_without_degrees_is_not_scored_as_data_parallel_where_that_does_not_fit() -> None:
    one = case(**LARGE, **BLANK)
    assert {"tensor", "pipeline"} <= set(one.guessed)
    found = compare_case(one)
    assert isinstance(found, Unsupported)
    assert found.reason.startswith("not scored: the source does not say ")
    assert "DP8" in found.reason
    assert "GiB of a device's" in found.reason
    assert found.general == "no plan assumed for what the source does not say fits: not scored"


def test_a_row_without_degrees_is_scored_where_what_is_assumed_fits() -> None:
    chosen, prepared = settled(case(**BLANK))
    assert {"tensor", "pipeline"} <= set(chosen.guessed)
    assert prepared.plan.data == 8


def test_where_no_open_setting_fits_none_is_called_the_fastest_that_does() -> None:
    one = case(**LARGE, source="megatron-A100-2021-04", micro_batch=None, dp=8, tp=1)
    assert one.open
    with pytest.raises(DoesNotFit, match=r"does not say .*micro_batch"):
        settled(one)


def test_a_plan_that_the_source_states_in_full_has_run_whatever_our_account_of_its_memory() -> None:
    one = case(**{**LARGE, "vpp": 1}, dp=8, tp=1, zero_stage=0)
    assert (one.open, one.guessed) == ((), ())
    _, prepared = settled(one)
    assert prepared.memory.peak_bytes > prepared.memory.capacity_bytes


@pytest.mark.parametrize(
    ("over", "guessed"),
    [
        ({"vpp": None, "pp": 2, "dp": 2}, ()),
        ({"micro_batch": None}, ()),
        ({"recompute": ""}, ("recompute",)),
        ({"zero_stage": None}, ("zero",)),
    ],
)
def test_a_guess_counts_where_another_value_would_take_less_memory(over: dict[str, Any], guessed: Any) -> None:
    assert case(**{"zero_stage": 0, **over}).guessed == guessed


def test_the_plans_of_pythia_are_stated() -> None:
    rows = [row for row in read_tables().rows if row.id.startswith("pythia_")]
    cases = [case_of(row) for row in rows]
    assert len(cases) == 5
    for row, one in zip(rows, cases, strict=True):
        assert isinstance(one, Case)
        assert (one.open, one.guessed) == ((), ())
        assert row.global_batch_sequences == (row.micro_batch or 0) * (row.n_gpus or 0)


@pytest.mark.parametrize(("model", "tensor"), [("Pythia-6.9B", 2), ("Pythia-12B", 4)])
def test_larger_ones_are_known_for_their_source(model: str, tensor: int) -> None:
    blank = {**BLANK, "micro_batch": None, "source": "Biderman et al. 2023", "gpu": "A100-40GB-SXM"}
    plan = case(**blank, model=model).scenario.system.plan
    assert (plan.tensor, plan.pipeline, plan.micro_batch) == (tensor, 1, 8)
