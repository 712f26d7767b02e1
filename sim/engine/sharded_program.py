"""The program of fully sharded data parallelism (FSDP): every layer is gathered before it is used.

ZeRO 3 gives a layer back after its forward and gathers it again for its backward; ZeRO 2 keeps it in between.

One actor stands for all devices. Units: the root (embedding, final norm, head), gathered once a micro-batch, and the
layers, gathered forward and again backward, a few layers ahead. One communicator runs its collectives one by one, in
the order in which they are issued. Source: Zhao et al. 2023 (PyTorch FSDP), sec. 3.2 to 3.4.
"""

from __future__ import annotations

from sim.catalog import GpuStack
from sim.cost.passes import PassCost, PhaseCost
from sim.cost.step import StepCosts
from sim.engine.compute_stream import ComputeStream
from sim.engine.host_copies import HostCopies, add_update
from sim.engine.program import COMPUTE, DATA, EventKey, Instruction, Program
from sim.engine.transfers import Transfers, actor_of
from sim.engine.work import Kind, Unit, Work
from sim.hardware.network import Communication
from sim.parallel.plan import Plan
from sim.workload.phases import Phase


def sharded_program(plan: Plan, costs: StepCosts, stack: GpuStack) -> Program:
    """Build the program of one step of fully sharded data parallelism."""
    writer = _Sharded(plan, costs, stack)
    writer.compute.add(Work("input"), {"input": costs.input_s})
    for batch in range(plan.micro_batches):
        writer.forward(batch)
        writer.backward(batch)
    late = Instruction(Work("straggler"), {"straggler_wait": costs.straggler_s[0]}, computes=False)
    writer.actor.add(COMPUTE, late)
    writer.update()
    return Program([writer.actor])


