"""Schedules that run weight gradients apart, where there is time for them: ZB-H1, ZB-H2 and ZB-V.

Source: Qi et al. 2023, Zero Bubble Pipeline Parallelism, sec. 2 and 3; Qi et al. 2024, Pipeline Parallelism with
Controllable Memory, for the V. Activations are held until their weight gradients are there.

Their steps without any bubble let every stage go on to its optimizer, and check the norm of the gradients afterwards.
Here all stages wait for that norm first, as in every schedule: what ZB-H2 and ZB-V still lose is the time until the
last stage has begun.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from sim.hardware.kernel import Array
from sim.parallel.cuts import chunk_layers
from sim.parallel.schedules.base import NEVER_STEADY, Durations, Rule, Schedule, Slot
from sim.workload.phases import Phase

SEVERAL_STAGES = Rule(
    lambda p, v, m: np.greater(p, 1), "schedule '{name}' with pipeline {p}", "use a pipeline of 2 or more, or '1f1b'"
)
ONE_CHUNK = Rule(
    lambda p, v, m: np.equal(v, 1), "schedule '{name}' with virtual_stages {v}", "leave virtual_stages out: it has one"
)
TWO_CHUNKS = Rule(
    lambda p, v, m: np.equal(v, 2), "schedule '{name}' with virtual_stages {v}", "leave virtual_stages out: it has 2"
)


class Writer:
    """Writes the order of one stage: the next micro-batch of each direction, and weight gradients that are still due.

    chunks: of the stage, by direction: the micro-batches that go through each come in order. first: micro-batch that
    each direction begins with. most: micro-batches in a direction. limit: chunks held before weight gradients are due.
    """

    def __init__(self, chunks: tuple[int, ...], most: int, limit: int, first: tuple[int, ...] = (0, 0)) -> None:
        self.slots: list[Slot] = []
        self.most, self.limit = most, limit
        self._chunks, self._first = chunks, first
        self._counts: dict[tuple[Phase, int], int] = {}
        self._due: deque[Slot] = deque()
        self._held = 0

    def left(self, phase: Phase, direction: int) -> int:
        """Micro-batches that a direction has not yet had in a phase."""
        return self.most - self._counts.get((phase, direction), 0)

    def forward(self, direction: int = 0) -> None:
        """The next forward of a direction, if there is one; weight gradients first that it needs the memory of."""
        if self.left("forward", direction):
            while self._held >= self.limit and self._due:
                self.weight()
            self.slots.append(self._next("forward", direction))
            self._held += 1

    def fill(self, far: int, near: int) -> None:
        """Forwards of direction 0 until the first of direction 1 comes by, then of both.

        far, near: stages until the directions meet, and back to where direction 0 enters.
        """
        for _ in range(2 * far):
            self.forward(0)
        for direction in (0, 1) * (near + 1):
            self.forward(direction)

    def input_gradient(self, direction: int = 0) -> None:
        """The next input gradient of a direction, if there is one; its weight gradient is due from then on."""
        if self.left("input gradient", direction):
            slot = self._next("input gradient", direction)
            self.slots.append(slot)
            self._due.append(slot)

    def weight(self) -> None:
        """The oldest weight gradient that is due, if any is."""
        if self._due:
            self.slots.append(self._due.popleft()._replace(phase="weight gradient"))
            self._held -= 1

    def backward(self, direction: int) -> None:
        """The next backward of a direction, both gradients in one go."""
        self.slots.append(self._whole_backward(direction))

    def pair(self, direction: int) -> None:
        """The next forward of a direction together with the next backward of the other."""
        self.forward(direction)
        self.slots[-1] = self.slots[-1]._replace(also=self._whole_backward(1 - direction))

    def finish(self) -> list[Slot]:
        """All weight gradients that are due, and the whole order."""
        while self._due:
            self.weight()
        return self.slots

    def _whole_backward(self, direction: int) -> Slot:
        self._held -= 1
        return self._next("input gradient", direction)._replace(phase="backward")

    def _next(self, phase: Phase, direction: int) -> Slot:
        count = self._counts.get((phase, direction), 0)
        self._counts[phase, direction] = count + 1
        return Slot(phase, self._first[direction] + count, self._chunks[direction])


class ZeroBubbleH1(Schedule):
    """1F1B that holds no more, and fills its bubble with weight gradients. Source: Qi et al. 2023, sec. 2.2, fig. 2."""

    name = "zb-h1"
    phases: tuple[Phase, ...] = ("forward", "input gradient", "weight gradient")
    rules: tuple[Rule, ...] = (SEVERAL_STAGES, ONE_CHUNK)
    steady_rounds = NEVER_STEADY
    depth = 1
    """Forwards ahead, and weight gradients behind, over those of 1F1B."""

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """p - 1 - stage forwards ahead, then forward and input gradient in turn, `stage` weight gradients behind."""
        writer = Writer((stage,), micro_batches, micro_batches + 1)
        for _ in range(self.depth * (stages - 1 - stage)):
            writer.forward()
        for done in range(micro_batches):
            writer.forward()
            writer.input_gradient()
            if done >= self.depth * stage:
                writer.weight()
        return writer.finish()

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """p on every stage, as the first of 1F1B holds; ZB-H2 2 p - 1. Source: Qi et al. 2023, table 2."""
        return np.minimum(self.depth * (stages - 1) + 1 + 0 * stage, micro_batches)

    def due(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """As many as it is behind with, and the one that it is at."""
        return np.minimum(self.depth * stage + 1, micro_batches)

    def fullest_between(self, stages: Array) -> Array:
        """All hold as much; most weight gradients are due on the last of them."""
        return np.clip(stages - 2, np.minimum(1, stages - 1), stages - 1)

    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """(p - 1) (F + B - 2 W). Source: Qi et al. 2023, table 2.

        The first stage waits (p - 1) (F + B - W) for its first input gradient, and fills that with the weight gradients
        of all micro-batches but one: p - 1 of them, or as many as it has where it has fewer micro-batches than stages.
        Hand-worked: 4 stages, phases of 1 s: 3 x 2 - 3 = 3 s from four micro-batches on, 5 s with two.
        """
        waits_s, gaps = others.backward_s - others.weight_s, np.maximum(stages - 1, 1)
        filled_s = np.minimum(micro_batches - 1, self.depth * gaps) * (others.weight_s / gaps)
        return others.forward_s + np.maximum(waits_s - filled_s, 0.0)


class ZeroBubbleH2(ZeroBubbleH1):
    """As many forwards ahead as leave no gap in any stage. Source: Qi et al. 2023, sec. 2.3, fig. 3.

    With 2 p - 1 micro-batches its bubble is (p - 1) F, until the last stage has begun. With fewer, weight gradients do
    not fill all of it; how much they fill is exact where an input gradient takes as long as a forward and a weight
    gradient together, and too much by up to half where phases are equally long.
    """

    name = "zb-h2"
    steady_rounds = 2
    depth = 2


class ZeroBubbleV(ZeroBubbleH1):
    """Two chunks on a stage, down the stages and up again, so that both ends of the model lie on the first one.

    Source: Qi et al. 2024, sec. 3 (V-ZB).
    """

    name = "zb-v"
    layout = "v"
    virtual_stages = 2
    rules = (SEVERAL_STAGES, TWO_CHUNKS)

    def stage_of(self, chunk: int, stages: int) -> int:
        """Down, and up again."""
        return min(chunk, 2 * stages - 1 - chunk)

    def stage_layers(self, layers: int, stages: Array, virtual: Array, stage: Array) -> Array:
        """Over its two chunks."""
        chunks = 2 * stages
        return chunk_layers(layers, chunks, stage) + chunk_layers(layers, chunks, chunks - 1 - stage)

    def has_last(self, stage: Array, stages: Array) -> Array:
        """The last chunk lies on the first stage."""
        return np.equal(stage, 0)

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """Direction 0 goes down, 1 up. A stage holds at most 2 p chunks, that is, p micro-batches of its layers."""
        writer, behind = Writer((stage, 2 * stages - 1 - stage), micro_batches, 2 * stages), stages - 1 - stage
        writer.fill(behind, stage)
        for _ in range(behind):
            writer.input_gradient(1)
            writer.forward(1)
        while writer.left("forward", 0):
            writer.input_gradient(1)
            writer.forward(0)
            writer.input_gradient(0)
            writer.forward(1)
        while writer.left("forward", 1):
            writer.input_gradient(1)
            writer.forward(1)
            writer.input_gradient(0)
        for direction in (1, 0) * (stage + 1):
            writer.input_gradient(direction)
        while writer.left("input gradient", 0) or writer.left("input gradient", 1):
            writer.weight()
            writer.input_gradient(int(writer.left("input gradient", 1) > writer.left("input gradient", 0)))
        return writer.finish()

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """p on every stage. Source: Qi et al. 2024, table 1."""
        return np.minimum(stages + 0 * stage, micro_batches)

    def due(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """When the last input gradients run: of p micro-batches' 2 p chunks all but those of p - 1 - stage."""
        rounds = np.minimum(stages, micro_batches)
        return np.minimum(rounds + 1 + stage, 2 * rounds) / 2

    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """p forwards of a chunk: p - 1 until the last stage has begun, and one for holding no more than p.

        Where phases are equally long, as the paper has them; the longest of a chunk's phases sets the pace. Up to p
        micro-batches, the first waits 4 (p - 1) phases for its way there and back, and each further one fills three.
        Hand-worked: 4 stages: 12, 9, 6 and 3 phases with one to four micro-batches, then 4.
        """
        longest_s = np.maximum(np.maximum(others.forward_s, others.backward_s - others.weight_s), others.weight_s)
        phases = np.where(np.greater(micro_batches, stages), stages, 4 * (stages - 1) - 3 * (micro_batches - 1))
        return longest_s / 2 * phases / np.maximum(stages - 1, 1)
