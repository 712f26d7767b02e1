"""Data of one step for the charts of a page: its timeline, and the memory of every stage."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import Any

from sim.engine.trace import Span, Trace
from sim.outcome.outcome import Outcome
from sim.page.blocks import Bullets, Chart, Column, Section, Table, figure, section, table, words
from sim.page.borders import printable
from sim.page.numbers import BYTES, counted, gibibytes, percent, short_time
from sim.report.colours import KIND_COLOURS, page_colour, text_colour
from sim.report.lanes import ORANGE_ENDS, Lanes, actor_lanes, exchanged_s, kind_of, number_of, works_of
from sim.report.point_tables import Point
from sim.report.stragglers import drawn_step
from sim.report.web.data import MOST_BARS
from sim.study.points import Curve, drawn

_Name = tuple[str, str, str]
"""What a bar is: its kind, what is done, the number drawn in it."""
NO_TRACES: Mapping[str, str] = MappingProxyType({})
_MOST_BARS = 24_000
"""Of all timelines of a page: a bar takes about 12 bytes, and a page has to stay small enough to send."""
_TICKS = 1_000_000
"""Into so many parts a step is cut; times on a page are whole numbers of them."""
_MOST_STAGES = 64
_EXCHANGES = "exchanges between kernels"
_HOW = (
    "Empty is idle; where bars are narrower than a pixel their colours mix. Zoom by the buttons, by the bar under the"
    " chart, or by the wheel with Ctrl held."
)


def timeline_section(outcomes: Sequence[Outcome], traces: Mapping[str, str] = NO_TRACES) -> Section | None:
    """One step of the largest point of a few systems, to zoom into.

    traces: files beside the page, by the name of the point whose step they have.
    """
    shown = drawn(outcomes)
    if not shown:
        return None
    steps = [_step(curve, point, _MOST_BARS // len(shown), traces.get(name, "")) for name, curve, point in shown]
    about = "A step as a timeline: a row for each pipeline stage or stream, a bar for each thing that it does"
    busy = _busy_table([(curve, point) for _, curve, point in shown])
    beside = f"As traces for Perfetto: {', '.join(traces.values())}; docs/trace.md says how to open one."
    behind: tuple[Table | Bullets, ...] = (busy, Bullets((beside,))) if traces else (busy,)
    return section("One step", Chart("timeline", "timeline", about, {"steps": steps}, behind), key="timeline")


def memory_section(rows: Sequence[Point]) -> Section | None:
    """The peak memory of a device of every stage, item by item, beside what it has: of the first points."""
    rows = rows[:MOST_BARS]
    told = [
        {"label": printable(curve.place(point)), "bars": [_stage(point, nth) for nth in range(_stages(point))]}
        for curve, point in rows
    ]
    names = dict.fromkeys(item for _, point in rows for stage in point.memory.stages for item in stage)
    items = [{"key": one, "title": one.replace("_", " "), "colour": page_colour(n)} for n, one in enumerate(names)]
    data = {
        "points": told[::-1],
        "items": items,
        "axis": f"peak memory of a device ({BYTES.axis})",
        "size": BYTES.axis_size,
    }
    about = "Stacked bars: what fills the memory of a device of each pipeline stage; a mark is what it has"
    return section(
        "Memory by stage", Chart("memory", "stacks", about, data, (_memory_table(rows, list(names)),)), key="memory"
    )


def _step(curve: Curve, point: Outcome, most: int, trace_file: str) -> dict[str, Any]:
    trace = point.trace
    lanes, spans, until_s = _within(trace, most)
    names: dict[_Name, int] = {}
    alone = len(trace.multiplicity) == 1
    placed = [
        {
            "label": printable(lane.label or f"{lane.actor}: {lane.stream}"),
            "row": int(lane.bottom),
            "from": lane.bottom % 1,
            "height": lane.height,
            "spans": _packed(spans.get((lane.actor, lane.stream), []), trace.step_time_s, names, layer=alone),
        }
        for lane in lanes.lanes
    ]
    kinds = [kind for kind in KIND_COLOURS if any(kind == name[0] for name in names)]
    left_out = len(trace.multiplicity) - lanes.rows if not alone else 0
    notes = [f"{lanes.rows} of {counted(len(trace.multiplicity), 'stage')} shown."] if left_out else []
    notes += [ORANGE_ENDS] if any(exchanged_s(span) > 0 for own in spans.values() for span in own) else []
    notes += [f"Shown until {short_time(until_s)}; a trace has the rest."] if until_s < trace.step_time_s else []
    return {
        "label": printable(curve.place(point)),
        "trace": trace_file,
        "step_s": trace.step_time_s,
        "rows": [printable(lane.label) for lane in lanes.lanes if lane.label],
        "lanes": placed,
        "names": [list(name) for name in names],
        "kinds": {kind: KIND_COLOURS[kind] for kind in kinds},
        "inks": {kind: text_colour(KIND_COLOURS[kind]) for kind in kinds},
        "note": " ".join([*notes, f"{_HOW}{drawn_step(point)}"]),
    }


def _within(trace: Trace, most: int) -> tuple[Lanes, dict[tuple[str, str], list[Span]], float]:
    """As many whole rows as have at most so many bars; the spans of each (actor, stream); until when they are shown.

    One row that has more is shown from the start of the step until it has as many.
    """
    spans = sorted((span for span in trace.spans if span.end_s > span.start_s), key=lambda span: span.start_s)
    lanes = actor_lanes(trace)
    while True:
        rows = {(lane.actor, lane.stream) for lane in lanes.lanes}
        shown = [span for span in spans if (span.actor, span.stream) in rows]
        bars = list(itertools.accumulate(1 + (exchanged_s(span) > 0) for span in shown))
        if not bars or bars[-1] <= most or len({actor for actor, _ in rows}) == 1:
            break
        lanes = actor_lanes(trace, lanes.rows // 2)
    kept = bisect.bisect_right(bars, most)
    until_s = trace.step_time_s if kept == len(shown) else shown[kept].start_s
    found: dict[tuple[str, str], list[Span]] = {}
    for span in shown[:kept]:
        found.setdefault((span.actor, span.stream), []).append(span)
    return lanes, found, until_s


def _packed(spans: Sequence[Span], step_s: float, names: dict[_Name, int], *, layer: bool) -> list[int]:
    """Bars as whole numbers, three each: ticks since the one before ended, ticks that it takes, number of its name.

    spans: in time; one with exchanges between its kernels has two bars, the second for these. names: -> number; new
    ones are added.
    """
    packed: list[int] = []
    before = 0
    for span in spans:
        bars = [(span.start_s, (kind_of(span), span.what, number_of(works_of(span)[0], layer=layer)))]
        if (exchanges_s := exchanged_s(span)) > 0:
            bars.append(
                (max(span.start_s, span.end_s - exchanges_s), ("communication", f"exchanges of {span.what}", ""))
            )
        ends = [*(begins_s for begins_s, _ in bars[1:]), span.end_s]
        for (begins_s, name), ends_s in zip(bars, ends, strict=True):
            start, end = (round(at_s / step_s * _TICKS) for at_s in (begins_s, ends_s))
            packed += [start - before, end - start, names.setdefault(name, len(names))]
            before = end
    return packed


def _busy_table(shown: Sequence[tuple[Curve, Outcome]]) -> Table:
    """For each stream and kind of work: how long it takes in a step, on the mean over stages and on the busiest."""
    rows: list[tuple[str, str, str, list[float], float]] = []
    for curve, point in shown:
        busy: dict[tuple[str, str], dict[str, float]] = {}
        for span in point.trace.spans:
            own = busy.setdefault((span.stream, kind_of(span)), dict.fromkeys(point.trace.multiplicity, 0.0))
            own[span.actor] += span.end_s - span.start_s - exchanged_s(span)
            if exchanged_s(span) > 0:
                inside = busy.setdefault((span.stream, _EXCHANGES), dict.fromkeys(point.trace.multiplicity, 0.0))
                inside[span.actor] += exchanged_s(span)
        place, step_s = curve.place(point), point.trace.step_time_s
        rows += [(place, *key, list(own.values()), step_s) for key, own in busy.items() if any(own.values())]
    return table(
        rows,
        [
            words("point", lambda row: row[0], key=True),
            words("stream", lambda row: row[1]),
            words("kind", lambda row: row[2]),
            figure("mean over stages", lambda row: fmean(row[3]), short_time),
            figure("of the step", lambda row: fmean(row[3]) / row[4], percent),
            figure("busiest stage", lambda row: max(row[3]), short_time),
        ],
    )


def _stages(point: Outcome) -> int:
    return min(len(point.memory.stages), _MOST_STAGES)


def _stage_name(point: Outcome, nth: int) -> str:
    return f"stage {nth}" if len(point.memory.stages) > 1 else "each device"


def _stage(point: Outcome, nth: int) -> dict[str, Any]:
    items, capacity = point.memory.stages[nth], point.memory.capacities_bytes[nth]
    return {
        "label": _stage_name(point, nth),
        "parts": {item: [float(size), gibibytes(size)] for item, size in items.items() if size > 0},
        "total_text": gibibytes(sum(items.values())),
        "limit": float(capacity),
        "limit_text": gibibytes(capacity),
    }


def _memory_table(rows: Sequence[Point], names: Sequence[str]) -> Table:
    """Every stage of every point, item by item."""
    stages = [(curve.place(point), point, nth) for curve, point in rows for nth in range(_stages(point))]

    def item(name: str) -> Column[tuple[str, Outcome, int]]:
        def size(row: tuple[str, Outcome, int]) -> float:
            return float(row[1].memory.stages[row[2]].get(name, 0.0))

        return figure(name.replace("_", " "), size, gibibytes)

    def total(row: tuple[str, Outcome, int]) -> float:
        return float(sum(row[1].memory.stages[row[2]].values()))

    def capacity(row: tuple[str, Outcome, int]) -> float:
        return row[1].memory.capacities_bytes[row[2]]

    return table(
        stages,
        [
            words("point", lambda row: row[0], key=True),
            words("stage", lambda row: _stage_name(row[1], row[2]), key=True),
            *map(item, names),
            figure("all together", total, gibibytes),
            figure("its memory", capacity, gibibytes),
        ],
    )
