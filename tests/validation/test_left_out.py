"""Leaving a source out: none of its rows is used, and no stack that it alone ran is guessed."""

from __future__ import annotations

import dataclasses

import pytest

from sim.catalog import stack_names
from sim.errors import InputError
from sim.validation import left_out
from sim.validation.cases import Case, case_of
from sim.validation.conventions import guessed_stack
from sim.validation.fitting import Fitted, fit, fit_cases, scored
from sim.validation.labels import origin_of
from sim.validation.left_out import _constants_without, _question, _sources_of_stacks, _Task, leave_out_each
from sim.validation.table import Row, Table, read_tables
from sim.validation.unseen import unseen_text

OUT, KEPT = "dlperf", "megatron-2020-2021"
"""Two sources of one stack."""


@pytest.fixture(scope="module")
def supported() -> list[Case]:
    return [case for case in map(case_of, read_tables().rows) if isinstance(case, Case)]


@pytest.fixture(scope="module")
def found() -> Fitted:
    return fit(scored(case for case in fit_cases() if origin_of(case.row.source) in (OUT, KEPT)))


def row(name: str) -> Row:
    return next(one for one in read_tables().rows if one.id == name)


def test_no_row_of_the_source_that_is_left_out_is_used(found: Fitted) -> None:
    poisoned = tuple(
        one._replace(error=3.0) if origin_of(case.row.source) == OUT else one
        for case, one in zip(found.cases, found.rows, strict=True)
    )
    ruined = dataclasses.replace(found, rows=poisoned)
    assert _constants_without(_Task(ruined, OUT)) == _constants_without(_Task(found, OUT))
    assert _constants_without(_Task(ruined, KEPT)) != _constants_without(_Task(found, KEPT))


def test_without_any_of_its_rows_a_stack_has_the_common_values_of_its_families(found: Fitted) -> None:
    alone = dataclasses.replace(
        found,
        cases=tuple(case for case in found.cases if origin_of(case.row.source) == OUT),
        rows=tuple(one for case, one in zip(found.cases, found.rows, strict=True) if origin_of(case.row.source) == OUT),
    )
    values = _constants_without(_Task(alone, OUT))
    # No row at all is left: everything is where it is expected.
    for constant, value in values.items():
        assert value == pytest.approx(constant.value(0.0), rel=0.02, abs=1e-7)


def test_the_guess_never_names_a_stack_that_only_this_source_ran(supported: list[Case]) -> None:
    ran = _sources_of_stacks(supported)
    for case in supported:
        guess = _question(case, ran, {}).guess
        assert guess is not None
        assert ran.get(guess) != {origin_of(case.row.source)}, case.row.id


def test_the_next_rule_holds_where_a_stack_is_passed_over() -> None:
    one = dataclasses.replace(row("calculon-seqsel-0001"), source="nobody 2022", year=2022)
    first = guessed_stack(one)
    second = guessed_stack(one, [first])
    assert second != first
    assert guessed_stack(one, [first]) == second


def test_where_no_rule_is_left_it_says_so() -> None:
    one = row("calculon-seqsel-0001")
    with pytest.raises(InputError, match="no rule guesses a stack"):
        guessed_stack(one, stack_names())


def test_a_guessed_stack_keeps_what_else_is_known_of_the_source() -> None:
    one = row("calculon-seqsel-0001")
    named, guessed = case_of(one), case_of(one, "megatron-core-2024")
    assert isinstance(named, Case)
    assert isinstance(guessed, Case)
    assert guessed.scenario.system.stack == "megatron-core-2024"
    assert not guessed.known
    assert guessed.scenario.model == named.scenario.model
    assert "stack megatron-core-2024" in guessed.assumed


@pytest.mark.slow
def test_the_same_bytes_on_one_and_on_two_processes(found: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [one for one in read_tables().rows if origin_of(one.source) in (OUT, KEPT)][:4]
    monkeypatch.setattr(left_out, "read_tables", lambda: Table((*few, row("calculon-seqsel-0001"))))
    seen: list[int] = []
    one, two = (unseen_text(leave_out_each(found, jobs, seen.append)) for jobs in (1, 2))
    assert one == two
    assert len(seen) == 2 * max(seen)
