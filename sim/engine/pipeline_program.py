"""The program of a plan without sharded parameters: pipeline stages, each with its replicas folded into one actor.

Replicas with different numbers of micro-batches are a class each: an actor for each class of each stage.

Events: ("activation", b, c, k) is there when the input of chunk c for micro-batch b has arrived in the replicas of
class k, ("gradient", b, c, k) when the gradient of its output has. All events end on their class.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from sim.catalog import GpuStack
from sim.cost.passes import PhaseCost
from sim.cost.step import StepCosts
from sim.engine.compute_stream import ComputeStream
from sim.engine.host_copies import HostCopies, StageHost
from sim.engine.program import COMPUTE, DATA, Actor, EventKey, Instruction, Program, Together, Transfer
from sim.engine.transfers import Transfers, actor_of
from sim.engine.work import Kind, Work
from sim.hardware.network import Communication
from sim.parallel.plan import Plan
from sim.parallel.schedules import Slot, last_passes
from sim.workload.phases import Phase

SEND = "pipeline send"
_GOES_BACK: tuple[Phase, ...] = ("backward", "input gradient")
"""Phases that need the gradient of a chunk's output, and give that of its input."""


def pipeline_program(plan: Plan, costs: StepCosts, stack: GpuStack) -> Program:
    """Build the program of one step: every stage's forwards, backwards, sends, reductions and optimizer."""
    numbers = range(len(plan.replica_classes))
    return Program(
        [_Stage(plan, costs, stack, stage, number).actor() for stage in range(plan.pipeline) for number in numbers]
    )


class _Way(NamedTuple):
    """What a pass needs from another chunk, and where its result goes. Empty where it needs or gives nothing.

    needs, gives: "activation" or "gradient". to: the chunk that it is for: on the same stage it is there at once.
    stream: beside the compute stream where the stack overlaps sends, in it where it does not.
    """

    needs: str = ""
    gives: str = ""
    to: int = 0
    stream: str = COMPUTE
    parts: Mapping[str, float] = MappingProxyType({})
    moved: tuple[Transfer, ...] = ()
    seconds: float = 0.0


