"""How lists of the catalogue are laid out."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from tabulate import tabulate

from sim.page.borders import ascii_only
from sim.report.layout import WIDTH, flush


def three_digits(number: float) -> str:
    """A number with three digits or more, never as a power of ten."""
    return f"{number:.3g}" if number < 100 else f"{number:,.{0 if round(number, 1).is_integer() else 1}f}"


def listing(
    what: str,
    rows: Mapping[str, Mapping[str, object]],
    right: Sequence[str] = (),
    widths: Mapping[str, int] | None = None,
) -> str:
    """A table of things by their names and of facts about each, ASCII only.

    rows: name -> header -> cell. right: headers of columns of figures. widths: of columns that wrap.
    """
    if not rows:
        return f"no {what} is there"
    headers = [what, *next(iter(rows.values()))]
    cells = [[ascii_only(str(cell)) for cell in (name, *facts.values())] for name, facts in rows.items()]
    align = ["right" if header in right else "left" for header in headers]
    wrap = [widths.get(header) for header in headers] if widths else None
    return flush(tabulate(cells, headers, colalign=align, maxcolwidths=wrap, disable_numparse=True))


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
