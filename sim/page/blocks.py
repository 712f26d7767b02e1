"""What a page is made of: sentences, lists, tables and pictures in sections. Renderers lay it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

_Row = TypeVar("_Row")

Tone = Literal["answer", "plain", "note", "warning"]


@dataclass(frozen=True, slots=True)
class Said:
    """A paragraph. tone: how a terminal shows it; "note" and "warning" are said in front of the text as well.

    then: commands and the like behind the text, for terminals only.
    """

    text: str
    tone: Tone = "plain"
    then: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list, a paragraph each."""

    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column(Generic[_Row]):
    """A column of a table, and how its cells are made of what a row is about.

    title: of one line; it breaks at spaces where cells are narrow. text: the cell of one row. right: figures are flush
    right. key: says what the row is; stands again where a table is cut in two for a narrow terminal. from_width: of the
    terminal that has room for it on a screen; reports have every column.
    """

    title: str
    text: Callable[[_Row], str]
    right: bool = True
    key: bool = False
    from_width: int = 0


def words(title: str, text: Callable[[_Row], str], *, key: bool = False, from_width: int = 0) -> Column[_Row]:
    """A column of words, flush left, whose cells may take several lines."""
    return Column(title, text, right=False, key=key, from_width=from_width)


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column of a finished table: as in Column."""

    title: str
    right: bool = True
    key: bool = False
    from_width: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A finished table: text under headings."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]

    def only(self, titles: Sequence[str]) -> Table:
        """The columns of these titles, in their order."""
        kept = [[heading.title for heading in self.headings].index(title) for title in titles]
        return self.taken(kept)

    def within(self, width: int) -> Table:
        """The columns that a terminal of this width has room for."""
        return self.taken([i for i, heading in enumerate(self.headings) if heading.from_width <= width])

    def taken(self, kept: Sequence[int]) -> Table:
        """The columns at these places."""
        rows = tuple(tuple(row[index] for index in kept) for row in self.rows)
        return Table(tuple(self.headings[index] for index in kept), rows)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that lies beside the page. file: its name."""

    file: str
    title: str


Block = Said | Bullets | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report. lead: what stands before the first section."""

    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]


def table(rows: Iterable[_Row], columns: Sequence[Column[_Row]]) -> Table:
    """A table with a line for each row."""
    headings = tuple(Heading(one.title, one.right, one.key, one.from_width) for one in columns)
    return Table(headings, tuple(tuple(one.text(row) for one in columns) for row in rows))


def section(title: str, *blocks: Block | None) -> Section | None:
    """A section of the blocks that there are; None without one, or with nothing but words about what is not there."""
    found = tuple(one for one in blocks if one is not None and not _is_empty(one))
    return Section(title, found) if any(not isinstance(one, Said) for one in found) else None


def _is_empty(block: Block) -> bool:
    return (isinstance(block, Table) and not block.rows) or (isinstance(block, Bullets) and not block.texts)


def page(title: str, lead: Sequence[Block], sections: Sequence[Section | None]) -> Page:
    """A page of the sections that there are."""
    return Page(title, tuple(lead), tuple(one for one in sections if one is not None))
