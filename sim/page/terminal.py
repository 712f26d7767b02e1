"""Pages and screens on a terminal: ASCII only, as wide as it is, colour only where somebody looks."""

from __future__ import annotations

import io
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.page.blocks import Block, Bullets, Chart, Code, Page, Picture, Said, Section, Table
from sim.page.borders import ascii_only

if TYPE_CHECKING:
    from rich.table import Table as RichTable

TALLEST = 24
"""Lines of a first screen, at most."""
NARROW = 80
"""Columns of a screen that goes to a pipe or a file, unless COLUMNS says otherwise."""
_LEAST_WIDTH = 40
_WORDS_WIDTH = 12
"""Columns of words are no narrower than that."""
_GAP = 2
_STYLES = {"answer": "bold", "plain": "", "note": "dim", "warning": "yellow"}


def width_of(stream: object = None) -> int:
    """Columns of the terminal; NARROW where there is none."""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked) > 0:
        return max(int(asked), _LEAST_WIDTH)
    is_terminal = getattr(stream or sys.stdout, "isatty", lambda: False)()
    return max(shutil.get_terminal_size((NARROW, 24)).columns, _LEAST_WIDTH) if is_terminal else NARROW


def screen(blocks: Sequence[Block | Section], width: int = NARROW, colour: bool = False) -> str:
    """A first screen: tables have only the columns that there is room for. Ends with a line feed."""
    chosen = [one.within(width) if isinstance(one, Table) else one for one in blocks]
    return _text(chosen, width, colour)


def page_text(page: Page, width: int = NARROW, colour: bool = False) -> str:
    """A whole report: every column of every table; one that is too wide is cut into several, one below the other."""
    sections = [one for one in page.sections if one.has_text]
    return _text([Said(page.title, "answer"), *page.lead, *sections], width, colour)


def fitting(one: Table, needed: int | None = None) -> Table:
    """For a screen: columns that may be left out appear where there is room for them and no cell is broken.

    Those are the columns with a width that they are seen from, the narrowest first, and all behind the needed ones.
    """
    every = list(enumerate(one.headings))
    spare = [index for index, heading in every if heading.from_width or (needed is not None and index >= needed)]
    natural = [max([_least_width(one, index), *(len(row[index]) for row in one.rows)]) for index, _ in every]
    width = sum(natural[index] + _GAP for index, _ in every if index not in spare) - _GAP
    from_width = {}
    for index in sorted(spare, key=lambda index: (one.headings[index].from_width, index)):
        width += _GAP + natural[index]
        from_width[index] = max(width, one.headings[index].from_width)
    headings = tuple(replace(heading, from_width=from_width.get(index, 0)) for index, heading in every)
    return Table(headings, one.rows)


def show(blocks: Sequence[Block | Section] | Page) -> None:
    """Print a screen, or a whole page, to standard output."""
    stream = sys.stdout
    colour = bool(getattr(stream, "isatty", lambda: False)()) and "NO_COLOR" not in os.environ
    width = width_of(stream)
    text = page_text(blocks, width, colour) if isinstance(blocks, Page) else screen(blocks, width, colour)
    # The guard of the command line lets no control character through; these are the program's own.
    getattr(stream, "styled", stream.write)(text)
    stream.flush()


def _text(blocks: Sequence[Block | Section], width: int, colour: bool) -> str:
    parts: list[str] = []
    before: Block | Section | None = None
    for one in blocks:
        # Sentences follow each other without a blank line; everything else stands apart.
        close = isinstance(one, Said) and isinstance(before, Said)
        parts += ["" if close or before is None else "\n", _block(one, width, colour)]
        before = one
    return "".join(parts)


def _block(one: Block | Section, width: int, colour: bool) -> str:
    if isinstance(one, Section):
        heading = _styled(one.title, "bold underline" if colour else "", colour)
        rule = "" if colour else f"{'-' * min(len(one.title), width)}\n"
        return f"{heading}\n{rule}" + _text(one.blocks, width, colour)
    if isinstance(one, Chart):
        return _text(one.behind, width, colour)
    if isinstance(one, Table):
        return "\n".join(_table(part, width, colour) for part in _parts(one, width))
    if isinstance(one, Code):
        return f"See {ascii_only(one.name)}.\n"
    if isinstance(one, Picture):
        return f"{ascii_only(one.title)}: {ascii_only(one.file)}\n"
    if isinstance(one, Bullets):
        return "".join(f"{_filled(text, width, '- ', '  ')}\n" for text in one.texts)
    front = f"{one.tone}: " if one.tone in ("note", "warning") else ""
    return _styled(_filled(front + one.text, width, "", "  ", one.then), _STYLES[one.tone], colour) + "\n"


