"""One step as a timeline: what every stage, or every stream of a machine, does when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sim.engine.trace import Span, Trace
from sim.engine.work import Work
from sim.outcome.outcome import Outcome
from sim.page.borders import chart_text
from sim.report.charts.canvas import WIDTH_INCHES, Style, add_legend, quiet, sheet, time_unit
from sim.report.colours import INK, KIND_COLOURS, text_colour
from sim.report.lanes import Lane, Lanes, actor_lanes, kind_of, number_of, works_of
from sim.report.stragglers import drawn_step

_SPANS_IN_VIEW = 84
"""Spans of the busiest compute stream that a panel shows with their numbers."""
_ALONE = "Rows are what the machine does at the same time: computing and moving data; all its devices do the same."
_STAGES = "Rows are pipeline stages; narrow lanes under a row are its communication beside compute."
_HALVES = 2
"""Two panels are the two parts of the step; a third is an overview of it."""
_RASTER_FROM = 3000
"""From this many shapes on, a vector file holds them as an image."""
_CHARACTER_INCHES = 0.062


class Bar(NamedTuple):
    """What is drawn of one thing that a span does. low, high: on the axis that counts rows."""

    lane: Lane
    span: Span
    work: Work
    low: float
    high: float


class Window(NamedTuple):
    """A part of the step, in seconds."""

    title: str
    start_s: float
    end_s: float


def timeline(outcome: Outcome, ax: Axes | None = None, window: Window | None = None) -> Axes:
    """Draw one step, or a window of it; return the axes.

    With several stages each has a row, its communication streams as narrow lanes below its compute; a machine that is
    simulated as one has a row per stream. Numbers are micro-batches, or layers in a row per stream, where they fit.
    """
    trace = outcome.trace
    window = window or Window("the whole step", 0.0, trace.step_time_s)
    lanes = actor_lanes(trace)
    ax = ax or sheet(**_room(lanes, 1))[0]
    unit, scale = time_unit(window.end_s)
    visible = _visible(trace, lanes, window)
    _shapes(ax, visible, scale)
    _numbers(ax, visible, window, scale, layer=len(trace.multiplicity) == 1)
    ax.set_xlim(window.start_s * scale, window.end_s * scale)
    name_rows(ax, lanes)
    ax.set_title(window.title, size=9.5, loc="left", color=INK)
    quiet(ax, f"time since the start of the step ({unit})")
    return ax


def timeline_figure(outcome: Outcome, name: str) -> Figure:
    """The step as a sheet: in one or two panels, or an overview with its beginning and its end enlarged."""
    trace = outcome.trace
    lanes = actor_lanes(trace)
    shown = windows(trace)
    caption = _caption(outcome, lanes)
    title = f"One training step as a timeline: {name}"
    panels = sheet(title=title, caption=caption, legend_rows=1, **_room(lanes, len(shown)))
    for ax, window in zip(panels, shown, strict=True):
        timeline(outcome, ax, window)
    for window in shown[1:] if len(shown) > _HALVES else ():
        left, right = (at_s * time_unit(shown[0].end_s)[1] for at_s in (window.start_s, window.end_s))
        panels[0].axvspan(left, right, color="#c8c8c8", alpha=0.55, zorder=0, linewidth=0)
    kinds = {kind_of(span, work) for span in trace.spans if span.end_s > span.start_s for work in works_of(span)}
    named = {kind: Patch(color=colour) for kind, colour in KIND_COLOURS.items() if kind in kinds}
    return add_legend(panels[0], len(named), named)


def windows(trace: Trace) -> list[Window]:
    """The whole step in a readable number of spans a panel, or else the whole, its first and its last ones."""
    by_actor: dict[str, list[Span]] = defaultdict(list)
    for span in trace.spans:
        if span.end_s > span.start_s and kind_of(span) != "communication":
            by_actor[span.actor].append(span)
    busiest = max(by_actor.values(), key=len)
    many, whole_s = _SPANS_IN_VIEW, trace.step_time_s
    if len(busiest) <= many + many // 4:
        return [Window("the whole step", 0.0, whole_s)]
    if len(busiest) <= _HALVES * many:
        middle_s = busiest[len(busiest) // 2].start_s
        return [Window("the first part", 0.0, middle_s), Window("the rest", middle_s, whole_s)]
    overview = Window("the whole step (the shaded parts are enlarged below)", 0.0, whole_s)
    begins = Window("how it begins", 0.0, busiest[many - 1].end_s)
    return [overview, begins, Window("how it ends", busiest[-many].start_s, whole_s)]


def _room(lanes: Lanes, panels: int) -> Style:
    """Of panels whose rows are lower the more there are."""
    height = 0.15 + lanes.rows * min(0.36, max(0.2, 2.8 / lanes.rows))
    return {"heights": [height] * panels, "left": lanes.label_inches, "right": 0.3, "gap": 0.85}


def _visible(trace: Trace, lanes: Lanes, window: Window) -> list[Bar]:
    """A bar for each span in the window, or where a span does two things one above the other."""
    lane_of = {(lane.actor, lane.stream): lane for lane in lanes.lanes}
    bars = []
    for span in trace.spans:
        lane = lane_of.get((span.actor, span.stream))
        begins_s, ends_s = max(span.start_s, window.start_s), min(span.end_s, window.end_s)
        if lane is None or begins_s >= ends_s:
            continue
        works = works_of(span)
        height = lane.height / len(works)
        for index, work in enumerate(works):
            low = lane.bottom + height * index
            bars.append(Bar(lane, span, work, low, low + height))
    return bars


def _shapes(ax: Axes, visible: Sequence[Bar], scale: float) -> None:
    """All spans of a kind as one collection: tens of thousands are drawn at once."""
    corners: dict[str, list[tuple[tuple[float, float], ...]]] = defaultdict(list)
    for _, span, work, low, high in visible:
        left, right = span.start_s * scale, span.end_s * scale
        corners[kind_of(span, work)].append(((left, low), (left, high), (right, high), (right, low)))
    dense = len(visible) > _RASTER_FROM
    for kind, colour in KIND_COLOURS.items():
        if kind in corners:
            # A white edge sets neighbours apart; around short transfers it would be all that is seen.
            plain = dense or kind == "communication"
            edge: Style = {
                "edgecolors": colour if plain else "white",
                "linewidths": 0.1 if dense else 0.4 if plain else 0.35,
            }
            shapes = PolyCollection(corners[kind], facecolors=colour, rasterized=dense, label=kind, **edge)
            ax.add_collection(shapes, autolim=False)


def _numbers(ax: Axes, visible: Sequence[Bar], window: Window, scale: float, *, layer: bool) -> None:
    inches_per_s = ax.get_position().width * WIDTH_INCHES / (window.end_s - window.start_s)
    for lane, span, work, low, high in visible:
        number = number_of(work, layer=layer)
        start_s, end_s = max(span.start_s, window.start_s), min(span.end_s, window.end_s)
        if not number or lane.height < 0.4 or (end_s - start_s) * inches_per_s < _CHARACTER_INCHES * len(number) + 0.02:
            continue
        colour = text_colour(KIND_COLOURS[kind_of(span, work)])
        middle = (start_s + end_s) / 2 * scale
        ax.text(middle, (low + high) / 2, number, size=5.5, color=colour, ha="center", va="center_baseline")


def _caption(outcome: Outcome, lanes: Lanes) -> str:
    trace = outcome.trace
    alone = len(trace.multiplicity) == 1
    rows = _ALONE if alone else _STAGES
    if getattr(outcome.plan, "replica_micro_batches", ()):
        rows += " Replicas with different numbers of micro-batches have rows of their own."
    if lanes.omitted:
        rows += f" {lanes.rows} of {len(trace.multiplicity)} are shown."
    numbers = "Numbers are layers." if alone else "Numbers are micro-batches."
    if getattr(outcome.plan, "virtual_stages", 1) > 1:
        numbers += " Each passes a stage several times, because a stage holds several separate parts of the model."
    works = [work for span in trace.spans for work in works_of(span)]
    if any(work.phase == "weight gradient" for work in works):
        numbers += " Where weight gradients run apart, a backward is the input's alone."
    if len(works) > len(trace.spans):
        numbers += " What stands one above the other runs as one."
    unused = outcome.devices - outcome.plan.devices
    left_out = f" {unused:,} devices that the plan leaves unused are not drawn." if unused else ""
    plan = f"Plan: {outcome.plan.summary()}; {outcome.scenario.model.name}."
    return f"{rows}{left_out} White is idle. {numbers} {plan}{drawn_step(outcome)}"


def name_rows(ax: Axes, lanes: Lanes) -> None:
    """The vertical axis: rows from top to bottom, each with its name beside its middle."""
    labelled = [lane for lane in lanes.lanes if lane.label]
    ax.set_ylim(lanes.rows, 0)
    ax.set_yticks([int(lane.bottom) + 0.5 for lane in labelled], [chart_text(lane.label) for lane in labelled])
    ax.tick_params(axis="y", length=0)
