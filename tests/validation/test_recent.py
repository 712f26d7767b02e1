"""Today's training: groups by source and format, and pairs of one plan in two formats."""

from __future__ import annotations

from dataclasses import replace

import pytest
from measured import comparison, row

from sim.validation.compare import Comparison
from sim.validation.recent import GROUPS, recent_errors, speedups
from sim.validation.table import read_tables


def in_fp8(one: Comparison, measured_s: float, predicted_s: float, **over: object) -> Comparison:
    """The same plan in a narrow format."""
    narrow = replace(one.row, id=f"{one.row.id} fp8", precision="fp8", **over)  # type: ignore[arg-type]
    return replace(one, case=replace(one.case, row=narrow, step_time_s=measured_s), predicted_s=predicted_s)


def test_every_group_has_rows_of_the_carried_tables_and_no_row_is_in_two() -> None:
    rows = [one for one in read_tables().rows if one.step_time_s or one.tokens_per_s_per_gpu or "maxtext" in one.id]
    members = [[one for one in rows if group.holds(one)] for group in GROUPS]
    assert all(members[:-2])
    assert max(sum(group.holds(one) for group in GROUPS) for one in rows) == 1


def test_errors_of_a_group_and_its_parts_by_hand() -> None:
    source = "NVIDIA/NeMo docs/source/performance (commit e2de75c, NeMo 24.07 container)"
    rows = [
        row(id=name, source=source, gpu=gpu, precision="fp8")
        for name, gpu in (("a", "H100-SXM"), ("b", "H200-141GB-SXM"))
    ]
    wide = comparison(0.1, id="a", source=source, gpu="H100-SXM", precision="bf16")
    narrow = replace(wide, case=replace(wide.case, row=rows[0]))
    found = {one.name: one for one in recent_errors([narrow], rows)}
    assert found["NeMo 24, fp8"].limit == 0.07
    assert found["NeMo 24, fp8"].rows == ("a", "b")
    assert found["NeMo 24, fp8"].errors is not None
    assert found["NeMo 24, fp8"].errors.mean == pytest.approx(0.1)
    assert found["fp8 on h100"].errors is not None
    assert found["fp8 on h200"].errors is None
    assert found["fp8 on h200"].limit is None


def test_a_pair_differs_in_nothing_but_its_format() -> None:
    wide = comparison(0.0, id="a")
    narrow = in_fp8(wide, measured_s=0.4, predicted_s=0.5 / 1.2)
    (pair,) = speedups([wide, narrow])
    # 0.5 s against 0.4 s is 1.25, predicted 1.2.
    assert (pair.measured, pair.predicted, pair.error) == (1.25, pytest.approx(1.2), pytest.approx(-0.05))
    assert (pair.wide, pair.narrow, pair.format) == ("a", "a fp8", "fp8")
    assert speedups([wide, in_fp8(wide, 0.4, 0.4, cuda_graph="full")]) == ()
    assert speedups([comparison(0.0, id="b", micro_batch=2), narrow]) == ()
    assert speedups([narrow, narrow]) == ()
