"""What the scripts that write these pages share: generated blocks, tables of texts, points of a scenario of the shelf.

A generated block stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; nothing else is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sim.outcome.outcome import Outcome
from sim.page.blocks import table, words
from sim.page.markdown import table_markdown
from sim.study.findings import Findings, findings
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def block(name: str, text: str, document: str) -> str:
    """Replace one generated block of a document."""
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.S)
    if pattern.search(document) is None:
        raise SystemExit(f"there is no block '{name}'")
    return pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", document)


def rewrite(path: Path, blocks: Mapping[str, str]) -> None:
    """Replace generated blocks of a page: name -> text."""
    page = path.read_text(encoding="utf-8")
    for name, text in blocks.items():
        page = block(name, text, page)
    path.write_text(page, encoding="utf-8")


def plain_table(rows: Sequence[Sequence[str]], *headers: str) -> str:
    """A Markdown table of cells that are written already."""

    def cell(index: int) -> Callable[[Sequence[str]], str]:
        return lambda row: row[index]

    return table_markdown(table(rows, [words(header, cell(index)) for index, header in enumerate(headers)]))


def bullets(texts: Sequence[str]) -> str:
    """A list, a line each."""
    return "\n".join(f"- {text}" for text in texts)


def found_of(scenario: str, overrides: Sequence[str] = ()) -> Findings:
    """Run a scenario of the shelf; a failing point raises."""
    loaded = load(ROOT / "scenarios" / f"{scenario}.toml", overrides)
    outcomes: list[Outcome] = []
    for result in run_points(loaded.scenarios):
        if isinstance(result, Failure):
            raise result.error
        outcomes.append(result)
    return findings(outcomes, (), loaded.refusals)
