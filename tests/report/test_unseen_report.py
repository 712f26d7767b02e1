"""Errors on sources that were left out, as people read them; and the commands that make them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import cli
from sim.page.terminal import page_text, screen
from sim.report.validation.markdown import unseen_block
from sim.report.validation.screens import unseen_told
from sim.report.validation.tables import unseen_table
from sim.validation import fitting, left_out
from sim.validation.errors import errors_of
from sim.validation.fitting import fit_cases, scored
from sim.validation.table import Table
from sim.validation.unseen import read_unseen
from sim.validation.unseen_groups import UnseenGroup, peers, unseen_groups

DOCS = Path(__file__).parents[2] / "docs"
NAMED, GUESSED = errors_of([("a", 0.1), ("b", -0.3)]), errors_of([("a", 0.2)])
SMALL = "megatron-2020"


def group(**other: object) -> UnseenGroup:
    facts = {"name": "all", "rows": 2, "sources": 1, "named": NAMED, "guessed": GUESSED, "seen": None}
    return UnseenGroup(**{**facts, "by_source": {"named": 0.15, "guessed": None}, **other})  # type: ignore[arg-type]


def test_a_group_shows_mean_and_median_both_ways() -> None:
    cells = unseen_table((group(),))
    assert cells.rows == (("all", "2", "1", "20.0 % / 20.0 %", "20.0 % / 20.0 %", "15.0 % / -"),)
    assert "held back" not in {heading.title for heading in cells.headings}


def test_held_back_rows_stand_beside_where_there_are_some() -> None:
    cells = unseen_table((group(seen=errors_of([("a", -0.04)])), group(name="wafers")))
    assert [row[-1] for row in cells.rows] == ["4.0 % / 4.0 %", ""]


def test_the_screen_has_the_first_look_and_the_peers() -> None:
    told = unseen_told((group(),), ())
    for text in (screen(told.screen), page_text(told.page)):
        assert max(map(len, text.splitlines())) <= 80
        assert "20.0 % off (median 20.0 %) with the stack named" in " ".join(text.split())
        assert "113 rows of four sources were 13.3 % off on average, 11.6 % in the median" in " ".join(text.split())


def test_the_page_shows_what_is_stored() -> None:
    seen = json.loads((DOCS / "validation.json").read_text(encoding="utf-8"))["errors"]
    rows = read_unseen()
    block = unseen_block(unseen_groups(rows, seen), peers(rows))
    page = (DOCS / "validation.md").read_text(encoding="utf-8")
    assert f"<!-- begin unseen -->\n{block}\n<!-- end unseen -->" in page


def test_fit_prints_what_it_would_write(monkeypatch: pytest.MonkeyPatch) -> None:
    few = tuple(case for case in fit_cases() if case.scenario.system.stack == SMALL)
    monkeypatch.setattr(fitting, "fit_cases", lambda: few)
    done = CliRunner().invoke(cli, ["fit", "--dry-run", "--verbose"])
    assert done.exit_code == 0, done.output
    assert f"{SMALL} launch_gap_s" in done.output
    assert f"on these {len(few)} rows, which is no validation" in done.output


def test_validate_unseen_prints_and_writes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = tuple(case for case in fit_cases() if case.scenario.system.stack == SMALL)
    monkeypatch.setattr(fitting, "fit_cases", lambda: few)
    monkeypatch.setattr(left_out, "read_tables", lambda: Table(tuple(case.row for case in scored(few))))
    done = CliRunner().invoke(cli, ["validate", "--unseen", "--json", str(tmp_path / "unseen.json")])
    assert done.exit_code == 0, done.output
    assert "tensor parallel" in done.output
    assert {one.id for one in read_unseen(tmp_path / "unseen.json")} == {case.row.id for case in few}
