"""How wide the words of a chart are, and how they are broken and cut to the room that there is."""

from __future__ import annotations

import functools

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import LoadFlags

from sim.page.borders import chart_text, printable

_POINTS = 72.0
_EM, _FIXED = 64.0, 65536.0
"""Size at which letters are measured, and the unit of the answer."""
_ROUNDED = 1.05
"""Letters of an image are wider than drawn by up to so much."""
_ELLIPSIS = "..."


def text_inches(text: str, points: float, *, bold: bool = False) -> float:
    """How wide the longest line of a text is at most, whatever its letters are rounded to in an image."""
    ems = max(sum(_advance(letter, bold) for letter in line) for line in _plain(text).split("\n"))
    return _ROUNDED * ems * points / _POINTS


def _plain(text: str) -> str:
    """The letters that will be drawn."""
    return printable(text).replace("\t", " ")


@functools.cache
def _advance(letter: str, bold: bool) -> float:
    """Width of a letter in heights of the text."""
    font = get_font(findfont(FontProperties(family=["DejaVu Sans"], weight="bold" if bold else "normal")))
    if not font.get_char_index(ord(letter)):
        return 1.0  # it is drawn as a box
    font.set_size(_EM, _POINTS)
    return float(font.load_char(ord(letter), flags=LoadFlags.NO_HINTING).linearHoriAdvance) / _FIXED / _EM


def fitted(text: str, points: float, inches: float, lines: int = 1, *, bold: bool = False) -> str:
    """Text for matplotlib, broken into at most so many lines of this width; what is longer ends in dots."""

    def is_wide(words: str) -> bool:
        return text_inches(words, points, bold=bold) > inches

    found: list[str] = []
    for paragraph in _plain(text).split("\n"):
        if not is_wide(paragraph):
            found.append(paragraph)
            continue
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and is_wide(longer):
                found.append(line)
                longer = word
            while is_wide(longer) and len(longer) > 1:
                cut = next((n for n in range(len(longer) - 1, 1, -1) if not is_wide(longer[:n])), 1)
                found.append(longer[:cut])
                longer = longer[cut:]
            line = longer
        found.append(line)
    if len(found) > lines:
        last = found[lines - 1]
        while last and is_wide(last + _ELLIPSIS):
            last = last[:-1]
        found = [*found[: lines - 1], last.rstrip() + _ELLIPSIS]
    return chart_text("\n".join(found))
