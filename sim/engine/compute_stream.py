"""Writes the compute stream of an actor: what its devices compute, with the exchanges of their tensor ranks in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import MappingProxyType

from sim.cost.parts import Parts
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Together
from sim.engine.transfers import Transfers
from sim.engine.work import Work
from sim.hardware.network import Communication


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
        exchanges: Mapping[str, Communication] = MappingProxyType({}),
        squares_s2: float = 0.0,
        together: Together = "alone",
    ) -> None:
        """Append an instruction. exchanges: of ranks that share its work, by ledger line; their seconds are in parts.

        Those ranks wait for each other at least once, also in a part of an exchange.
        """
        meetings = sum(max(1, round(one.meetings)) for one in exchanges.values() if one.meetings)
        moved = [self._transfers.of(COMPUTE, line, one) for line, one in exchanges.items()]
        one = Instruction(
            work,
            parts,
            waits,
            records,
            moved[0] if len(moved) == 1 else tuple(itertools.chain(*moved)),
            together=together,
            communicates_s=sum(one.seconds for one in exchanges.values()),
            meetings=meetings,
            squares_s2=squares_s2,
        )
        self._actor.add(COMPUTE, one)
