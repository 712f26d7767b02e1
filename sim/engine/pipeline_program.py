"""The program of a plan without sharded parameters: pipeline stages, each with its replicas folded into one actor.

Legend: p stages, v virtual stages; chunk c runs on stage c mod p. Events: ("activation", b, c) is there when the
input of chunk c for micro-batch b has arrived, ("gradient", b, c) when the gradient of its output has.
"""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.cost.parts import scaled
from sim.cost.step import StepCosts
from sim.engine.program import COMPUTE, DATA, Actor, EventKey, Instruction, Program, Together
from sim.engine.transfers import Transfers, whole_meetings
from sim.hardware.network import NOTHING, Communication
from sim.parallel.plan import Plan
from sim.parallel.schedule import Slot, stage_order

SEND = "pipeline send"


def pipeline_program(plan: Plan, costs: StepCosts, stack: GpuStack) -> Program:
    """Build the program of one step: every stage's forwards, backwards, sends, reductions and optimizer."""
    return Program([_Stage(plan, costs, stack, stage).actor() for stage in range(plan.pipeline)])


class _Stage:
    """Writes the streams of one stage."""

    def __init__(self, plan: Plan, costs: StepCosts, stack: GpuStack, stage: int) -> None:
        self.plan, self.costs, self.stack, self.stage = plan, costs, stack, stage
        width = plan.tensor * plan.data
        self.transfers = Transfers(range(stage * width, (stage + 1) * width))
        self.result = Actor(f"stage {stage}", width, first=stage * width, tensor=plan.tensor)
        self.overlaps = stack.overlap_gradient_reduction and plan.data > 1

    def actor(self) -> Actor:
        plan, costs = self.plan, self.costs
        self._compute("input", {"input": costs.input_s})
        order = stage_order(plan.schedule, self.stage, plan.pipeline, plan.virtual_stages, plan.micro_batches)
        last_backward = {slot.chunk: index for index, slot in enumerate(order) if slot.phase == "backward"}
        for index, slot in enumerate(order):
            if slot.phase == "forward":
                self._forward(slot)
            elif self.overlaps and (plan.zero == 2 or last_backward[slot.chunk] == index):
                self._reduced_backward(slot, final=last_backward[slot.chunk] == index)
            else:
                self._backward(slot)
        self._finish()
        return self.result

    def _compute(
        self,
        what: str,
        parts: dict[str, float],
        waits: tuple[EventKey, ...] = (),
        records: EventKey | None = None,
        exchanges: Communication = NOTHING,
        squares_s2: float = 0.0,
        together: Together = "alone",
    ) -> None:
        moved = self.transfers.of(COMPUTE, "tensor_comm", exchanges)
        one = Instruction(
            what,
            parts,
            waits,
            records,
            moved,
            together=together,
            communicates_s=exchanges.seconds,
            meetings=whole_meetings(exchanges),
            squares_s2=squares_s2,
        )
        self.result.add(COMPUTE, one)

    def _forward(self, slot: Slot) -> None:
        batch, chunk = slot.micro_batch, slot.chunk
        waits = (("activation", batch, chunk),) if chunk > 0 else ()
        cost, what = self.costs.chunks[chunk], f"forward {_label(slot, self.plan)}"
        squares_s2 = float(cost.forward_squares_s2)
        self._compute(what, cost.forward, waits, ("forward", slot), cost.forward_exchanges, squares_s2)
        if chunk < self.plan.chunks - 1:
            self._send(slot, ("activation", batch, chunk + 1))

    def _backward(self, slot: Slot) -> None:
        cost, what = self.costs.chunks[slot.chunk], f"backward {_label(slot, self.plan)}"
        waits, squares_s2 = self._gradient_waits(slot), float(cost.backward_squares_s2)
        self._compute(what, cost.backward, waits, ("backward", slot), cost.backward_exchanges, squares_s2)
        self._send_gradient(slot)
        if self.plan.zero == 2 and self.plan.data > 1 and not self.overlaps:
            # Only a share of the gradients is kept, so what is not kept leaves before the next micro-batch.
            reduced = ("reduced", self.stage, slot.micro_batch)
            self._data("reduce gradients", self.costs.reductions[self.stage], (("backward", slot),), reduced)
            self._compute("gradients reduced", {}, (reduced,))

    def _reduced_backward(self, slot: Slot, *, final: bool) -> None:
        """A backward in as many pieces as its gradients fill buckets, each reduced while the next computes."""
        chunk = slot.chunk
        pieces = self.costs.buckets[self.stage] // self.plan.virtual_stages
        cost = self.costs.chunks[chunk]
        backward, exchanges = scaled(cost.backward, 1 / pieces), cost.backward_exchanges * (1 / pieces)
        for piece in range(pieces):
            last = piece == pieces - 1
            self._compute(
                f"backward {_label(slot, self.plan)}" + (f" part {piece + 1}/{pieces}" if pieces > 1 else ""),
                backward,
                self._gradient_waits(slot) if piece == 0 else (),
                ("backward", slot) if last else ("bucket", slot, piece),
                exchanges,
                float(cost.backward_squares_s2) / pieces,
            )
            done = ("reduced", self.stage, chunk) if final and last else None
            waits = (("backward", slot) if last else ("bucket", slot, piece),)
            self._data("reduce gradients", self.costs.reductions[self.stage], waits, done)
        self._send_gradient(slot)

    def _gradient_waits(self, slot: Slot) -> tuple[EventKey, ...]:
        return (("gradient", slot.micro_batch, slot.chunk),) if slot.chunk < self.plan.chunks - 1 else ()

    def _send_gradient(self, slot: Slot) -> None:
        if slot.chunk > 0:
            self._send(slot, ("gradient", slot.micro_batch, slot.chunk - 1))

    def _send(self, slot: Slot, arrival: EventKey) -> None:
        """Beside the compute stream where the stack overlaps sends, in it where it does not."""
        stream = SEND if self.stack.overlap_pipeline_send else COMPUTE
        costs, onwards = self.costs, slot.phase == "forward"
        # Interleaved chunks go on from the last stage to the first, and back.
        wraps = self.stage == (self.plan.pipeline - 1 if onwards else 0)
        what = f"send {'activation' if onwards else 'gradient'} {_label(slot, self.plan)}"
        send = (costs.wrap if wraps else costs.send) if onwards else (costs.wrap_back if wraps else costs.send_back)
        moved = self.transfers.of(stream, "pipeline_comm", send)
        parts = {"pipeline_comm": send.seconds}
        waits = ((slot.phase, slot),)
        self.result.add(stream, Instruction(what, parts, waits, arrival, moved, communicates_s=send.seconds))

    def _finish(self) -> None:
        """Wait for stragglers, reduce, clip (which waits for every stage), update, gather."""
        plan, costs, stage = self.plan, self.costs, self.stage
        late = Instruction("wait for the slowest replica", {"straggler_wait": costs.straggler_s[stage]}, computes=False)
        self.result.add(COMPUTE, late)
        self._compute("prepare gradients", {"data_comm": costs.prepares_s[stage]}, (), ("done", stage))
        reduced: list[EventKey] = []
        if plan.data > 1 and self.overlaps:
            reduced = [("reduced", stage, chunk) for chunk in range(stage, plan.chunks, plan.pipeline)]
        elif plan.data > 1 and plan.zero != 2:
            self._data("reduce gradients", costs.reductions[stage], (("done", stage),), ("reduced", stage))
            reduced = [("reduced", stage)]
        if costs.tied_embedding[0].seconds and stage in (0, plan.pipeline - 1):
            others = tuple(("done", end) for end in (0, plan.pipeline - 1))
            send = costs.tied_embedding[0 if stage == 0 else 1]
            self._data("reduce tied embedding", send, others, ("tied", stage), "pipeline_comm", "alone")
            reduced.append(("tied", stage))
        self._compute("gradients complete", {}, tuple(reduced), ("ready", stage))
        everyone = tuple(("ready", other) for other in range(plan.pipeline))
        # The norm of all gradients is everybody's: whoever updates has waited for all.
        self._compute("optimizer", dict(costs.optimizer[stage]), everyone, ("updated", stage), together="all")
        if costs.gathers[stage].seconds:
            self._data("gather parameters", costs.gathers[stage], (("updated", stage),), ("gathered", stage))
            self._compute("parameters complete", {}, (("gathered", stage),))

    def _data(
        self,
        what: str,
        communication: Communication,
        waits: tuple[EventKey, ...],
        records: EventKey | None,
        line: str = "data_comm",
        together: Together = "data",
    ) -> None:
        moved = self.transfers.of(DATA, line, communication)
        slows, seconds = self.stack.overlap_slowdown if self.overlaps else 0.0, communication.seconds
        one = Instruction(
            what, {line: seconds}, waits, records, moved, slows, together=together, communicates_s=seconds
        )
        self.result.add(DATA, one)


def _label(slot: Slot, plan: Plan) -> str:
    """Micro-batch, and with interleaving the virtual stage."""
    return f"{slot.micro_batch}" + (f".{slot.chunk // plan.pipeline}" if plan.virtual_stages > 1 else "")
