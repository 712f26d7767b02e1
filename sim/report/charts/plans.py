"""Plans that fit, from the fastest to the slowest, and how hard the best one was to find at each cluster size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullLocator
from numpy.typing import NDArray

from sim.page.numbers import counted, duration, whole
from sim.planning import PlanStudy
from sim.report.charts.against_devices import End, label_ends
from sim.report.charts.canvas import DASHED, Style, annotate, quiet, round_ticks, sheet, sheet_of, spare, style_of
from sim.report.charts.words import fitted
from sim.report.colours import FAINT, INK
from sim.report.styles import SCREEN, ChartStyle
from sim.study.plans import SystemStudy

_ROW_INCHES = 0.2
_ACROSS = "plans that fit, the fastest first (%)"
_DARKEST, _LIGHTEST = 0.05, 0.92
_DEGREES = " Below: the same plans, a line each, by tensor degree."
_KINDS = (
    ("legal", "legal", "#d0d0d0"),
    ("fitting", "fit", "#8ab8e0"),
    ("within_20_percent", "within 20 %", "#3f7fbf"),
    ("within_5_percent", "within 5 %", "#12436d"),
)
_SETTING_INCHES = 0.27
_BAR = 0.8
_CHANGED = "#ffe0a3"
_REPLICAS = "replicas"
_LEVEL_PART = 0.35
"""Part of the width of a sheet that the names of levels may take."""
_CLOSE: Style = {"handlelength": 1.0, "columnspacing": 0.8, "handletextpad": 0.4, "borderpad": 0.1}
Columns = list[tuple[int, object]]
"""Cluster sizes, each with the study of its plans; anything else where no plan fits."""
_CHOOSING = (
    "Above: legal plans, those whose memory is there, and of these the ones that take at most 20 % and 5 % longer than"
    " the best; logarithmic. Below: what the best plan sets at each cluster size; shaded where it differs from the size"
    " to its left. Replicas follow from the devices and are not counted as a setting."
)


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
    label_ends(ax, [End(100.0, level_s, words, colour) for level_s, words, colour in levels], _LEVEL_PART)
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


def plans_figure(found: PlanStudy, style: ChartStyle = SCREEN) -> Figure:
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
    top, *below = sheet(heights, title, caption, style, [0, degrees][: 1 + several])
    plans(found, top)
    for ax in below:
        top.tick_params(labelbottom=False)
        quiet(top, "")
        by_tensor_degree(found, ax)
    return sheet_of(top)


def _rank(found: PlanStudy) -> NDArray[np.float64]:
    """Where each plan stands, in per cent of all that fit."""
    ranks: NDArray[np.float64] = (np.arange(len(found.step_s)) + 0.5) / len(found.step_s) * 100
    return ranks


def _colours(tensor: NDArray[np.int64]) -> Mapping[int, tuple[float, float, float, float]]:
    """A colour for each tensor degree, dark to light as it grows."""
    degrees = np.unique(tensor).tolist()
    places = np.linspace(_DARKEST, _LIGHTEST, max(len(degrees), 2))[: len(degrees)]
    return {degree: colormaps["viridis"](place) for degree, place in zip(degrees, places, strict=True)}


def effort_figure(study: SystemStudy, style: ChartStyle = SCREEN) -> Figure:
    """Counts of plans by cluster size, and the settings of the best one."""
    about = study.found.about
    columns: Columns = [(one.devices, one.found) for one in study.sizes]
    columns = columns or [(about.scenario.system.devices, study.found)]
    settings = [about.kind.settings(found.best[0].plan) if isinstance(found, PlanStudy) else {} for _, found in columns]
    names = list(dict.fromkeys(name for one in settings for name in one))
    title = f"Choosing a plan for {about.scenario.model.name} on {about.devices[0].title}\n{about.stack_title}"
    top, below = sheet([2.9, _SETTING_INCHES * len(names)], title, _CHOOSING, style, [0, len(names)])
    _counts(top, columns)
    _grid(below, settings, names)
    return sheet_of(top)


def _counts(ax: Axes, columns: Columns) -> None:
    """Four bars for each size, with their numbers."""
    width, most, small = _BAR / len(_KINDS), 1, style_of(ax).small_points
    for place, (_, found) in enumerate(columns):
        if not isinstance(found, PlanStudy):
            annotate(ax, "nothing fits", (place, 1), (0, 0), size=small, color=FAINT, ha="center", va="bottom")
            continue
        most = max(most, found.effort.legal)
        for number, (field, _, colour) in enumerate(_KINDS):
            count = getattr(found.effort, field)
            left = place + (number - len(_KINDS) / 2 + 0.5) * width
            ax.bar(left, count, width * 0.94, color=colour, zorder=2)
            spare(ax, annotate(ax, whole(count), (left, max(count, 1)), (0, 2), size=small, ha="center", va="bottom"))
    ax.set_yscale("symlog", linthresh=1)
    ax.set_ylim(0, 60 * most)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: whole(value)))
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_xticks(range(len(columns)), [counted(devices, "device") for devices, _ in columns])
    handles = [Rectangle((0, 0), 1, 1, color=colour) for *_, colour in _KINDS]
    ax.legend(
        handles, [words for _, words, _ in _KINDS], loc="upper left", ncols=4, frameon=False, fontsize=small, **_CLOSE
    )
    quiet(ax, y="plans")


def _grid(ax: Axes, settings: list[dict[str, str]], names: list[str]) -> None:
    """Settings by size, shaded where one differs from the size before."""
    ax.set_xlim(-0.5, len(settings) - 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    style = style_of(ax)
    wide = 0.7 * style.width_inches / len(settings)
    for column, own in enumerate(settings):
        for row, name in enumerate(names):
            value = own.get(name, "")
            before = settings[column - 1] if column else own
            if before and own and name != _REPLICAS and before.get(name) != own.get(name):
                ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, color=_CHANGED, zorder=1))
            words = fitted(value, style.small_points, wide)
            annotate(ax, words, (column, row), (0, 0), size=style.small_points, ha="center", va="center", zorder=2)
    for row in range(len(names) + 1):
        ax.axhline(row - 0.5, color="#e6e6e6", linewidth=0.6, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.set_xticks([])
    quiet(ax)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
