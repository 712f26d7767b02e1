"""Every legal small pipeline, and what its stages do when sends are free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sim.parallel.schedules import SCHEDULES, Durations, Schedule, Slot
from sim.workload.phases import Phase

MOST_STAGES = 8
_MOST_VIRTUAL = 4
_MOST_ROUNDS = 4


class Pipeline(NamedTuple):
    """A schedule's name, stages, virtual stages, micro-batches."""

    name: str
    stages: int
    virtual: int
    micro_batches: int

    @property
    def schedule(self) -> Schedule:
        """The schedule itself."""
        return SCHEDULES[self.name]

    @property
    def chunks(self) -> int:
        """Of one copy of the model."""
        return self.stages * self.virtual

    @property
    def orders(self) -> list[list[Slot]]:
        """Of every stage."""
        return [self.schedule.order(stage, self.stages, self.virtual, self.micro_batches) for stage in self.every]

    @property
    def every(self) -> range:
        """Stages."""
        return range(self.stages)

    @property
    def held_chunks(self) -> list[float]:
        """What the schedule says that each stage holds, in chunks."""
        on_a_stage = self.virtual * self.schedule.copies
        return [float(self.schedule.held(stage, *self[1:])) * on_a_stage for stage in self.every]


def legal(name: str, most_stages: int = MOST_STAGES) -> Iterator[Pipeline]:
    """All shapes that a schedule allows: so many stages, 4 virtual stages, 4 micro-batches for each stage at most."""
    for stages in range(1, most_stages + 1):
        for virtual in range(1, _MOST_VIRTUAL + 1):
            for micro_batches in range(1, _MOST_ROUNDS * stages + 1):
                if SCHEDULES[name].allows(stages, virtual, micro_batches):
                    yield Pipeline(name, stages, virtual, micro_batches)


Pass = tuple[Phase, int, int]
"""(phase, micro-batch, chunk); a whole backward counts as its input gradient."""


def passes_of(slot: Slot) -> list[Pass]:
    """What a slot runs."""
    return [
        ("input gradient" if phase == "backward" else phase, batch, chunk) for phase, batch, chunk, _ in slot.passes
    ]


def needed_by(one: Pass, chunks: int) -> Pass | None:
    """The pass whose result another needs: of the chunk before, of the one behind, or of its own chunk."""
    phase, batch, chunk = one
    place = chunk % chunks
    if phase == "forward":
        return (phase, batch, chunk - 1) if place else None
    if phase == "weight gradient":
        return "input gradient", batch, chunk
    return (phase, batch, chunk + 1) if place < chunks - 1 else ("forward", batch, chunk)


def spans(shape: Pipeline, seconds: Mapping[Phase, float]) -> list[list[tuple[float, float]]]:
    """(start, end) of every slot of every stage, which begins as soon as it can. Fails where all stages wait."""
    orders, ended = shape.orders, {}
    found: list[list[tuple[float, float]]] = [[] for _ in orders]
    while any(len(done) < len(order) for done, order in zip(found, orders, strict=True)):
        before = len(ended)
        for done, order in zip(found, orders, strict=True):
            for slot in order[len(done) :]:
                needed = [one for one in (needed_by(own, shape.chunks) for own in passes_of(slot)) if one]
                if any(one not in ended for one in needed):
                    break
                start = max([0.0, *(end for _, end in done[-1:]), *(ended[one] for one in needed)])
                done.append((start, start + sum(seconds[one.phase] for one in slot.passes)))
                ended.update(dict.fromkeys(passes_of(slot), done[-1][1]))
        assert len(ended) > before, f"{shape} is stuck"
    return found


def phase_seconds(forward_s: float, input_s: float, weight_s: float) -> dict[Phase, float]:
    """Of every phase of a chunk."""
    both = {"forward": forward_s, "backward": input_s + weight_s}
    return {**both, "input gradient": input_s, "weight gradient": weight_s}  # type: ignore[return-value]


def bubbles(shape: Pipeline, *chunk_s: float) -> list[float]:
    """Idle seconds of every stage in a step that ends for all at once. chunk_s: forward, input and weight gradient."""
    found = spans(shape, phase_seconds(*chunk_s))
    step_s = max(done[-1][1] for done in found)
    return [step_s - sum(end - start for start, end in done) for done in found]


def bubble_formula_s(shape: Pipeline, forward_s: float, input_s: float, weight_s: float) -> float:
    """What the schedule says that the bubble is, for the same chunks."""
    chunks = shape.virtual * (shape.stages - 1)
    others = Durations(chunks * forward_s, chunks * (input_s + weight_s), chunks * weight_s)
    return float(shape.schedule.bubble_s(shape.stages, shape.virtual, shape.micro_batches, others))
