"""A row of every stack, run again: its error is bounded by that of the stored comparison. The slow test runs them all.

`make validation` stores them anew when the cost model changes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from sim.validation.cases import Case, case_of
from sim.validation.compare import Comparison, compare_case
from sim.validation.selection import read_selection, validate_rows
from sim.validation.table import read_tables

STORED = Path(__file__).parents[2] / "docs" / "validation.json"
ROWS_A_STACK = 1
MOST_DEVICES = 256
"""Larger plans take seconds each."""
MARGIN = 0.002


@pytest.fixture(scope="module")
def stored() -> dict[str, float]:
    """Row -> signed error of its step time, when the comparison was last run."""
    errors: dict[str, float] = json.loads(STORED.read_text(encoding="utf-8"))["errors"]
    return errors


@pytest.fixture(scope="module")
def subset(stored: dict[str, float]) -> list[Comparison]:
    """Rows spread evenly over those of each stack, all in small clusters where the stack has some."""
    by_stack: dict[str, list[Case]] = defaultdict(list)
    for row in read_tables().rows:
        one = case_of(row)
        if isinstance(one, Case) and one.known:
            by_stack[one.scenario.system.stack].append(one)
    chosen = []
    for cases in by_stack.values():
        small = [one for one in cases if one.scenario.system.devices <= MOST_DEVICES] or cases[:1]
        places = sorted({index * (len(small) - 1) // max(1, ROWS_A_STACK - 1) for index in range(ROWS_A_STACK)})
        chosen += [small[place] for place in places]
    results = [compare_case(one) for one in chosen]
    return [one for one in results if isinstance(one, Comparison)]


def test_every_row_that_can_be_simulated_was_stored(subset: list[Comparison], stored: dict[str, float]) -> None:
    assert len(subset) >= 15
    assert {one.row.id for one in subset} <= set(stored)


def test_no_row_is_further_off_than_it_was(subset: list[Comparison], stored: dict[str, float]) -> None:
    worse = {
        one.row.id: (one.error, stored[one.row.id])
        for one in subset
        if abs(one.error) > abs(stored[one.row.id]) + MARGIN
    }
    assert worse == {}


def test_the_mean_error_is_no_larger_than_it_was(subset: list[Comparison], stored: dict[str, float]) -> None:
    bound = fmean(abs(stored[one.row.id]) for one in subset)
    assert fmean(abs(one.error) for one in subset) <= bound + MARGIN / 2


@pytest.mark.slow
def test_all_rows_come_out_as_stored(stored: dict[str, float]) -> None:
    validation, _ = validate_rows(read_selection(), "all", jobs=2)
    assert {one.row.id: one.error for one in validation.comparisons} == pytest.approx(stored, abs=1e-6)
