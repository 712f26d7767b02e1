"""One step as a timeline: what every stage, or every stream of a machine, does when."""

from __future__ import annotations

import math
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
from sim.report.charts.canvas import (
    Style,
    add_legend,
    head,
    quiet,
    sheet,
    sheet_of,
    spare,
    style_of,
    time_unit,
)
from sim.report.charts.sheets import Sheet
from sim.report.charts.words import fitted, text_inches
from sim.report.colours import KIND_COLOURS, text_colour
from sim.report.lanes import ORANGE_ENDS, Lane, Lanes, actor_lanes, exchanged_s, kind_of, number_of, works_of
from sim.report.stragglers import drawn_step
from sim.report.styles import SCREEN, ChartStyle

_ALONE = "Rows are what the machine does at the same time: computing and moving data; all its devices do the same."
_STAGES = "Rows are pipeline stages; narrow lanes under a row are its communication beside compute."
_CROWDED = 4
"""A panel with so many times the spans that can have numbers is an overview."""
_HALVES = 2
"""Two panels are the two parts of the step; a third is an overview of it."""
_RASTER_FROM = 3000
"""From this many shapes on, a vector file holds them as an image."""
_PANEL_PART, _DIGITS = 0.85, 3.0
"""Part of the width of a sheet that a panel has, and digits with the room around them that a span needs."""
EXCHANGES = "exchanges of passes"
"""What the shapes are called that stand for exchanges between the kernels of passes."""
_LABEL_PART = 0.35
"""Part of the width of a sheet that the names of rows may take."""


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
    style = style_of(ax)
    if lanes.rows > style.actors:
        lanes = actor_lanes(trace, style.actors)
    unit, scale = time_unit(window.end_s)
    ax.set_xlim(window.start_s * scale, window.end_s * scale)
    name_rows(ax, lanes)
    head(ax, window.title)
    quiet(ax, f"time since the start of the step ({unit})")
    visible = _visible(trace, lanes, window)
    _shapes(ax, visible, scale)
    _numbers(ax, visible, window, scale, layer=len(trace.multiplicity) == 1)
    return ax


def timeline_figure(outcome: Outcome, name: str, style: ChartStyle = SCREEN) -> Figure:
    """The step as a sheet: in one or two panels, or an overview with its beginning and its end enlarged."""
    trace = outcome.trace
    lanes = actor_lanes(trace, style.actors)
    shown = windows(trace, _spans_in_view(style))
    caption = _caption(outcome, lanes)
    title = f"One training step as a timeline: {name}"
    panels = sheet(title=title, caption=caption, style=style, **_room(lanes, len(shown)))
    for ax, window in zip(panels, shown, strict=True):
        timeline(outcome, ax, window)
        if ax is not panels[-1]:
            quiet(ax, "")
    for window in shown[1:] if len(shown) > _HALVES else ():
        left, right = (at_s * time_unit(shown[0].end_s)[1] for at_s in (window.start_s, window.end_s))
        panels[0].axvspan(left, right, color="#c8c8c8", alpha=0.55, zorder=0, linewidth=0)
    kinds = {"communication"} if any(exchanged_s(span) > 0 for span in trace.spans) else set()
    kinds |= {kind_of(span, work) for span in trace.spans if span.end_s > span.start_s for work in works_of(span)}
    named = {kind: Patch(color=colour) for kind, colour in KIND_COLOURS.items() if kind in kinds}
    return add_legend(panels[0], len(named), named)


def _spans_in_view(style: ChartStyle) -> int:
    """Spans of the busiest compute stream that a panel shows with their numbers."""
    return int(_PANEL_PART * style.width_inches / (_DIGITS * 0.62 * style.small_points / 72))