class _Sharded:
    """Writes the compute and the communication stream."""

    def __init__(self, plan: Plan, costs: StepCosts, stack: GpuStack) -> None:
        self.plan, self.costs, self.stack = plan, costs, stack
        self.layers = len(costs.layers)
        self.actor = actor_of("replica", plan, range(1), range(plan.data))
        self.transfers = Transfers(range(plan.devices))
        self.compute = ComputeStream(self.actor, self.transfers)
        self.host = HostCopies(self.actor, self.transfers)
        self.away = range(plan.chunk_offloads(0))
        self.scattered: list[EventKey] = []
        self.copied: EventKey = None
        """The last gradients that have gone to the host."""
        self.backwards: dict[tuple[int, float], PhaseCost] = {}

    def run_forward(self, work: Work, cost: PassCost, waits: tuple[EventKey, ...], records: EventKey) -> None:
        """The forward of something, tensor-parallel exchanges included."""
        self.compute.run(work, cost["forward"], waits, records)

    def run_backward(
        self, work: Work, cost: PassCost, waits: tuple[EventKey, ...], records: EventKey, prepare_s: float = 0.0
    ) -> None:
        """The backward of something, and what makes its gradients ready to leave."""
        key = (id(cost), prepare_s)
        if key not in self.backwards:
            self.backwards[key] = cost["backward"] + PhaseCost({"data_comm": prepare_s})
        self.compute.run(work, self.backwards[key], waits, records)

    def forward(self, batch: int) -> None:
        """Gather and run: root first, then layer after layer, gathered `prefetch` layers ahead."""
        costs, ahead = self.costs, 1 + self.stack.prefetch_layers
        root = Work("gather", None, batch, unit="root")
        self._data(root, costs.root.gather, self._after_step(batch), ("root", batch))
        self.run_forward(
            _pass("forward", batch, "embedding"), costs.embedding, (("root", batch),), ("forward", batch, -1)
        )
        for layer, (passes, unit, copies) in enumerate(costs.layers):
            free = (("forward", batch, layer - ahead),) if layer >= ahead else ()
            self._data(_layer("gather", batch, layer), unit.gather, free, ("gathered", batch, layer))
            arrived = (("gathered", batch, layer),)
            work, done = _pass("forward", batch, "layer", layer), ("forward", batch, layer)
            self.run_forward(work, passes, arrived, done)
            if layer in self.away:
                self.host.add("to host", "activations", work, copies.out, (done,), ("away", batch, layer))
        # What is offloaded has left before its memory is needed for the head.
        gone = (("away", batch, self.away[-1]),) if self.away else ()
        self.run_forward(_pass("forward", batch, "head"), costs.head, gone, ("forward", batch, self.layers))

    def backward(self, batch: int) -> None:
        """Gather again in reverse; each layer's gradients are scattered while the layer before computes.

        At ZeRO 2 what forward gathered is still there, and nothing is gathered again.
        """
        costs, ahead, top = self.costs, 1 + self.stack.prefetch_layers, self.layers - 1
        reduces = self.stack.reduces_every_micro_batch or batch == self.plan.micro_batches - 1
        again = self.plan.zero == 3
        self._bring_back(batch)
        self.run_backward(_pass("backward", batch, "head"), costs.head, (), ("backward", batch, self.layers))
        for layer in range(top, -1, -1):
            passes, unit, _ = costs.layers[layer]
            if again:
                used = layer + ahead
                free = ("backward", batch, used) if used <= top else ("forward", batch, self.layers)
                self._data(_layer("gather", batch, layer), unit.again, (free,), ("gathered again", batch, layer))
            arrived: tuple[EventKey, ...] = (("gathered again", batch, layer),) if again else ()
            if layer in self.away:
                arrived = (*arrived, ("brought back", batch, layer))
            if layer < top and reduces:
                self._scatter(batch, layer + 1)
                if not self.stack.overlap_gradient_reduction:
                    arrived = (*arrived, ("scattered", batch, layer + 1))
            prepare_s = float(unit.prepare_s) if reduces else 0.0
            work = _pass("backward", batch, "layer", layer)
            self.run_backward(work, passes, arrived, ("backward", batch, layer), prepare_s)
        if reduces:
            self._scatter(batch, 0)
        prepare_s = float(costs.root.prepare_s) if reduces else 0.0
        self.run_backward(
            _pass("backward", batch, "embedding"), costs.embedding, (), ("backward", batch, -1), prepare_s
        )
        if reduces:
            root = Work("scatter", None, batch, unit="root")
            self._data(root, costs.root.scatter, (("backward", batch, -1),), ("root out", batch))
            self._copy_gradients(root, costs.root.copy, ("root out", batch))
            self.scattered = [("root out", batch)]

    def _bring_back(self, batch: int) -> None:
        """Activations of offloaded layers, the last first, no earlier than backward has freed room for them."""
        for turn, layer in enumerate(reversed(self.away)):
            freed = turn * self.layers // len(self.away)
            room = ("backward", batch, self.layers - freed) if freed else ("forward", batch, self.layers)
            back, work = self.costs.layers[layer].copies.back, _layer("to device", batch, layer)
            self.host.add("to device", "activations", work, back, (room,), ("brought back", batch, layer))

    def update(self) -> None:
        """Clipping needs the norm of all gradients: a barrier before the update, which a host sends back."""
        waits, back = tuple(self.scattered), self.costs.optimizer_copies[0].parameters
        if self.plan.optimizer_offload == "none":
            self.compute.add(Work("optimizer"), dict(self.costs.optimizer[0]), waits, together="all")
            return
        self.compute.add(Work("barrier", unit="gradients"), {}, waits)
        events = ("on the host",), ("updated",)
        add_update(self.compute, self.host, dict(self.costs.optimizer[0]), (self.copied,), back, events)

    def _scatter(self, batch: int, layer: int) -> None:
        unit, done, work = (
            self.costs.layers[layer].sharded,
            ("scattered", batch, layer),
            _layer("scatter", batch, layer),
        )
        self._data(work, unit.scatter, (("backward", batch, layer),), done)
        self._copy_gradients(work, unit.copy, done)

    def _copy_gradients(self, work: Work, copy: Communication, scattered: EventKey) -> None:
        """Gradients that are left of a scatter to an optimizer on the host."""
        if self.plan.optimizer_offload != "none":
            self.copied = ("copied", work.micro_batch, work.layer)
            self.host.add("to host", "gradients", work, copy, (scattered,), self.copied)

    def _after_step(self, batch: int) -> tuple[EventKey, ...]:
        """A micro-batch's first gather is issued once the one before has been launched to its end."""
        return (("backward", batch - 1, 0),) if batch else ()

    def _data(self, work: Work, communication: Communication, waits: tuple[EventKey, ...], records: EventKey) -> None:
        """One collective; compute beside it loses multiprocessors to it."""
        moved = self.transfers.of(DATA, "data_comm", communication)
        slows, seconds = self.stack.overlap_slowdown, communication.seconds
        parts = {"data_comm": seconds}
        one = Instruction(work, parts, waits, records, moved, slows, together="data", communicates_s=seconds)
        self.actor.add(DATA, one)


def _pass(phase: Phase, batch: int, unit: Unit, layer: int | None = None) -> Work:
    return Work("pass", phase, batch, layer=layer, unit=unit)


def _layer(kind: Kind, batch: int, layer: int) -> Work:
    return Work(kind, None, batch, layer=layer, unit="layer")
