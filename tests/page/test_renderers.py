"""One page in three formats: the same cells, and nothing of the user's text that a reader's program would obey."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.page.blocks import (
    Block,
    Bullets,
    Chart,
    Code,
    Page,
    Picture,
    Said,
    Section,
    Table,
    figure,
    page,
    section,
    table,
    words,
)
from sim.page.blocks import Column as Figures
from sim.page.borders import ascii_only, markdown_text, printable
from sim.page.html import html
from sim.page.markdown import markdown
from sim.page.terminal import page_text, screen

HOSTILE = "</td><script>alert(1)</script>'\" &amp; [x](http://x.test) | `b` \x1b[31m\u202e ![i](j) **"
LONG = "n" * 200
WEB = Path("sim/page/web")
SCRIPTS = ("tools.js", "points.js", "steps.js", "tables.js", "page.js")
LIBRARY = "echarts-6.1.0.min.js.gz"
ATTRIBUTES = {
    "lang", "charset", "http-equiv", "name", "content", "class", "id", "href", "role", "tabindex", "aria-label", "type",
    "scope", "data-value", "data-chart", "data-kind", "data-about", "data-name",
}  # fmt: skip
VOID = {"meta", "img", "br"}
TEXTS = st.text(max_size=60) | st.sampled_from([HOSTILE, LONG, "", "a b", "-1", "=1+1", "|", "\\", "\n\t"])


class Reader(HTMLParser):
    """What a browser reads: cells, attributes and tags; a tag that is not closed in order fails."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.cells: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data
        elif self.open and self.open[-1] in ("p", "li", "h1", "h2", "title"):
            self.said.append(data)


def of_rows(rows: list[tuple[str, str, str]], title: str = "figure") -> Table:
    """A table of a key, words and a figure."""
    columns = [words("name", lambda row: row[0], key=True), words("said", lambda row: row[1])]
    return table(rows, [*columns, Figures(title, lambda row: row[2])])


def whole(*blocks: Block, title: str = "A page") -> Page:
    return page(title, [Said("the lead", "answer")], [Section("A section", blocks)])


def cells_of_markdown(text: str) -> list[str]:
    """Every cell of every table, its escapes undone; the rule below the head is left out."""
    found = []
    for line in text.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|:-]+", line):
            inner = re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1]
            found += [re.sub(r"\\([\\`*|<\[])", r"\1", cell).strip() for cell in inner]
    return found


def one_line(text: str) -> str:
    return printable(" ".join(text.split()))


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
@settings(deadline=None)
def test_html_has_every_cell_as_it_is_and_nothing_that_runs(rows: list[tuple[str, str, str]]) -> None:
    found = Reader(html(whole(of_rows(rows), Said(rows[0][0]), Bullets((rows[0][1],)), title=rows[0][2])))
    assert found.open == []
    expected = [printable(cell) for row in [("name", "said", "figure"), *rows] for cell in row]
    assert [cell.replace("\r", "") for cell in found.cells] == [cell.replace("\r", "") for cell in expected]
    assert_runs_nothing_else(html(whole(of_rows(rows), title=rows[0][2])), found)


def assert_runs_nothing_else(text: str, found: Reader) -> None:
    """Only the program's own script runs: the policy names it, and the one library, by their digests."""
    scripts = re.findall(r"<script(.*?)>(.*?)</script>", text, re.DOTALL)
    own = [body for attributes, body in scripts if "type=" not in attributes]
    assert own == ["\n".join((WEB / name).read_text(encoding="utf-8") for name in SCRIPTS)]
    assert {name for name, _ in found.attributes} <= ATTRIBUTES
    policy = next(value for _, value in found.attributes if value.startswith("default-src 'none'"))
    digests = re.findall(r"sha256-([^']+)", policy)
    assert digests == [digest(own[0].encode()), digest(gzip.decompress((WEB / LIBRARY).read_bytes()))]


def digest(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()


def test_the_library_is_as_released() -> None:
    found = gzip.decompress((WEB / LIBRARY).read_bytes())
    assert hashlib.sha256(found).hexdigest() == "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
    assert (WEB / "echarts-LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")


def charted(text: str = HOSTILE) -> Page:
    """A page with a chart, the table behind it, and text to copy."""
    chart = Chart("scaling", "scaling", text, {"label": text}, (of_rows([(text, "b", "1")]), Bullets((text,))))
    alone = section("Alone", Chart("measured", "measured", text), key="measured")
    return page(text, [], [section("S", chart, Code(text, "own.toml"), key="s"), alone], {"points": [{"label": text}]})


def test_data_of_charts_travels_unchanged_and_begins_no_tag() -> None:
    text = html(charted())
    (raw,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert not set(raw) & set("<>&")
    data = json.loads(raw)
    assert data["points"][0]["label"] == HOSTILE
    assert data["charts"] == {"scaling": {"label": HOSTILE}, "measured": {}}
    found = Reader(text)
    assert ("data-about", printable(HOSTILE)) in found.attributes
    assert_runs_nothing_else(text, found)


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        html(page("A", [], [], {"points": [float("nan")]}))


def test_a_chart_is_its_table_where_nothing_can_be_drawn() -> None:
    text = markdown(charted())
    assert "| name" in text
    assert "See own.toml." in text
    assert "## Alone" not in text
    shown = page_text(charted(), 100)
    assert "See own.toml." in shown
    assert "name  " in shown
    assert "Alone" not in shown


def test_a_page_sorts_by_the_numbers_behind_the_text() -> None:
    columns = [words("name", str, key=True), figure("step", lambda one: len(one) / 3, lambda value: f"{value:.1f} s")]
    text = html(page("A", [], [section("S", table(["ab", "abcd"], columns), key="s")]))
    assert 'id="s-table"' in text
    assert re.findall(r'<td class="right" data-value="([^"]+)">([^<]+)', text) == [
        ("0.666666666667", "0.7 s"), ("1.33333333333", "1.3 s"),
    ]  # fmt: skip
    assert "data-value" not in html(page("A", [], [section("S", table(["ab"], columns[:1]), key="s")]))


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=4))
@settings(deadline=None)
def test_markdown_has_every_cell_on_the_line_of_its_row(rows: list[tuple[str, str, str]]) -> None:
    text = markdown(whole(of_rows(rows), title=rows[0][0]))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == len(rows) + 2
    # Four bars that are markup in every line: no cell makes or takes a column.
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {4}
    expected = [one_line(cell) for row in [("name", "said", "figure"), *rows] for cell in row]
    assert cells_of_markdown(text) == [cell.strip() for cell in expected]
    assert not re.search(r"(?<!\\)(?:\\\\)*[<\[]", text)


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=3), st.integers(40, 130), st.booleans())
@settings(deadline=None)
def test_a_terminal_is_never_steered(rows: list[tuple[str, str, str]], width: int, colour: bool) -> None:
    shown = whole(of_rows(rows), Said(rows[0][0], "warning"), Bullets((rows[0][1],)), title=rows[0][2])
    for text in (page_text(shown, width, colour), screen(shown.sections[0].blocks, width, colour)):
        assert text.isascii()
        plain = re.sub(r"\x1b\[[\d;]*m", "", text) if colour else text
        assert not [each for each in plain if unicodedata.category(each) == "Cc" and each not in "\n\t"]