def _filled(text: str, width: int, first: str, others: str, then: Sequence[str] = ()) -> str:
    """A paragraph; blanks that are more than one (columns of the writer's own) stay.

    then: what follows, each behind a bar; it begins a line of its own where it would be cut, so that it can be copied.
    """
    lines: list[str] = []
    for part in (*(f"{one} |" for one in (text, *then)[:-1]), (text, *then)[-1]):
        joined = f"{lines[-1]} {part}" if lines else f"{first}{part}"
        if lines and len(joined) > width:
            lines += _wrapped(part, width, others, others)
        else:
            lines[-1:] = _wrapped(joined, width, "", others)
    return "\n".join(lines)


def _wrapped(text: str, width: int, first: str, others: str) -> list[str]:
    return textwrap.wrap(
        ascii_only(text),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        # A path that is cut in two cannot be copied.
        break_long_words="/" not in text,
    ) or [first]


def _styled(text: str, style: str, colour: bool) -> str:
    if not colour or not style:
        return text
    from rich.style import Style

    return "\n".join(Style.parse(style).render(line) for line in text.split("\n"))


def _parts(one: Table, width: int) -> list[Table]:
    """The table, cut into several with as many columns as fit; what says what a row is stands in each."""
    least = [_least_width(one, index) for index in range(len(one.headings))]
    keys = [index for index, heading in enumerate(one.headings) if heading.key]
    parts: list[list[int]] = [list(keys)]
    for index in range(len(one.headings)):
        if index in keys:
            continue
        taken = sum(least[i] + _GAP for i in parts[-1])
        if taken + least[index] > width and len(parts[-1]) > len(keys):
            parts.append(list(keys))
        parts[-1].append(index)
    # Columns stand in the order of the table, keys among them.
    return [one.taken(sorted(part)) for part in parts]


def _least_width(one: Table, index: int) -> int:
    heading, cells = one.headings[index], [row[index] for row in one.rows]
    longest = max((len(line) for cell in cells for line in cell.split("\n")), default=0)
    words = max((len(word) for text in (heading.title, *cells) for word in text.split()), default=0)
    title = max((len(word) for word in heading.title.split()), default=0)
    return max(title, longest) if heading.right else max(title, min(longest, max(words, _WORDS_WIDTH)))


def _table(one: Table, width: int, colour: bool) -> str:
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None,
        legacy_windows=False, force_jupyter=False, highlight=False, emoji=False, markup=False,
    )  # fmt: skip
    console.print(_rich(one, _widths(one, width)))
    written = console.file.getvalue()  # type: ignore[attr-defined]
    return "".join(f"{line.rstrip()}\n" for line in written.splitlines())


def _widths(one: Table, width: int) -> list[int | None]:
    """Of columns of words, so that no word is broken where there is room for all; None leaves it to what they hold."""
    indices = range(len(one.headings))
    least = [_least_width(one, index) for index in indices]
    free = width - sum(least) - _GAP * (len(least) - 1)
    if free < 0:
        return [None] * len(least)
    found: list[int | None] = [None] * len(least)
    longest = [max((len(line) for row in one.rows for line in row[index].splitlines()), default=0) for index in indices]
    wide = sorted(
        (index for index in indices if not one.headings[index].right), key=lambda index: longest[index] - least[index]
    )
    for rank, index in enumerate(wide):
        # What one column does not need is left for those that need more.
        more = min(max(longest[index] - least[index], 0), free // (len(wide) - rank))
        found[index] = least[index] + more
        free -= more
    return found


def _rich(one: Table, widths: Sequence[int | None]) -> RichTable:
    from rich.box import Box
    from rich.table import Table as RichTable
    from rich.text import Text

    rule = Box("    \n    \n -  \n    \n    \n    \n    \n    \n", ascii=True)
    grid = RichTable(box=rule, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for index, heading in enumerate(one.headings):
        cells = [len(line) for row in one.rows for line in row[index].split("\n")]
        title = textwrap.fill(heading.title, max(_least_width(one, index), max(cells, default=1), 1))
        grid.add_column(
            Text(ascii_only(title)),
            justify="right" if heading.right else "left",
            overflow="fold",
            no_wrap=heading.right,
            width=widths[index],
            vertical="top",
        )
    for row in one.rows:
        grid.add_row(*(Text(ascii_only(cell)) for cell in row))
    return grid
