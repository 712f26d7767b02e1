"""Pages as HTML: one file that fetches nothing. Tables and text stand in it; scripts draw charts and sort.

Pictures that lie beside a page are no part of it: it draws its own charts.

The folder web/ has what a page brings along: its style, its script, and Apache ECharts as released, compressed, as it
stands in a page, too. Only these scripts run, named to the browser by their SHA-256; nothing else that a text might
smuggle in does.
"""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sim.page.blocks import Block, Bullets, Chart, Code, Page, Picture, Said, Section, Table
from sim.page.borders import printable

_WEB = Path(__file__).parent / "web"
_SCRIPTS = ("tools.js", "points.js", "steps.js", "tables.js", "page.js")
_LIBRARY = "echarts-6.1.0.min.js.gz"
_FOOT = "Charts: Apache ECharts 6.1.0, Apache License 2.0. This page is one file and fetches nothing."


def html(page: Page) -> str:
    """The whole page."""
    charts = [one for section in page.sections for one in section.blocks if isinstance(one, Chart)]
    library = f'<script type="application/gzip" id="library">{_library()[0]}</script>'
    data = json_text({**page.data, "title": printable(page.title), "charts": {one.key: one.data for one in charts}})
    keyed = [(one.key or f"section-{number}", one) for number, one in enumerate(page.sections, start=1)]
    links = "".join(f'<li><a href="#{key}">{_text(one.title)}</a></li>' for key, one in keyed)
    body = [
        '<a class="skip" href="#content">Skip to the content</a>',
        f"<header><h1>{_text(page.title)}</h1></header>",
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if links else "",
        '<main id="content">',
        f'<div id="answer">{"".join(map(_block, page.lead))}</div>',
        *(_section(one, key) for key, one in keyed),
        "</main>",
        f"<footer><p>{_FOOT}</p></footer>" if charts else "",
        f'<script type="application/json" id="data">{data}</script>',
        *([library] if charts else []),
        f"<script>{_script()}</script>",
    ]
    return "\n".join([*_head(page), "<body>", *filter(None, body), "</body>", "</html>"]) + "\n"


def fragment(blocks: Sequence[Block]) -> str:
    """A few blocks without a page around them, as a notebook shows them."""
    return "\n".join(map(_block, blocks))


def table_html(table: Table, of: str = "") -> str:
    """One table, as a notebook shows it. of: the page's id of the table; one that has it can be sorted and copied."""
    sides = [' class="right"' if heading.right else "" for heading in table.headings]
    scope = ' scope="col"' if of else ""
    heads = "".join(
        f"<th{side}{scope}>{_text(one.title)}</th>" for one, side in zip(table.headings, sides, strict=True)
    )
    numbers: Iterable[Sequence[float | None]] = table.values if of and table.values else [()] * len(table.rows)
    rows = "\n".join(_row(row, sides, values) for row, values in zip(table.rows, numbers, strict=True))
    opening = f'<table class="sortable" id="{of}">' if of else "<table>"
    return f"{opening}\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def json_text(data: Any) -> str:
    """Plain data as JSON that can stand in a script element: no tag and no comment begins in it.

    Raises ValueError for numbers that are none (NaN, infinity).
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _head(page: Page) -> list[str]:
    scripts = f"'{_digest(_script().encode())}' '{_library()[1]}'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {scripts}"
    return [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(page.title)}</title>",
        f"<style>{_asset('page.css')}</style>",
        "</head>",
    ]


@functools.cache
def _asset(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")


@functools.cache
def _script() -> str:
    """All scripts as one."""
    return "\n".join(map(_asset, _SCRIPTS))


@functools.cache
def _library() -> tuple[str, str]:
    """The library compressed and in base 64, and its digest."""
    packed = (_WEB / _LIBRARY).read_bytes()
    return base64.b64encode(packed).decode(), _digest(gzip.decompress(packed))


def _digest(script: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}"


def _row(row: Sequence[str], sides: Sequence[str], values: Sequence[float | None]) -> str:
    marks = [f' data-value="{value:.12g}"' if value is not None else "" for value in values] or [""] * len(row)
    cells = zip(row, sides, marks, strict=True)
    return f"<tr>{''.join(f'<td{side}{mark}>{_text(cell)}</td>' for cell, side, mark in cells)}</tr>"


def _section(one: Section, key: str) -> str:
    """key: the page's id of it."""
    tables = sum(isinstance(block, Table) for block in one.blocks)
    parts, seen = [], 0
    for block in one.blocks:
        seen += isinstance(block, Table)
        parts.append(_block(block, one.title, f"{key}-table" + (f"-{seen}" if tables > 1 else "")))
    return "\n".join([f'<section id="{key}">', f"<h2>{_text(one.title)}</h2>", *parts, "</section>"])


def _block(one: Block, title: str = "", place: str = "") -> str:
    """title: of the section around it. place: its id; without one it cannot be sorted."""
    if isinstance(one, Table):
        # What scrolls must be reached by the keyboard, and have a name.
        return (
            f'<div class="wide" role="region" tabindex="0" aria-label="{_text(title or "Table")}">'
            f"{table_html(one, place)}</div>"
        )
    if isinstance(one, Chart):
        return _chart(one, title)
    if isinstance(one, Code):
        return f'<pre data-name="{_text(one.name)}" tabindex="0">{_text(one.text)}</pre>'
    if isinstance(one, Picture):
        return ""
    if isinstance(one, Bullets):
        return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in one.texts)}</ul>"
    assert isinstance(one, Said)
    front = f"{one.tone}: " if one.tone in ("note", "warning") else ""
    return f'<p class="{one.tone}">{front}{_text(one.text)}</p>'


def _chart(one: Chart, title: str) -> str:
    """Room for a chart, and the table behind it."""
    behind = ""
    if one.behind:
        blocks = "\n".join(_block(block, title, f"{one.key}-numbers") for block in one.behind)
        behind = f'<details class="behind"><summary>The numbers as a table</summary>\n{blocks}</details>'
    about = _text(one.about)
    return f'<div class="chart" data-chart="{one.key}" data-kind="{one.kind}" data-about="{about}"></div>\n{behind}'


def _text(text: str) -> str:
    return escape(printable(text))
