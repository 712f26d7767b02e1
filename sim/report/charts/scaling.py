"""How systems scale: time to train, distribution tax and goodput against the number of devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.machines import KINDS, kind_called
from sim.outcome.outcome import Outcome
from sim.page.numbers import number
from sim.report.charts.against_devices import Line, draw_lines, name_many, over_devices
from sim.report.charts.canvas import DASHED, quiet, round_ticks, sheet
from sim.report.colours import system_style
from sim.report.styles import SCREEN, ChartStyle
from sim.study.points import comparable, curves

_TIME_UNITS: tuple[tuple[str, float], ...] = (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("seconds", 1.0))
_MACHINES = "Every marker is one simulated machine, labelled with its number of devices."
_IDEAL = " Dashed: ideal scaling from a system's smallest machine, twice the devices in half the time."
_TAX = " The distribution tax is the share of all device-seconds lost because the work is split over devices."
_NARROWEST = 1.0
"""Per cent that the axis of goodput spans at least, so that rounding does not fill a chart."""
_GOODPUT = (
    "Goodput: steps that stay, over the whole wall time; the rest is starting, writing checkpoints, work lost to a"
    " failure, and coming back from one. Marker: all simulated runs of one machine together{bar}. The vertical axis"
    " does not start at 0."
)
_BAR = "; bar: eight of ten runs"


def time_to_train(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw time to train against devices, both logarithmic, with ideal scaling dashed; return the axes."""
    ax = ax or sheet([4.0])[0]
    unit, length_s = _unit(outcomes)
    lines = _lines(outcomes, lambda point: point.time_to_train_s / length_s)
    ax.set(xscale="log", yscale="log")
    draw_lines(ax, lines)
    for one in lines:
        if len(set(one.xs)) > 1:
            ends, colour = [one.xs[0], one.xs[-1]], system_style(one.number)[0]
            ideal = [one.ys[0] * one.xs[0] / size for size in ends]
            ax.plot(ends, ideal, color=colour, linewidth=1.0, linestyle=DASHED, alpha=0.65, zorder=1)
    # Room for the labels, and never so narrow a range that a small difference fills the chart.
    low, high = ax.dataLim.intervaly
    ax.set_ylim(low / 1.6, high * 1.6)
    round_ticks(ax, number)
    quiet(ax, y=f"time to train ({unit})")
    return over_devices(ax, lines)


def distribution_tax(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw the distribution tax against devices, devices logarithmic; return the axes."""
    ax = ax or sheet([3.0])[0]
    ax.set_xscale("log")
    lines = _lines(outcomes, lambda point: 100 * point.ledger.tax)
    draw_lines(ax, lines)
    highest = max(1.0, *(height for one in lines for height in one.ys))
    ax.set_ylim(-0.08 * highest, 1.15 * highest)
    quiet(ax, y="distribution tax\n(% of device-seconds)")
    return over_devices(ax, lines)


def scaling_figure(outcomes: Sequence[Outcome], style: ChartStyle = SCREEN) -> Figure:
    """Time and tax, one above the other, as a sheet with title and caption."""
    title = "Time to train and distribution tax against the number of devices"
    if comparable(outcomes):
        title += f": {outcomes[0].scenario.model.name}"
    kinds = [kind for kind in KINDS if any(kind is kind_called(point.machine) for point in outcomes)]
    mixed = f" One device is {' or '.join(kind.one for kind in kinds)}." if len(kinds) > 1 else ""
    above, below = sheet([3.9, 2.4], title, _MACHINES + mixed + _IDEAL + _TAX, style)
    time_to_train(outcomes, above)
    distribution_tax(outcomes, below)
    quiet(above, "")
    above.tick_params(axis="x", labelbottom=False)
    return name_many(above)


def goodput(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw goodput against devices, devices logarithmic; return the axes. Points without a run are left out."""
    ax = ax or sheet([3.2])[0]
    ax.set_xscale("log")
    lines = []
    for nth, curve in enumerate(curves(outcomes)):
        runs = [(point.devices, point.run) for point in curve.points if point.run is not None]
        if runs:
            shares = [100 * run.goodput for _, run in runs]
            low, high = ([100 * run.goodput_percentile(end) for _, run in runs] for end in (10, 90))
            lines.append(Line(nth, curve.label, [devices for devices, _ in runs], shares, low, high))
    draw_lines(ax, lines)
    lowest = min(ax.dataLim.y0, 100.0 - _NARROWEST)
    ax.set_ylim(max(lowest - 0.08 * (100.0 - lowest), 0.0), 100.0 + 0.08 * (100.0 - lowest))
    quiet(ax, y="goodput\n(% of the wall time)")
    return over_devices(ax, lines)


def goodput_figure(outcomes: Sequence[Outcome], style: ChartStyle = SCREEN) -> Figure:
    """Goodput as a sheet with title and caption."""
    runs = [point.run for point in outcomes if point.run is not None]
    spread = any(run.goodput_percentile(10) < run.goodput_percentile(90) for run in runs)
    caption = _GOODPUT.format(bar=_BAR if spread else "")
    (ax,) = sheet([3.4], "Goodput against the number of devices", caption, style)
    return name_many(goodput(outcomes, ax))


def _lines(outcomes: Sequence[Outcome], value: Callable[[Outcome], float]) -> list[Line]:
    return [
        Line(nth, curve.label, [point.devices for point in curve.points], [value(point) for point in curve.points])
        for nth, curve in enumerate(curves(outcomes))
    ]


def _unit(outcomes: Sequence[Outcome]) -> tuple[str, float]:
    """The largest unit in which the typical time is at least one."""
    times = sorted(point.time_to_train_s for point in outcomes)
    typical_s = times[len(times) // 2]
    return next((unit for unit in _TIME_UNITS if typical_s >= unit[1]), _TIME_UNITS[-1])
