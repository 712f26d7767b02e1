"""The reference for the lanes: the same draws, run on SimPy with an actor for every device.

Each meeting of devices is spelled out as events that all of them wait for; nothing here knows of arrays of clocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from sim.engine.clock import run
from sim.engine.lanes.draws import StepDraws
from sim.engine.lanes.turns import Order, Turn
from sim.engine.program import Actor, Instruction, Program
from sim.engine.work import Work

Place = tuple[int, int]


def ends_on_simpy(order: Order, draws: StepDraws, step: int) -> dict[tuple[int, int, int], float]:
    """(turn, rank, replica) -> when it ends."""
    trace = run(every_device(order, draws, step))
    found = {event[1:]: span.end_s for event, span in trace.recorded_by.items() if event[0] == "end"}
    assert trace.step_time_s == max(found.values())
    return found


def every_device(order: Order, draws: StepDraws, step: int) -> Program:
    """One actor per device, one instruction per stretch of work."""
    actors = {
        (index, rank, replica): Actor(f"{lanes.name} {rank} {replica}", 1)
        for index, lanes in enumerate(order.lanes)
        for rank in range(lanes.tensor)
        for replica in range(lanes.replicas)
    }
    streams: dict[int, int] = {}
    for number, turn in enumerate(order.turns):
        streams[number] = number if turn.previous is None else streams[turn.previous]
        own_s = draws.work_s(number, turn) if turn.work_s else None
        network_s = draws.network_s(turn)
        for rank, replica in _places(order, turn.actor):
            actor, stream = actors[turn.actor, rank, replica], f"stream {streams[number]}"
            waits = []
            for event in turn.waits:
                places = _group(order, order.turns[event].actor, _scope(order, turn, event), rank, replica)
                waits += [("end", event, *place) for place in places]
            if turn.instruction.together != "alone":
                actor.add(stream, Instruction(Work("arrive"), {}, (), ("arrived", number, rank, replica)))
                group = _group(order, turn.actor, turn.instruction.together, rank, replica)
                waits += [("arrived", number, *place) for place in group]
            actor.add(stream, Instruction(Work("begin"), {}, tuple(waits)))
            for stretch in range(turn.stretches if own_s is not None else 0):
                seconds = _at(own_s[_index(own_s.shape[0], step), _index(own_s.shape[1], stretch)], rank, replica)
                done = ("met", number, stretch, rank, replica)
                actor.add(stream, Instruction(Work("work"), {"useful": seconds}, (), done))
                if turn.instruction.meetings:
                    ranks = range(order.lanes[turn.actor].tensor)
                    met = tuple(("met", number, stretch, other, replica) for other in ranks)
                    actor.add(stream, Instruction(Work("meet"), {}, met))
            moving_s = turn.fixed_s + _at(network_s[_index(network_s.shape[0], step)], rank, replica)
            actor.add(stream, Instruction(Work("move"), {"tensor_comm": moving_s}, (), ("end", number, rank, replica)))
    return Program(list(actors.values()))


def _places(order: Order, actor: int) -> Iterator[Place]:
    lanes = order.lanes[actor]
    return ((rank, replica) for rank in range(lanes.tensor) for replica in range(lanes.replicas))


def _scope(order: Order, turn: Turn, event: int) -> str:
    """Whose end a device waits for: a collective of other replicas has the same end for all who take part in it."""
    collective = order.turns[event].instruction.together == "data"
    return "data" if collective and turn.instruction.together == "alone" else turn.instruction.together


def _group(order: Order, actor: int, together: str, rank: int, replica: int) -> list[Place]:
    """Those of an actor's devices whom a device waits for."""
    return [
        (other_rank, other)
        for other_rank, other in _places(order, actor)
        if together == "all" or (other_rank == rank and (together == "data" or other == replica))
    ]


def _at(values, rank: int, replica: int) -> float:
    return float(values[_index(values.shape[0], rank), _index(values.shape[1], replica)])


def _index(length: int, index: int) -> int:
    return index if length > 1 else 0
