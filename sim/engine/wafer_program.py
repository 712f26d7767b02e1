"""The program of weight streaming: weights in, compute, gradients out, double-buffered.

One actor stands for all systems: they are pure data parallel and see the same stream. While unit i computes, unit
i + 1 streams in; its buffer is free once unit i - 1 has computed. Gradients leave the same way. Accumulating
micro-batches repeats the stream.
"""

from __future__ import annotations

from sim.cost.wafer import Stream, WaferCosts
from sim.engine.program import COMPUTE, Actor, EventKey, Instruction, Program
from sim.engine.transfers import Transfers
from sim.engine.work import Work
from sim.parallel.wafer_plan import WaferPlan
from sim.workload.phases import Phase

WEIGHTS = "weight-in"
GRADIENTS = "gradient-out"
_BUFFERS = 2


def wafer_instructions(plan: WaferPlan, layers: int) -> int:
    """About how many instructions a step's program has: weights and a pass forward; weights, a pass, gradients back."""
    return 5 * plan.micro_batches * (layers + 2)


def wafer_program(plan: WaferPlan, costs: WaferCosts) -> Program:
    """Build the program of one step of weight streaming."""
    actor = Actor("wafer", plan.systems)
    transfers = Transfers(range(plan.systems))
    turn, sent = 0, 0
    for batch in range(plan.micro_batches):
        order = range(len(costs.units))
        walk: list[tuple[int, Phase]] = [(index, "forward") for index in order]
        walk += [(index, "backward") for index in reversed(order)]
        for index, phase in walk:
            unit = costs.units[index]
            free = (("computed", turn - _BUFFERS),) if turn >= _BUFFERS else ()
            actor.add(
                WEIGHTS,
                _moved(
                    WEIGHTS,
                    Work("stream in", None, batch, layer=index),
                    unit.weight_in,
                    transfers,
                    free,
                    ("arrived", turn),
                ),
            )
            waits: tuple[tuple[str, int], ...] = (("arrived", turn),)
            if phase == "backward" and sent >= _BUFFERS:
                waits = (*waits, ("sent", sent - _BUFFERS))
            parts = unit.forward if phase == "forward" else unit.backward
            actor.add(COMPUTE, Instruction(Work("pass", phase, batch, layer=index), parts, waits, ("computed", turn)))
            if phase == "backward":
                done = (("computed", turn),)
                out = _moved(
                    GRADIENTS,
                    Work("stream out", None, batch, layer=index),
                    unit.gradient_out,
                    transfers,
                    done,
                    ("sent", sent),
                )
                actor.add(GRADIENTS, out)
                sent += 1
            turn += 1
    straggler = {"straggler_wait": costs.straggler_s}
    actor.add(COMPUTE, Instruction(Work("straggler"), straggler, computes=False))
    actor.add(COMPUTE, Instruction(Work("optimizer"), costs.optimizer, (("sent", sent - 1),), together="all"))
    return Program([actor])


def _moved(
    stream: str, work: Work, unit: Stream, transfers: Transfers, waits: tuple[EventKey, ...], records: EventKey
) -> Instruction:
    """One unit on its way through the fabric."""
    moved = transfers.of(stream, "weight_streaming", unit.communication)
    # Weights go to all systems at once, and a sum needs the gradients of all.
    seconds = unit.communication.seconds
    return Instruction(work, unit.parts, waits, records, moved, together="data", communicates_s=seconds)
