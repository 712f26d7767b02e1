"""How reports for people are laid out: lines that fit a terminal, a few names of many, tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

WIDTH = 118


def wrapped(text: str) -> str:
    """A paragraph, its further lines indented."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def longest_word(texts: Iterable[str]) -> int:
    """Characters that a column needs to break none of their words; zero without texts."""
    lines = [textwrap.wrap(text, 1, break_long_words=False, break_on_hyphens=False) for text in texts]
    return max((len(line) for own in lines for line in own), default=0)


def table(rows: Sequence[Mapping[str, str]] | Sequence[Sequence[str]], align: str, headers: Sequence[str] = ()) -> str:
    """A table of text; headers are the keys of its rows where they are not given.

    align: "l" or "r" for each column, the last letter also for all that follow.
    """
    names = list(headers or rows[0])
    cells = [list(row.values()) if isinstance(row, Mapping) else row for row in rows]
    aligned = [{"l": "left", "r": "right"}[letter] for letter in align.ljust(len(names), align[-1])]
    return tabulate(cells, headers=names, colalign=aligned, disable_numparse=True)


def flush(table: str) -> str:
    """A table without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in table.splitlines())
