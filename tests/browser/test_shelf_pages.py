"""Every page that the scenarios on the shelf, and the other commands, come to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_checks import check_file, check_page

import scaletax as st
from sim.outcome.outcome import Outcome
from sim.records.metrics import METRICS
from sim.study.points import curves

pytestmark = pytest.mark.slow
SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHELF = sorted(file.stem for file in SCENARIOS.glob("*.toml"))
FASTER = {"stragglers": {"steps": 5}}
Opens = Callable[..., Any]


@pytest.mark.parametrize("name", SHELF)
def test_page_of_a_scenario(name: str, opened: Opens, tmp_path: Path) -> None:
    found = st.run(SCENARIOS / f"{name}.toml", set=FASTER.get(name))
    found.save(tmp_path, charts=False)
    check_file(tmp_path / "report.html")
    outcomes = [point for curve in curves(found.outcomes) for point in curve.points]
    check_numbers((tmp_path / "report.html").read_text(encoding="utf-8"), outcomes)
    check_page(opened(tmp_path / "report.html"))


def check_numbers(text: str, outcomes: list[Outcome]) -> None:
    """What charts draw from is what the metrics of the points say, as a number and as people read it."""
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[0])
    assert len(data["points"]) == len(outcomes)
    for shown, outcome in zip(data["points"], outcomes, strict=True):
        for metric in (one for one in METRICS if one.family != "belief"):
            assert shown["values"].get(metric.key) == metric.value(outcome)
            if metric.key in shown["values"]:
                assert shown["texts"][metric.key] == metric.text(outcome)
