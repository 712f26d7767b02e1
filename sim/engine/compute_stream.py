"""Writes the compute stream of an actor: what its devices compute, with the exchanges of their tensor ranks in it."""

from __future__ import annotations

from sim.cost.parts import Parts
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Together
from sim.engine.transfers import Transfers
from sim.engine.work import Work
from sim.hardware.network import NOTHING, Communication


class ComputeStream:
    """The compute stream of one actor while its program is written."""

    def __init__(self, actor: Actor, transfers: Transfers) -> None:
        self._actor, self._transfers = actor, transfers

    def add(
        self,
        work: Work,
        parts: Parts,
        waits: tuple[EventKey, ...] = (),
        records: EventKey | None = None,
        exchanges: Communication = NOTHING,
        squares_s2: float = 0.0,
        together: Together = "alone",
    ) -> None:
        """Append an instruction. exchanges: of its tensor ranks, whose seconds are among the parts.

        Their ranks wait for each other at least once, also in a part of an exchange.
        """
        meetings = max(1, round(exchanges.meetings)) if exchanges.meetings else 0
        one = Instruction(
            work,
            parts,
            waits,
            records,
            self._transfers.of(COMPUTE, "tensor_comm", exchanges),
            together=together,
            communicates_s=exchanges.seconds,
            meetings=meetings,
            squares_s2=squares_s2,
        )
        self._actor.add(COMPUTE, one)
