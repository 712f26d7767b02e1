"""Which streams of a trace are shown, in which rows, and what kind of work a span is: for charts and pages alike."""

from __future__ import annotations

from typing import NamedTuple

from sim.engine.program import COMPUTE
from sim.engine.trace import Span, Trace
from sim.engine.work import Work
from sim.outcome.lines import EXCHANGES_IN_PASSES

MOST_ACTORS = 24
"""More stages than this cannot be told apart on a page."""
_PADDING = 0.08
WAITING = "wait for the slowest replica"
ORANGE_ENDS = "The orange end of a pass is the time that its own exchanges take, which lie between its kernels."


class Lane(NamedTuple):
    """One stream of one actor, from bottom to top on a vertical axis that counts rows."""

    actor: str
    stream: str
    label: str
    bottom: float
    height: float


class Lanes(NamedTuple):
    """The lanes of a chart and how many rows they take; omitted actors are counted."""

    lanes: tuple[Lane, ...]
    rows: int
    omitted: int


def actor_lanes(trace: Trace, most: int = MOST_ACTORS) -> Lanes:
    """One row per actor, its communication in narrow lanes under its compute; one row per stream for a lone actor.

    most: actors that are shown.
    """
    if len(trace.multiplicity) == 1:
        return stream_lanes(trace, most)
    shown = shown_actors(trace, most)
    overlapped = [stream for stream in streams_of(trace) if stream != COMPUTE]
    narrow = 0.34 / len(overlapped) if overlapped else 0.0
    lanes = []
    for row, actor in enumerate(shown):
        lanes.append(Lane(actor, COMPUTE, actor, row + _PADDING, 1 - 2 * _PADDING - narrow * len(overlapped)))
        for index, stream in enumerate(reversed(overlapped)):
            lanes.append(Lane(actor, stream, "", row + 1 - _PADDING - narrow * (index + 1), narrow))
    return Lanes(tuple(lanes), len(shown), len(trace.multiplicity) - len(shown))


def stream_lanes(trace: Trace, most: int = MOST_ACTORS) -> Lanes:
    """One row per stream of each actor. most: actors that are shown."""
    shown = shown_actors(trace, most)
    used = {(span.actor, span.stream) for span in trace.spans}
    pairs = [(actor, stream) for actor in shown for stream in streams_of(trace) if (actor, stream) in used]
    lanes = tuple(
        Lane(actor, stream, stream if len(shown) == 1 else f"{actor}: {stream}", row + _PADDING, 1 - 2 * _PADDING)
        for row, (actor, stream) in enumerate(pairs)
    )
    return Lanes(lanes, len(lanes), len(trace.multiplicity) - len(shown))


def shown_actors(trace: Trace, most: int = MOST_ACTORS) -> list[str]:
    """All actors, or where there are too many some at even distances, first and last among them."""
    actors = list(trace.multiplicity)
    last, gaps = len(actors) - 1, max(most - 1, 1)
    return actors if last < most else [actors[round(nth * last / gaps)] for nth in range(most)]


def streams_of(trace: Trace) -> list[str]:
    """Names of all streams, in the order in which they appear."""
    return list(dict.fromkeys(span.stream for span in trace.spans))


def works_of(span: Span) -> tuple[Work, ...]:
    """What a span does: one thing, or two that run as one instruction."""
    return (span.work, span.work.also) if span.work.also else (span.work,)


def kind_of(span: Span, work: Work | None = None) -> str:
    """What a span is to a reader, or one of the things that it does: a key of KIND_COLOURS.

    A pass that computes the input's gradient alone is the backward of schedules that run the weights' apart.
    """
    work = work or span.work
    if span.stream != COMPUTE or work.kind in ("send", "prepare"):
        return "communication"
    if work.kind == "pass":
        return "backward" if work.phase == "input gradient" else work.phase or "other"
    if work.kind == "straggler":
        return WAITING
    return "optimizer" if work.kind == "optimizer" else "other"


def number_of(work: Work, *, layer: bool) -> str:
    """The number that work is known by: its micro-batch, or its layer where it is about one."""
    number = work.layer if layer else work.micro_batch
    return "" if number is None else str(number)


def exchanged_s(span: Span) -> float:
    """Seconds of a pass in which its own exchanges keep it from computing."""
    return 0.0 if kind_of(span) == "communication" else sum(span.parts.get(line, 0.0) for line in EXCHANGES_IN_PASSES)
