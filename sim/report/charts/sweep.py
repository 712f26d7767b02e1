"""Charts of a sweep: curves of any metric, a heat map over two axes, the account as bars, time against cost."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from sim.outcome.lines import LINES
from sim.page.borders import chart_text
from sim.records.series import Column, Row, Series
from sim.report.charts.against_devices import End, label_ends, legend_rows
from sim.report.charts.canvas import add_legend, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK, LINE_COLOURS, system_style, text_colour

_MOST_TICKS, _AXIS_CHARACTERS = 12, 120
_SPAN = 8.0
"""An axis that spans such a factor is logarithmic."""
_MOST_PANELS = 4
_SMALLEST_SHOWN = 5e-3
_MOST_CELLS = 150
_POINTS = "Every marker is a simulated point."
_SPREAD = "Marker: the middle one of the points that are not told apart; bar: all of them."
_FRONT = " Thick: points to which no other is better in both."
_KNEE = (
    " Open circle: the knee, the size with the smallest devices x time^2: from there on, more devices save little time."
)


def curves_figure(series: Sequence[Series], x: Column, y: Column) -> Figure:
    """Curves of a metric along an axis as a sheet, with their knees where it is time against devices."""
    knees = [(index, one, one.bend) for index, one in enumerate(series) if one.bend is not None]
    ax = _sheet_of_curves(series, x, y, _KNEE if knees else "")
    for index, one, bend in knees:
        edge, place = system_style(index)[0], ([one.xs[bend]], [one.ys[bend]])
        ax.plot(*place, "o", markersize=13, markerfacecolor="none", markeredgecolor=edge, zorder=4)
    return sheet_of(ax)


def curves(series: Sequence[Series], x: Column, y: Column, ax: Axes | None = None) -> Axes:
    """Draw the curves; axes that span large factors are logarithmic, others start at zero. Return the axes."""
    ax = ax or sheet([4.0], right=2.2)[0]
    for index, one in enumerate(series):
        colour, marker = system_style(index)
        if one.low != one.high:
            ax.vlines(one.xs, one.low, one.high, color=colour, alpha=0.35, linewidth=4, zorder=2)
        # Between categories there is nothing that a line could mean.
        width = 0.0 if x.categories else 1.7
        ax.plot(one.xs, one.ys, color=colour, marker=marker, markersize=5, linewidth=width, label=one.label, zorder=3)
    if x.categories:
        _name_places(ax, range(len(x.categories)), x)
        ax.set_xlim(-0.5, len(x.categories) - 0.5)
    else:
        _scale_x(ax, [at for one in series for at in one.xs])
    heights = [height for one in series for height in one.ys if height > 0]
    if heights and len(heights) == sum(len(one.ys) for one in series) and max(heights) >= _SPAN * min(heights):
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif min((low for one in series for low in one.low), default=0.0) >= 0:
        highest = max((high for one in series for high in one.high), default=0.0)
        ax.set_ylim(0, 1.1 * highest or None if x.categories else None)
    ax.set_xlabel(chart_text(x.words), size=9, color=INK)
    ax.set_ylabel(chart_text(y.words), size=9, color=INK)
    quiet(ax, grid=True)
    return ax


def heat_map_figure(rows: Sequence[Row], x: Column, y: Column, value: Column) -> Figure:
    """A metric over two axes as a heat map on a sheet; several rows at one place are its mean."""
    title = f"{value.words} over {x.words} and {y.words}"
    several = len({(repr(x.of(row)), repr(y.of(row))) for row in rows}) < len(rows)
    caption = "Every cell is the mean of its simulated points." if several else "Every cell is a simulated point."
    (ax,) = sheet([4.4], title[0].upper() + title[1:], caption, left=1.6)
    heat_map(rows, x, y, value, ax)
    return sheet_of(ax)


def heat_map(rows: Sequence[Row], x: Column, y: Column, value: Column, ax: Axes | None = None) -> Axes:
    """Draw a metric over two axes; cells without a point stay white. Return the axes."""
    ax = ax or sheet([4.0], left=1.6)[0]
    columns, lines = _values(rows, x), _values(rows, y)
    sums, counts = np.zeros((len(lines), len(columns))), np.zeros((len(lines), len(columns)))
    for row in rows:
        number = value.number(row)
        if number is not None and x.of(row) is not None and y.of(row) is not None:
            place = lines.index(y.of(row)), columns.index(x.of(row))
            sums[place] += number
            counts[place] += 1
    cells = np.ma.masked_where(counts == 0, sums / np.maximum(counts, 1))
    image = ax.imshow(cells, aspect="auto", origin="lower", cmap="viridis")
    sheet_of(ax).colorbar(image, ax=ax, label=chart_text(value.words))
    ax.set_xticks(range(len(columns)), [chart_text(str(one)) for one in columns], size=8)
    ax.set_yticks(range(len(lines)), [chart_text(str(one)) for one in lines], size=8)
    if cells.size <= _MOST_CELLS:
        for (line, column), cell in np.ndenumerate(cells):
            if counts[line, column]:
                shade = np.asarray(image.to_rgba(np.array([float(cell)])))[0]
                colour = text_colour(to_hex((float(shade[0]), float(shade[1]), float(shade[2]))))
                ax.text(column, line, f"{float(cell):.3g}", size=7.5, ha="center", va="center", color=colour)
    ax.set_xlabel(chart_text(x.words), size=9, color=INK)
    ax.set_ylabel(chart_text(y.words), size=9, color=INK)
    return ax


def ledger_figure(series: Sequence[Series], x: Column) -> Figure:
    """The account of a step as stacked bars, one for each value on an axis, a panel for each of a few systems."""
    shown = [one for one in series if len(one.xs) > 1][:_MOST_PANELS]
    caption = "Shares of all device-seconds of a step, which add up to 100 %; every bar is a simulated point"
    caption += ", the middle one of those that are not told apart." if _spread(shown) else "."
    if len(shown) < len(series):
        caption += " Drawn are the first systems of the sweep that have several points."
    present = [line for line in LINES if any(_share(row, line) > _SMALLEST_SHOWN for one in shown for row in one.rows)]
    title = f"Where every device-second goes, against {x.words}"
    panels = sheet([1.9] * len(shown), title, caption, gap=0.55, legend_rows=(len(present) + 4) // 5)
    for ax, one in zip(panels, shown, strict=True):
        _bars(ax, one, present, x)
    panels[-1].set_xlabel(chart_text(x.words), size=9, color=INK)
    add_legend(panels[-1], caption, columns=5)
    return sheet_of(panels[-1])


def _bars(ax: Axes, one: Series, present: Sequence[str], x: Column) -> None:
    """Bars side by side: between two points nothing was simulated."""
    places = range(len(one.xs))
    lower = np.zeros(len(one.xs))
    for line in present:
        heights = np.array([100 * _share(row, line) for row in one.rows])
        ax.bar(places, heights, 0.8, bottom=lower, color=LINE_COLOURS[line], linewidth=0, label=line)
        lower += heights
    _name_places(ax, one.xs, x)
    ax.set_xlim(-0.6, len(one.xs) - 0.4)
    ax.set_ylim(0, 100)
    ax.set_title(chart_text(one.label), size=9, weight="bold", color=INK, loc="left")
    ax.set_ylabel("%", size=9, color=INK)
    quiet(ax)


def _name_places(ax: Axes, values: Sequence[float], x: Column) -> None:
    """Ticks at 0, 1, 2 and so on that say which value stands there; of many values some."""
    every = -(-len(values) // _MOST_TICKS)
    ticks = [chart_text(x.tick(at)) for at in values[::every]]
    if x.categories:
        ticks = [textwrap.fill(one, _AXIS_CHARACTERS // len(ticks), max_lines=2, placeholder="...") for one in ticks]
    ax.set_xticks(range(len(values))[::every], ticks)


def front_figure(series: Sequence[Series], x: Column, y: Column) -> Figure:
    """Points by two metrics that should both be small, and the front that nothing else is better than in both."""
    points = sorted((at, height) for one in series for at, height in zip(one.xs, one.ys, strict=True))
    front = [point for i, point in enumerate(points) if all(point[1] < other[1] for other in points[:i])]
    ax = _sheet_of_curves(series, x, y, _FRONT if len(front) > 1 else "", from_zero=True)
    if len(front) > 1:
        ax.plot([at for at, _ in front], [height for _, height in front], color=INK, linewidth=4, alpha=0.25, zorder=1)
    return sheet_of(ax)


def _sheet_of_curves(series: Sequence[Series], x: Column, y: Column, more: str, *, from_zero: bool = False) -> Axes:
    """A sheet with curves, their labels or a legend, and a title. more: of the caption. from_zero: a linear x axis."""
    rows, caption = legend_rows(len(series)), (_SPREAD if _spread(series) else _POINTS) + more
    title = f"{y.words} against {x.words}"
    (ax,) = sheet([4.2], title[0].upper() + title[1:], caption, right=0.4 if rows else 2.2, legend_rows=rows)
    curves(series, x, y, ax)
    if from_zero and ax.get_xscale() == "linear":
        ax.set_xlim(left=0)
    if rows:
        add_legend(ax, caption, columns=3)
    else:
        label_ends(ax, [End(one.xs[-1], one.ys[-1], one.label, system_style(i)[0]) for i, one in enumerate(series)])
    return ax


def _scale_x(ax: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis where values span a large factor, with a tick at each of a few values."""
    distinct = sorted(set(values))
    if distinct and distinct[0] > 0 and distinct[-1] >= _SPAN * distinct[0]:
        ax.set_xscale("log")
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_minor_formatter(NullFormatter())
        round_ones = [digit * 10.0**power for power in range(-12, 16) for digit in (1, 2, 5)]
        ticks = distinct if len(distinct) <= _MOST_TICKS else round_ones
        ax.xaxis.set_major_locator(FixedLocator([tick for tick in ticks if distinct[0] <= tick <= distinct[-1]]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    ax.tick_params(axis="x", color=FAINT)


def _spread(series: Sequence[Series]) -> bool:
    return any(one.low != one.high for one in series)


def _share(row: Row, line: str) -> float:
    total = sum(float(row.get(f"{name}_device_s") or 0.0) for name in LINES)
    return float(row.get(f"{line}_device_s") or 0.0) / total if total else 0.0


def _values(rows: Sequence[Row], column: Column) -> list[object]:
    """Distinct values of a column: numbers by size, anything else in its order."""
    found = {repr(column.of(row)): column.of(row) for row in rows if column.of(row) is not None}
    numbers = {repr(column.of(row)): column.number(row) for row in rows if column.of(row) is not None}
    if all(number is not None for number in numbers.values()):
        return [found[key] for key in sorted(found, key=lambda key: numbers[key] or 0.0)]
    return list(found.values())
