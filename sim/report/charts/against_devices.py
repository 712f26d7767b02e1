"""What charts against the number of devices share: the axis of devices, and labels beside the curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.page.borders import chart_text
from sim.report.charts.canvas import annotate, quiet, sheet_of
from sim.report.charts.colours import FAINT, INK

MOST_DIRECT_LABELS = 7
"""More curves than colours are told apart by a legend instead."""
_POINTS_PER_INCH = 72.0
_LABEL_POINTS = 11.0
"""Height of one line of a direct label."""
_MARGIN = 1.35
"""Factor between the sizes at the ends and the ends of the axis."""
MARKED: dict[str, Any] = {"markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.6}
"""How the markers of curves look."""


class End(NamedTuple):
    """Where a curve ends, what it is called, and its colour "#rrggbb"."""

    x: float
    y: float
    label: str
    colour: str


def legend_rows(curves: int) -> int:
    """Rows of a legend of three columns; none where curves are few enough to be labelled at their ends."""
    return 0 if curves <= MOST_DIRECT_LABELS else (curves + 2) // 3


def devices_axis(ax: Axes, devices: Iterable[int]) -> None:
    """Make the horizontal axis a logarithmic one of devices, from the fewest to the most; a quiet grid behind."""
    sizes = sorted(set(devices))
    first, last = sizes[0] / _MARGIN, sizes[-1] * _MARGIN
    ax.set_xlim(first, last)
    powers = [10.0**power for power in range(9) if first <= 10.0**power <= last]
    ax.xaxis.set_major_locator(FixedLocator(powers if len(powers) > 1 else [float(size) for size in sizes]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    ax.set_xlabel("devices", size=9, color=INK)
    quiet(ax, grid=True)


def label_sizes(ax: Axes, points: Iterable[tuple[int, float]]) -> None:
    """Write each device count once, over the highest of the points (devices, height) that share it."""
    highest: dict[int, float] = {}
    for devices, height in points:
        highest[devices] = max(height, highest.get(devices, height))
    for devices, height in highest.items():
        annotate(ax, f"{devices:,}", (devices, height), (0, 7), size=7.5, color=FAINT, ha="center", zorder=4)


def label_ends(ax: Axes, ends: Sequence[End]) -> None:
    """Name every curve to the right of its end; names of curves that end at one place are moved apart."""
    height_points = ax.get_position().height * sheet_of(ax).get_figheight() * _POINTS_PER_INCH
    to_axes = ax.transData + ax.transAxes.inverted()
    heights = [float(to_axes.transform((end.x, end.y))[1]) * height_points for end in ends]
    floors: dict[float, float] = {}
    for index in sorted(range(len(ends)), key=lambda index: (ends[index].x, heights[index], index)):
        end, up = ends[index], heights[index]
        place = max(up, floors.get(end.x, up))
        floors[end.x] = place + _LABEL_POINTS
        bbox = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
        style = {"size": 9, "weight": "bold", "color": end.colour, "va": "center", "zorder": 5, "bbox": bbox}
        annotate(ax, chart_text(end.label), (end.x, end.y), (12, place - up), annotation_clip=False, **style)
