"""Fitting: on fit rows only, deterministic, back to what rows were made of, and written with its provenance."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

import sim.catalog
from sim.errors import InputError
from sim.prepare import prepare_as_measured
from sim.validation import fitting
from sim.validation.cases import Case
from sim.validation.constants import Constant, active_in, changed, constants, families, half_width, present
from sim.validation.fitting import (
    Fitted,
    fit,
    fit_cases,
    movers,
    note_of,
    priors,
    rounded,
    scored,
    step,
    work_out,
    write_fit,
)
from sim.validation.labels import label_of
from sim.validation.pooling import common_values, distance, misfit, row_weights
from sim.validation.roles import role_of

SMALL = "megatron-2020"
"""A few fit rows without a pipeline: a second to simulate."""


def gap() -> Constant:
    return next(one for one in constants() if (one.name, one.label) == (SMALL, "launch_gap_s"))


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return scored(case for case in fit_cases() if case.scenario.system.stack == SMALL)


@pytest.fixture(scope="module")
def found(cases: tuple[Case, ...]) -> Fitted:
    return fit(cases)


def test_rows_are_fit_rows_with_their_settings_chosen(cases: tuple[Case, ...]) -> None:
    assert {role_of(case) for case in cases} == {"fit"}
    assert not any(case.open for case in cases)


def improbable(found: Fitted, errors: Sequence[float], distances: Mapping[Constant, float]) -> float:
    """Misfit of rows with such errors, and how far constants are from those of their families."""
    weights = row_weights([label_of(case.row.source) for case in found.cases])
    values = np.array([distances[one] for one in constants()])
    return misfit(np.array(errors), weights, half_width()) + distance(values, common_values(values, priors()), priors())


def test_a_fit_makes_its_rows_likelier(found: Fitted) -> None:
    here = {one: one.standardised(value) for one, value in present().items()}
    now = [row.reckoned(found.distances) for row in found.rows]
    assert improbable(found, now, found.distances) < improbable(found, found.before, here)
    for one in constants():
        low, high = families()[one.family].bounds
        assert low <= found.distances[one] <= high


def test_what_no_row_speaks_of_takes_the_common_value_of_its_family(found: Fitted) -> None:
    silent = next(one for one in constants() if (one.name, one.label) == ("nemo-2022", "launch_gap_s"))
    assert not movers(found, silent)
    assert found.values[silent] == pytest.approx(found.common[silent.family], rel=1e-3)
    assert 0 < found.values[silent] < found.values[gap()]


@pytest.mark.slow
def test_a_fit_finds_back_what_rows_were_made_of(cases: tuple[Case, ...]) -> None:
    # Rows that take what they would with a gap of 60 us, a hundred times over: the prior has nothing left to say.
    made = []
    for case in cases:
        prepared = prepare_as_measured(case.scenario)
        values = {**{one: present()[one] for one in active_in(prepared)}, gap(): 60e-6}
        made.append(dataclasses.replace(case, step_time_s=changed(prepared, values).trace.step_time_s))
    start = {one: one.standardised(value) for one, value in present().items()}
    rows = work_out(made, start)
    # Only the gap is free: nothing else has a slope.
    only = [row._replace(slopes={one: s for one, s in row.slopes.items() if one == gap()}) for row in rows]
    here = start
    for _ in range(5):
        here = step(only * 100, [str(index) for index in range(100 * len(made))], here)
        moved = work_out(made, {**start, gap(): here[gap()]})
        only = [row._replace(slopes={one: s for one, s in row.slopes.items() if one == gap()}) for row in moved]
        here = {**start, gap(): here[gap()]}
    assert gap().value(here[gap()]) == pytest.approx(60e-6, rel=0.01)


def test_another_start_and_another_number_of_processes_end_at_the_same_values(
    cases: tuple[Case, ...], found: Fitted
) -> None:
    assert fit(cases, jobs=2).values == found.values
    elsewhere = fit(cases, start={**present(), gap(): 5e-6})
    assert elsewhere.distances[gap()] == pytest.approx(found.distances[gap()], abs=0.1)


def test_the_closed_form_leads_a_row_to_where_the_engine_finds_it(cases: tuple[Case, ...]) -> None:
    start = {one: one.standardised(value) for one, value in present().items()}
    rows = work_out(cases[:1], start)
    there = {**start, gap(): start[gap()] + 0.5}
    quick, exact = (work_out(cases[:1], there, 1, rows, engine=engine)[0].error for engine in (False, True))
    assert quick != rows[0].error
    assert quick == pytest.approx(exact, abs=0.01)


def test_values_have_four_digits(found: Fitted) -> None:
    assert rounded({gap(): 0.123456789})[gap()] == float(f"{gap().value(0.123456789):.4g}")


def test_what_is_written_says_how_it_was_found(found: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(Path(str(sim.catalog.__file__)).parent, copy)
    monkeypatch.setattr(fitting.resources, "files", lambda package: copy)
    written = write_fit(found, "2026-11")
    assert copy / "stacks" / f"{SMALL}.toml" in written
    assert copy / "devices" / "a100-40gb-sxm.toml" in written
    assert f"the {len(found.cases)} rows with role fit of megatron-2020" in note_of(found, gap())
    assert note_of(found, gap()) in (copy / "stacks" / f"{SMALL}.toml").read_text(encoding="utf-8")


def test_a_catalogue_that_cannot_be_written_says_so(
    found: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting.resources, "files", lambda package: tmp_path / "nowhere")
    with pytest.raises(InputError, match="fit in a checkout"):
        write_fit(found, "2026-11")
