"""The ledger: every device-second of every device lands in exactly one line.

A device is doing what its compute stream does. While that stream works, the instruction says which lines its time
belongs to. While it waits, the time belongs to what it waits for: a collective of its own or a neighbour's send that is
under way is communication; anything else on another stage is bubble.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.cost.parts import duration_s
from sim.engine.program import COMPUTE
from sim.engine.trace import Span, Trace, Wait
from sim.errors import LedgerNotClosed
from sim.outcome.lines import LINES, SPLIT_LINES

CLOSING_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Ledger:
    """Device-seconds of one step by line, over all devices given to the run."""

    device_seconds: dict[str, float]
    devices: int
    step_time_s: float

    @property
    def total_s(self) -> float:
        """Devices times wall time."""
        return self.devices * self.step_time_s

    def share(self, line: str) -> float:
        """Share of one line in the total."""
        return self.device_seconds[line] / self.total_s

    @property
    def tax(self) -> float:
        """The distribution tax: all split lines over the total."""
        return math.fsum(self.device_seconds[line] for line in SPLIT_LINES) / self.total_s


@dataclass(frozen=True, slots=True)
class Account:
    """One device of an actor over a whole step, in seconds by line. devices: that the actor stands for.

    busy: while its compute stream works. waiting: while it waits.
    """

    devices: int
    busy: dict[str, float]
    waiting: dict[str, float]


def accounts(trace: Trace) -> dict[str, Account]:
    """The account of every actor."""
    streams, waits = _by_stream(trace)
    found = {}
    for actor, devices in trace.multiplicity.items():
        spans = streams[actor, COMPUTE]
        waiting = _waiting_lines(spans, waits[actor], trace, streams)
        busy: dict[str, float] = defaultdict(float)
        for span in spans:
            for line, seconds in span.parts.items():
                busy[line] += seconds
        found[actor] = Account(devices, dict(busy), waiting)
    _move_imbalance(found)
    return found


def close_ledger(trace: Trace, devices: int) -> Ledger:
    """Account for every device-second of a step; devices beyond those in the trace are stranded.

    Raises LedgerNotClosed when the lines do not sum to devices x step time within 1e-9, or one is negative.
    """
    lines: dict[str, float] = dict.fromkeys(LINES, 0.0)
    used = 0
    for account in accounts(trace).values():
        used += account.devices
        for side in (account.busy, account.waiting):
            for line, seconds in side.items():
                lines[line] += account.devices * seconds
    lines["stranded"] += (devices - used) * trace.step_time_s
    return checked(Ledger(lines, devices, trace.step_time_s))


def waited_for(trace: Trace) -> Iterator[tuple[Wait, Span]]:
    """Every wait of a compute stream, with each span that moves something meanwhile: communication to the ledger."""
    streams, waits = _by_stream(trace)
    for wait in itertools.chain(*waits.values()):
        for span in _moving(wait, trace, streams):
            if min(wait.end_s, span.end_s) > max(wait.start_s, span.start_s):
                yield wait, span


def _by_stream(trace: Trace) -> tuple[dict[tuple[str, str], list[Span]], dict[str, list[Wait]]]:
    """Spans by (actor, stream), and the waits of the compute streams by actor."""
    streams: dict[tuple[str, str], list[Span]] = defaultdict(list)
    waits: dict[str, list[Wait]] = defaultdict(list)
    for span in trace.spans:
        streams[span.actor, span.stream].append(span)
    for wait in trace.waits:
        if wait.stream == COMPUTE:
            waits[wait.actor].append(wait)
    return streams, waits


def _waiting_lines(
    spans: list[Span], waits: list[Wait], trace: Trace, streams: dict[tuple[str, str], list[Span]]
) -> dict[str, float]:
    """Seconds by line that one device of an actor waits over the whole step."""
    lines: dict[str, float] = defaultdict(float)
    for wait in waits:
        for line, seconds in _wait_lines(wait, trace, streams).items():
            lines[line] += seconds
    # What follows a stage's last instruction is waiting for the others to finish the step.
    lines["bubble"] += trace.step_time_s - (spans[-1].end_s if spans else 0.0)
    return dict(lines)


def _wait_lines(wait: Wait, trace: Trace, streams: dict[tuple[str, str], list[Span]]) -> dict[str, float]:
    """Attribute one idle stretch to what ended it.

    Another compute stream: bubble, except while its blocking send is under way, or, where it only passed a barrier,
    what it waited for itself. A communication stream: what that stream moved meanwhile is communication, split as its
    parts are; while it was itself waiting, bubble.
    """
    length_s = wait.end_s - wait.start_s
    lines: dict[str, float] = defaultdict(float)
    for span in _moving(wait, trace, streams):
        common_s = min(wait.end_s, span.end_s) - max(wait.start_s, span.start_s)
        if common_s <= 0:
            continue
        for line, seconds in span.parts.items():
            lines[line] += common_s * seconds / duration_s(span.parts)
    lines["bubble"] += length_s - math.fsum(lines.values())
    return lines


def _moving(wait: Wait, trace: Trace, streams: dict[tuple[str, str], list[Span]]) -> list[Span]:
    """Communication that a stream waits for; it may begin before the wait, and end after it."""
    producer = trace.recorded_by[wait.event]
    if producer.stream == COMPUTE and not producer.parts:
        return _behind_barrier(producer, wait, trace, streams)
    if producer.stream == COMPUTE:
        return [producer] if "pipeline_comm" in producer.parts else []
    return _overlapping(streams[producer.actor, producer.stream], wait)


def _behind_barrier(barrier: Span, wait: Wait, trace: Trace, streams: dict[tuple[str, str], list[Span]]) -> list[Span]:
    """Communication that another stage was waiting for when it reached a barrier: what moved on its other streams."""
    held = [
        other
        for other in trace.waits
        if other.actor == barrier.actor and other.stream == COMPUTE and other.end_s == barrier.start_s
    ]
    if not held or held[-1].start_s >= wait.end_s:
        return []
    producer = trace.recorded_by[held[-1].event]
    if producer.actor != barrier.actor or producer.stream == COMPUTE:
        return []
    shared = wait._replace(start_s=max(wait.start_s, held[-1].start_s))
    return _overlapping(streams[producer.actor, producer.stream], shared)


def _overlapping(spans: list[Span], wait: Wait) -> list[Span]:
    """Spans of one stream that share time with a wait; a stream's spans are in order and do not overlap."""
    first = bisect.bisect_right(spans, wait.start_s, key=lambda span: span.end_s)
    last = bisect.bisect_left(spans, wait.end_s, key=lambda span: span.start_s)
    return spans[first:last]


