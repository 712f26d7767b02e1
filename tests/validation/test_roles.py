"""The audit of roles: at most a quarter of a stack's rows are for fitting, by a rule that anybody can apply."""

from __future__ import annotations

import dataclasses
from collections import defaultdict

import pytest
from measured import case

from sim.validation.cases import Case, case_of
from sim.validation.obstacles import is_narrow
from sim.validation.roles import EVERY, fit_rows, role_of
from sim.validation.table import Row, read_tables


@pytest.fixture(scope="module")
def by_stack() -> dict[str, list[Row]]:
    """Rows of listed sources on pretraining that can be simulated, in the order of the tables, narrow formats apart."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in read_tables().rows:
        one = case_of(row)
        if isinstance(one, Case) and one.known and one.scenario.training.method == "pretrain":
            found[f"{one.stack}{' narrow' * is_narrow(row)}"].append(row)
    return found


def test_at_most_a_quarter_of_a_stacks_rows_are_for_fitting(by_stack: dict[str, list[Row]]) -> None:
    for stack, rows in by_stack.items():
        assert EVERY * len(fit_rows().intersection(rows)) <= len(rows), stack


def test_the_rule_is_every_fourth_row_and_nothing_else(by_stack: dict[str, list[Row]]) -> None:
    expected = {row for rows in by_stack.values() for row in rows[EVERY - 1 :: EVERY]}
    assert fit_rows() == expected


def test_rows_on_fine_tuning_are_checks() -> None:
    assert all(
        case.scenario.training.method == "pretrain" for case in map(case_of, fit_rows()) if isinstance(case, Case)
    )


def test_the_role_depends_on_no_measured_figure(by_stack: dict[str, list[Row]]) -> None:
    # Twice as slow, the same rows are chosen: only whether and in which order rows can be simulated matters.
    slower = [dataclasses.replace(row, step_time_s=2 * (row.step_time_s or 1.0)) for row in by_stack["megatron-2021"]]
    stacks = [case_of(row) for row in slower]
    assert all(isinstance(one, Case) and one.scenario.system.stack == "megatron-2021" for one in stacks)


def test_rows_of_unlisted_sources_and_other_peoples_tables_are_checks() -> None:
    assert role_of(case(source="somebody's cluster")) == "check"
    fitted = next(iter(sorted(fit_rows(), key=lambda row: row.id)))
    own = dataclasses.replace(fitted, step_time_s=123.0)
    found = case_of(own)
    assert isinstance(found, Case)
    assert role_of(found) == "check"
