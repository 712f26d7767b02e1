"""What charts against the number of devices share: the axis of devices, and labels beside the curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from sim.report.borders import chart_text
from sim.report.charts.canvas import quiet, sheet_of
from sim.report.charts.colours import FAINT, INK

MOST_DIRECT_LABELS = 7
"""More curves than colours are told apart by a legend instead."""
_POINTS_PER_INCH = 72.0
_LABEL_POINTS = 11.0
"""Height of one line of a direct label."""
_MARGIN = 1.35
"""Factor between the sizes at the ends and the ends of the axis."""


class End(NamedTuple):
    """Where a curve ends, what it is called, and its colour "#rrggbb"."""

    x: float
    y: float
    label: str
    colour: str


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
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)
    quiet(ax)


def label_sizes(ax: Axes, points: Iterable[tuple[int, float]]) -> None:
    """Write each device count once, over the highest of the points (devices, height) that share it."""
    highest: dict[int, float] = {}
    for devices, height in points:
        highest[devices] = max(height, highest.get(devices, height))
    for devices, height in highest.items():
        ax.annotate(
            f"{devices:,}",
            (devices, height),
            xytext=(0, 7),
            textcoords="offset points",
            size=7.5,
            color=FAINT,
            ha="center",
            zorder=4,
        )


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
        ax.annotate(
            chart_text(end.label),
            (end.x, end.y),
            xytext=(12, place - up),
            textcoords="offset points",
            size=9,
            weight="bold",
            color=end.colour,
            va="center",
            annotation_clip=False,
            zorder=5,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
