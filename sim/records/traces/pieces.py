"""Cuts what a stream did into kernels and exchanges.

A pass is cut into its kernels, with launch gaps between them, and into the exchanges of its tensor ranks, spread evenly
over it as the engine has them. Kernels, gaps and exchanges sum to the span: compute, launch and communication of every
span are as the ledger has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

from sim.cost.passes import KernelRun, Timed
from sim.engine.program import COMPUTE, Transfer
from sim.engine.trace import Span
from sim.engine.transfers import Flow
from sim.engine.work import Kind
from sim.hardware.network import Wave
from sim.outcome.lines import EXCHANGES_IN_PASSES, line_title
from sim.workload.kinds import EMBEDDING

EXCHANGES = (*EXCHANGES_IN_PASSES, "pipeline_comm")
"""Ledger lines of a compute stream that are communication; its data_comm is compute that collectives slow down."""
IDLE: tuple[Kind, ...] = ("input", "straggler", "barrier")
"""Work that keeps no device busy."""
_ROUNDING = 1e-9
_Order = list[tuple[KernelRun | None, float]]


class Piece(NamedTuple):
    """One kernel, or one exchange, without interruption.

    stream: that it is shown on. run: the kernel; None of other work and of communication. wave: who communicates; None
    of compute, and of communication that no network carries. size_bytes: of the collective or send.
    """

    stream: str
    name: str
    start_s: float
    end_s: float
    run: KernelRun | None = None
    moves: bool = False
    wave: Wave | None = None
    size_bytes: float = 0.0


class Pieces:
    """Cuts spans, and remembers the kernels of passes that are repeated."""

    def __init__(self) -> None:
        self._orders: dict[tuple[int, bool], tuple[object, _Order]] = {}

    def of(self, span: Span, transfers: Sequence[Transfer]) -> list[Piece]:
        """The pieces of a span in time; none where no device is busy. transfers: that it takes part in."""
        if span.end_s <= span.start_s or span.work.kind in IDLE:
            return []
        if span.stream != COMPUTE:
            return list(_exchange(span, transfers, 1, span.stream, span.start_s, span.end_s))
        exchanged = {line: span.parts[line] for line in EXCHANGES if span.parts.get(line, 0.0) > 0}
        meetings = max(span.instruction.meetings, 1) if exchanged else 0
        gap_s = span.parts.get("launch", 0.0)
        busy_s = max(span.end_s - span.start_s - sum(exchanged.values()) - gap_s, 0.0)
        order = self._order(span) if busy_s > _ROUNDING * (span.end_s - span.start_s) else []
        whole = sum(weight for _, weight in order)
        found: list[Piece] = []
        now_s, met, computed = span.start_s, 0, 0.0
        for run, weight in order or [(None, 0.0)]:
            if weight:
                took_s = busy_s * (weight / whole)
                found.append(Piece(COMPUTE, run.kernel.name if run else span.what, now_s, now_s + took_s, run))
                now_s += took_s + gap_s / len(order)
                computed += weight / whole
            # The last meeting is at the end of the pass.
            while met < meetings and (not weight or computed * meetings >= met + 1 - _ROUNDING):
                met += 1
                for line, seconds in exchanged.items():
                    own, then_s = [one for one in transfers if one.line == line], now_s + seconds / meetings
                    found += _exchange(span, own, meetings, line_title(line), now_s, then_s)
                    now_s = then_s
        return found

    def _order(self, span: Span) -> _Order:
        """(kernel, weight of its time) as a pass runs them; one piece of work without them."""
        kernels, forward = span.instruction.kernels, span.work.phase == "forward"
        key = id(kernels), forward
        if key not in self._orders:
            # Kept with its answer, so that nothing else can take its place in memory.
            self._orders[key] = kernels, list(_layer_by_layer(kernels, forward=forward)) or [(None, 1.0)]
        return self._orders[key][1]


def _layer_by_layer(kernels: Sequence[tuple[Timed, float]], *, forward: bool) -> Iterator[tuple[KernelRun, float]]:
    """Layer after layer, the embedding first; backward the other way round, recomputation before what needs it.

    A share of the layers, where gradients leave in pieces, is so many whole ones with less weight.
    """
    groups: list[tuple[float, list[Timed]]] = []
    for timed, count in kernels:
        if timed.again and groups:
            groups[-1][1].append(timed)
        elif timed.runs:
            groups.append((count, [timed]))
    ends = [(count, several) for count, several in groups if several[0].runs[0].operation.name == EMBEDDING.name]
    groups = [*ends, *(group for group in groups if group not in ends)]
    way = 1 if forward else -1
    for count, several in groups[::way]:
        times = max(1, round(count))
        layer = [run for timed in several[::way] for run in timed.runs[::way] if run.time_s > 0]
        for _ in range(times):
            for run in layer:
                yield run, float(run.time_s) * float(count) / times


def _exchange(
    span: Span, transfers: Sequence[Transfer], times: int, stream: str, start_s: float, end_s: float
) -> Iterator[Piece]:
    """Transfers one after the other, each as long as its share; one piece where no network carries it.

    times: into how many equal exchanges they are cut.
    """
    whole_s = sum(one.seconds for one in transfers)
    if whole_s <= 0:
        yield Piece(stream, span.what, start_s, end_s, moves=True)
        return
    now_s = start_s
    for one in transfers:
        then_s = now_s + (end_s - start_s) * (one.seconds / whole_s)
        wave, size_bytes = cast(Flow, one.wave).wave, float(one.size_bytes) / times
        yield Piece(stream, span.what, now_s, then_s, None, True, wave, size_bytes)
        now_s = then_s
