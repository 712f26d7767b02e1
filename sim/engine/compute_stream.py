"""Writes the compute stream of an actor: what its devices compute, with the exchanges of their tensor ranks in it."""

from __future__ import annotations

import itertools

from sim.cost.parts import Parts
from sim.cost.passes import PhaseCost
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Together, Transfer
from sim.engine.transfers import Transfers
from sim.engine.work import Work


class ComputeStream:
    """The compute stream of one actor while its program is written."""

    def __init__(self, actor: Actor, transfers: Transfers) -> None:
        self._actor, self._transfers = actor, transfers
        self._known: dict[int, tuple[PhaseCost, tuple[Transfer, ...], float, int]] = {}

    def add(
        self,
        work: Work,
        parts: Parts,
        waits: tuple[EventKey, ...] = (),
        records: EventKey | None = None,
        together: Together = "alone",
        *,
        computes: bool = True,
    ) -> None:
        """Append an instruction that exchanges nothing."""
        self._actor.add(COMPUTE, Instruction(work, parts, waits, records, computes=computes, together=together))

    def run(self, work: Work, cost: PhaseCost, waits: tuple[EventKey, ...], records: EventKey | None) -> None:
        """Append a phase of a pass. The same cost is turned into transfers once, however often it is run."""
        if id(cost) not in self._known:
            self._known[id(cost)] = cost, *self._communication(cost)
        _, moved, communicates_s, meetings = self._known[id(cost)]
        one = Instruction(
            work,
            cost.parts,
            waits,
            records,
            moved,
            communicates_s=communicates_s,
            meetings=meetings,
            squares_s2=cost.squares_s2,
            kernels=cost.kernels,
        )
        self._actor.add(COMPUTE, one)

    def _communication(self, cost: PhaseCost) -> tuple[tuple[Transfer, ...], float, int]:
        """(transfers, their seconds, how often ranks meet): at least once, also in a part of an exchange."""
        exchanges = cost.exchanges.items()
        moved = tuple(itertools.chain(*(self._transfers.of(COMPUTE, line, one) for line, one in exchanges)))
        meetings = sum(max(1, round(one.meetings)) for _, one in exchanges if one.meetings)
        return moved, sum(one.seconds for _, one in exchanges), meetings
