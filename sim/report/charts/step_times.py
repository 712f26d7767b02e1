"""How much longer steps take where devices differ: against the number of devices, and step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

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
from sim.report.charts.canvas import add_legend, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK, system_style
from sim.study.points import Curve, curves, differs, representatives

_MOST_SERIES = 5
"""More series of steps than this hide each other."""
_LEFT_INCHES = 0.85
_LABELS_INCHES, _CHARACTER_INCHES = 0.35, 0.083
_NARROWEST = 1.0
"""Per cent that the vertical axis spans at least, so that rounding does not fill a chart."""
_LABEL = "longer than with\nevery device alike (%)"
_OVER_DEVICES = (
    "Above, every marker is one simulated machine at its mean step; line: the median step; bar: all but the shortest"
    " and the longest 5 % of the steps; dash: 1 % of the steps are longer than that."
)
_OVER_STEPS = "every simulated step of the largest machine of each system; each draws its noise anew."
_ZERO = "Zero: the step with every device alike."


def excess_against_devices(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw how much longer steps are than with every device alike, against devices; return the axes."""
    ax = ax or sheet([3.0], left=_LEFT_INCHES, right=2.2)[0]
    systems = _varied(outcomes)
    ax.set_xscale("log")
    heights, ends = [], []
    for number, curve in systems:
        colour, marker = system_style(number)
        sizes = [point.devices for point in curve.points]
        excess = [excess_percent(point) for point in curve.points]
        low, median, high, longest = (
            [float(np.percentile(each, share)) for each in excess] for share in (5, 50, 95, 99)
        )
        means = [float(each.mean()) for each in excess]
        ax.vlines(sizes, low, high, color=colour, alpha=0.35, linewidth=5, zorder=2)
        ax.plot(sizes, median, color=colour, linewidth=1.6, zorder=3)
        ax.plot(sizes, longest, color=colour, marker="_", markersize=10, markeredgewidth=1.6, linestyle="", zorder=3)
        ax.plot(sizes, means, color=colour, marker=marker, linestyle="", label=curve.label, zorder=4, **MARKED)
        # A label on the zero line could not be read.
        heights += [(size, max(height, 0.0)) for size, height in zip(sizes, longest, strict=True)]
        ends.append(End(sizes[-1], means[-1], curve.label, colour))
    _vertical(ax)
    devices_axis(ax, [size for size, _ in heights])
    label_sizes(ax, heights)
    if len(ends) <= MOST_DIRECT_LABELS:
        label_ends(ax, ends)
    return ax


def excess_by_step(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw how much longer every step of a few points is than with every device alike; return the axes."""
    shown = _series(outcomes)
    ax = ax or sheet([2.4], left=_LEFT_INCHES, right=_right_inches(outcomes))[0]
    ends = []
    most = 0
    for number, curve, point in shown:
        colour, _ = system_style(number)
        excess = excess_percent(point)
        steps = np.arange(1, len(excess) + 1)
        most = max(most, len(steps))
        ax.plot(steps, excess, color=colour, linewidth=0.9, marker=".", markersize=3.5, label=curve.place(point))
        ends.append((float(np.median(excess)), curve.place(point), colour))
    ax.set_xlim(0.5, most + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _vertical(ax)
    ax.set_xlabel("simulated step", size=9, color=INK)
    quiet(ax, grid=True)
    label_ends(ax, [End(most + 0.5, height, label, colour) for height, label, colour in ends])
    return ax


def step_times_figure(outcomes: Sequence[Outcome]) -> Figure | None:
    """Both panels as a sheet, or the steps alone where every system has one size; None where all steps are alike."""
    systems = _varied(outcomes)
    if not systems:
        return None
    title = "How much longer steps take because devices differ"
    right = _right_inches(outcomes)
    if all(len(curve.sizes) == 1 for _, curve in systems):
        caption = f"Shown is {_OVER_STEPS} {_ZERO}"
        (below,) = sheet([2.6], title, caption, left=_LEFT_INCHES, right=right)
        return sheet_of(excess_by_step(outcomes, below))
    caption = f"{_OVER_DEVICES} Below, {_OVER_STEPS} {_ZERO}"
    rows = legend_rows(len(systems))
    above, below = sheet([3.2, 2.2], title, caption, left=_LEFT_INCHES, right=right, gap=0.65, legend_rows=rows)
    excess_against_devices(outcomes, above)
    excess_by_step(outcomes, below)
    if rows:
        add_legend(above, caption, columns=3)
    return sheet_of(above)


def excess_percent(point: Outcome) -> NDArray[np.float64]:
    """(S,) how much longer each step is than with every device alike, in per cent."""
    if point.step_times is None:
        raise ValueError("every device of this point is alike")
    excess: NDArray[np.float64] = 100.0 * (point.step_times.times_s / point.step_times.alike_s - 1.0)
    return excess


def _varied(outcomes: Sequence[Outcome]) -> list[tuple[int, Curve]]:
    """Systems with the points whose steps differ, and the number that each system has among all of them."""
    found = []
    for number, curve in enumerate(curves(outcomes)):
        points = tuple(point for point in curve.points if _steps_differ(point))
        if points:
            found.append((number, Curve(points, curve.variant)))
    return found


def _steps_differ(point: Outcome) -> bool:
    return differs(point) and point.step_times is not None and len(point.step_times.times_s) > 1


def _series(outcomes: Sequence[Outcome]) -> list[tuple[int, Curve, Outcome]]:
    """The largest point of each curve, or where there are too many of a few systems, and the number of its curve."""
    systems = _varied(outcomes)
    if len(systems) <= _MOST_SERIES:
        return [(number, curve, curve.largest) for number, curve in systems]
    numbers = {id(curve): number for number, curve in systems}
    chosen = representatives([curve for _, curve in systems])[:_MOST_SERIES]
    return [(numbers[id(curve)], curve, point) for curve, point in chosen]


def _right_inches(outcomes: Sequence[Outcome]) -> float:
    """What the longest label beside the panels needs."""
    labels = [curve.place(point) for _, curve, point in _series(outcomes)]
    return min(_LABELS_INCHES + _CHARACTER_INCHES * max(len(label) for label in labels), 4.0)


def _vertical(ax: Axes) -> None:
    """An axis of per cent that holds zero, a thin line."""
    low, high = ax.dataLim.intervaly
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.1 * max(high - low, _NARROWEST)
    ax.set_ylim(low - room, max(high, low + _NARROWEST) + room)
    ax.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    ax.set_ylabel(_LABEL, size=9, color=INK)
