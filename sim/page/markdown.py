"""Pages as Markdown, in the flavour that tables come from."""

from __future__ import annotations

from sim.page.blocks import Block, Bullets, Chart, Code, Page, Picture, Section, Table
from sim.page.borders import markdown_text


def markdown(page: Page) -> str:
    """The whole page."""
    blocks = [_block(one) for one in page.lead]
    sections = [_section(one) for one in page.sections if one.has_text]
    return "\n\n".join([f"# {markdown_text(page.title)}", *blocks, *sections]) + "\n"


def table_markdown(table: Table) -> str:
    """One table. Its columns are as wide as their longest cell, so that the text reads as a table, too."""
    titles = [markdown_text(heading.title) for heading in table.headings]
    cells = [[markdown_text(cell).replace("|", r"\|").replace(r"\\|", r"\|") for cell in row] for row in table.rows]
    widths = [max(len(row[index]) for row in [titles, *cells]) + 1 for index in range(len(titles))]
    rules = [
        f"{'-' * width}:" if heading.right else f":{'-' * width}"
        for heading, width in zip(table.headings, widths, strict=True)
    ]
    rows = [
        [
            f" {cell:>{width - 1}} " if heading.right else f" {cell:<{width - 1}} "
            for cell, heading, width in zip(row, table.headings, widths, strict=True)
        ]
        for row in [titles, *cells]
    ]
    return "\n".join(f"|{'|'.join(row)}|" for row in [rows[0], rules, *rows[1:]])


def _section(one: Section) -> str:
    return "\n\n".join([f"## {markdown_text(one.title)}", *filter(None, map(_block, one.blocks))])


def _block(one: Block) -> str:
    if isinstance(one, Table):
        return table_markdown(one)
    if isinstance(one, Chart):
        return "\n\n".join(map(_block, one.behind))
    if isinstance(one, Code):
        return f"See {markdown_text(one.name)}."
    if isinstance(one, Picture):
        return f"![{markdown_text(one.title)}]({one.file})"
    if isinstance(one, Bullets):
        return "\n".join(f"- {markdown_text(text)}" for text in one.texts)
    text = markdown_text(one.text)
    return {"answer": f"**{text}**", "plain": text}.get(one.tone, f"*{one.tone}*: {text}")
