"""All plans that fit, from the fastest to the slowest, coloured by their tensor degree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.page.numbers import counted, duration
from sim.planning import PlanStudy
from sim.report.charts.against_devices import End, label_ends
from sim.report.charts.canvas import DASHED, Style, quiet, round_ticks, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK

_ROW_INCHES = 0.2
_ACROSS = "plans that fit, the fastest first (%)"
_DARKEST, _LIGHTEST = 0.05, 0.92
_DEGREES = " Below: the same plans, a line each, by tensor degree."


def plans(found: PlanStudy, ax: Axes | None = None) -> Axes:
    """Draw the step time of every plan that fits against its rank; return the axes."""
    ax = ax or sheet([3.6])[0]
    colours = _colours(found.tensor)
    # In an order of its own, so that no degree hides the others.
    order = np.random.default_rng(0).permutation(len(found.step_s))
    colour_of = np.array([colours[degree] for degree in found.tensor[order].tolist()])
    dots: Style = {"s": 9, "c": colour_of, "linewidths": 0, "rasterized": True, "zorder": 3}
    ax.scatter(_rank(found)[order], found.step_s[order], **dots)
    ax.set_yscale("log")
    best_s = found.best[0].step_s
    levels = [(best_s, "best", FAINT), (1.05 * best_s, "+5 %", FAINT), (1.2 * best_s, "+20 %", FAINT)]
    if found.effort.rule_of_thumb_step_s is not None:
        levels.append((found.effort.rule_of_thumb_step_s, "rule of thumb", INK))
    for level_s, _, colour in levels:
        ax.axhline(level_s, color=colour, linewidth=0.9, linestyle=DASHED, zorder=2)
    round_ticks(ax, duration)
    ax.set_xlim(0, 100)
    quiet(ax, _ACROSS, "step time")
    label_ends(ax, [End(100.0, level_s, words, colour) for level_s, words, colour in levels])
    return ax


def by_tensor_degree(found: PlanStudy, ax: Axes) -> Axes:
    """Draw where the plans of each tensor degree lie among all that fit, a row for each degree; return the axes."""
    rank, colours = _rank(found), _colours(found.tensor)
    for row, (degree, colour) in enumerate(colours.items()):
        own = rank[found.tensor == degree]
        ax.vlines(own, row - 0.4, row + 0.4, color=colour, linewidth=0.5, rasterized=True)
    ax.set_ylim(len(colours) - 0.5, -0.5)
    ax.set_yticks(range(len(colours)), [f"tensor {degree}" for degree in colours])
    ax.set_xlim(0, 100)
    quiet(ax, _ACROSS)
    return ax


def plans_figure(found: PlanStudy) -> Figure:
    """The chart as a sheet with title and caption."""
    scenario = found.about.scenario
    title = (
        f"{counted(found.effort.fitting, 'plan')} for {scenario.model.name} on {scenario.system.devices:,} x"
        f" {found.about.devices[0].title}\nof {found.effort.legal:,} legal ones; within 5 % of the best:"
        f" {found.effort.within_5_percent:,}"
    )
    degrees = len(_colours(found.tensor))
    several = degrees > 1
    caption, heights = found.about.kind.caption + _DEGREES * several, [3.6, degrees * _ROW_INCHES][: 1 + several]
    top, *below = sheet(heights, title, caption, left=0.95, right=1.3, gap=0.3)
    plans(found, top)
    for ax in below:
        top.tick_params(labelbottom=False)
        top.set_xlabel("")
        by_tensor_degree(found, ax)
    return sheet_of(top)


def _rank(found: PlanStudy) -> NDArray[np.float64]:
    """Where each plan stands, in per cent of all that fit."""
    ranks: NDArray[np.float64] = (np.arange(len(found.step_s)) + 0.5) / len(found.step_s) * 100
    return ranks


def _colours(tensor: NDArray[np.int64]) -> Mapping[int, tuple[float, float, float, float]]:
    """A colour for each tensor degree, dark to light as it grows."""
    from matplotlib import colormaps

    degrees = np.unique(tensor).tolist()
    places = np.linspace(_DARKEST, _LIGHTEST, max(len(degrees), 2))[: len(degrees)]
    return {degree: colormaps["viridis"](place) for degree, place in zip(degrees, places, strict=True)}
