"""Charts of a sweep: curves of any metric, a heat map over two axes, time against cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from sim.page.numbers import number, whole
from sim.records.series import Column, Row, Series
from sim.report.charts.against_devices import Line, draw_lines, name_lines, name_many
from sim.report.charts.canvas import Style, annotate, name_places, quiet, sheet, sheet_of, spare, style_of
from sim.report.charts.words import fitted
from sim.report.colours import FAINT, INK, system_style, text_colour
from sim.report.styles import SCREEN, ChartStyle

_MOST_TICKS = 12
_SPAN = 8.0
"""An axis that spans such a factor is logarithmic."""
_MOST_CELLS = 150
_POINTS = "Every marker is a simulated point."
_SPREAD = "Marker: the middle one of the points that are not told apart; bar: all of them."
_SIZES = " Above each: its devices, where there is room."
_FRONT = " Thick: points to which no other is better in both."
_KNEE = (
    " Open circle: the knee, the size with the smallest devices x time^2: from there on, more devices save little time."
)


def curves_figure(series: Sequence[Series], x: Column, y: Column, style: ChartStyle = SCREEN) -> Figure:
    """Curves of a metric along an axis as a sheet, with their knees where it is time against devices."""
    knees = [(index, one, one.bend) for index, one in enumerate(series) if one.bend is not None]
    ax = _sheet_of_curves(series, x, y, _KNEE if knees else "", style)
    for index, one, bend in knees:
        edge, place = system_style(index)[0], ([one.xs[bend]], [one.ys[bend]])
        ax.plot(*place, "o", markersize=13, markerfacecolor="none", markeredgecolor=edge, zorder=4)
    return sheet_of(ax)


def curves(series: Sequence[Series], x: Column, y: Column, ax: Axes | None = None) -> Axes:
    """Draw the curves; axes that span large factors are logarithmic, others start at zero. Return the axes."""
    ax = ax or sheet([4.0])[0]
    # Between categories there is nothing that a line could mean.
    draw_lines(ax, _lines(series), linewidth=0.0 if x.categories else 1.8)
    if x.categories:
        name_places(ax, range(len(x.categories)), x)
        ax.set_xlim(-0.5, len(x.categories) - 0.5)
    else:
        _scale_x(ax, [at for one in series for at in one.xs])
    heights = [height for one in series for height in one.ys if height > 0]
    if heights and len(heights) == sum(len(one.ys) for one in series) and max(heights) >= _SPAN * min(heights):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda at, _: number(at)))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif min((low for one in series for low in one.low), default=0.0) >= 0:
        highest = max((high for one in series for high in one.high), default=0.0)
        ax.set_ylim(0, 1.1 * highest or None if x.categories else None)
    quiet(ax, x.words, y.words, grid=True)
    return ax


def heat_map_figure(rows: Sequence[Row], x: Column, y: Column, value: Column, style: ChartStyle = SCREEN) -> Figure:
    """A metric over two axes as a heat map on a sheet; several rows at one place are its mean."""
    title = f"{value.words} over {x.words} and {y.words}"
    several = len({(repr(x.of(row)), repr(y.of(row))) for row in rows}) < len(rows)
    caption = f"Every cell is {'the mean of its simulated points' if several else 'a simulated point'}."
    (ax,) = sheet([4.4], title[0].upper() + title[1:], caption + _meanings(value), style, [len(_values(rows, y))])
    return sheet_of(heat_map(rows, x, y, value, ax))


def heat_map(rows: Sequence[Row], x: Column, y: Column, value: Column, ax: Axes | None = None) -> Axes:
    """Draw a metric over two axes; cells without a point stay white. Return the axes."""
    ax = ax or sheet([4.0])[0]
    columns, lines = _values(rows, x), _values(rows, y)
    sums, counts = np.zeros((len(lines), len(columns))), np.zeros((len(lines), len(columns)))
    for row in rows:
        amount = value.number(row)
        if amount is not None and x.of(row) is not None and y.of(row) is not None:
            place = lines.index(y.of(row)), columns.index(x.of(row))
            sums[place] += amount
            counts[place] += 1
    cells = np.ma.masked_where(counts == 0, sums / np.maximum(counts, 1))
    image = ax.imshow(cells, aspect="auto", origin="lower", cmap="viridis")
    style = style_of(ax)
    beside = ax.inset_axes((1.02, 0.0, 0.025, 1.0))
    sheet_of(ax).colorbar(image, cax=beside)
    beside.tick_params(colors=INK, labelsize=style.small_points)
    ax.set_title(fitted(value.words, style.text_points, 0.7 * style.width_inches), size=style.text_points, loc="right")
    wide = 0.25 * style.width_inches
    ax.set_xticks(range(len(columns)), [fitted(str(one), style.small_points, wide) for one in columns])
    ax.set_yticks(range(len(lines)), [fitted(str(one), style.small_points, wide) for one in lines])
    if cells.size <= _MOST_CELLS:
        for (line, column), cell in np.ndenumerate(cells):
            if counts[line, column]:
                red, green, blue, _ = (float(one) for one in image.to_rgba(np.array(cell)))
                colour = text_colour(to_hex((red, green, blue)))
                words: Style = {"size": style.small_points, "ha": "center", "va": "center", "color": colour}
                cell_text = ax.text(column, line, number(float(cell)), **words)
                spare(ax, cell_text, (column - 0.5, column + 0.5))
    quiet(ax, x.words, y.words)
    return ax


def front_figure(series: Sequence[Series], x: Column, y: Column, style: ChartStyle = SCREEN) -> Figure:
    """Points by two metrics that should both be small, and the front that nothing else is better than in both."""
    points = sorted((at, height) for one in series for at, height in zip(one.xs, one.ys, strict=True))
    front = [point for i, point in enumerate(points) if all(point[1] < other[1] for other in points[:i])]
    ax = _sheet_of_curves(series, x, y, _SIZES + _FRONT * (len(front) > 1), style, from_zero=True)
    if len(front) > 1:
        ax.plot([at for at, _ in front], [height for _, height in front], color=INK, linewidth=4, alpha=0.25, zorder=1)
    words: Style = {"size": style.small_points, "color": FAINT, "ha": "center"}
    for one in series:
        for at, height, row in zip(one.xs, one.ys, one.rows, strict=True):
            spare(ax, annotate(ax, whole(float(row["devices"])), (at, height), (0, 6), **words))
    return sheet_of(ax)


def _sheet_of_curves(
    series: Sequence[Series], x: Column, y: Column, more: str, style: ChartStyle, *, from_zero: bool = False
) -> Axes:
    """A sheet with curves, their labels or a legend, and a title. more: of the caption. from_zero: a linear x axis."""
    several = any(one.low != one.high for one in series)
    caption = (_SPREAD if several else _POINTS) + more + _meanings(y, x)
    title = f"{y.words} against {x.words}"
    (ax,) = sheet([4.2], title[0].upper() + title[1:], caption, style)
    curves(series, x, y, ax)
    if from_zero and ax.get_xscale() == "linear":
        ax.set_xlim(left=0)
    name_lines(ax, _lines(series))
    name_many(ax)
    return ax


def _lines(series: Sequence[Series]) -> list[Line]:
    return [Line(nth, one.label, one.xs, one.ys, one.low, one.high) for nth, one in enumerate(series)]


def _scale_x(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where values span a large factor, with a tick at each of a few values."""
    distinct = sorted(set(values))
    if distinct and distinct[0] > 0 and distinct[-1] >= _SPAN * distinct[0]:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        few = len(distinct) <= _MOST_TICKS
        ax.xaxis.set_major_locator(FixedLocator(distinct) if few else LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda at, _: number(at)))
    ax.tick_params(axis="x", color=FAINT)


def _values(rows: Sequence[Row], column: Column) -> list[object]:
    """Distinct values of a column: numbers by size, anything else in its order."""
    found = {repr(value): (column.number(row), value) for row in rows if (value := column.of(row)) is not None}
    is_ordered = all(amount is not None for amount, _ in found.values())
    ordered = sorted(found, key=lambda key: found[key][0] or 0.0) if is_ordered else found
    return [found[key][1] for key in ordered]


def _meanings(*columns: Column) -> str:
    """What the metrics of a chart are, for its caption."""
    return "".join(f" {one.metric.title}: {one.metric.meaning}." for one in columns if one.metric)
