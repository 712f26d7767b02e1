"""How loaded each class of links is over one step."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.outcome.outcome import Outcome
from sim.page.borders import chart_text
from sim.page.numbers import counted, number
from sim.report.charts.canvas import Style, quiet, sheet, sheet_of, time_unit
from sim.report.charts.colours import INK, LINK_COLOURS, colours_of
from sim.report.stragglers import drawn_step

_HEIGHT_INCHES = 0.85
_ROOM: Style = {"left": 1.0, "right": 2.3, "gap": 0.25}
_SLICES = 300
_CAPTION = (
    "Share of what all links of a class could carry, one direction each, at every moment of the step; a transfer counts"
    " as evenly spread over the instruction that it belongs to. On the right: share of the whole step, on the average"
    " of the class and on its busiest link."
)


def link_load(outcome: Outcome, axes: list[Axes] | None = None) -> list[Axes]:
    """Draw one panel per link class that carries anything, utilisation over time; return the axes."""
    use = outcome.links
    shown = [index for index, one in enumerate(use.classes) if one.total_bytes > 0]
    panels = axes or sheet([_HEIGHT_INCHES] * len(shown), **_ROOM)
    edges, shares = use.over_time(outcome.trace, _SLICES)
    unit, scale = time_unit(outcome.trace.step_time_s)
    colours = colours_of([one.link_class for one in use.classes], LINK_COLOURS)
    for ax, index in zip(panels, shown, strict=True):
        one = use.classes[index]
        ax.stairs(100 * shares[index], edges * scale, fill=True, color=colours[one.link_class])
        ax.set_xlim(0, outcome.trace.step_time_s * scale)
        ax.set_ylim(0, max(100 * float(shares[index].max()) * 1.1, 1e-3))
        words = (
            f"{one.link_class}: {counted(one.links, 'link')}",
            *([f"part {one.part[0]}"] if one.part else []),
            f"{number(one.total_bytes / 1e12)} TB a step",
            f"{100 * one.mean_utilisation:.1f} % on average",
            f"{100 * one.busiest_utilisation:.1f} % on {one.busiest}",
        )
        ax.text(1.015, 0.5, chart_text("\n".join(words)), transform=ax.transAxes, size=8, color=INK, va="center")
        quiet(ax, y="busy (%)")
        if ax is not panels[-1]:
            ax.tick_params(labelbottom=False)
    quiet(panels[-1], f"time since the start of the step ({unit})")
    return panels


def links_figure(outcome: Outcome, name: str) -> Figure | None:
    """The panels as a sheet with title and caption; None where nothing is sent."""
    shown = sum(one.total_bytes > 0 for one in outcome.links.classes)
    if not shown:
        return None
    title = f"How loaded the links are during one step: {name}"
    panels = sheet([_HEIGHT_INCHES] * shown, title, _CAPTION + drawn_step(outcome), **_ROOM)
    return sheet_of(link_load(outcome, panels)[0])
