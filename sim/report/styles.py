"""Styles of charts: how wide a sheet is, how large its text, what stands on it, and in which formats it is written."""

from __future__ import annotations

from typing import NamedTuple

from sim.errors import unknown_name


class ChartStyle(NamedTuple):
    """How all charts of one call look.

    width_inches: of the sheet; ratio: its width over its height, 0 where the height is what the panels need.
    title_points, text_points, small_points: sizes of text, in points; without a title_points there is no title.
    panel: heights of panels, as a part of those on the screen. captioned: whether the caption stands below the chart.
    actors: stages of a step that have a row of their own, at most.
    formats: suffixes of the files; dots_per_inch: of those that are images.
    """

    name: str
    width_inches: float
    ratio: float
    title_points: float
    text_points: float
    small_points: float
    panel: float
    captioned: bool
    actors: int
    formats: tuple[str, ...]
    dots_per_inch: int

    @property
    def row_inches(self) -> float:
        """Height of one line of text, with the room around it."""
        return 1.3 * self.text_points / 72

    @property
    def strength(self) -> float:
        """Factor of the widths of lines and the sizes of markers, against those on the screen."""
        return self.text_points / 9.0

    @property
    def columns(self) -> int:
        """About how many characters of small text fit beside each other."""
        return int(self.width_inches * 72 / (0.6 * self.small_points))


SCREEN = ChartStyle("screen", 11.0, 0.0, 13.0, 9.0, 8.0, 1.0, True, 24, ("png", "svg"), 150)
PAPER = ChartStyle("paper", 3.3, 0.0, 0.0, 8.0, 7.0, 0.6, False, 6, ("pdf", "svg", "png"), 300)
SLIDE = ChartStyle("slide", 13.333, 16 / 9, 24.0, 18.0, 15.0, 1.0, False, 4, ("png", "svg"), 150)
STYLES = {style.name: style for style in (SCREEN, PAPER, SLIDE)}


def style_named(name: str, where: str = "--style") -> ChartStyle:
    """The style of this name. Raises InputError for any other."""
    if name not in STYLES:
        raise unknown_name(where, "style", name, STYLES)
    return STYLES[name]
