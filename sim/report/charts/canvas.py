"""What all charts are drawn with: sheets, legends, labels and ticks in the style that was asked for; stable files."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.page.borders import chart_text, printable
from sim.records.series import Column
from sim.report.charts.sheets import Sheet, Spare
from sim.report.charts.words import fitted, text_inches
from sim.report.colours import FAINT, INK
from sim.report.styles import SCREEN, ChartStyle

Style = dict[str, Any]
"""Arguments of matplotlib's."""
_LEGEND: Style = {
    "frameon": False, "handlelength": 1.3, "handleheight": 0.9, "columnspacing": 1.6, "labelspacing": 0.35,
    "borderaxespad": 0.0, "borderpad": 0.0, "loc": "lower left",
}  # fmt: skip
_BESIDE_LABEL = 4.0
"""Width of what a legend has beside a label: its mark and the space to the next, in heights of its text."""
DASHED = (0, (4, 3))
ON_WHITE: Style = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
"""Behind words that stand on lines."""
_PACKED: Style = {"compress_level": 3}
"""A PNG is written in half the time that way, and is a twentieth larger."""
_DIGITS = ((1, 2, 5), (1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9))
_FEWEST_TICKS = 4
_MOST_TICKS, _LONGEST_TICK = 12, 24


def sheet(
    heights: Sequence[float],
    title: str = "",
    caption: str = "",
    style: ChartStyle = SCREEN,
    rows: Sequence[int] = (),
) -> list[Axes]:
    """Panels of these heights one above the other on a sheet of their own; no global state is touched.

    heights: in inches on the screen, which other styles scale; rows: lines of text that each panel has to hold.
    """
    return list(Sheet(style, heights, rows or [0] * len(heights), title, caption).panels)


def style_of(ax: Axes) -> ChartStyle:
    """The style of the sheet that axes are on; that of the screen for axes of somebody else's figure."""
    figure = ax.get_figure(root=True)
    return figure.style if isinstance(figure, Sheet) else SCREEN


def add_legend(ax: Axes, columns: int, named: Mapping[str, Artist] | None = None) -> Figure:
    """Put a legend below the panels, in so many columns or as many as fit. named: instead of what the axes have."""
    figure, style = sheet_of(ax), style_of(ax)
    handles, labels = ax.get_legend_handles_labels() if named is None else (list(named.values()), list(named))
    beside = _BESIDE_LABEL * style.small_points / 72
    room = style.width_inches - 0.2
    widths = [text_inches(label, style.small_points) + beside for label in labels]
    fits = next((count for count in range(min(columns, len(labels)), 1, -1) if _width(widths, count) <= room), 1)
    words = [fitted(label, style.small_points, room - beside, 2) for label in labels]
    figure.legend(handles, words, ncols=fits, fontsize=style.small_points, **_LEGEND)
    return figure


def _width(entries: Sequence[float], columns: int) -> float:
    """Of a legend whose entries, so wide, stand in so many columns, the first ones longer where they cannot be even."""
    each, longer = divmod(len(entries), columns)
    ends = list(itertools.accumulate(each + (column < longer) for column in range(columns)))
    return sum(max(entries[start:end]) for start, end in itertools.pairwise([0, *ends]))


def sheet_of(ax: Axes) -> Figure:
    """The whole sheet that axes are on."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes belong to no figure")
    return figure


def head(ax: Axes, text: str, *, points: float = 0.0, bold: bool = False) -> None:
    """Write over a panel; what is wider than it is broken or cut. points: size, that of other text where it is 0."""
    style, figure = style_of(ax), ax.get_figure(root=True)
    title = ax.set_title(chart_text(text), loc="left", size=points or style.text_points, color=INK)
    title.set_fontweight("bold" if bold else "normal")
    if isinstance(figure, Sheet):
        figure.words[title], figure.heads[ax] = text, title


def annotate(ax: Axes, text: str, at: tuple[float, float], off: tuple[float, float], **style: Any) -> Annotation:
    """Write beside a place. off: points to the right and up; style: as matplotlib's, INK where no colour is said."""
    return ax.annotate(text, at, xytext=off, textcoords="offset points", **{"color": INK, **style})


def spare(ax: Axes, text: Text, within: tuple[float, float] | None = None) -> None:
    """Leave a text out where it finds no room. within: the part of the x axis that it has to stay in."""
    figure = ax.get_figure(root=True)
    text.set_in_layout(False)
    if isinstance(figure, Sheet):
        figure.optional.append(Spare(text, ax, within))


def quiet(ax: Axes, x: str | None = None, y: str | None = None, *, grid: bool = False) -> None:
    """Write what the axes are, and take away what carries no information. grid: a faint one behind everything."""
    style, figure = style_of(ax), ax.get_figure(root=True)
    for words, label in ((x, ax.xaxis.label), (y, ax.yaxis.label)):
        if words is not None:
            label.set(text=chart_text(words), size=style.text_points, color=INK)
            if isinstance(figure, Sheet):
                figure.words[label] = words
    if grid:
        ax.grid(color="#e6e6e6", linewidth=0.6)
        ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.tick_params(colors=INK, labelsize=style.small_points, pad=0.45 * style.small_points)


def time_unit(length_s: float) -> tuple[str, float]:
    """(unit, how many of it are a second) of an axis of time that is so long."""
    return ("s", 1.0) if length_s >= 2.0 else ("ms", 1e3)


def name_places(ax: Axes, values: Sequence[float], x: Column) -> None:
    """Ticks at 0, 1, 2 and so on that say which value of a sweep's axis stands there; of many values some."""
    style = style_of(ax)
    every = -(-len(values) // _MOST_TICKS)
    ticks = [x.tick(at) for at in values[::every]]
    if x.categories:
        wide = int(0.8 * style.columns) // len(ticks)
        upright = max(map(len, ticks)) > 2 * wide
        ax.tick_params(axis="x", labelrotation=90 if upright else 0)
        ticks = [
            textwrap.fill(printable(one), _LONGEST_TICK if upright else wide, max_lines=2, placeholder="...")
            for one in ticks
        ]
    ax.set_xticks(range(len(values))[::every], [chart_text(one) for one in ticks])


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
    """Write a chart in the formats of its style, name.png and so on; the same chart gives the same bytes."""
    style = figure.style if isinstance(figure, Sheet) else SCREEN
    told = {"Title": figure.title, "Subject": figure.caption} if isinstance(figure, Sheet) else {}
    metadata: dict[str, Style] = {
        "png": {"Software": None},
        "svg": {"Date": None},
        # The title and the caption that do not stand on a figure for a paper.
        "pdf": {"CreationDate": None, **{key: printable(words) for key, words in told.items()}},
    }
    paths = []
    for suffix in style.formats:
        paths.append(folder / f"{name}.{suffix}")
        packed: Style = {"pil_kwargs": _PACKED} if suffix == "png" else {}
        figure.savefig(paths[-1], dpi=style.dots_per_inch, metadata=metadata[suffix], **packed)
    return paths
