"""How lists of the catalogue are laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from tabulate import tabulate

from sim.report.borders import ascii_only
from sim.report.layout import WIDTH, flush


def three_digits(number: float) -> str:
    """A number with three digits or more, never as a power of ten."""
    return f"{number:.3g}" if number < 100 else f"{number:,.{0 if round(number, 1).is_integer() else 1}f}"


def listing(
    rows: Sequence[Sequence[object]],
    headers: Sequence[str],
    right: Iterable[int] = (),
    widths: Sequence[int | None] | None = None,
) -> str:
    """A table of names and facts, ASCII only. right: columns of figures. widths: of columns that wrap."""
    if not rows:
        return f"no {headers[0]} is there"
    numeric = set(right)
    text = tabulate(
        [[ascii_only(str(cell)) for cell in row] for row in rows],
        headers=list(headers),
        colalign=["right" if column in numeric else "left" for column in range(len(headers))],
        maxcolwidths=list(widths) if widths else None,
        disable_numparse=True,
    )
    return flush(text)


def wrapped(text: str, indent: int) -> str:
    """A paragraph with a margin, its further lines indented."""
    margin = " " * indent
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=margin,
        subsequent_indent=f"{margin}    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
