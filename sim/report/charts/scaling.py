"""How systems scale: time to train and distribution tax against the number of devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from sim.outcome.outcome import Outcome
from sim.report.charts.canvas import add_legend, literal, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK, system_style
from sim.report.points import Curve, comparable, curves

_MOST_DIRECT_LABELS = 7
"""More curves than colours are told apart by a legend instead."""
_POINTS_PER_INCH = 72.0
_LABEL_POINTS = 11.0
"""Height of one line of a direct label."""
_TIME_UNITS: tuple[tuple[str, float], ...] = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
_DIGITS = ((1, 2, 5), (1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9))
_FEWEST_TICKS = 4
_CAPTION = (
    "Every marker is one simulated machine, labelled with its number of devices; one device is one GPU or one"
    " wafer-scale system. Dashed: ideal scaling from a system's smallest machine, twice the devices in half the time."
    " The distribution tax is the share of all device-seconds lost because the work is split over devices."
)


def time_to_train(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw time to train against devices, both logarithmic, with ideal scaling dashed; return the axes."""
    ax = ax or sheet([4.0], right=2.2)[0]
    systems = curves(outcomes)
    unit, length_s = _unit(outcomes)
    _draw(ax, systems, lambda point: point.time_to_train_s / length_s)
    for index, curve in enumerate(systems):
        if len(curve.sizes) > 1:
            start = curve.smallest
            ends = [start.devices, curve.largest.devices]
            ideal = [start.time_to_train_s * start.devices / size / length_s for size in ends]
            ax.plot(
                ends, ideal, color=system_style(index)[0], linewidth=1.0, linestyle=(0, (4, 3)), alpha=0.65, zorder=1
            )
    ax.set_yscale("log")
    # Room for the labels, and never so narrow a range that a small difference fills the chart.
    low, high = ax.dataLim.intervaly
    ax.set_ylim(low / 1.6, high * 1.6)
    _round_ticks(ax)
    ax.set_ylabel(f"time to train ({unit})", size=9, color=INK)
    _finish(ax, systems, lambda point: point.time_to_train_s / length_s)
    return ax


def distribution_tax(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw the distribution tax against devices, devices logarithmic; return the axes."""
    ax = ax or sheet([3.0], right=2.2)[0]
    systems = curves(outcomes)
    _draw(ax, systems, lambda point: 100 * point.ledger.tax)
    highest = max(100 * point.ledger.tax for point in outcomes)
    ax.set_ylim(-0.08 * max(highest, 1.0), 1.15 * max(highest, 1.0))
    ax.set_ylabel("distribution tax\n(% of device-seconds)", size=9, color=INK)
    _finish(ax, systems, lambda point: 100 * point.ledger.tax)
    return ax


def scaling_figure(outcomes: Sequence[Outcome]) -> Figure:
    """Both panels, one above the other, as a sheet with title and caption."""
    systems = curves(outcomes)
    direct = len(systems) <= _MOST_DIRECT_LABELS
    title = "Time to train and distribution tax against the number of devices"
    if comparable(outcomes):
        title += f": {outcomes[0].scenario.model.name}"
    rows = 0 if direct else (len(systems) + 2) // 3
    above, below = sheet([3.9, 2.4], title, _CAPTION, right=1.9 if direct else 0.4, gap=0.35, legend_rows=rows)
    time_to_train(outcomes, above)
    distribution_tax(outcomes, below)
    above.set_xlabel("")
    above.tick_params(axis="x", labelbottom=False)
    below.set_xlim(above.get_xlim())
    if not direct:
        handles, labels = above.get_legend_handles_labels()
        add_legend(above, handles, labels, _CAPTION, columns=3)
    return sheet_of(above)


def _draw(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    ax.set_xscale("log")
    for index, curve in enumerate(systems):
        colour, marker = system_style(index)
        ax.plot(
            [point.devices for point in curve.points],
            [value(point) for point in curve.points],
            color=colour,
            marker=marker,
            markersize=6,
            markeredgecolor="white",
            markeredgewidth=0.6,
            linewidth=1.8,
            label=curve.label,
            zorder=3,
        )
    _label_sizes(ax, systems, value)


def _label_sizes(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    """Write each device count once, over the highest of the points that share it."""
    highest: dict[int, float] = {}
    for curve in systems:
        for point in curve.points:
            highest[point.devices] = max(value(point), highest.get(point.devices, value(point)))
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


def _finish(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    """Axes common to both panels, and a label at the end of each curve."""
    sizes = sorted({size for curve in systems for size in curve.sizes})
    ax.set_xlim(sizes[0] / 1.35, sizes[-1] * 1.35)
    powers = [10.0**power for power in range(9) if sizes[0] / 1.35 <= 10.0**power <= sizes[-1] * 1.35]
    ax.xaxis.set_major_locator(FixedLocator(powers if len(powers) > 1 else [float(size) for size in sizes]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.0f}"))
    ax.set_xlabel("devices", size=9, color=INK)
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)
    quiet(ax)
    if len(systems) <= _MOST_DIRECT_LABELS:
        _label_ends(ax, systems, value)


def _label_ends(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    """Name every curve to the right of its end; names of curves that end at one size are moved apart."""
    height_points = ax.get_position().height * sheet_of(ax).get_figheight() * _POINTS_PER_INCH
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = []
    for index, curve in enumerate(systems):
        size = curve.largest.devices
        up = float(to_axes.transform((size, value(curve.largest)))[1]) * height_points
        ends.append((size, up, index, curve))
    floors: dict[int, float] = {}
    for size, up, index, curve in sorted(ends, key=lambda end: end[:3]):
        place = max(up, floors.get(size, up))
        floors[size] = place + _LABEL_POINTS
        ax.annotate(
            literal(curve.label),
            (size, value(curve.largest)),
            xytext=(12, place - up),
            textcoords="offset points",
            size=9,
            weight="bold",
            color=system_style(index)[0],
            va="center",
            annotation_clip=False,
            zorder=5,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )


def _unit(outcomes: Sequence[Outcome]) -> tuple[str, float]:
    """The largest unit in which the typical time is at least one."""
    times = sorted(point.time_to_train_s for point in outcomes)
    typical_s = times[len(times) // 2]
    return next((unit for unit in _TIME_UNITS if typical_s >= unit[1]), _TIME_UNITS[-1])


def _round_ticks(ax: Axes) -> None:
    """Ticks at 1, 2, 5, 10, ... on a logarithmic axis, or at every digit where it is short."""
    low, high = ax.get_ylim()
    shown: list[float] = []
    for digits in _DIGITS:
        steps = [digit * 10.0**power for power in range(-6, 10) for digit in digits]
        shown = [step for step in steps if low <= step <= high]
        if len(shown) >= _FEWEST_TICKS:
            break
    ax.yaxis.set_major_locator(FixedLocator(shown))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="y", color=FAINT)
