"""Fitting: on fit rows only, deterministic, and the catalogue holds what it finds."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

import sim.catalog
from sim.catalog import load_device, load_stack
from sim.errors import InputError
from sim.validation import fitting
from sim.validation.fitting import Fitted, fit, fit_plan, fitted_names, note_of, write_fit
from sim.validation.roles import role_of

SMALL = "megatron-2020"
"""Four fit rows without a pipeline: a second to simulate."""


@pytest.fixture(scope="module")
def refitted() -> Fitted:
    return fit(fit_plan(SMALL))


def test_a_refit_gives_the_constants_of_the_catalogue(refitted: Fitted) -> None:
    assert refitted.values["launch_gap_s"] == pytest.approx(load_stack(SMALL).launch_gap_s, rel=1e-2)


def test_a_fit_finds_its_way_back_from_another_start(refitted: Fitted) -> None:
    (constant,) = refitted.plan.free
    elsewhere = dataclasses.replace(refitted.plan, free=(dataclasses.replace(constant, start=5e-6),))
    found = fit(elsewhere)
    assert found.values["launch_gap_s"] == pytest.approx(refitted.values["launch_gap_s"], rel=1e-2)
    assert found.mean_absolute_error < found.mean_absolute_error_before


@pytest.mark.slow
@pytest.mark.parametrize("name", fitted_names())
def test_every_row_of_a_fit_is_a_fit_row_of_its_stacks(name: str) -> None:
    plan = fit_plan(name)
    assert {role_of(case) for case in plan.cases} == {"fit"}
    assert not any(case.open for case in plan.cases)
    if plan.kind == "devices":
        machines = {fitting.prepare_as_measured(case.scenario).parts[0].device.name for case in plan.cases}
        assert machines <= {name, *plan.shared_with}


@pytest.mark.slow
def test_a_device_and_those_that_share_its_constants_have_the_same_values() -> None:
    ours, theirs = load_device("a100-80gb-sxm"), load_device("a100-40gb-sxm")
    for one in fit_plan("a100-80gb-sxm").free:
        assert fitting._value(ours, one.path) == fitting._value(theirs, one.path)


def test_a_stack_based_on_another_takes_its_constants_unless_it_has_its_own() -> None:
    assert fitting._line("fsdp-2023-pure") == ("fsdp-2023-pure", "fsdp-2023")
    assert not fitting._overrides("fsdp-2023-pure", "fsdp-2023", "overlap_slowdown")
    assert fitting._overrides("fsdp-2022-12", "fsdp-2023", "overlap_slowdown")


def test_an_unknown_name_gets_the_names_that_can_be_fitted() -> None:
    with pytest.raises(InputError, match="did you mean 'vtrain'"):
        fit_plan("vtrian")


def test_what_is_written_says_how_it_was_found(
    refitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(Path(str(sim.catalog.__file__)).parent, copy)
    monkeypatch.setattr(fitting.resources, "files", lambda package: copy)
    (path,) = write_fit(refitted, "2026-11")
    assert path == copy / "stacks" / f"{SMALL}.toml"
    assert "the 4 rows with role fit of megatron-2020" in note_of(refitted)
    assert note_of(refitted) in path.read_text(encoding="utf-8")


def test_a_catalogue_that_cannot_be_written_says_so(
    refitted: Fitted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting.resources, "files", lambda package: tmp_path / "nowhere")
    with pytest.raises(InputError, match="fit in a checkout"):
        write_fit(refitted, "2026-11")
