"""Writes the streams between the devices of an actor and their hosts: copies, one after the other each way.

Activations go to the host beside the forward of their layers and come back beside the backward; gradients go to an
optimizer on the host as they are complete, and updated parameters come back.
"""

from __future__ import annotations

from collections.abc import Iterable

from sim.cost.offload import WAYS
from sim.cost.parts import Parts
from sim.cost.passes import PhaseCost
from sim.cost.step import StepCosts
from sim.engine.compute_stream import ComputeStream
from sim.engine.program import HOST_STREAMS, Actor, EventKey, Instruction
from sim.engine.transfers import Transfers
from sim.engine.work import Unit, Work
from sim.hardware.network import Communication
from sim.hardware.topology import HostWay
from sim.parallel.plan import Plan
from sim.parallel.schedules import Slot


class HostCopies:
    """The copies of one actor while its program is written."""

    def __init__(self, actor: Actor, transfers: Transfers) -> None:
        self._actor, self._transfers = actor, transfers

    def add(
        self,
        way: HostWay,
        unit: Unit | None,
        about: Work,
        copied: Communication,
        waits: tuple[EventKey, ...],
        records: EventKey | None,
        after_s: float = 0.0,
    ) -> None:
        """Append a copy; nothing beside it slows down, for no multiprocessor takes part.

        about: work whose micro-batch, chunk or layer it is of. after_s: seconds before it begins.
        """
        stream, seconds = HOST_STREAMS[way], float(copied.seconds)
        work = Work(way, None, about.micro_batch, about.chunk, about.layer, unit)
        moved = self._transfers.of(stream, "offload", copied)
        one = Instruction(work, {"offload": after_s + seconds}, waits, records, moved, communicates_s=seconds)
        self._actor.add(stream, one)


def add_update(
    compute: ComputeStream,
    copies: HostCopies,
    update: Parts,
    waits: tuple[EventKey, ...],
    back: Communication,
    events: tuple[EventKey, EventKey],
) -> None:
    """An optimizer's step on the host, and the parameters that come back. events: of the step, and of all of it."""
    there, work = events[0], Work("optimizer")
    compute.add(work, update, waits, there, "all", computes=False)
    copies.add("to device", "parameters", work, back, (there,), ("returned", there))
    compute.add(Work("barrier", unit="parameters"), {}, (("returned", there),), events[1])


class StageHost:
    """What one class of replicas of a stage copies. number: of the class."""

    def __init__(
        self, plan: Plan, costs: StepCosts, stage: int, number: int, compute: ComputeStream, copies: HostCopies
    ) -> None:
        self._plan, self._costs, self._stage, self._number = plan, costs, stage, number
        self._compute, self._copies = compute, copies
        self._at_host = plan.optimizer_offload != "none"
        self._gone: EventKey = None
        self._away: list[EventKey] = []

    def begin(
        self, passes: Iterable[tuple[Slot, PhaseCost, Work]], waits: tuple[EventKey, ...]
    ) -> tuple[EventKey, ...]:
        """Begin a slot and the copies beside it. Returns what its first instruction waits for."""
        if not self._plan.offload_layers:
            return waits
        self._away = []
        for slot, cost, work in passes:
            place = slot.chunk % self._plan.chunks
            moved, begun = self._costs.offloaded[place].beside(slot.phase), ("begun", slot, self._number)
            if moved.seconds:
                self._compute.add(Work("barrier"), {}, waits, begun)
                # Forward the first layer comes before its copy; backward the last one after it.
                layer_s = float(cost.seconds) / self._plan.layers_of(place)
                self._away.append(("copied", slot, self._number))
                self._copies.add(WAYS[slot.phase], "activations", work, moved, (begun,), self._away[-1], layer_s)
        return waits

    def end(self) -> None:
        """A slot is over when its copies are."""
        if self._away:
            self._compute.add(Work("barrier", unit="activations"), {}, tuple(self._away))
            self._away = []

    def named(self, event: tuple[object, ...] | None) -> tuple[object, ...] | None:
        """The event of a reduction, which has a name where a copy waits for it."""
        return ("bucket reduced", self._stage, self._gone) if self._at_host and event is None else event

    def gradients(self, reduced: EventKey) -> None:
        """One bucket of gradients to an optimizer on the host."""
        if self._at_host:
            copied, self._gone = self._costs.optimizer_copies[self._stage].gradients, ("copied", reduced)
            self._copies.add("to host", "gradients", Work("reduce"), copied, (reduced,), self._gone)

    def update(self, update: Parts, everyone: tuple[EventKey, ...], updated: EventKey) -> None:
        """The optimizer's step, here or on the host. everyone: what all stages have ready. updated: its event."""
        if not self._at_host:
            self._compute.add(Work("optimizer"), update, everyone, updated, together="all")
            return
        self._compute.add(Work("barrier", unit="gradients"), {}, everyone)
        back, events = self._costs.optimizer_copies[self._stage].parameters, (("on the host", updated), updated)
        add_update(self._compute, self._copies, update, (self._gone,), back, events)
