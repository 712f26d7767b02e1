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
_ROUND = (1.0, 2.0, 5.0)
_CAPTION = (
    "Every marker is one simulated machine, labelled with its number of devices; one device is one GPU or one wafer-scale"
    " system. Dashed: ideal scaling from a system's smallest machine, twice the devices in half the time. The distribution"
    " tax is the share of all device-seconds lost because the work is split over devices."
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
            ax.plot(ends, ideal, color=system_style(index)[0], linewidth=1.0, linestyle=(0, (4, 3)), alpha=0.65, zorder=1)
    ax.set_yscale("log")
    ax.margins(y=0.1)
    _round_ticks(ax, [point.time_to_train_s / length_s for point in outcomes])
    ax.set_ylabel(f"time to train ({unit})", size=9, color=INK)
    _finish(ax, systems, lambda point: point.time_to_train_s / length_s)
    return ax


def distribution_tax(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw the distribution tax against devices, devices logarithmic; return the axes."""
    ax = ax or sheet([3.0], right=2.2)[0]
    systems = curves(outcomes)
    _draw(ax, systems, lambda point: 100 * point.ledger.tax)
    highest = max(100 * point.ledger.tax for point in outcomes)
    ax.set_ylim(-0.03 * max(highest, 1.0), 1.15 * max(highest, 1.0))
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
    above, below = sheet([3.9, 2.4], title, _CAPTION, right=2.3 if direct else 0.4, gap=0.35, legend_rows=rows)
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
        for point in curve.points:
            ax.annotate(
                f"{point.devices:,}",
                (point.devices, value(point)),
                xytext=(0, 6),
                textcoords="offset points",
                size=7,
                color=colour,
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
    """Name every curve to the right of the axes, at the height of its end, without overlap."""
    height_points = ax.get_position().height * sheet_of(ax).get_figheight() * _POINTS_PER_INCH
    ends = []
    for index, curve in enumerate(systems):
        x, y = curve.largest.devices, value(curve.largest)
        across, up = ax.transAxes.inverted().transform(ax.transData.transform((x, y)))
        ends.append((float(up) * height_points, float(across), index, curve))
    floor = -float("inf")
    for up, across, index, curve in sorted(ends, key=lambda end: end[:3]):
        place = max(up, floor)
        floor = place + _LABEL_POINTS
        colour = system_style(index)[0]
        ax.annotate(
            literal(curve.label),
            xy=(across, up / height_points),
            xytext=(1.015, place / height_points),
            xycoords="axes fraction",
            textcoords="axes fraction",
            size=8.5,
            weight="bold",
            color=colour,
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6, "shrinkB": 5},
            annotation_clip=False,
        )


def _unit(outcomes: Sequence[Outcome]) -> tuple[str, float]:
    """The largest unit in which the typical time is at least one."""
    times = sorted(point.time_to_train_s for point in outcomes)
    typical_s = times[len(times) // 2]
    return next((unit for unit in _TIME_UNITS if typical_s >= unit[1]), _TIME_UNITS[-1])


def _round_ticks(ax: Axes, values: Sequence[float]) -> None:
    """Ticks at 1, 2, 5, 10, ... on a logarithmic axis."""
    low, high = min(values) / 1.5, max(values) * 1.5
    steps = [step * 10.0**power for power in range(-6, 10) for step in _ROUND]
    shown = [step for step in steps if low <= step <= high]
    ax.yaxis.set_major_locator(FixedLocator(shown))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.tick_params(axis="y", color=FAINT)
