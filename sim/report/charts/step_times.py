"""How much longer steps take where devices differ: against the number of devices, and step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sim.outcome.outcome import Outcome
from sim.report.charts.against_devices import End, Line, draw_lines, label_ends, name_many, over_devices
from sim.report.charts.canvas import quiet, sheet
from sim.report.colours import FAINT, system_style
from sim.report.styles import SCREEN, ChartStyle
from sim.study.points import Curve, curves, differs, representatives

_MOST_SERIES = 5
"""More series of steps than this hide each other."""
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
    ax = ax or sheet([3.0])[0]
    ax.set_xscale("log")
    lines, tops = [], []
    for number, curve in _varied(outcomes):
        colour, _ = system_style(number)
        sizes = [point.devices for point in curve.points]
        excess = [excess_percent(point) for point in curve.points]
        low, median, high, longest = ([float(np.percentile(one, share)) for one in excess] for share in (5, 50, 95, 99))
        ax.vlines(sizes, low, high, color=colour, alpha=0.35, linewidth=5, zorder=2)
        ax.plot(sizes, median, color=colour, linewidth=1.6, zorder=3)
        ax.plot(sizes, longest, color=colour, marker="_", markersize=10, markeredgewidth=1.6, linestyle="", zorder=3)
        lines.append(Line(number, curve.label, sizes, [float(one.mean()) for one in excess]))
        # A label on the zero line could not be read.
        tops += [(size, max(height, 0.0)) for size, height in zip(sizes, longest, strict=True)]
    draw_lines(ax, lines, linestyle="", zorder=4)
    _vertical(ax)
    return over_devices(ax, lines, tops)


def excess_by_step(outcomes: Sequence[Outcome], ax: Axes | None = None) -> Axes:
    """Draw how much longer every step of a few points is than with every device alike; return the axes."""
    ax = ax or sheet([2.4])[0]
    ends: list[tuple[float, str, str]] = []
    edge = 0.5
    for number, curve, point in _series(outcomes):
        colour, excess, name = system_style(number)[0], excess_percent(point), curve.place(point)
        ax.plot(range(1, len(excess) + 1), excess, color=colour, linewidth=0.9, marker=".", markersize=3.5, label=name)
        ends.append((float(np.median(excess)), name, colour))
        edge = max(edge, len(excess) + 0.5)
    ax.set_xlim(0.5, edge)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    _vertical(ax)
    quiet(ax, "simulated step", grid=True)
    label_ends(ax, [End(edge, *end) for end in ends])
    return ax


def step_times_figure(outcomes: Sequence[Outcome], style: ChartStyle = SCREEN) -> Figure | None:
    """Both panels as a sheet, or the steps alone where every system has one size; None where all steps are alike."""
    systems = _varied(outcomes)
    if not systems:
        return None
    title = "How much longer steps take because devices differ"
    if all(len(curve.sizes) == 1 for _, curve in systems):
        caption = f"Shown is {_OVER_STEPS} {_ZERO}"
        (below,) = sheet([2.6], title, caption, style)
        return name_many(excess_by_step(outcomes, below))
    caption = f"{_OVER_DEVICES} Below, {_OVER_STEPS} {_ZERO}"
    above, below = sheet([3.2, 2.2], title, caption, style)
    excess_against_devices(outcomes, above)
    excess_by_step(outcomes, below)
    return name_many(above)


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
        own = [point for point in curve.points if differs(point) and point.step_times is not None]
        points = tuple(point for point in own if point.step_times and len(point.step_times.times_s) > 1)
        if points:
            found.append((number, Curve(points, curve.variant)))
    return found


def _series(outcomes: Sequence[Outcome]) -> list[tuple[int, Curve, Outcome]]:
    """The largest point of each curve, or where there are too many of a few systems, and the number of its curve."""
    number_of = {id(curve): (number, curve) for number, curve in _varied(outcomes)}
    systems = [curve for _, curve in number_of.values()]
    several = [(curve, curve.largest) for curve in systems]
    chosen = several if len(several) <= _MOST_SERIES else representatives(systems)[:_MOST_SERIES]
    return [(*number_of[id(curve)], point) for curve, point in chosen]


def _vertical(ax: Axes) -> None:
    """An axis of per cent that holds zero, a thin line."""
    low, high = ax.dataLim.intervaly
    low, high = min(low, 0.0), max(high, 0.0)
    room = 0.1 * max(high - low, _NARROWEST)
    ax.set_ylim(low - room, max(high, low + _NARROWEST) + room)
    ax.axhline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    quiet(ax, y=_LABEL)
