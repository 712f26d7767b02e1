"""How lists of the catalogue are laid out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sim.page.blocks import Block, Column, Said, table

_Row = TypeVar("_Row")


def listing(what: str, rows: Iterable[_Row], columns: Sequence[Column[_Row]], *notes: str) -> list[Block]:
    """A table of things, a line each, and what is said below it. what: one of them, for a shelf without any."""
    found = table(rows, columns)
    wide = [one for one in columns if one.from_width]
    if wide:
        width = max(one.from_width for one in wide)
        notes = (*notes, f"A terminal of {width} columns shows more: {', '.join(one.title for one in wide)}.")
    return [found, *map(Said, notes)] if found.rows else [Said(f"no {what} is there")]
