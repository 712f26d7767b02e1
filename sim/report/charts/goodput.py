"""Goodput against the number of devices: the share of the run that trains, where hardware fails."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.outcome.outcome import Outcome
from sim.outcome.run.training_run import TrainingRun
from sim.report.charts.against_devices import (
    MARKED,
    MOST_DIRECT_LABELS,
    End,
    devices_axis,
    label_ends,
    label_sizes,
    legend_rows,
)  # fmt: skip
from sim.report.charts.canvas import add_legend, sheet, sheet_of
from sim.report.charts.colours import INK, system_style
from sim.study.points import curves

_NARROWEST = 1.0
"""Per cent that the vertical axis spans at least, so that rounding does not fill a chart."""
_CAPTION = (
    "Goodput: steps that stay, over the whole wall time; the rest is starting, writing checkpoints, work lost to a"
    " failure, and coming back from one. Marker: all simulated runs of one machine together{bar}. The vertical axis"
    " does not start at 0."
)
_BAR = "; bar: eight of ten runs"


def goodput(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw goodput against devices, devices logarithmic; return the axes. Points without a run are left out."""
    ax = ax or sheet([3.2], right=2.2)[0]
    ax.set_xscale("log")
    ends = []
    for index, curve in enumerate(curves(outcomes)):
        points = [(point.devices, point.run) for point in curve.points if point.run is not None]
        if not points:
            continue
        colour, marker = system_style(index)
        sizes = [devices for devices, _ in points]
        shares = [100 * run.goodput for _, run in points]
        low, high = ([_percentile(run, percent) for _, run in points] for percent in (10, 90))
        ax.vlines(sizes, low, high, color=colour, alpha=0.35, linewidth=4, zorder=2)
        ax.plot(sizes, shares, color=colour, marker=marker, linewidth=1.8, label=curve.label, zorder=3, **MARKED)
        ends.append(End(sizes[-1], shares[-1], curve.label, colour))
    lowest = min(ax.dataLim.y0, 100.0 - _NARROWEST)
    ax.set_ylim(max(lowest - 0.08 * (100.0 - lowest), 0.0), 100.0 + 0.08 * (100.0 - lowest))
    ax.set_ylabel("goodput\n(% of the wall time)", size=9, color=INK)
    devices_axis(ax, [point.devices for point in outcomes if point.run is not None])
    label_sizes(ax, [(point.devices, 100 * point.run.goodput) for point in outcomes if point.run is not None])
    if len(ends) <= MOST_DIRECT_LABELS:
        label_ends(ax, ends)
    return ax


def goodput_figure(outcomes: Sequence[Outcome]) -> Figure:
    """The panel as a sheet with title and caption."""
    rows = legend_rows(len(curves(outcomes)))
    title = "Goodput against the number of devices"
    runs = [point.run for point in outcomes if point.run is not None]
    spread = any(_percentile(run, 10) < _percentile(run, 90) for run in runs)
    caption = _CAPTION.format(bar=_BAR if spread else "")
    (ax,) = sheet([3.4], title, caption, right=0.4 if rows else 1.9, legend_rows=rows)
    goodput(outcomes, ax)
    if rows:
        add_legend(ax, caption, columns=3)
    return sheet_of(ax)


def _percentile(run: TrainingRun, percent: float) -> float:
    return 100 * run.goodput_percentile(percent)
