"""A small program whose step can be worked out: replicas that compute and then sum their gradients."""

from __future__ import annotations

from sim.engine.clock import run
from sim.engine.lanes.turns import Order, order_of
from sim.engine.program import COMPUTE, DATA, Actor, Instruction, Program
from sim.engine.work import Work

WORK_S = 1.0
REDUCTION_S = 0.25


def replicas(count: int, *, tensor: int = 1, meetings: int = 0, squares_s2: float = 0.0) -> Order:
    """One second of work on every device, with meetings of the tensor ranks, and a quarter of a second to reduce."""
    actor = Actor("replicas", count * tensor, tensor=tensor)
    work = {"useful": WORK_S}
    actor.add(COMPUTE, Instruction(Work("work"), work, (), "worked", meetings=meetings, squares_s2=squares_s2))
    moved = {"data_comm": REDUCTION_S}
    reduce = Instruction(Work("reduce"), moved, ("worked",), "reduced", together="data", communicates_s=REDUCTION_S)
    actor.add(DATA, reduce)
    actor.add(COMPUTE, Instruction(Work("reduced"), {}, ("reduced",)))
    return order_from(Program([actor]))


def order_from(program: Program, domain: int = 8) -> Order:
    """The order of a program on links that nobody shares."""
    return order_of(program, run(program), domain)
