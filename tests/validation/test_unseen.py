"""What is stored of sources that were left out: read back as it was, and added up by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.validation.cases import Case, case_of
from sim.validation.compare import compare_case
from sim.validation.labels import origin_of
from sim.validation.obstacles import Unsupported
from sim.validation.table import read_tables
from sim.validation.unseen import (
    Prediction,
    Unseen,
    by_source,
    read_unseen,
    unseen_errors,
    unseen_memory_errors,
    unseen_text,
)
from sim.validation.unseen_groups import first_look, mean_of_sources, peers, plan_kind, unseen_groups


def row(name: str, source: str, named: float | None, guessed: float | None, **other: object) -> Unseen:
    ways = [None if error is None else Prediction("fsdp-2023", 1 + error, error, None) for error in (named, guessed)]
    facts: dict[str, object] = {
        "device": "a100-80gb-sxm", "devices": 8, "devices_per_node": 8, "parameters": 10**9, "sequence": 2048,
        "global_batch": 64, "precision": "bf16", "optimizer": "adam", "plan": "DP8", "tensor": 1, "pipeline": 1,
        "data": 8, "zero": 3, "settings_chosen": False, "measured_s": 1.0, "measured_memory_GiB": None,
    }  # fmt: skip
    return Unseen(name, source, *({**facts, **other}.values()), *ways)  # type: ignore[arg-type]


ROWS = (
    row("a1", "a", 0.1, -0.2),
    row("a2", "a", -0.3, 0.4, tensor=2),
    row("b1", "b", None, 0.6, device="h100-80gb-sxm", tensor=2, pipeline=4),
    row("c1", "c", 0.5, None, device="cs-2", zero=0),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "unseen.json"
    path.write_text(unseen_text(ROWS))
    assert read_unseen(path) == ROWS
    assert json.loads(path.read_text())["schema"] == 1


def test_what_cannot_be_read_says_what_to_run(tmp_path: Path) -> None:
    path = tmp_path / "unseen.json"
    with pytest.raises(InputError, match="make unseen"):
        read_unseen(path)
    path.write_text('{"schema": 0}')
    with pytest.raises(InputError, match="schema is 0"):
        read_unseen(path)


def test_errors_are_of_the_rows_that_were_predicted_so() -> None:
    named, guessed = unseen_errors(ROWS, "named"), unseen_errors(ROWS, "guessed")
    assert named is not None
    assert guessed is not None
    assert (named.rows, guessed.rows) == (3, 3)
    assert named.mean_absolute == pytest.approx(0.3)
    assert guessed.mean_absolute == pytest.approx(0.4)
    assert unseen_memory_errors(ROWS, "named") is None
    assert list(by_source(ROWS)) == ["a", "b", "c"]


def test_each_source_can_weigh_the_same() -> None:
    assert mean_of_sources(ROWS, "named") == pytest.approx((0.2 + 0.5) / 2)
    assert mean_of_sources((), "named") is None


def test_groups_hold_each_row_once_by_device_and_once_by_plan() -> None:
    groups = {one.name: one for one in unseen_groups(ROWS, {})}
    assert [groups[name].rows for name in ("all", "a100", "h100", "cs")] == [4, 2, 1, 1]
    kinds = ("data parallel only", "tensor parallel", "with a pipeline", "wafers")
    assert [groups[name].rows for name in kinds] == [1, 1, 1, 1]
    assert [plan_kind(one) for one in ROWS] == list(kinds)


def test_held_back_are_check_rows_with_everything_fitted() -> None:
    (everything, *_) = unseen_groups(ROWS, {"a1": 0.05, "b1": 9.0})
    assert everything.seen is not None
    assert (everything.seen.rows, everything.seen.mean_absolute) == (1, 0.05)


def test_peers_stand_beside_their_rows() -> None:
    (one,) = peers([row("i", "internevo", 0.1, 0.3)])
    assert (one.errors, one.first_look, one.rows) == ((0.2, 0.18), 0.16, 1)
    assert one.guessed is not None
    assert one.guessed.mean_absolute == pytest.approx(0.3)


def test_the_first_look_is_what_was_predicted_then() -> None:
    found = first_look()
    assert found.rows == 113
    assert round(found.mean_absolute, 3) == 0.133
    assert round(found.median_absolute, 3) == 0.116


def test_every_row_that_can_be_simulated_is_stored_or_fits_nowhere() -> None:
    stored = {one.id: one for one in read_unseen()}
    cases = [case for case in map(case_of, read_tables().rows) if isinstance(case, Case)]
    missing = [case for case in cases if case.row.id not in stored]
    assert len(missing) < 0.01 * len(cases)
    assert all(isinstance(compare_case(case), Unsupported) for case in missing), [case.row.id for case in missing]
    for case in cases:
        one = stored.get(case.row.id)
        if one is not None:
            assert one.source == origin_of(case.row.source)
            assert (one.named is None) <= (not case.known)
            assert one.measured_s == case.step_time_s
