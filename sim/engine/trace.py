"""What happened in a run: spans of work and waits, per actor and stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.engine.program import Instruction, Transfer
from sim.engine.work import Work


class Span(NamedTuple):
    """One instruction as it ran.

    parts: ledger line -> seconds, with those that shared links and slowed compute added; their sum is its length.
    """

    actor: str
    stream: str
    instruction: Instruction
    start_s: float
    end_s: float
    parts: Mapping[str, float]

    @property
    def work(self) -> Work:
        """What it does."""
        return self.instruction.work

    @property
    def what(self) -> str:
        """What it is called in the timeline."""
        return self.instruction.what

    @property
    def transfers(self) -> tuple[Transfer, ...]:
        """What it moved, at full pace."""
        return self.instruction.transfers


class Wait(NamedTuple):
    """One idle stretch of a stream, and the event that ended it."""

    actor: str
    stream: str
    start_s: float
    end_s: float
    event: object


@dataclass(slots=True)
class Trace:
    """The record of one step."""

    step_time_s: float = 0.0
    multiplicity: dict[str, int] = field(default_factory=dict)
    """Actor -> devices it stands for."""
    spans: list[Span] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    recorded_by: dict[object, Span] = field(default_factory=dict)
    """Event -> the span that recorded it."""

    def spans_of(self, actor: str, stream: str) -> list[Span]:
        """Spans of one stream, in time."""
        return [span for span in self.spans if span.actor == actor and span.stream == stream]