def test_the_same_cells_in_every_format() -> None:
    rows = [("gpu cluster", "TP2 DP32", "1,190"), ("wafer", "DP1", "2.13"), ("third", "PP4", "-12..+9 %")]
    shown = whole(of_rows(rows, "tokens/s"))
    expected = ["name", "said", "tokens/s", *(cell for row in rows for cell in row)]
    assert Reader(html(shown)).cells == expected
    assert cells_of_markdown(markdown(shown)) == expected
    assert cells_of_terminal(page_text(shown, 200)) == expected


def cells_of_terminal(text: str) -> list[str]:
    """Cells between the two blanks at least that stand between columns; the rule is left out."""
    block = next(part for part in text.split("\n\n") if "name  " in part)
    lines = [line for line in block.splitlines() if not re.fullmatch(r"[- ]+", line)]
    start = next(number for number, line in enumerate(lines) if line.startswith("name "))
    return [cell for line in lines[start:] for cell in re.split(r" {2,}", line.strip())]


def test_a_narrow_terminal_cuts_a_table_and_keeps_every_column_and_the_key() -> None:
    titles = [f"column {number}" for number in range(12)]
    columns = [words("name", lambda row: row, key=True), *(Figures(one, lambda _: "123,456,789") for one in titles)]
    text = page_text(whole(table(["gpu cluster", "wafer"], columns)), 80)
    assert max(map(len, text.splitlines())) <= 80
    joined = " ".join(text.split())
    for number in range(12):
        assert re.search(rf"\b{number}\b", joined)
    assert text.count("123,456,789") == 24
    assert text.count("gpu cluster") == text.count("wafer") > 1


def test_a_screen_has_the_columns_that_there_is_room_for() -> None:
    columns = [words("name", str, key=True), Figures("always", str), Figures("wide", str, from_width=100)]
    for width, seen in ((80, False), (99, False), (100, True)):
        assert ("wide" in screen([table(["a"], columns)], width)) is seen
    assert "wide" in page_text(whole(table(["a"], columns)), 80)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_names_of_200_characters_break_no_line(width: int) -> None:
    text = page_text(whole(of_rows([(LONG, LONG, "1")]), Said(LONG), Bullets((LONG,)), title=LONG), width)
    assert max(map(len, text.splitlines())) <= width
    assert "".join(text.split()).count("n" * 10) >= 5


def test_html_fetches_nothing() -> None:
    text = html(
        page("A", [Said("http://x.test")], [section("Charts", Picture("mfu.png", HOSTILE)), *charted().sections])
    )
    found = Reader(text)
    assert {value[0] for name, value in found.attributes if name in ("src", "href")} == {"#"}
    assert not re.search(r"url\(|@import|<link|<iframe|<img", text)
    assert "http://x.test" in found.said


def test_a_notebook_gets_the_same_text(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [Said("before"), of_rows([("a", "b", "1")]), Said("after")]
    outside = screen(blocks, 80)
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert screen(blocks, 80) == outside


def test_colour_stands_only_where_it_is_asked_for() -> None:
    blocks = [Said("done", "answer"), Said("beware", "warning"), of_rows([("a", "b", "1")])]
    assert "\x1b[" not in screen(blocks, 80)
    coloured = screen(blocks, 80, colour=True)
    assert coloured.startswith("\x1b[1m")
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == screen(blocks, 80)


def test_escapes_of_the_formats_are_their_own() -> None:
    shown = whole(Said(HOSTILE, "note"))
    assert ascii_only(HOSTILE.split()[0]) in page_text(shown, 400)
    assert markdown_text(HOSTILE) in markdown(shown)
    assert printable(HOSTILE) in "".join(Reader(html(shown)).said)


def test_a_section_without_anything_but_words_is_none() -> None:
    assert section("Empty", Said("nothing"), None) is None
    assert section("Empty", of_rows([])) is None
    assert section("Empty", Bullets(())) is None
    assert page("A", [], [None, section("B", Bullets(("one",)))]).sections == (Section("B", (Bullets(("one",)),)),)
