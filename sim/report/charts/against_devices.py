"""What charts of curves share: the curves, the axis of devices, and names at the ends of curves or in a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.page.borders import chart_text
from sim.page.numbers import whole
from sim.report.charts.canvas import (
    ON_WHITE,
    Style,
    add_legend,
    annotate,
    quiet,
    sheet_of,
    spare,
    style_of,
)
from sim.report.charts.sheets import Sheet, renderer_of, spread
from sim.report.charts.words import text_inches
from sim.report.colours import FAINT, system_style

_MOST_DIRECT_LABELS = 7
"""More curves than colours are told apart by a legend instead."""
_LEGEND_COLUMNS = 3
_DIRECT_PART = 0.22
"""Part of the width of a sheet that the names at the ends of curves may take; longer ones go into a legend."""
_MARGIN = 1.35
"""Factor between the sizes at the ends and the ends of the axis."""
_MARKED: Style = {"markeredgecolor": "white", "markeredgewidth": 0.6}


class Line(NamedTuple):
    """A curve: the number of its system, which colours it, its name and its points; low and high: ends of bars."""

    number: int
    label: str
    xs: Sequence[float]
    ys: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class End(NamedTuple):
    """Where a curve ends, what it is called, and its colour "#rrggbb"."""

    x: float
    y: float
    label: str
    colour: str


def draw_lines(ax: Axes, lines: Iterable[Line], **style: Any) -> None:
    """Draw curves with their markers, and their bars where they have some. style: as matplotlib's."""
    for one in lines:
        colour, marker = system_style(one.number)
        strength = style_of(ax).strength
        if one.low != one.high:
            ax.vlines(one.xs, one.low, one.high, color=colour, alpha=0.35, linewidth=4 * strength, zorder=2)
        own: Style = {"color": colour, "marker": marker, "label": one.label, "zorder": 3, **_MARKED}
        own |= {"linewidth": 1.8 * strength, "markersize": 6 * strength}
        ax.plot(one.xs, one.ys, **own | style)


def name_lines(ax: Axes, lines: Sequence[Line]) -> None:
    """Name curves at their ends where they are few and their names short."""
    label_ends(ax, [End(one.xs[-1], one.ys[-1], one.label, system_style(one.number)[0]) for one in lines])


def name_many(ax: Axes) -> Figure:
    """The legend of a sheet on which curves have no names at their ends; return the sheet."""
    figure = sheet_of(ax)
    direct = isinstance(figure, Sheet) and any(one.axes is ax for ends in figure.ends for one in ends)
    return figure if direct else add_legend(ax, _LEGEND_COLUMNS)


def over_devices(ax: Axes, lines: Sequence[Line], tops: Iterable[tuple[float, float]] | None = None) -> Axes:
    """Make the horizontal axis a logarithmic one of devices, write device counts over points where the axis has others.

    The curves are named.

    tops: (devices, height) that the counts stand over; those of the curves where it is None.
    """
    points = list(tops) if tops is not None else [point for one in lines for point in zip(one.xs, one.ys, strict=True)]
    sizes = sorted({devices for devices, _ in points})
    first, last = sizes[0] / _MARGIN, sizes[-1] * _MARGIN
    ax.set_xlim(first, last)
    powers = [10.0**power for power in range(9) if first <= 10.0**power <= last]
    ax.xaxis.set_major_locator(FixedLocator(powers if len(powers) > 1 else sizes))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: whole(size)))
    quiet(ax, "devices", grid=True)
    highest: dict[float, float] = {}
    for devices, height in points if len(powers) > 1 else ():
        highest[devices] = max(height, highest.get(devices, height))
    for devices, height in highest.items():
        style: Style = {"size": style_of(ax).small_points, "color": FAINT, "ha": "center", "zorder": 4}
        spare(ax, annotate(ax, whole(devices), (devices, height), (0, 7), **style))
    name_lines(ax, lines)
    return ax


def label_ends(ax: Axes, ends: Sequence[End], part: float = _DIRECT_PART) -> None:
    """Name curves to the right of their ends, where they are few and their names short; what would overlap moves up.

    part: of the width of the sheet, that the longest name may take.
    """
    figure, look = sheet_of(ax), style_of(ax)
    longest = max((text_inches(end.label, look.text_points) for end in ends), default=0.0)
    if len(ends) > _MOST_DIRECT_LABELS or longest > part * look.width_inches:
        return
    style: Style = {"size": look.text_points, "weight": "bold", "va": "center", "zorder": 5, "bbox": ON_WHITE}
    named = [
        annotate(ax, chart_text(end.label), (end.x, end.y), (12, 0), annotation_clip=False, color=end.colour, **style)
        for end in ends
    ]
    if isinstance(figure, Sheet):
        figure.ends.append(named)
    else:
        spread(named, renderer_of(figure))
