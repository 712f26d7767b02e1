"""Names and titles are the user's: what they would do to a terminal, a chart, a page or a spreadsheet, they do not."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import report_of, screen_of, write_results
from hypothesis import given
from hypothesis import strategies as st

from sim.outcome.outcome import Outcome
from sim.page.blocks import Bullets, Heading, Table, page
from sim.page.borders import ascii_only, chart_text, csv_text, markdown_text, printable
from sim.page.markdown import markdown, table_markdown
from sim.scenario import AxisKey

HOSTILE = "\x1b]0;title\x07$x$ $\\frac$ |a|`b`<script>*c*[d](e)\u202eabc\u2028\r\n\tend"


def named(outcome: Outcome, name: str) -> Outcome:
    """The outcome with this text wherever a scenario has a name."""
    scenario = outcome.scenario
    return dataclasses.replace(
        outcome,
        parts=tuple(dataclasses.replace(part, topology=name) for part in outcome.parts),
        scenario=dataclasses.replace(
            scenario,
            title=name,
            entry=name,
            model=dataclasses.replace(scenario.model, name=name),
            system=dataclasses.replace(scenario.system, name=name),
            axes={AxisKey(f"system.{name}.colour"): name},
        ),
    )


@given(st.text())
def test_what_is_printed_holds_no_character_that_is_obeyed(text: str) -> None:
    for shown, kept in ((printable(text), "\n\t"), (ascii_only(text), "\n\t"), (chart_text(text), "\n")):
        assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each not in kept]


def test_words_stay_as_they_are() -> None:
    for text in ("8 A100, 15 % faster", "Größe 模型 π", "two\nlines\tand tabs"):
        assert printable(text) == text
    assert printable("a\x1b[5m\u202e\udc80") == "a\\x1b[5m\\u202e\\udc80"
    assert markdown_text("a | b <i> `c` [d](e)\nf") == r"a \| b \<i> \`c\` \[d](e) f"


def test_dollars_are_no_formula() -> None:
    assert chart_text("$\\frac{1}{$ for 5$") == r"\$\frac{1}{\$ for 5\$"


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_text_that_a_spreadsheet_would_compute_is_quoted(text: str) -> None:
    ((name,), (cell,)) = csv.reader(io.StringIO(csv_text([{text: text}])))
    assert name == cell == printable(f"'{text}")


def test_numbers_are_no_text() -> None:
    rows = [{"a": -1.5, "b": -2, "c": None, "d": True, "e": "x=1"}]
    assert csv_text(rows) == "a,b,c,d,e\n-1.5,-2,,True,x=1\n"


def test_a_table_of_markdown_keeps_its_cells() -> None:
    text = table_markdown(Table((Heading("a"), Heading("b")), (("x|y\nz", "<b>"),)))
    assert len(text.splitlines()) == 3
    assert len(re.findall(r"(?<!\\)\|", text.splitlines()[-1])) == 3
    listed = markdown(page("", [Bullets(("a\n# b", "<i>"))], []))
    assert listed.endswith("- a # b\n- \\<i>\n")


def test_hostile_names_make_readable_files(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    # A warning of matplotlib, such as one about a character that it cannot draw, fails the test.
    write_results(
        [named(outcome, f"{HOSTILE} {outcome.devices}") for outcome in several[:2]], [], tmp_path, charts=True
    )
    drawings = list(tmp_path.glob("*.svg"))
    assert len(drawings) > 3
    for path in drawings:
        ElementTree.parse(path)
        assert path.stem == path.stem.encode("ascii").decode()
    for path in tmp_path.glob("*.csv"):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", path.read_text(encoding="utf-8"))


def test_hostile_names_on_the_screen(several: tuple[Outcome, ...]) -> None:
    outcomes = [named(outcome, HOSTILE) for outcome in several[:2]]
    for text in (screen_of(outcomes), report_of(outcomes, 80)):
        assert "\\x1b]0;title\\x07" in text
        assert not re.search(r"[^\t\n\x20-\x7e]", text)
