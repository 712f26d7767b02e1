"""How systems scale: time to train and distribution tax against the number of devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.machines import KINDS, kind_of
from sim.outcome.outcome import Outcome
from sim.report.charts.against_devices import (
    MARKED,
    MOST_DIRECT_LABELS,
    End,
    devices_axis,
    label_ends,
    label_sizes,
    legend_rows,
)  # fmt: skip
from sim.report.charts.canvas import add_legend, round_ticks, sheet, sheet_of
from sim.report.charts.colours import INK, system_style
from sim.study.points import Curve, comparable, curves

_TIME_UNITS: tuple[tuple[str, float], ...] = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
_MACHINES = "Every marker is one simulated machine, labelled with its number of devices."
_IDEAL = " Dashed: ideal scaling from a system's smallest machine, twice the devices in half the time."
_TAX = " The distribution tax is the share of all device-seconds lost because the work is split over devices."


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
    round_ticks(ax, lambda number: f"{number:,g}")
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
    title = "Time to train and distribution tax against the number of devices"
    if comparable(outcomes):
        title += f": {outcomes[0].scenario.model.name}"
    rows = legend_rows(len(systems))
    kinds = [kind for kind in KINDS if any(kind is kind_of(point.plan) for point in outcomes)]
    mixed = f" One device is {' or '.join(kind.one for kind in kinds)}." if len(kinds) > 1 else ""
    caption = _MACHINES + mixed + _IDEAL + _TAX
    above, below = sheet([3.9, 2.4], title, caption, right=0.4 if rows else 1.9, gap=0.35, legend_rows=rows)
    time_to_train(outcomes, above)
    distribution_tax(outcomes, below)
    above.set_xlabel("")
    above.tick_params(axis="x", labelbottom=False)
    below.set_xlim(above.get_xlim())
    if rows:
        add_legend(above, caption, columns=3)
    return sheet_of(above)


def _draw(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    ax.set_xscale("log")
    for index, curve in enumerate(systems):
        colour, marker = system_style(index)
        sizes, values = [point.devices for point in curve.points], [value(point) for point in curve.points]
        ax.plot(sizes, values, color=colour, marker=marker, linewidth=1.8, label=curve.label, zorder=3, **MARKED)
    label_sizes(ax, [(point.devices, value(point)) for curve in systems for point in curve.points])


def _finish(ax: Axes, systems: Sequence[Curve], value: Callable[[Outcome], float]) -> None:
    """Axes common to both panels, and a label at the end of each curve."""
    devices_axis(ax, [size for curve in systems for size in curve.sizes])
    if len(systems) <= MOST_DIRECT_LABELS:
        ends = [
            End(curve.largest.devices, value(curve.largest), curve.label, system_style(index)[0])
            for index, curve in enumerate(systems)
        ]
        label_ends(ax, ends)


def _unit(outcomes: Sequence[Outcome]) -> tuple[str, float]:
    """The largest unit in which the typical time is at least one."""
    times = sorted(point.time_to_train_s for point in outcomes)
    typical_s = times[len(times) // 2]
    return next((unit for unit in _TIME_UNITS if typical_s >= unit[1]), _TIME_UNITS[-1])
