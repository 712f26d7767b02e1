"""How busy every stream is over one step, as strips that are darker where it is busier."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sim.engine.trace import Trace
from sim.outcome.outcome import Outcome
from sim.report.charts.canvas import Style, quiet, sheet, sheet_of, time_unit
from sim.report.charts.colours import INK, LINE_COLOURS
from sim.report.charts.lanes import WAITING, Lanes, kind_of, name_rows, stream_lanes
from sim.report.stragglers import drawn_step

_SLICES = 120
_RIGHT_INCHES = 1.1
_CAPTION = (
    "A stream does one thing after another: it computes or moves data; streams of one machine run side by side. Colour:"
    " share of each small slice of the step in which the stream is occupied, from white (never) to dark (always);"
    " waiting for a slower replica does not count. Figures on the right: share of the whole step."
)


def stream_utilisation(outcome: Outcome, ax: Axes | None = None) -> Axes:
    """Draw a strip per stream of each actor, and its share of the step on the right; return the axes."""
    trace = outcome.trace
    lanes = stream_lanes(trace)
    ax = ax or sheet([_height(lanes)], left=lanes.label_inches, right=_RIGHT_INCHES)[0]
    busy = busy_shares(trace, _SLICES)
    unit, scale = time_unit(trace.step_time_s)
    shades = ["#ffffff", LINE_COLOURS["kernel_loss"], LINE_COLOURS["useful"]]
    style: Style = {"cmap": LinearSegmentedColormap.from_list("busy", shades), "vmin": 0, "vmax": 1, "aspect": "auto"}
    end = trace.step_time_s * scale
    for lane in lanes.lanes:
        shares = busy[lane.actor, lane.stream]
        extent = (0.0, end, lane.bottom + lane.height, lane.bottom)
        ax.imshow(shares[np.newaxis, :], extent=extent, interpolation="nearest", **style)
        percentage = f"{100 * float(shares.mean()):.1f} %"
        ax.text(end * 1.012, lane.bottom + lane.height / 2, percentage, size=8.5, color=INK, va="center")
    ax.text(end * 1.012, -0.15, "busy", size=8.5, weight="bold", color=INK, va="bottom")
    ax.set_xlim(0, end)
    name_rows(ax, lanes)
    quiet(ax, f"time since the start of the step ({unit})")
    return ax


def streams_figure(outcome: Outcome, name: str) -> Figure:
    """The strips as a sheet with title and caption."""
    lanes = stream_lanes(outcome.trace)
    title = f"How busy each stream is during one step: {name}"
    caption = _CAPTION + drawn_step(outcome)
    (ax,) = sheet([_height(lanes)], title, caption, left=lanes.label_inches, right=_RIGHT_INCHES)
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


def _height(lanes: Lanes) -> float:
    return 0.1 + lanes.rows * min(0.42, max(0.2, 5.0 / lanes.rows))