def windows(trace: Trace, many: int = _spans_in_view(SCREEN)) -> list[Window]:
    """The whole step in a readable number of spans a panel, or else the whole, its first and its last ones.

    many: spans of the busiest compute stream that are readable in a panel.
    """
    by_actor: dict[str, list[Span]] = defaultdict(list)
    for span in trace.spans:
        if span.end_s > span.start_s and kind_of(span) != "communication":
            by_actor[span.actor].append(span)
    busiest = max(by_actor.values(), key=len)
    whole_s = trace.step_time_s
    if len(busiest) <= many + many // 4:
        return [Window("the whole step", 0.0, whole_s)]
    if len(busiest) <= _HALVES * many:
        middle_s = busiest[len(busiest) // 2].start_s
        return [Window("the first part", 0.0, middle_s), Window("the rest", middle_s, whole_s)]
    overview = Window("the whole step (shaded: enlarged below)", 0.0, whole_s)
    begins = Window("how it begins", 0.0, busiest[many - 1].end_s)
    return [overview, begins, Window("how it ends", busiest[-many].start_s, whole_s)]


def _room(lanes: Lanes, panels: int) -> Style:
    """Of panels whose rows are lower the more there are."""
    height = 0.15 + lanes.rows * min(0.36, max(0.2, 2.8 / lanes.rows))
    return {"heights": [height] * panels, "rows": [math.ceil(1.3 * lanes.rows)] * panels}


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
    exchanges: list[tuple[tuple[float, float], ...]] = []
    # Ends of passes that are as narrow as the edge around them would only darken an overview.
    actors = len({span.actor for _, span, *_ in visible})
    crowded = len(visible) > _CROWDED * actors * _spans_in_view(style_of(ax))
    for _, span, work, low, high in visible:
        left, right = span.start_s * scale, span.end_s * scale
        corners[kind_of(span, work)].append(((left, low), (left, high), (right, high), (right, low)))
        if (inside_s := exchanged_s(span)) > 0 and not crowded:
            left = max(left, right - inside_s * scale)
            exchanges.append(((left, low), (left, high), (right, high), (right, low)))
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
    if exchanges:
        plain_style: Style = {"linewidths": 0.0, "rasterized": dense, "label": EXCHANGES}
        ax.add_collection(
            PolyCollection(exchanges, facecolors=KIND_COLOURS["communication"], **plain_style), autolim=False
        )


def _numbers(ax: Axes, visible: Sequence[Bar], window: Window, scale: float, *, layer: bool) -> None:
    figure, style = sheet_of(ax), style_of(ax)
    width, height = figure.panel_inches(ax) if isinstance(figure, Sheet) else (ax.get_position().width * 8.0, 1e9)
    inches_per_s, row_points = width / (window.end_s - window.start_s), 72 * height / abs(ax.get_ylim()[0])
    for _, span, work, low, high in visible:
        number = number_of(work, layer=layer)
        start_s = max(span.start_s, window.start_s)
        end_s = min(span.end_s - exchanged_s(span), window.end_s)
        is_narrow = (end_s - start_s) * inches_per_s < text_inches(number, style.small_points)
        if not number or is_narrow or (high - low) * row_points < 0.9 * style.small_points:
            continue
        colour = text_colour(KIND_COLOURS[kind_of(span, work)])
        place: Style = {"size": style.small_points, "color": colour, "ha": "center", "va": "center_baseline"}
        words = ax.text((start_s + end_s) / 2 * scale, (low + high) / 2, number, **place)
        spare(ax, words, (start_s * scale, end_s * scale))


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
    if any(exchanged_s(span) > 0 for span in trace.spans):
        numbers += f" {ORANGE_ENDS}"
    unused = outcome.devices - outcome.plan.devices
    left_out = f" {unused:,} devices that the plan leaves unused are not drawn." if unused else ""
    plan = f"Plan: {outcome.plan.summary()}; {outcome.scenario.model.name}."
    return f"{rows}{left_out} White is idle. {numbers} {plan}{drawn_step(outcome)}"


def name_rows(ax: Axes, lanes: Lanes) -> None:
    """The vertical axis: rows from top to bottom, each with its name beside its middle."""
    labelled = [lane for lane in lanes.lanes if lane.label]
    ax.set_ylim(lanes.rows, 0)
    style = style_of(ax)
    names = [fitted(lane.label, style.small_points, _LABEL_PART * style.width_inches) for lane in labelled]
    ax.set_yticks([int(lane.bottom) + 0.5 for lane in labelled], names)
    ax.tick_params(axis="y", length=0)
