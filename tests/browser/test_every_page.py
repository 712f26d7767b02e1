"""The pages of every scenario on the shelf and of every command, and pages of names that look like markup."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from page_checks import PHONE, check_file, check_page

import scaletax as st
from sim.cli import main
from sim.outcome.outcome import Outcome
from sim.page.borders import printable
from sim.records.metrics import METRICS
from sim.study.points import curves

pytestmark = pytest.mark.slow
SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHELF = sorted(file.stem for file in SCENARIOS.glob("*.toml"))
SWEPT = [name for name in SHELF if name.startswith("sweep-")]
FASTER = {"stragglers": {"steps": 5}}
Opens = Callable[..., Any]
MARKUP = (
    """</script><script>ran=1</script>"><img src=x onerror="ran=1">' \\ & <!-- {0} ${0} \u2028\u202e\x07\x1b[31m\tend"""
)
NAMED = """
schema = 1
title = NAME
[model]
name = NAME
layers = 4
hidden = 256
heads = 4
vocab = 1000
max_sequence = 512
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = NAME
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
[[system]]
name = "wafer"
topology = "andromeda"
devices = 1
stack = "cerebras-r2"
[sweep]
"system.devices" = [1, 2]
"""


@pytest.mark.parametrize("name", [name for name in SHELF if name not in SWEPT])
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


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., None]:
    """Runs a command that writes its results, and where it finds none, an error."""

    def found(*arguments: str) -> None:
        with (
            mock.patch.object(sys, "argv", ["scaletax", *arguments, "--out", str(tmp_path)]),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        assert not ended.value.code

    return found


@pytest.mark.parametrize(
    "command",
    [
        "plan --model cerebras-gpt-111m --topology hgx-a100-node --devices 8 --batch 64 --no-charts",
        "plan --model cerebras-gpt-1.3b --topology dgx-a100-superpod --devices 16 --batch 528 --sizes 32 --no-charts",
        "plan quickstart --no-charts",
        *(f"sweep {name} --limit {3 if name == 'sweep-domain' else 12} --jobs 1" for name in SWEPT),
        "budget --compute 5.76e23",
        "validate --source zhang-2024",
    ],
    ids=lambda command: " ".join(command.split()[:2]),
)
def test_page_of_a_command(command: str, found: Callable[..., None], opened: Opens, tmp_path: Path) -> None:
    found(*command.split())
    check_file(tmp_path / "report.html")
    check_page(opened(tmp_path / "report.html"))


@pytest.mark.parametrize("command", ["run", "plan", "sweep"])
@pytest.mark.parametrize("name", [MARKUP, "W" * 200, "long words " * 18], ids=["markup", "letters", "words"])
def test_names_are_shown_and_do_nothing(
    command: str, name: str, found: Callable[..., None], opened: Opens, tmp_path: Path
) -> None:
    scenario = tmp_path / "scenario.toml"
    scenario.write_text(NAMED.replace("NAME", json.dumps(name)), encoding="utf-8")
    found(command, str(scenario), *([] if command == "sweep" else ["--no-charts"]))
    check_file(tmp_path / "report.html")
    hover = """() => document.querySelectorAll(".canvas").forEach((one) => {
      const chart = echarts.getInstanceByDom(one);
      chart.getOption().series.forEach((series, seriesIndex) => {
        const dataIndex = series.silent ? -1 : series.data.findIndex((one) => one !== 0);
        if (dataIndex >= 0) chart.dispatchAction({ type: "showTip", seriesIndex, dataIndex });
      });
    })"""
    for window in ({"width": 1280, "height": 800}, PHONE):
        page = opened(tmp_path / "report.html", viewport=window)
        assert printable(name).split("\t")[0].strip() in page.title()
        page.evaluate(hover)
        page.wait_for_timeout(200)
        assert page.locator(".tip").count() > 1
        assert page.evaluate("[typeof ran, document.images.length]") == ["undefined", 0]
        assert page.evaluate("document.documentElement.scrollWidth") <= window["width"]
    check_page(opened(tmp_path / "report.html"))


def test_the_page_leads_to_the_trace_of_the_step_that_it_shows(
    found: Callable[..., None], opened: Opens, tmp_path: Path
) -> None:
    found("run", "quickstart", "--trace", "--no-charts")
    page = opened(tmp_path / "report.html")
    link = page.locator("#trace-link")
    traces = []
    for step in ("0", "1"):
        page.select_option("#timeline-point", step)
        traces.append(tmp_path / link.get_attribute("href"))
        assert json.loads(traces[-1].read_text(encoding="utf-8"))["traceEvents"]
    assert traces[0] != traces[1]
