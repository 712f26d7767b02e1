"""The sheet that charts are drawn on: title, panels, legend and caption laid out in inches; files with stable bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.page.borders import chart_text
from sim.records.series import Column
from sim.report.colours import FAINT, INK

WIDTH_INCHES = 11.0
_MARGIN_INCHES = 0.14
_TITLE_INCHES = 0.62
_AXIS_INCHES = 0.5
"""Room for the ticks and the label of the lowest axis."""
_LEGEND_ROW_INCHES = 0.2
_CAPTION_ROW_INCHES = 0.165
_CAPTION_COLUMNS = 170
_CAPTION = 1
"""Which of the texts of a sheet is its caption."""
Style = dict[str, Any]
"""Arguments of matplotlib's."""
_LEGEND: Style = {
    "frameon": False, "fontsize": 8, "handlelength": 1.3, "handleheight": 0.9, "columnspacing": 1.6,
    "labelspacing": 0.35, "borderaxespad": 0.4,
}  # fmt: skip
DASHED = (0, (4, 3))
ON_WHITE: Style = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
"""Behind words that stand on lines."""
_DOTS_PER_INCH = 150
_PACKED: Style = {"compress_level": 3}
"""A PNG is written in half the time that way, and is a twentieth larger."""
_DIGITS = ((1, 2, 5), (1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9))
_FEWEST_TICKS = 4
_MOST_TICKS, _AXIS_CHARACTERS = 12, 120


def sheet(
    heights: Sequence[float],
    title: str = "",
    caption: str = "",
    *,
    left: float = 1.0,
    right: float = 0.4,
    gap: float = 0.6,
    legend_rows: int = 0,
) -> list[Axes]:
    """Lay out panels of these heights one above the other on a sheet of their own; no global state is touched.

    left, right, gap: inches beside and between the panels; legend_rows: rows to leave free for add_legend.
    """
    lines = textwrap.wrap(caption, _CAPTION_COLUMNS)
    footer = 2 * _MARGIN_INCHES + len(lines) * _CAPTION_ROW_INCHES + legend_rows * _LEGEND_ROW_INCHES + _AXIS_INCHES
    total = _TITLE_INCHES + sum(heights) + gap * (len(heights) - 1) + footer
    figure = Figure(figsize=(WIDTH_INCHES, total))
    width = (WIDTH_INCHES - left - right) / WIDTH_INCHES
    panels, top = [], total - _TITLE_INCHES
    for height in heights:
        top -= height
        panels.append(figure.add_axes((left / WIDTH_INCHES, top / total, width, height / total)))
        top -= gap
    edge = _MARGIN_INCHES / WIDTH_INCHES
    figure.text(edge, 1 - _MARGIN_INCHES / total, chart_text(title), size=13, weight="bold", color=INK, va="top")
    words = chart_text("\n".join(lines))
    figure.text(edge, _MARGIN_INCHES / total, words, size=8, color=FAINT, va="bottom", linespacing=1.3)
    return panels


def add_legend(ax: Axes, columns: int, named: Mapping[str, Artist] | None = None) -> Figure:
    """Put a legend into the room that the sheet left free above its caption. named: instead of what the axes have."""
    figure = sheet_of(ax)
    handles, labels = ax.get_legend_handles_labels() if named is None else (list(named.values()), list(named))
    lines = len(figure.texts[_CAPTION].get_text().splitlines())
    above = (1.5 * _MARGIN_INCHES + lines * _CAPTION_ROW_INCHES) / figure.get_figheight()
    style: Style = {"ncols": columns, "bbox_to_anchor": (0.0, above), **_LEGEND}
    figure.legend(handles, [chart_text(label) for label in labels], loc="lower left", **style)
    return figure


def sheet_of(ax: Axes) -> Figure:
    """The whole sheet that axes are on."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    return figure


def annotate(ax: Axes, text: str, at: tuple[float, float], off: tuple[float, float], **style: Any) -> None:
    """Write beside a place. off: points to the right and up; style: as matplotlib's, INK where no colour is said."""
    ax.annotate(text, at, xytext=off, textcoords="offset points", **{"color": INK, **style})


def quiet(ax: Axes, x: str | None = None, y: str | None = None, *, grid: bool = False) -> None:
    """Write what the axes are, and take away what carries no information. grid: a faint one behind everything."""
    if x is not None:
        ax.set_xlabel(chart_text(x), size=9, color=INK)
    if y is not None:
        ax.set_ylabel(chart_text(y), size=9, color=INK)
    if grid:
        ax.grid(color="#e6e6e6", linewidth=0.6)
        ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=8.5)


def time_unit(length_s: float) -> tuple[str, float]:
    """(unit, how many of it are a second) of an axis of time that is so long."""
    return ("s", 1.0) if length_s >= 2.0 else ("ms", 1e3)


def name_places(ax: Axes, values: Sequence[float], x: Column) -> None:
    """Ticks at 0, 1, 2 and so on that say which value of a sweep's axis stands there; of many values some."""
    every = -(-len(values) // _MOST_TICKS)
    ticks = [chart_text(x.tick(at)) for at in values[::every]]
    if x.categories:
        ticks = [textwrap.fill(one, _AXIS_CHARACTERS // len(ticks), max_lines=2, placeholder="...") for one in ticks]
    ax.set_xticks(range(len(values))[::every], ticks)


def round_ticks(ax: Axes, words: Callable[[float], str]) -> None:
    """Ticks at 1, 2, 5, 10, ... on a logarithmic vertical axis, or at every digit where it is short."""
    low, high = ax.get_ylim()
    shown: list[float] = []
    for digits in _DIGITS:
        steps = [digit * 10.0**power for power in range(-6, 10) for digit in digits]
        shown = [step for step in steps if low <= step <= high]
        if len(shown) >= _FEWEST_TICKS:
            break
    ax.yaxis.set_major_locator(FixedLocator(shown))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda number, _: words(number)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.tick_params(axis="y", color=FAINT)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write name.png and name.svg; the same chart gives the same bytes."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    # Without a salt the identifiers inside an SVG are random. The font is the one that is always there; looking for all
    # the others, and drawing by the hints inside it, would take longer than all else.
    fixed: Style = {"svg.hashsalt": "scaletax", "font.sans-serif": ["DejaVu Sans"], "text.hinting": "force_autohint"}
    with matplotlib.rc_context(fixed):  # type: ignore[arg-type]
        figure.savefig(paths[0], dpi=_DOTS_PER_INCH, metadata={"Software": None}, pil_kwargs=_PACKED)
        figure.savefig(paths[1], dpi=_DOTS_PER_INCH, metadata={"Date": None})
    return paths
