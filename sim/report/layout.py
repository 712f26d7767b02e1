"""How reports for people are laid out: lines that fit a terminal, a few names of many, tables."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 118


def wrapped(text: str) -> str:
    """A paragraph, its further lines indented."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def few(names: Sequence[str], most: int = 3) -> str:
    """The first few by name, the others by their number."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def flush(table: str) -> str:
    """A table without blanks at the ends of its lines."""
    return "\n".join(line.rstrip() for line in table.splitlines())
