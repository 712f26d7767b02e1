"""Whole runs with a published time: every figure is that of its row, and nothing that is no check counts as one."""

from pathlib import Path

import pytest

from sim.sweep.grid import load
from sim.validation.rows import read_rows
from sim.validation.whole_runs import CHECKS, read_whole_runs

SCENARIOS = Path(__file__).parents[2] / "scenarios"
RUNS = read_whole_runs()
FILES = ("training_measurements.csv", "wafer_measurements.csv")
VERIFIED = {row["id"]: row["verified"] for file in FILES for row in read_rows(file)}


@pytest.fixture(scope="module")
def published():
    return {
        one.entry: one.published
        for name in ("article", "published-runs")
        for one in load(SCENARIOS / f"{name}.toml").scenarios
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.entry)
def test_the_published_figure_is_that_of_the_row(run, published):
    entry = published[run.entry]
    assert entry.remembered == (run.kind == "remembered")
    if run.kind in ("clean", "billed"):
        assert entry.clean == (run.kind == "clean")
    if run.device_hours is not None:
        assert entry.device_hours == run.device_hours
    if run.checks:
        assert run.device_hours is not None


def test_a_check_was_read_in_its_source_and_no_constant_was_fitted_to_it():
    for run in RUNS:
        if run.checks:
            assert VERIFIED[run.row] == "yes"
            assert run.kind in CHECKS
            assert not run.fitted
    assert [run.entry for run in RUNS if run.fitted] == ["Pythia 1B"]
    assert {run.entry for run in RUNS if run.kind == "remembered"} == {"LLaMA 13B", "LLaMA 65B", "Vicuna 13B"}


def test_every_miss_that_counts_has_a_likely_cause_or_is_small():
    assert [run.entry for run in RUNS if run.checks and not run.why] == ["Pythia 1.4B"]


def test_every_entry_with_a_published_time_is_in_the_table(published):
    timed = {entry for entry, one in published.items() if one and (one.device_hours or one.time_s)}
    assert timed == {run.entry for run in RUNS}
    assert len(RUNS) == len(timed)
