"""Lists name everything that can be named; citations name every source once and give reasons for the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.catalog import (
    Figure,
    device_names,
    law_names,
    load_sources,
    model_names,
    optimizer_names,
    recipe_names,
    reliability_names,
    stack_names,
    variation_names,
)
from sim.hardware.topology import topology_names
from sim.outcome.outcome import Outcome
from sim.page.blocks import Block, Table
from sim.page.terminal import screen
from sim.records.metrics import ACCOUNT, METRICS
from sim.report.catalogue import (
    architectures_table,
    cite,
    devices_table,
    keys_table,
    laws_table,
    metrics_blocks,
    metrics_table,
    models_table,
    optimizers_table,
    prices_table,
    recipes_table,
    reliability_table,
    scenarios_table,
    stacks_table,
    topologies_table,
    variations_table,
)
from sim.scenario.config_families import FAMILIES
from sim.scenario.shelf import scenario_names


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (models_table, model_names),
        (devices_table, device_names),
        (topologies_table, topology_names),
        (stacks_table, stack_names),
        (variations_table, variation_names),
        (recipes_table, recipe_names),
        (optimizers_table, optimizer_names),
        (prices_table, device_names),
        (reliability_table, reliability_names),
        (laws_table, law_names),
        (metrics_table, lambda: [one.key for one in (*METRICS, *ACCOUNT)]),
        (scenarios_table, scenario_names),
        (architectures_table, lambda: [family.architectures[0] for family in FAMILIES]),
        (keys_table, lambda: ["[training]", "[[system]]"]),
    ],
)
def test_a_list_has_a_row_for_every_name(table: Callable[[], list[Block]], names: Callable[[], list[str]]) -> None:
    for width in (80, 120):
        text = screen(table(), width)
        first_words = [line.split()[0].rstrip(",") for line in text.splitlines() if line.strip()]
        assert text.isascii()
        assert set(names()) <= set(first_words)
        assert max(map(len, text.splitlines())) <= width


def test_the_page_of_metrics_is_that_of_the_list() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name, text in metrics_blocks().items():
        assert f"<!-- begin {name} -->\n{text}\n<!-- end {name} -->" in page, "run `make docs`"
    for one in (*METRICS, *ACCOUNT):
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {one.key} ")]
        assert one.title in row
        assert one.meaning.replace("<", "") in row.replace("\\<", "")


def test_facts_are_those_of_the_catalogue() -> None:
    (row,) = [line for line in screen(models_table()).splitlines() if line.startswith("gpt3-175b")]
    assert row.split()[1:6] == ["175", "B", "96", "12288", "96"]
    (row,) = [line for line in screen(devices_table()).splitlines() if line.startswith("a100-80gb-sxm")]
    assert "312" in row


def test_the_list_of_stacks_says_which_run_a_schedule() -> None:
    told = " ".join(screen(stacks_table()).split("Pipeline schedules")[1].split())
    assert "zb-h1, zb-h2, zb-v: dualpipe, megatron-zero-bubble - dualpipe, dualpipev: dualpipe" in told
    assert "megatron-2022" in told.split("zb-h1")[0]
    assert "fsdp-2023" not in told, "it has no pipeline"


def test_a_variation_shows_its_shares_and_what_is_off() -> None:
    listed = variations_table()[0]
    assert isinstance(listed, Table)
    rows = {row[0]: row for row in listed.rows}
    assert rows["none"] == ("none", *"-" * 7, "every device alike")
    assert rows["well-run"][1:7] == ("1 %", "3 %", "1 %", "4.8 an hour of 21 ms", "-", "-")
    text = " ".join(cell for row in listed.rows for cell in row)
    for shown in ("21 ms", "0.064 %", "+25 %", "1.02 %", "+11.8 %", "1.55 %", "+46 %"):
        assert shown in text


def test_a_scenario_that_cannot_be_read_does_not_hide_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.toml").write_text("schema = ", encoding="utf-8")
    monkeypatch.setattr("sim.report.catalogue.machines.shelf", lambda _: tmp_path)
    assert "cannot be read: not TOML" in " ".join(screen(scenarios_table()).split())


def test_an_empty_shelf_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.report.catalogue.machines.shelf", lambda _: tmp_path)
    assert screen(scenarios_table()) == "no scenario is there\n"


def test_every_figure_is_cited_once(several: tuple[Outcome, ...]) -> None:
    figures = [figure for outcome in several for figure in outcome.figures]
    text = " ".join(cite(figures).split())
    for source in {figure.source for figure in figures if figure.kind in ("datasheet", "published", "measured")}:
        assert " ".join(load_sources()[source]["title"].split()) in text
    for figure in figures:
        if figure.kind in ("derived", "fitted", "assumed") and figure.note.isascii():
            assert " ".join(figure.note.split()) in text
    assert cite([*figures, *figures]) == cite(figures)


def test_figures_are_grouped_by_how_they_are_known() -> None:
    text = cite(
        [
            Figure("rate", "1 GB/s", "assumed", "", "", "a guess"),
            Figure("size", "80 GiB", "datasheet", "nowhere-1999", "1999"),
            Figure("ceiling", 0.8, "fitted", "nowhere-1999", "1999", "least squares"),
        ]
    )
    assert text.index("nowhere-1999\n  no reference is recorded") < text.index("size = 80 GiB  [datasheet]")
    assert text.index("Fitted") < text.index("ceiling = 0.8 (from nowhere-1999): least squares")
    assert text.index("Assumed") < text.index("rate = 1 GB/s: a guess")
    assert "Derived" not in text
