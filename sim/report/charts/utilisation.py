"""How busy every stream and every class of links is over one step."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.engine.trace import Trace
from sim.outcome.outcome import Outcome
from sim.page.numbers import counted, number, percent
from sim.report.charts.canvas import Style, annotate, head, quiet, sheet, sheet_of, style_of, time_unit
from sim.report.charts.timeline import name_rows
from sim.report.colours import INK, LINE_COLOURS, LINK_COLOURS, colours_of
from sim.report.lanes import WAITING, Lanes, kind_of, stream_lanes
from sim.report.stragglers import drawn_step
from sim.report.styles import SCREEN, ChartStyle

_SLICES, _LINK_SLICES = 120, 300
_PANEL_INCHES = 0.85
_STREAMS = (
    "A stream does one thing after another: it computes or moves data; streams of one machine run side by side. Colour:"
    " share of each small slice of the step in which the stream is occupied, from white (never) to dark (always);"
    " waiting for a slower replica does not count. Figures on the right: share of the whole step."
)
_LINKS = (
    "Share of what all links of a class could carry, one direction each, at every moment of the step; a transfer counts"
    " as evenly spread over the instruction that it belongs to. Above each: share of the whole step, on the average"
    " of the class and on its busiest link. All panels have one scale."
)


def stream_utilisation(outcome: Outcome, ax: Axes | None = None) -> Axes:
    """Draw a strip per stream of each actor, and its share of the step on the right; return the axes."""
    trace = outcome.trace
    ax = ax or sheet(**_strip_room(stream_lanes(trace)))[0]
    style = style_of(ax)
    lanes = stream_lanes(trace, style.actors)
    busy = busy_shares(trace, _SLICES)
    unit, scale = time_unit(trace.step_time_s)
    shades = ["#ffffff", LINE_COLOURS["kernel_loss"], LINE_COLOURS["useful"]]
    shading: Style = {"cmap": LinearSegmentedColormap.from_list("busy", shades), "vmin": 0, "vmax": 1, "aspect": "auto"}
    end = trace.step_time_s * scale
    for lane in lanes.lanes:
        shares = busy[lane.actor, lane.stream]
        extent = (0.0, end, lane.bottom + lane.height, lane.bottom)
        ax.imshow(shares[np.newaxis, :], extent=extent, interpolation="nearest", **shading)
        middle, share = lane.bottom + lane.height / 2, percent(float(shares.mean()))
        annotate(ax, share, (end, middle), (5, 0), size=style.small_points, va="center", annotation_clip=False)
    ax.set_title("busy", size=style.small_points, weight="bold", color=INK, loc="right")
    ax.set_xlim(0, end)
    name_rows(ax, lanes)
    quiet(ax, f"time since the start of the step ({unit})")
    return ax


def streams_figure(outcome: Outcome, name: str, style: ChartStyle = SCREEN) -> Figure:
    """The strips as a sheet with title and caption."""
    title = f"How busy each stream is during one step: {name}"
    room = _strip_room(stream_lanes(outcome.trace, style.actors))
    (ax,) = sheet(title=title, caption=_STREAMS + drawn_step(outcome), style=style, **room)
    return sheet_of(stream_utilisation(outcome, ax))


def busy_shares(trace: Trace, slices: int) -> dict[tuple[str, str], NDArray[np.float64]]:
    """(actor, stream) -> (slices,) share of each equal slice of the step in which the stream is occupied."""
    edges = np.linspace(0.0, trace.step_time_s, slices + 1)
    times: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0])
    occupied: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0])
    for span in sorted(trace.spans, key=lambda span: span.start_s):
        so_far = occupied[span.actor, span.stream]
        times[span.actor, span.stream] += [span.start_s, span.end_s]
        length_s = 0.0 if kind_of(span) == WAITING else span.end_s - span.start_s
        so_far += [so_far[-1], so_far[-1] + length_s]
    # Between the ends of spans the occupied time grows along straight lines, so interpolation is exact.
    return {key: np.diff(np.interp(edges, times[key], occupied[key])) / np.diff(edges) for key in times}


def _strip_room(lanes: Lanes) -> Style:
    height = 0.1 + lanes.rows * min(0.42, max(0.2, 5.0 / lanes.rows))
    return {"heights": [height], "rows": [lanes.rows]}


def link_load(outcome: Outcome, axes: list[Axes] | None = None) -> list[Axes]:
    """Draw one panel per link class that carries anything, utilisation over time; return the axes."""
    use = outcome.links
    shown = [index for index, one in enumerate(use.classes) if one.total_bytes > 0]
    panels = axes or sheet([_PANEL_INCHES] * len(shown))
    edges, shares = use.over_time(outcome.trace, _LINK_SLICES)
    unit, scale = time_unit(outcome.trace.step_time_s)
    colours = colours_of([one.link_class for one in use.classes], LINK_COLOURS)
    highest = max((100 * float(shares[index].max()) for index in shown), default=0.0)
    for ax, index in zip(panels, shown, strict=True):
        one = use.classes[index]
        ax.stairs(100 * shares[index], edges * scale, fill=True, color=colours[one.link_class])
        ax.set_xlim(0, outcome.trace.step_time_s * scale)
        ax.set_ylim(0, max(1.1 * highest, 1e-3))
        words = (
            f"{one.link_class}: {counted(one.links, 'link')}",
            *([f"part {one.part[0]}"] if one.part else []),
            f"{number(one.total_bytes / 1e12)} TB a step",
            f"{percent(one.mean_utilisation)} on average",
            f"{percent(one.busiest_utilisation)} on {one.busiest}",
        )
        head(ax, ", ".join(words), points=style_of(ax).small_points)
        quiet(ax, y="busy (%)")
        if ax is not panels[-1]:
            ax.tick_params(labelbottom=False)
    quiet(panels[-1], f"time since the start of the step ({unit})")
    return panels


def links_figure(outcome: Outcome, name: str, style: ChartStyle = SCREEN) -> Figure | None:
    """The panels as a sheet with title and caption; None where nothing is sent."""
    shown = sum(one.total_bytes > 0 for one in outcome.links.classes)
    if not shown:
        return None
    title = f"How loaded the links are during one step: {name}"
    panels = sheet([_PANEL_INCHES] * shown, title, _LINKS + drawn_step(outcome), style)
    return sheet_of(link_load(outcome, panels)[0])
