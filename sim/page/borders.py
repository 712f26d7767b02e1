"""What a text may hold where it leaves the program: on a terminal, in a chart, in Markdown, in a spreadsheet.

Names and titles are the user's and travel unchanged; what would steer their reader is written out or escaped here, at
the last moment.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

# Control, format (such as writing from right to left), half a surrogate pair, and breaks of lines and paragraphs.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_MARKDOWN = re.compile(r"([\\`*|<\[])")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def printable(text: str) -> str:
    """The text with characters that are obeyed instead of seen written out ("\\x1b"); line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode("ascii")
        if unicodedata.category(each) in _HIDDEN and each not in "\n\t"
        else each
        for each in text
    )


def ascii_only(text: str) -> str:
    """The text with everything beyond ASCII written out, for terminals that cannot show it."""
    return printable(text).encode("ascii", "backslashreplace").decode("ascii")


def chart_text(text: str) -> str:
    """The text for matplotlib, which takes what stands between two dollars for a formula and draws no tabs."""
    return printable(text).replace("\t", " ").replace("$", r"\$")


def markdown_text(text: str) -> str:
    """The text on one line of Markdown, in a table or outside: no markup, no HTML."""
    return _MARKDOWN.sub(r"\\\1", printable(" ".join(text.split())))


def write_csv(file: TextIO, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Write rows as CSV with a header; cells that a row has not are empty.

    Text that a spreadsheet would compute gets an apostrophe before it; numbers are written as they are.
    """
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([_cell(name) for name in columns])
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows that have the same keys as a CSV file. columns: of its header, where there may be no row."""
    text = io.StringIO()
    write_csv(text, rows, list(rows[0]) if rows else columns)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if value.startswith(_FORMULA) else value)
