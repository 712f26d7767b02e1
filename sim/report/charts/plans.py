"""All plans that fit, from the fastest to the slowest, coloured by their tensor degree."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from sim.planning import PlanStudy
from sim.report.charts.canvas import add_legend, quiet, sheet, sheet_of
from sim.report.charts.colours import FAINT, INK, SYSTEM_COLOURS
from sim.units import readable_time

_COLUMNS = 12
_CAPTION = (
    "Step time by the closed form of every legal plan whose memory is there, sorted; at the left end the plan that is"
    " chosen, after the engine has tried the best few. A point is a plan: its degrees of parallelism, micro-batch, ZeRO"
    " stage, sequence parallelism, recomputation and schedule. Plans that leave out replicas they have devices for are"
    " not among them."
)


def plans(found: PlanStudy, ax: Axes | None = None) -> Axes:
    """Draw the step time of every plan that fits against its rank; return the axes."""
    ax = ax or sheet([4.2])[0]
    rank = (np.arange(len(found.step_s)) + 1.0) / len(found.step_s) * 100
    degrees = np.unique(found.tensor)
    for number, degree in enumerate(degrees.tolist()):
        own = found.tensor == degree
        ax.scatter(
            rank[own],
            found.step_s[own],
            s=9,
            color=SYSTEM_COLOURS[number % len(SYSTEM_COLOURS)],
            marker="os^Dv"[number // len(SYSTEM_COLOURS) % 5],
            linewidths=0,
            label=f"tensor {degree}",
            rasterized=True,
            zorder=3,
        )
    ax.set_yscale("log")
    ax.set_xlim(0, 101)
    best_s = float(found.step_s[0])
    for factor, words in ((1.0, "best"), (1.05, "5 %"), (1.2, "20 %")):
        _line(ax, best_s * factor, f"{words}" if factor == 1 else f"+{words}")
    if found.effort.default_over_best is not None:
        _line(ax, best_s * found.effort.default_over_best, "textbook plan", bold=True)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: readable_time(value)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("plans that fit, the fastest first (%)", size=9, color=INK)
    ax.set_ylabel("step time", size=9, color=INK)
    quiet(ax)
    return ax


def plans_figure(found: PlanStudy) -> Figure:
    """The chart as a sheet with title, legend and caption."""
    scenario = found.scenario
    title = (
        f"{found.effort.fitting:,} plans for {scenario.model.name} on {scenario.system.devices:,} x"
        f" {found.device.title}\nof {found.effort.legal:,} legal ones; {found.effort.within_5_percent:,} are within"
        " 5 % of the best"
    )
    entries = len(np.unique(found.tensor))
    (ax,) = sheet([4.2], title, _CAPTION, left=0.95, right=1.0, legend_rows=-(-entries // _COLUMNS))
    plans(found, ax)
    add_legend(ax, *ax.get_legend_handles_labels(), _CAPTION, columns=_COLUMNS)
    return sheet_of(ax)


def _line(ax: Axes, value_s: float, words: str, *, bold: bool = False) -> None:
    """A level with its name beside the panel."""
    ax.axhline(value_s, color=INK if bold else FAINT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
    ax.annotate(
        words,
        (1.0, value_s),
        xycoords=("axes fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        size=8,
        weight="bold" if bold else "normal",
        color=INK if bold else FAINT,
        va="center",
    )
