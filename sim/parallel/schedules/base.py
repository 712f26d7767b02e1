"""What a pipeline schedule says of itself: where chunks lie, their order, what a stage holds, the bubble.

Legend: p stages, v virtual stages (chunks of one copy of the model on a stage), m micro-batches per replica.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from sim.errors import InputError
from sim.hardware.kernel import Array
from sim.parallel.cuts import chunk_layers
from sim.workload.phases import Phase

SETTLED_ROUNDS = 3
"""Rounds of as many micro-batches as stages after which a schedule repeats what it holds."""
NEVER_STEADY = 1_000_000_000
"""steady_rounds of a schedule whose stages drift apart by a little every round."""


class Slot(NamedTuple):
    """One phase of one micro-batch through one chunk. also: a backward in the same instruction as a forward."""

    phase: Phase
    micro_batch: int
    chunk: int
    """0 .. p v - 1 in the order of the layers; in a second copy of the model, p v and on."""
    also: Slot | None = None

    @property
    def passes(self) -> tuple[Slot, ...]:
        """It, and what runs with it."""
        return (self,) if self.also is None else (self._replace(also=None), self.also)

    @property
    def completes(self) -> bool:
        """Whether it is the last that its micro-batch does in its chunk."""
        return self.phase in ("backward", "weight gradient")


class Durations(NamedTuple):
    """Seconds of a micro-batch through one stage, or summed over some: a backward is both gradients."""

    forward_s: Array
    backward_s: Array
    weight_s: Array = 0.0
    """The part of the backward that is weight gradients, where they run apart."""


class Rule(NamedTuple):
    """What a schedule asks of a plan. problem, remedy: may name {name}, {p}, {v} and {m}."""

    holds: Callable[[Array, Array, Array], Array]
    """(p, v, m) -> whether it is so."""
    problem: str
    remedy: str


class Schedule(ABC):
    """One pipeline schedule. Formulas broadcast over arrays of p, v, m and stages; orders are for one plan."""

    name: str
    phases: tuple[Phase, ...] = ("forward", "backward")
    virtual_stages = 1
    """Chunks of a stage where nobody says how many."""
    layout = "row"
    """How chunks lie on stages: schedules with the same layout hold the same parameters on each."""
    copies = 1
    """Of the model, each for a share of the micro-batches."""
    steady_rounds = 1
    """Rounds of p micro-batches after which one more takes what every further one takes."""
    forwards_first = False
    """Every forward of a micro-batch runs before any backward."""
    rules: tuple[Rule, ...] = ()

    def allows(self, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Whether it can run such a plan."""
        held = [rule.holds(stages, virtual, micro_batches) for rule in self.rules]
        return np.logical_and.reduce(np.broadcast_arrays(True, *held))

    def check(self, stages: int, virtual: int, micro_batches: int, where: str) -> None:
        """Raise InputError where it cannot run such a plan."""
        for rule in self.rules:
            if not rule.holds(stages, virtual, micro_batches):
                words = {"name": self.name, "p": stages, "v": virtual, "m": micro_batches}
                raise InputError(where, rule.problem.format(**words), rule.remedy.format(**words))

    def stage_of(self, chunk: int, stages: int) -> int:
        """The stage that a chunk lies on: chunk c on stage c mod p."""
        return chunk % stages

    def chunks_of(self, stage: int, stages: int, virtual: int) -> list[int]:
        """The chunks of a stage, in the order of the layers."""
        return [chunk for chunk in range(self.copies * stages * virtual) if self.stage_of(chunk, stages) == stage]

    def stage_layers(self, layers: int, stages: Array, virtual: Array, stage: Array) -> Array:
        """Layers that a stage holds over all its chunks, cut as cuts.balanced_cut does."""
        return chunk_layers(layers, stages * np.asarray(virtual), stage)

    def has_first(self, stage: Array, stages: Array) -> Array:
        """Whether the model's first chunk, with the embedding, lies on a stage."""
        return np.equal(stage, 0)

    def has_last(self, stage: Array, stages: Array) -> Array:
        """Whether the model's last chunk, with the head, lies on a stage."""
        return np.equal(stage, stages - 1)

    @abstractmethod
    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """The fixed order of one stage's compute stream."""

    @abstractmethod
    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Most micro-batches whose activations a stage holds, in units of its share of the layers in all copies."""

    def due(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Of those, most that wait for weight gradients alone, the one at it included; 0 where both go together."""
        return 0.0 * stage

    def fullest_between(self, stages: Array) -> Array:
        """Of the stages between the ends, one that holds most: the first. The last of all where there are none."""
        return np.minimum(1, stages - 1)

    def in_a_row(self, stages: Array) -> Array:
        """Micro-batches that a stage runs backward through a chunk before it turns to another of its chunks.

        1 where it turns at every one, and where it has one chunk alone, with nothing to turn to.
        """
        return 0 * stages + 1

    @abstractmethod
    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """Idle time of a stage in a step that ends with a barrier, with equal stages and free sends.

        others: summed over the p - 1 other stages: p - 1 times a stage's own where all are equal.
        """

    def waited_sends(self, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Round trips of sends between stages that a step waits for where sends are overlapped with compute.

        Here those of one micro-batch through all chunks, while the pipeline fills and drains; all others are hidden.
        """
        return stages * virtual - 1


def peak_layers_in_flight(order: Iterable[Slot], layers_of: Callable[[int], int]) -> int:
    """Largest number of layers, over micro-batches, that a stage holds activations of while it follows an order.

    For chunks of different sizes, where the closed form `held` does not apply. Activations are held until the last
    gradient that needs them is there. layers_of: of a chunk.
    """
    held = largest = 0
    for slot in order:
        for one in slot.passes:
            held += layers_of(one.chunk) if one.phase == "forward" else 0
        largest = max(largest, held)
        for one in slot.passes:
            held -= layers_of(one.chunk) if one.completes else 0
    return largest


def last_passes(order: Sequence[Slot]) -> dict[int, Slot]:
    """Chunk -> the slot that completes its gradients."""
    return {one.chunk: one for slot in order for one in slot.passes if one.completes}
