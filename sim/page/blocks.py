"""What a page is made of: sentences, lists, tables, pictures and charts in sections. Renderers lay it out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

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
    terminal that has room for it on a screen; reports have every column. value: the number that a cell is the text of,
    by which a page sorts; without one it sorts by the text.
    """

    title: str
    text: Callable[[_Row], str]
    right: bool = True
    key: bool = False
    from_width: int = 0
    value: Callable[[_Row], float | None] | None = None


def words(title: str, text: Callable[[_Row], str], *, key: bool = False, from_width: int = 0) -> Column[_Row]:
    """A column of words, flush left, whose cells may take several lines."""
    return Column(title, text, right=False, key=key, from_width=from_width)


def figure(
    title: str,
    value: Callable[[_Row], float],
    write: Callable[[float], str],
    *,
    key: bool = False,
    from_width: int = 0,
) -> Column[_Row]:
    """A column of figures, by which a page sorts. write: how one is written."""
    return Column(title, lambda row: write(value(row)), key=key, from_width=from_width, value=value)


@dataclass(frozen=True, slots=True)
class Heading:
    """The head of a column of a finished table: as in Column."""

    title: str
    right: bool = True
    key: bool = False
    from_width: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A finished table: text under headings. values: for each row and column the number behind the text, or None."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[tuple[float | None, ...], ...] = ()

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
        values = tuple(tuple(row[index] for index in kept) for row in self.values)
        return Table(tuple(self.headings[index] for index in kept), rows, values)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that lies beside a report in Markdown. file: its name."""

    file: str
    title: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that answers to hovering and clicking where a page can; elsewhere the table behind it is all there is.

    key: its name on the page, in small letters. kind: which function of the page's scripts draws it. about: what it
    shows, in a sentence, for those who cannot see it. data: what it draws, as plain data, beside that of its page.
    behind: the same numbers as tables, and what they mean; without any they stand elsewhere on the page.
    """

    key: str
    kind: str
    about: str
    data: Mapping[str, Any] = field(default_factory=dict)
    behind: tuple[Table | Bullets, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Text to copy as it is, such as a scenario. name: of the file that it would be."""

    text: str
    name: str


Block = Said | Bullets | Table | Picture | Chart | Code


@dataclass(frozen=True, slots=True)
class Section:
    """Blocks under a title. key: its name on the page, for links; empty where nothing leads there."""

    title: str
    blocks: tuple[Block, ...]
    key: str = ""

    @property
    def has_text(self) -> bool:
        """Whether there is anything to read in it where charts cannot be drawn."""
        return any(not isinstance(one, Chart) or one.behind for one in self.blocks)


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report. lead: what stands before the first section. data: plain data that several charts draw from."""

    title: str
    lead: tuple[Block, ...]
    sections: tuple[Section, ...]
    data: Mapping[str, Any] = field(default_factory=dict)


def table(rows: Iterable[_Row], columns: Sequence[Column[_Row]]) -> Table:
    """A table with a line for each row."""
    rows = tuple(rows)
    headings = tuple(Heading(one.title, one.right, one.key, one.from_width) for one in columns)
    texts = tuple(tuple(one.text(row) for one in columns) for row in rows)
    numbers = tuple(tuple(None if one.value is None else one.value(row) for one in columns) for row in rows)
    return Table(headings, texts, numbers if any(one.value for one in columns) else ())


def section(title: str, *blocks: Block | None, key: str = "") -> Section | None:
    """A section of the blocks that there are; None without one, or with nothing but words about what is not there."""
    found = tuple(one for one in blocks if one is not None and not _is_empty(one))
    return Section(title, found, key) if any(not isinstance(one, Said) for one in found) else None


def _is_empty(block: Block) -> bool:
    return (isinstance(block, Table) and not block.rows) or (isinstance(block, Bullets) and not block.texts)


def page(
    title: str, lead: Sequence[Block], sections: Sequence[Section | None], data: Mapping[str, Any] | None = None
) -> Page:
    """A page of the sections that there are."""
    return Page(title, tuple(lead), tuple(one for one in sections if one is not None), data or {})
