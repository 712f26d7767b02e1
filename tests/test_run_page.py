"""docs/run.md says what its script finds, and the errors that it states are those of the simulation."""

import importlib.util
import sys
from pathlib import Path

import pytest

from sim.simulate import simulate
from sim.study.published import checked
from sim.sweep.grid import load
from sim.validation.whole_runs import read_whole_runs

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "run.md").read_text(encoding="utf-8")
# Those whose plan is given or found at once; the page is made with all of them.
QUICK = ("Pythia 1.4B", "Pythia 12B", "BLOOM 176B", "MPT-7B", "Alpaca 7B")


@pytest.fixture(scope="module")
def page():
    """The script that makes the page, which imports its neighbour."""
    sys.path.insert(0, str(DOCS))
    try:
        spec = importlib.util.spec_from_file_location("run_page", DOCS / "run.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(DOCS))
    return module


def block(name):
    return TEXT.split(f"<!-- begin {name} -->\n", 1)[1].split(f"\n<!-- end {name} -->", 1)[0]


SLOW = pytest.param("intervals", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["profiles", "formulas", SLOW, "published"])
def test_a_table_is_what_the_script_finds(page, name):
    assert block(name) == getattr(page, f"{name}_table")()


@pytest.mark.slow
def test_whole_runs_are_as_the_page_says(page):
    wanted = [run for run in read_whole_runs() if run.entry in QUICK]
    found = page.outcomes(wanted)
    lines = [line for line in block("whole-runs").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    rows = {row[0]: row for row in cells}
    for run in wanted:
        assert rows[run.entry] == list(page.whole_row(run, found[run.entry]))


def test_every_whole_run_has_a_row():
    for run in read_whole_runs():
        assert f"\n| {run.entry} " in block("whole-runs")


def test_the_chart_is_there():
    assert (DOCS / "figures" / "goodput.png").stat().st_size > 10_000


@pytest.mark.slow
def test_with_the_published_degrees_llama_3_takes_as_much_longer_as_its_row_says(page):
    (run,) = [one for one in read_whole_runs() if one.entry == "Llama 3.1 405B"]
    overrides = ['system.16,384 H100.search.only=["tensor = 8", "pipeline = 16"]']
    loaded = load(DOCS.parent / "scenarios" / "published-runs.toml", overrides)
    outcome = simulate(next(one for one in loaded.scenarios if one.entry == run.entry))
    assert outcome.plan.recompute == "full"
    assert "full recomputation, and the error is +15 %" in run.why
    assert 100 * checked(outcome)[0].error == pytest.approx(15, abs=0.5)