def _move_imbalance(found: Mapping[str, Account]) -> None:
    """Who has less to do than the busiest idles for the difference: imbalance, not bubble."""
    busy_s = {actor: math.fsum(account.busy.values()) for actor, account in found.items()}
    heaviest_s = max(busy_s.values())
    for actor, account in found.items():
        moved_s = min(max(account.waiting["bubble"], 0.0), heaviest_s - busy_s[actor])
        account.waiting["bubble"] -= moved_s
        account.waiting["imbalance"] = moved_s


def checked(ledger: Ledger) -> Ledger:
    """The ledger, with lines that are negative by rounding alone at zero.

    Raises LedgerNotClosed when the lines do not sum to devices x step time within 1e-9, or one is negative.
    """
    total = math.fsum(ledger.device_seconds.values())
    if abs(total - ledger.total_s) > CLOSING_TOLERANCE * ledger.total_s:
        raise LedgerNotClosed("ledger", f"lines sum to {total!r} device-seconds, devices x time is {ledger.total_s!r}")
    for line, seconds in ledger.device_seconds.items():
        if seconds < -CLOSING_TOLERANCE * ledger.total_s:
            raise LedgerNotClosed("ledger", f"{line} is negative: {seconds!r} device-seconds")
        ledger.device_seconds[line] = max(seconds, 0.0)
    return ledger
