"""Who did what in a step, before any format: its ranks, who waited for whom, who communicates with whom, memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from sim.engine.program import Transfer
from sim.engine.trace import Span, Wait
from sim.engine.work import Kind, Work
from sim.hardware.network import Group, Wave
from sim.hardware.network.groups import numbers_of
from sim.machines import kind_of
from sim.outcome.ledger import waited_for
from sim.outcome.outcome import Outcome
from sim.parallel.mesh import Axis
from sim.workload.phases import Phase

COLLECTIVES: tuple[Kind, ...] = ("reduce", "gather", "scatter")
"""Work that all members of a group do together."""
STREAMED: tuple[Kind, ...] = ("stream in", "stream out")
"""Work that moves weights and gradients from and to memory outside of the devices."""
_COMPLETING: tuple[Phase, ...] = ("backward", "weight gradient")
"""Phases after which the activations of a layer are no longer needed."""


class Rank(NamedTuple):
    """Devices that behave alike and are simulated once. number: of the first. devices: numbers of all of them."""

    number: int
    name: str
    stage: int
    devices: Sequence[int]


class Step:
    """The ranks of one step, as they were simulated: where devices differ, the step with every device alike."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome, self.trace = outcome, outcome.trace
        plan: Any = outcome.plan
        self.plan = plan if kind_of(plan).has_degrees else None
        """None where it has no mesh of ranks: then all devices are one rank that holds one layer after the other."""
        self.ranks = {name: self._rank(index, name) for index, name in enumerate(self.trace.multiplicity)}
        self.spans: dict[str, list[Span]] = {name: [] for name in self.ranks}
        axes: tuple[Axis, ...] = ("pipeline", "data", "tensor")
        self._axes = {self.plan.mesh.group(axis): str(axis) for axis in axes} if self.plan else {}
        self._moved: dict[int, tuple[Transfer, ...]] = {}
        self._receivers: dict[int, Rank] = {}
        for span in self.trace.spans:
            self.spans[span.actor].append(span)
            for send in self.received(span):
                self._receivers[id(send)] = self.ranks[span.actor]
        self._share_transfers()
        self._waits = list(waited_for(self.trace))

    def waited(self, actor: str) -> Iterator[tuple[Span, Wait, Span]]:
        """(what waits, its wait, what others move among themselves meanwhile) as the ledger has it."""
        waiting = {event: span for span in self.spans[actor] for event in span.instruction.waits}
        for wait, moving in self._waits:
            receiver = self._receivers.get(id(moving))
            if wait.actor == actor and actor not in (moving.actor, receiver.name if receiver else ""):
                yield waiting[wait.event], wait, moving

    def _rank(self, index: int, name: str) -> Rank:
        if self.plan is None:
            return Rank(0, name, 0, range(self.outcome.plan.devices))
        stage, number = divmod(index, len(self.plan.replica_classes))
        replicas = self.plan.replica_classes[number].replicas
        found = numbers_of(self.plan.mesh.devices_of(range(stage, stage + 1), replicas))
        devices = tuple(found.tolist())
        return Rank(devices[0], name, stage, devices)

    def _share_transfers(self) -> None:
        """A collective of replicas that differ is carried by the first of them; the others take part in it."""
        firsts: dict[int, list[Span]] = {}
        for name, rank in self.ranks.items():
            own = [span for span in self.spans[name] if span.work.kind in COLLECTIVES]
            for span, carried in zip(own, firsts.setdefault(rank.stage, own), strict=False):
                self._moved[id(span)] = span.transfers or carried.transfers

    def transfers(self, span: Span) -> tuple[Transfer, ...]:
        """What a span moves, or takes part in moving."""
        return span.transfers or self._moved.get(id(span), ())

    def sources(self, span: Span) -> list[Span]:
        """Spans that recorded what one waits for."""
        return [self.trace.recorded_by[event] for event in span.instruction.waits]

    def received(self, span: Span) -> list[Span]:
        """Sends of other ranks that one waits for."""
        return [one for one in self.sources(span) if one.work.kind == "send" and one.actor != span.actor]

    def distance(self, span: Span) -> int | None:
        """How many devices further on the receiver of a send is; None of what is sent to no other stage.

        Gradients that two stages share go both ways at once, to the mirrored stage.
        """
        if self.plan is None:
            return None
        here, receiver = self.ranks[span.actor].stage, self._receivers.get(id(span))
        there = receiver.stage if receiver else None
        if span.work.kind == "reduce" and span.work.unit == "shared gradients":
            there = self.plan.pipeline - 1 - here
        return None if there is None else (there - here) * int(self.plan.mesh.stride("pipeline"))

    def group(self, wave: Wave, actor: str, device: int) -> tuple[int, ...]:
        """Devices of the collective that one takes part in, itself among them, in order."""
        group, first = cast(Group, wave.group), 0
        if self.plan is not None and len(self.plan.parts) > 1:
            # Every part numbers its devices from zero.
            part = self.plan.parts[self.plan.stage_parts[self.ranks[actor].stage]]
            first = part.start * int(self.plan.mesh.stride("pipeline"))
        own, block, stride = device - first, group.block, int(group.stride)
        base = first + own // block * block + own % stride
        return tuple(range(base, base + block, stride))

    def group_name(self, wave: Wave) -> str:
        """The axis of the plan that a group lies on."""
        if self.plan is None:
            return "systems"
        return self._axes.get(cast(Group, wave.group), "part of data")

    def memory(self, actor: str) -> Iterator[tuple[float, float]]:
        """(seconds, bytes) of one device, at the start and at every change, in order.

        All but the activations is there all along, as at its peak. Those grow with every forward and shrink with what
        completes a backward, by the layers that are kept; at the most of them stands the peak of the stage. Where one
        layer after the other is held, all is there all along.
        """
        stage = self.ranks[actor].stage
        items = self.outcome.memory.stages[stage]
        if self.plan is None:
            yield 0.0, sum(items.values())
            return
        alike = [name for name, rank in self.ranks.items() if rank.stage == stage]
        most = max(layers for name in alike for _, layers in self._kept(name))
        resting = sum(size for item, size in items.items() if item != "activations")
        for at_s, layers in ((0.0, 0), *self._kept(actor)):
            yield at_s, resting + items["activations"] * (layers / most)

    def _kept(self, actor: str) -> list[tuple[float, int]]:
        """(seconds, layers times micro-batches that are kept) after every change."""
        kept, found = 0, []
        for span in self.spans[actor]:
            works = [work for work in (span.work, span.work.also) if work and work.kind == "pass"]
            grown = sum(self._layers(span, work) for work in works if work.phase == "forward")
            gone = sum(self._layers(span, work) for work in works if _completes(work))
            for at_s, change in ((span.start_s, grown), (span.end_s, -gone)):
                if change:
                    kept += change
                    found.append((at_s, kept))
        return found

    def _layers(self, span: Span, work: Work) -> int:
        if work.layer is not None or work.unit is not None or self.plan is None:
            return int(work.layer is not None)
        return int(self.plan.layers_of(self.plan.chunks_of(self.ranks[span.actor].stage)[work.chunk or 0]))


def _completes(work: Work) -> bool:
    """Whether activations are gone when it ends."""
    return work.phase in _COMPLETING and (work.piece is None or work.piece[0] == work.piece[1] - 1)