class _Stage:
    """Writes the streams of one stage, for the replicas of one class.

    number: of the class. replicas: those in it. micro_batches: how many each of them has.
    orders: the compute stream of each class.
    """

    def __init__(self, plan: Plan, costs: StepCosts, stack: GpuStack, stage: int, number: int) -> None:
        self.plan, self.costs, self.stack, self.stage, self.number = plan, costs, stack, stage, number
        classes = plan.replica_classes
        self.micro_batches, self.replicas = classes[number]
        self.several = len(classes) > 1
        schedule, shape = plan.pipelining, (stage, plan.pipeline, plan.virtual_stages)
        self.orders = [schedule.order(*shape, one.micro_batches) for one in classes]
        self.chunks = plan.chunks_of(stage)
        self.turns = {chunk: turn if len(self.chunks) > 1 else None for turn, chunk in enumerate(self.chunks)}
        self.costs_of: dict[tuple[Phase, int, int | None], PhaseCost] = {}
        self.ways: dict[tuple[Phase, int], _Way] = {}
        # Every part of the system has a network of its own, on which devices are numbered from zero.
        part = plan.stage_parts[stage]
        within = range(stage - plan.parts[part].start, stage - plan.parts[part].start + 1)
        self.transfers = Transfers(plan.mesh.devices_of(within, self.replicas), part)
        # What all replicas do together is one transfer of the whole stage; the first class carries it.
        everyone = plan.mesh.devices_of(within, range(plan.data))
        self.shared_transfers = Transfers(everyone, part) if number == 0 else None
        name = f"stage {stage}" + (f", {self.micro_batches} micro-batches" if self.several else "")
        self.result = actor_of(name, plan, range(stage, stage + 1), self.replicas)
        self.compute = ComputeStream(self.result, self.transfers)
        copies = HostCopies(self.result, self.transfers)
        self.host = StageHost(plan, costs, stage, number, self.compute, copies)
        self.overlaps = stack.overlap_gradient_reduction and plan.data > 1
        # ZeRO 2: as often as micro-batches in a row end; see plans.reductions.
        self.row = int(plan.pipelining.in_a_row(plan.pipeline)) if plan.reduces_each and plan.data > 1 else 0
        self.complete = [last_passes(order) for order in self.orders] if self.overlaps else []
        self.issued = 0
        self.before: tuple[object, ...] | None = None

    def actor(self) -> Actor:
        self.compute.add(Work("input"), {"input": self.costs.input_s})
        for slot in self.orders[self.number]:
            final = self.overlaps and slot.completes and self.complete[self.number][slot.chunk] == slot
            if final or (self.overlaps and self._ends_row(slot)):
                self._reduced_pass(slot, final=final)
            else:
                self._pass(slot)
        self._finish()
        return self.result

    def _ends_row(self, slot: Slot) -> bool:
        """Whether gradients that are not kept leave once a slot is done: at the end of the micro-batches in a row."""
        return self.row > 0 and slot.completes and (slot.micro_batch + 1) % self.row == 0

    def _work(self, kind: Kind, slot: Slot) -> Work:
        """A pass or a send of a slot; its chunk is told where the stage has several."""
        phase, batch, chunk, also = slot
        inside = self._work(kind, also) if also and kind == "pass" else None
        return Work(kind, phase, batch, self.turns[chunk], also=inside)

    def _own(self, *event: object) -> EventKey:
        """An event of this class."""
        return (*event, self.number)

    def _everywhere(self, *event: object) -> tuple[EventKey, ...]:
        """The same event in every class."""
        return tuple((*event, number) for number in range(len(self.orders)))

    def _cost(self, slot: Slot) -> PhaseCost:
        """What a slot computes, with what runs in the same instruction."""
        key = (slot.phase, slot.chunk, slot.also.chunk if slot.also else None)
        if key not in self.costs_of:
            own, *more = (self.costs.chunks[one.chunk % self.plan.chunks][one.phase] for one in slot.passes)
            self.costs_of[key] = own + more[0] if more else own
        return self.costs_of[key]

    def _done(self, slot: Slot, number: int) -> EventKey:
        """A slot has been run in the replicas of a class. number: of the class."""
        return ("done", slot.phase, slot.micro_batch, slot.chunk, number)

    def _pass(self, slot: Slot) -> None:
        done = self._done(slot, self.number)
        waits = self._begin(slot)
        self.compute.run(self._work("pass", slot), self._cost(slot), waits, done)
        self.host.end()
        self._send(slot, done)
        if slot.also is not None:
            self._send(slot.also, done)
        if not self.overlaps and self._ends_row(slot):
            # Only a share of the gradients is kept, so what is not kept leaves before the stage goes on.
            reduced = ("reduced", self.stage, slot.chunk, slot.micro_batch)
            self._reduce((done,), reduced)
            self.compute.add(Work("barrier", unit="gradients"), {}, self._everywhere(*reduced))

    def _reduced_pass(self, slot: Slot, *, final: bool) -> None:
        """What completes gradients, in as many pieces as they fill buckets, each reduced while the next computes."""
        chunk = slot.chunk
        pieces = self.costs.buckets[self.stage] // len(self.chunks)
        one_piece = self._cost(slot) * (1 / pieces)
        # Replicas with fewer micro-batches come to their last one, which completes the gradients, earlier.
        meeting = [ends[chunk] for ends in self.complete] if final else [slot]
        begun = self._begin(slot)
        for piece in range(pieces):
            last = piece == pieces - 1
            self.compute.run(
                self._work("pass", slot)._replace(piece=(piece, pieces) if pieces > 1 else None),
                one_piece,
                begun if piece == 0 else (),
                self._done(slot, self.number) if last else self._own("bucket", slot, piece),
            )
            done = ("reduced", self.stage, chunk) if final and last else None
            waits = tuple(
                self._done(one, number) if last else ("bucket", one, piece, number)
                for number, one in enumerate(meeting)
            )
            self._reduce(waits, done)
        self.host.end()
        self._send(slot, self._done(slot, self.number))

    def _reduce(self, waits: tuple[EventKey, ...], event: tuple[object, ...] | None) -> None:
        """One bucket of gradients over the replicas, and on to an optimizer on the host."""
        event = self.host.named(event)
        self._over_replicas(Work("reduce", unit="gradients"), self.costs.reductions[self.stage], waits, event)
        if event is not None:
            self.host.gradients(self._own(*event))

    def _begin(self, slot: Slot) -> tuple[EventKey, ...]:
        """What the first instruction of a slot waits for; copies of activations begin with it."""
        each = [(one, self._cost(one), self._work("pass", one)) for one in slot.passes]
        return self.host.begin(each, self._waits(slot))

    def _waits(self, slot: Slot) -> tuple[EventKey, ...]:
        """What a slot needs from other chunks: the activation or the gradient that each of its passes takes up."""
        _, batch, chunk, also = slot
        needs = self._way(slot).needs
        waits: tuple[EventKey, ...] = ((needs, batch, chunk, self.number),) if needs else ()
        return waits + self._waits(also) if also else waits

    def _send(self, slot: Slot, done: EventKey) -> None:
        """Hand a result on to the next chunk, or back to the one before."""
        way = self._way(slot)
        if way.gives:
            arrival = (way.gives, slot.micro_batch, way.to, self.number)
            work = self._work("send", slot)
            one = Instruction(work, way.parts, (done,), arrival, way.moved, communicates_s=way.seconds)
            self.result.add(way.stream, one)

    def _way(self, slot: Slot) -> _Way:
        """What passes of a phase and chunk need and give; worked out once."""
        key = (slot.phase, slot.chunk)
        if key not in self.ways:
            self.ways[key] = self._new_way(*key)
        return self.ways[key]

    def _new_way(self, phase: Phase, chunk: int) -> _Way:
        onwards, place, last = phase == "forward", chunk % self.plan.chunks, self.plan.chunks - 1
        if not onwards and phase not in _GOES_BACK:
            return _Way()
        needs = ("activation" if place > 0 else "") if onwards else ("gradient" if place < last else "")
        if place == (last if onwards else 0):
            return _Way(needs)
        to = chunk + (1 if onwards else -1)
        is_near = to in self.turns
        stream = SEND if self.stack.overlap_pipeline_send and not is_near else COMPUTE
        send = (self.costs.sends if onwards else self.costs.sends_back)[chunk]
        moved = self.transfers.of(stream, "pipeline_comm", send)
        parts = {} if is_near else {"pipeline_comm": float(send.seconds)}
        return _Way(needs, "activation" if onwards else "gradient", to, stream, parts, moved, send.seconds)

    def _finish(self) -> None:
        """Wait for stragglers, reduce, clip (which waits for every stage and replica), update, gather."""
        plan, costs, stage = self.plan, self.costs, self.stage
        # Costed for the most micro-batches; a replica with fewer lags in proportion.
        late_s = costs.straggler_s[stage] * (self.micro_batches / plan.micro_batches)
        late = Instruction(Work("straggler"), {"straggler_wait": late_s}, computes=False)
        self.result.add(COMPUTE, late)
        self.compute.add(
            Work("prepare", unit="gradients"), {"data_comm": costs.prepares_s[stage]}, (), self._own("prepared", stage)
        )
        reduced: list[EventKey] = []
        if plan.data > 1 and self.overlaps:
            reduced = [event for chunk in self.chunks for event in self._everywhere("reduced", stage, chunk)]
        elif plan.data > 1 and not plan.reduces_each:
            waits, event = self._everywhere("prepared", stage), ("reduced", stage)
            self._reduce(waits, event)
            reduced = [*self._everywhere(*event)]
        elif plan.data == 1:
            self.host.gradients(self._own("prepared", stage))
        if costs.shared[stage].seconds:
            # The same parameters are on the stage at the other end, or the mirrored one.
            ends = tuple(self._own("prepared", end) for end in sorted({stage, plan.pipeline - 1 - stage}))
            # A second copy of the model has a share of the micro-batches, as a replica has.
            line = "data_comm" if plan.pipelining.copies > 1 else "pipeline_comm"
            moved, there = self.transfers.of(DATA, line, costs.shared[stage]), self._own("shared", stage)
            work = Work("reduce", unit="shared gradients")
            self._beside(work, costs.shared[stage], ends, there, moved, line, "alone")
            reduced.append(there)
        self.compute.add(Work("barrier", unit="gradients"), {}, tuple(reduced), self._own("ready", stage))
        everyone = tuple(event for other in range(plan.pipeline) for event in self._everywhere("ready", other))
        # Clipping needs the norm of all gradients: a barrier before the update.
        self.host.update(dict(costs.optimizer[stage]), everyone, self._own("updated", stage))
        if costs.gathers[stage].seconds:
            waits, event = self._everywhere("updated", stage), ("gathered", stage)
            self._over_replicas(Work("gather", unit="parameters"), costs.gathers[stage], waits, event)
            self.compute.add(Work("barrier", unit="parameters"), {}, self._everywhere(*event))

    def _over_replicas(
        self, work: Work, communication: Communication, waits: tuple[EventKey, ...], event: tuple[object, ...] | None
    ) -> None:
        """A collective of all replicas of the stage, which starts when every class has come to it.

        event: without its class; what the end of the collective in this class records, if anything waits for it.
        """
        if self.several:
            # One communicator runs its collectives one by one: the next waits for the end of this one in every class,
            # because only the transfer that carries it knows what shared links have done to it.
            if self.before is not None:
                waits += self._everywhere(*self.before)
            event = self.before = event or ("collective", self.stage, self.issued)
            self.issued += 1
        records = self._own(*event) if event else None
        shared = self.shared_transfers
        moved = shared.of(DATA, "data_comm", communication) if shared is not None else ()
        self._beside(work, communication, waits, records, moved, "data_comm", "data")

    def _beside(
        self,
        work: Work,
        communication: Communication,
        waits: tuple[EventKey, ...],
        records: EventKey | None,
        moved: tuple[Transfer, ...],
        line: str,
        together: Together,
    ) -> None:
        """Communication on the stream beside compute."""
        slows, seconds = self.stack.overlap_slowdown if self.overlaps else 0.0, communication.seconds
        one = Instruction(
            work, {line: seconds}, waits, records, moved, slows, together=together, communicates_s=seconds
        )
        self.result.add(DATA, one)
