"""The article's systems: the page says what a run finds, and nothing remembered counts as a check."""

from pathlib import Path

import pytest

from sim.outcome.outcome import Outcome
from sim.page.numbers import duration
from sim.study.published import checked
from sim.sweep.execute import run_points
from sim.sweep.grid import load

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "article.md").read_text(encoding="utf-8")
# Those whose plan is given or found at once; the page is made with all of them.
QUICK = ("Cerebras-GPT 13B", "MPT-7B", "Alpaca 7B", "Vicuna 13B", "LLaMA 7B")


@pytest.fixture(scope="module")
def article():
    return load(ROOT / "scenarios" / "article.toml")


@pytest.fixture(scope="module")
def ran(article):
    results = run_points([one for one in article.scenarios if one.entry in QUICK])
    assert all(isinstance(one, Outcome) for one in results)
    return {one.scenario.entry: one for one in results}


def test_every_system_is_there(article):
    names = [one.entry for one in article.scenarios]
    assert len(names) == len(set(names)) == 19
    assert [one.entry for one in article.refusals] == ["GPT-4", "ChatGPT", "DALL-E 2"]
    assert "not a language model" in article.refusals[2].reason.remedy


@pytest.mark.parametrize("name", QUICK)
def test_the_page_says_what_a_run_finds(ran, name):
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name} ")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[3] == duration(ran[name].time_to_train_s)
    checks = [one for one in checked(ran[name]) if one.checks]
    assert cells[6] == (f"{100 * checks[0].error:+.1f} %" if checks else "-")


def test_predictions_lie_below_what_includes_downtime(ran):
    for name in ("MPT-7B", "LLaMA 7B"):
        (*_, one) = checked(ran[name])
        assert -0.3 < one.error < 0


def test_what_is_remembered_is_no_check(article):
    for scenario in article.scenarios:
        published = scenario.published
        if published is not None and published.time_s is not None:
            assert published.remembered == (scenario.entry in ("Vicuna 13B", "LLaMA 65B"))
            assert published.clean is not None


@pytest.mark.parametrize("name", ["within-reach", "tokens-per-parameter", "fine-tuning"])
def test_the_other_collections_can_be_read(name):
    loaded = load(ROOT / "scenarios" / f"{name}.toml")
    assert loaded.scenarios
    assert not loaded.refusals
    assert all(scenario.published is None for scenario in loaded.scenarios)
