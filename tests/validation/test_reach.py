"""Which rows count as dense training, and how many of them are simulated: by hand."""

from __future__ import annotations

from typing import Any

import pytest
from measured import row

from sim.validation.cases import case_of
from sim.validation.obstacles import Unsupported, is_dense_training
from sim.validation.reach import reach_of


@pytest.mark.parametrize(
    ("over", "counts"),
    [
        ({}, True),
        ({"cp": 2}, True),
        ({"step_time_s": None, "tokens_per_s_per_gpu": 100.0}, True),
        ({"precision": "fp8"}, True),
        ({"step_time_s": None}, False),
        ({"verified": "memory"}, False),
        ({"model": "BERT"}, False),
        ({"ep": 8}, False),
    ],
)
def test_a_row_counts_that_says_how_fast_a_dense_decoder_was_trained(over: dict[str, Any], counts: bool) -> None:
    assert is_dense_training(row(**over)) is counts


def test_shares_by_hand() -> None:
    rows = [row(id="a"), row(id="b", cp=2), row(id="c", layers=None, year=2025), row(id="moe", ep=8)]
    unsupported = [one for one in map(case_of, rows) if isinstance(one, Unsupported)]
    dense, whole, recent = reach_of(rows, unsupported)
    assert (dense.rows, dense.simulated, dense.left_out) == (3, 1, pytest.approx(2 / 3))
    assert dict(dense.reasons) == {
        "context parallelism is not simulated yet": 1,
        "the source does not say shape, devices or batch": 1,
    }
    assert (whole.rows, whole.simulated) == (2, 1)
    assert (recent.rows, recent.simulated, recent.left_out) == (1, 0, 1.0)
    assert reach_of([], [])[0].left_out is None
