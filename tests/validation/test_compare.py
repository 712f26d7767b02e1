"""Rows of a table through the engine, on any number of processes."""

from __future__ import annotations

import dataclasses

import numpy as np
from measured import table_text

from sim.validation.compare import compare
from sim.validation.table import parse_table


def test_the_number_of_processes_changes_nothing() -> None:
    table = parse_table(table_text({"id": "a"}, {"id": "b", "global_batch_sequences": "32"}), "rows")
    told: list[int] = []
    alone, together = (compare(table, jobs, done=lambda: told.append(1)) for jobs in (1, 2))
    assert [one.row.id for one in alone.comparisons] == ["a", "b"]
    assert alone == together
    assert len(told) == 4


def test_whether_a_row_lies_inside_its_band_is_a_plain_truth() -> None:
    (one,) = compare(parse_table(table_text({"id": "a"}), "rows"), 1).comparisons
    assert one.confidence.step is not None
    middle = one.measured_s * (1 + one.confidence.step.low / 2 + one.confidence.step.high / 2)
    assert dataclasses.replace(one, predicted_s=np.float64(middle)).is_inside is True
