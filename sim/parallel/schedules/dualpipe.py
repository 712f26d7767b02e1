"""Schedules in two directions at once, whose forwards and backwards run in pairs: DualPipe and DualPipeV.

Source: DeepSeek-AI 2024, DeepSeek-V3 Technical Report, sec. 3.2.1 and fig. 5; github.com/deepseek-ai/DualPipe, README.
A pair is one instruction here, as long as both: what it hides are the all-to-alls of experts.
"""

from __future__ import annotations

import numpy as np

from sim.hardware.kernel import Array
from sim.parallel.cuts import chunk_layers
from sim.parallel.schedules.base import Durations, Rule, Schedule, Slot
from sim.parallel.schedules.zero_bubble import ONE_CHUNK, TWO_CHUNKS, Writer, ZeroBubbleV
from sim.workload.phases import Phase

_PHASES: tuple[Phase, ...] = ("forward", "backward", "input gradient", "weight gradient")


def two_way_order(writer: Writer, near: int, half: int) -> list[Slot]:
    """The order of one stage of a pipeline that micro-batches enter from both ends.

    Direction 0 enters at the nearer end, `near` stages away; direction 1 at the other. They meet after `half` stages.
    Source: DualPipe, dualpipe.py, whose eight steps these are. Of `most` forwards of direction 0 and as many of 1 those
    that the other steps leave run in pairs.
    """
    far = half - 1 - near
    pairs = writer.most - (2 * far + near + 1)
    # 1 and 2: forwards until the directions have met.
    writer.fill(far, near)
    # 3: the first backwards of direction 1, with their weight gradients apart so that they are passed on sooner.
    for _ in range(far):
        writer.input_gradient(1)
        writer.weight()
        writer.forward(1)
    # 4 and 5: the steady state, and the last forwards of direction 1.
    for direction in (0, 1) * pairs:
        writer.pair(direction)
    for _ in range(far):
        writer.backward(1)
        writer.pair(1)
    # 6: backwards without forwards, of which the second half leaves its weight gradients for later.
    for index, direction in enumerate((1, 0) * (near + 1)):
        if index > near:
            writer.input_gradient(direction)
        else:
            writer.backward(direction)
    # 7 and 8: weight gradients where the last backwards of direction 0 are waited for, and what is left of them.
    for _ in range(far):
        writer.weight()
        writer.input_gradient(0)
    return writer.finish()


def paired_bubble_s(half: Array, stages: Array, others: Durations, share: Array) -> Array:
    """(half - 1) (F&B + B - 3 W) of a chunk. share: of a stage's time that is one chunk's."""
    of_stage_s = others.forward_s + 2 * others.backward_s - 3 * others.weight_s
    return (half - 1) * of_stage_s / np.maximum(stages - 1, 1) * share


class DualPipe(Schedule):
    """Micro-batches from both ends of the pipeline: every stage holds a chunk of each of two copies of the model."""

    name = "dualpipe"
    layout = "two ways"
    phases: tuple[Phase, ...] = _PHASES
    steady_rounds = 3
    copies = 2
    rules = (
        ONE_CHUNK,
        Rule(
            lambda p, v, m: np.equal(np.mod(p, 2), 0),
            "schedule '{name}' with pipeline {p}",
            "use an even pipeline: stages are paired from both ends",
        ),
        Rule(
            lambda p, v, m: np.logical_and(np.equal(np.mod(m, 2), 0), np.greater_equal(m, 2 * np.asarray(p))),
            "schedule '{name}' needs an even number of micro-batches, at least 2 x pipeline = 2 x {p}, but a replica"
            " has {m}",
            "change micro_batch, data or pipeline, or use schedule = '1f1b'",
        ),
    )

    def stage_of(self, chunk: int, stages: int) -> int:
        """The second copy comes from the other end."""
        return chunk if chunk < stages else 2 * stages - 1 - chunk

    def stage_layers(self, layers: int, stages: Array, virtual: Array, stage: Array) -> Array:
        """A chunk of each copy."""
        return chunk_layers(layers, stages, stage) + chunk_layers(layers, stages, stages - 1 - stage)

    def has_first(self, stage: Array, stages: Array) -> Array:
        """Both ends have both."""
        return np.equal(stage, 0) | np.equal(stage, stages - 1)

    def has_last(self, stage: Array, stages: Array) -> Array:
        """Both ends have both."""
        return self.has_first(stage, stages)

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """Each copy has half of the micro-batches; those of the nearer end are direction 0."""
        near, each = min(stage, stages - 1 - stage), micro_batches // 2
        chunks, first = (stage, 2 * stages - 1 - stage), (0, each)
        if stage != near:
            chunks, first = chunks[::-1], first[::-1]
        return two_way_order(Writer(chunks, each, 2 * micro_batches, first), near, stages // 2)

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """p + 1 chunks, of two on a stage. Source: DualPipe, README."""
        return np.minimum(stages + 1 + 0 * stage, micro_batches) / 2

    def due(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """A chunk, of two on a stage, more than there are stages to the nearer end."""
        return (np.minimum(stage, stages - 1 - stage) + 1) / 2

    def fullest_between(self, stages: Array) -> Array:
        """All hold as much; most weight gradients are due in the middle."""
        return np.maximum(stages // 2 - 1, 1)

    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """(p / 2 - 1) (F&B + B - 3 W). Source: DualPipe, README."""
        return paired_bubble_s(stages / 2, stages, others, 1)


class DualPipeV(ZeroBubbleV):
    """DualPipe cut in half: one copy of the model, down the stages and up again. Source: DualPipe, README."""

    name = "dualpipev"
    phases: tuple[Phase, ...] = _PHASES
    steady_rounds = 3
    rules = (
        TWO_CHUNKS,
        Rule(
            lambda p, v, m: np.greater_equal(m, 2 * np.asarray(p)),
            "schedule '{name}' needs at least 2 x pipeline = 2 x {p} micro-batches, but a replica has {m}",
            "change micro_batch, data or pipeline, or use schedule = '1f1b'",
        ),
    )

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """Direction 0 goes down, 1 up."""
        writer = Writer((stage, 2 * stages - 1 - stage), micro_batches, 4 * micro_batches)
        return two_way_order(writer, stage, stages)

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """2 p + 1 chunks, of two on a stage."""
        return np.minimum(2 * stages + 1 + 0 * stage, 2 * micro_batches) / 2

    def due(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """A chunk, of two on a stage, more than there are stages above."""
        return (stage + 1) / 2

    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """(p - 1) (F&B + B - 3 W) of a chunk, half a stage."""
        return paired_bubble_s(stages, stages, others, 1 / 2)
