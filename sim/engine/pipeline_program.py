"""The program of a plan without sharded parameters: pipeline stages, each with its replicas folded into one actor.

Replicas with different numbers of micro-batches are a class each: an actor for each class of each stage.

Legend: p stages, v virtual stages; chunk c runs on stage c mod p. Events: ("activation", b, c, k) is there when the
input of chunk c for micro-batch b has arrived in the replicas of class k, ("gradient", b, c, k) when the gradient of
its output has. All events end on their class.
"""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.cost.parts import scaled
from sim.cost.step import StepCosts
from sim.engine.compute_stream import ComputeStream
from sim.engine.program import COMPUTE, DATA, Actor, EventKey, Instruction, Program, Together, Transfer
from sim.engine.transfers import Transfers
from sim.engine.work import Kind, Work
from sim.hardware.network import Communication
from sim.parallel.plan import Plan
from sim.parallel.schedule import Slot, stage_order

SEND = "pipeline send"


def pipeline_program(plan: Plan, costs: StepCosts, stack: GpuStack) -> Program:
    """Build the program of one step: every stage's forwards, backwards, sends, reductions and optimizer."""
    numbers = range(len(plan.replica_classes))
    return Program(
        [_Stage(plan, costs, stack, stage, number).actor() for stage in range(plan.pipeline) for number in numbers]
    )


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
        self.orders = [
            stage_order(plan.schedule, stage, plan.pipeline, plan.virtual_stages, one.micro_batches) for one in classes
        ]
        # Every part of the system has a network of its own, on which devices are numbered from zero.
        part = plan.stage_parts[stage]
        width = plan.tensor * plan.data
        first = (stage - plan.parts[part].start) * width
        own = range(first + self.replicas.start * plan.tensor, first + self.replicas.stop * plan.tensor)
        self.transfers = Transfers(own, part)
        # What all replicas do together is one transfer of the whole stage; the first class carries it.
        self.shared_transfers = Transfers(range(first, first + width), part) if number == 0 else None
        name = f"stage {stage}" + (f", {self.micro_batches} micro-batches" if self.several else "")
        number_in_plan = stage * width + self.replicas.start * plan.tensor
        self.result = Actor(name, len(own), first=number_in_plan, tensor=plan.tensor)
        self.compute = ComputeStream(self.result, self.transfers)
        self.overlaps = stack.overlap_gradient_reduction and plan.data > 1
        self.issued = 0
        self.before: tuple[object, ...] | None = None

    def actor(self) -> Actor:
        plan, costs = self.plan, self.costs
        self.compute.add(Work("input"), {"input": costs.input_s})
        order = self.orders[self.number]
        last_backward = _last_backwards(order)
        for slot in order:
            final = last_backward[slot.chunk] == slot
            if slot.phase == "forward":
                self._forward(slot)
            elif self.overlaps and (plan.zero == 2 or final):
                self._reduced_backward(slot, final=final)
            else:
                self._backward(slot)
        self._finish()
        return self.result

    def _work(self, kind: Kind, slot: Slot) -> Work:
        """A pass or a send of a slot; its chunk is told where the stage has several."""
        chunk = slot.chunk // self.plan.pipeline if self.plan.virtual_stages > 1 else None
        return Work(kind, slot.phase, slot.micro_batch, chunk)

    def _own(self, *event: object) -> EventKey:
        """An event of this class."""
        return (*event, self.number)

    def _everywhere(self, *event: object) -> tuple[EventKey, ...]:
        """The same event in every class."""
        return tuple((*event, number) for number in range(len(self.orders)))

    def _forward(self, slot: Slot) -> None:
        batch, chunk = slot.micro_batch, slot.chunk
        waits = (self._own("activation", batch, chunk),) if chunk > 0 else ()
        cost, work = self.costs.chunks[chunk], self._work("pass", slot)
        done, squares_s2 = self._own("forward", slot), float(cost.forward_squares_s2)
        self.compute.add(work, cost.forward, waits, done, cost.forward_exchanges, squares_s2)
        if chunk < self.plan.chunks - 1:
            self._send(slot, self._own("activation", batch, chunk + 1))

    def _backward(self, slot: Slot) -> None:
        cost, work = self.costs.chunks[slot.chunk], self._work("pass", slot)
        waits, done, squares_s2 = (
            self._gradient_waits(slot),
            self._own("backward", slot),
            float(cost.backward_squares_s2),
        )
        self.compute.add(work, cost.backward, waits, done, cost.backward_exchanges, squares_s2)
        self._send_gradient(slot)
        if self.plan.zero == 2 and self.plan.data > 1 and not self.overlaps:
            # Only a share of the gradients is kept, so what is not kept leaves before the next micro-batch.
            reduced = ("reduced", self.stage, slot.micro_batch)
            self._over_replicas(Work("reduce", unit="gradients"), self.costs.reductions[self.stage], (done,), reduced)
            self.compute.add(Work("barrier", unit="gradients"), {}, self._everywhere(*reduced))

    def _reduced_backward(self, slot: Slot, *, final: bool) -> None:
        """A backward in as many pieces as its gradients fill buckets, each reduced while the next computes."""
        chunk = slot.chunk
        pieces = self.costs.buckets[self.stage] // self.plan.virtual_stages
        cost = self.costs.chunks[chunk]
        backward, exchanges = scaled(cost.backward, 1 / pieces), cost.backward_exchanges * (1 / pieces)
        # Replicas with fewer micro-batches come to their last one, which completes the gradients, earlier.
        meeting = [_last_backwards(order)[chunk] for order in self.orders] if final else [slot]
        for piece in range(pieces):
            last = piece == pieces - 1
            self.compute.add(
                self._work("pass", slot)._replace(piece=(piece, pieces) if pieces > 1 else None),
                backward,
                self._gradient_waits(slot) if piece == 0 else (),
                self._own("backward", slot) if last else self._own("bucket", slot, piece),
                exchanges,
                float(cost.backward_squares_s2) / pieces,
            )
            done = ("reduced", self.stage, chunk) if final and last else None
            waits = tuple(
                ("backward", one, number) if last else ("bucket", one, piece, number)
                for number, one in enumerate(meeting)
            )
            self._over_replicas(Work("reduce", unit="gradients"), self.costs.reductions[self.stage], waits, done)
        self._send_gradient(slot)

    def _gradient_waits(self, slot: Slot) -> tuple[EventKey, ...]:
        return (self._own("gradient", slot.micro_batch, slot.chunk),) if slot.chunk < self.plan.chunks - 1 else ()

    def _send_gradient(self, slot: Slot) -> None:
        if slot.chunk > 0:
            self._send(slot, self._own("gradient", slot.micro_batch, slot.chunk - 1))

    def _send(self, slot: Slot, arrival: EventKey) -> None:
        """Beside the compute stream where the stack overlaps sends, in it where it does not."""
        stream = SEND if self.stack.overlap_pipeline_send else COMPUTE
        onwards = slot.phase == "forward"
        send = (self.costs.sends if onwards else self.costs.sends_back)[self.stage]
        moved = self.transfers.of(stream, "pipeline_comm", send)
        parts = {"pipeline_comm": send.seconds}
        waits = (self._own(slot.phase, slot),)
        self.result.add(
            stream, Instruction(self._work("send", slot), parts, waits, arrival, moved, communicates_s=send.seconds)
        )

    def _finish(self) -> None:
        """Wait for stragglers, reduce, clip (which waits for every stage and replica), update, gather."""
        plan, costs, stage = self.plan, self.costs, self.stage
        # Costed for the most micro-batches; a replica with fewer lags in proportion.
        late_s = costs.straggler_s[stage] * (self.micro_batches / plan.micro_batches)
        late = Instruction(Work("straggler"), {"straggler_wait": late_s}, computes=False)
        self.result.add(COMPUTE, late)
        self.compute.add(
            Work("prepare", unit="gradients"), {"data_comm": costs.prepares_s[stage]}, (), self._own("done", stage)
        )
        reduced: list[EventKey] = []
        if plan.data > 1 and self.overlaps:
            own_chunks = range(stage, plan.chunks, plan.pipeline)
            reduced = [event for chunk in own_chunks for event in self._everywhere("reduced", stage, chunk)]
        elif plan.data > 1 and plan.zero != 2:
            waits, event = self._everywhere("done", stage), ("reduced", stage)
            self._over_replicas(Work("reduce", unit="gradients"), costs.reductions[stage], waits, event)
            reduced = [*self._everywhere(*event)]
        if costs.tied_embedding[0].seconds and stage in (0, plan.pipeline - 1):
            ends = tuple(self._own("done", end) for end in (0, plan.pipeline - 1))
            send = costs.tied_embedding[0 if stage == 0 else 1]
            moved = self.transfers.of(DATA, "pipeline_comm", send)
            self._beside(
                Work("reduce", unit="tied embedding"),
                send,
                ends,
                self._own("tied", stage),
                moved,
                "pipeline_comm",
                "alone",
            )
            reduced.append(self._own("tied", stage))
        self.compute.add(Work("barrier", unit="gradients"), {}, tuple(reduced), self._own("ready", stage))
        everyone = tuple(event for other in range(plan.pipeline) for event in self._everywhere("ready", other))
        # The norm of all gradients is everybody's: whoever updates has waited for all.
        self.compute.add(
            Work("optimizer"), dict(costs.optimizer[stage]), everyone, self._own("updated", stage), together="all"
        )
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


def _last_backwards(order: list[Slot]) -> dict[int, Slot]:
    """Chunk -> its last backward, which completes its gradients."""
    return {slot.chunk: slot for slot in order if slot.phase == "backward"}
