"""Pages as HTML: one file with its style, nothing that runs, nothing that is fetched but pictures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from sim.page.blocks import Block, Bullets, Page, Picture, Said, Section, Table
from sim.page.borders import printable

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 75rem; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
.right { text-align: right; white-space: nowrap; }
.answer { font-size: 1.15rem; font-weight: 600; }
.note { opacity: 0.75; }
img { max-width: 100%; background: white; }
"""


def html(page: Page) -> str:
    """The whole page."""
    body = "\n".join([*map(_block, page.lead), *map(_section, page.sections)])
    title = _text(page.title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )


def fragment(blocks: Sequence[Block]) -> str:
    """A few blocks without a page around them, as a notebook shows them."""
    return "\n".join(map(_block, blocks))


def table_html(table: Table) -> str:
    """One table, as a notebook shows it."""
    sides = [' class="right"' if heading.right else "" for heading in table.headings]
    heads = "".join(f"<th{side}>{_text(one.title)}</th>" for one, side in zip(table.headings, sides, strict=True))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{side}>{_text(cell)}</td>' for cell, side in zip(row, sides, strict=True))}</tr>"
        for row in table.rows
    )
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"


def _section(one: Section) -> str:
    return "\n".join([f"<h2>{_text(one.title)}</h2>", *map(_block, one.blocks)])


def _block(one: Block) -> str:
    if isinstance(one, Table):
        return f'<div class="wide">{table_html(one)}</div>'
    if isinstance(one, Picture):
        return f'<figure><img src="{escape(one.file)}" alt="{_text(one.title)}"></figure>'
    if isinstance(one, Bullets):
        return f"<ul>{''.join(f'<li>{_text(text)}</li>' for text in one.texts)}</ul>"
    assert isinstance(one, Said)
    front = f"{one.tone}: " if one.tone in ("note", "warning") else ""
    return f'<p class="{one.tone}">{front}{_text(one.text)}</p>'


def _text(text: str) -> str:
    return escape(printable(text))
