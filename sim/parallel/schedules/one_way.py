"""Schedules through stages in a row, whose backward is both gradients in one go: GPipe, 1F1B and interleaved 1F1B."""

from __future__ import annotations

import numpy as np

from sim.hardware.kernel import Array
from sim.parallel.cuts import balanced_layers
from sim.parallel.schedules.base import Durations, Rule, Schedule, Slot

ONE_CHUNK = Rule(
    lambda p, v, m: np.equal(v, 1),
    "schedule '{name}' with virtual_stages {v}",
    "interleaved needs virtual_stages of 2 or more; gpipe and 1f1b need 1",
)


def warm_up_forwards(stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
    """Forwards that a stage of 1F1B runs before its first backward.

    Source: Narayanan et al. 2021, sec. 2.2: p - 1 - stage for 1F1B; twice that and (v - 1) p for interleaving, and all
    of them where m = p, as Megatron-LM's interleaved schedule does.
    Hand-worked: p = 4, v = 2, stage 0: 2 * 3 + 4 = 10.
    """
    plain = stages - 1 - stage
    # With as many micro-batches as stages, interleaving has no steady state: all forwards come first.
    every = np.asarray(micro_batches) * virtual
    interleaved = np.where(np.equal(micro_batches, stages), every, 2 * plain + (virtual - 1) * stages)
    return np.minimum(np.where(np.asarray(virtual) > 1, interleaved, plain), micro_batches * virtual).astype(int)


class OneForwardOneBackward(Schedule):
    """1F1B, or PipeDream-flush. Source: Narayanan et al. 2021, fig. 3 and sec. 2.2.1."""

    name = "1f1b"
    rules: tuple[Rule, ...] = (ONE_CHUNK,)

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """Forwards as far as the stages behind need them, then one backward for each forward."""
        forwards = [Slot("forward", *unit) for unit in _units(stage, stages, virtual, micro_batches, ascending=True)]
        backwards = [Slot("backward", *unit) for unit in _units(stage, stages, virtual, micro_batches, ascending=False)]
        warm_up = warm_up_forwards(stage, stages, virtual, micro_batches)
        order = forwards[:warm_up]
        for forward, backward in zip(forwards[warm_up:], backwards, strict=False):
            order += [forward, backward]
        return order + backwards[len(forwards) - warm_up :]

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Narayanan et al. 2021, sec. 2.2; Korthikanti et al. 2022, sec. 4.2.3: p (1 + (p - 1) / (p v))."""
        held_chunks = warm_up_forwards(stage, stages, virtual, micro_batches) + 1
        return np.minimum(held_chunks, micro_batches * virtual) / virtual

    def bubble_s(self, stages: Array, virtual: Array, micro_batches: Array, others: Durations) -> Array:
        """(p - 1) (F + B) / v. Source: Narayanan et al. 2021, sec. 2.2.1 and 2.2.2.

        With fewer micro-batches than stages as well: each still takes (p - 1) (F + B) through the others, one way and
        back, and the last stage F + B for every one.
        """
        return (others.forward_s + others.backward_s) / virtual

    def waited_sends(self, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """All but every p-th of k = m + p - 2: each micro-batch waits for the round trip of the one p before it.

        Derived from the order of 1F1B, which keeps p micro-batches under way, and held against the engine
        (tests/cost/test_estimate.py). Hand-worked: 4 stages, 12 micro-batches: k = 14, 3 of them hidden, 11 waited for.
        """
        sends = micro_batches + stages - 2
        return sends - sends // stages


class GPipe(OneForwardOneBackward):
    """All forwards, then all backwards, the last first. Source: Huang et al. 2019, fig. 2."""

    name = "gpipe"
    forwards_first = True

    def order(self, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
        """Backwards in the reverse order of the forwards."""
        batches = range(micro_batches)
        forwards = [Slot("forward", batch, stage) for batch in batches]
        return forwards + [Slot("backward", batch, stage) for batch in reversed(batches)]

    def held(self, stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """All of them."""
        return micro_batches

    def waited_sends(self, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """Those of one micro-batch."""
        return stages - 1


class Interleaved(OneForwardOneBackward):
    """1F1B with several chunks on a stage. Source: Narayanan et al. 2021, fig. 4 and sec. 2.2.2."""

    name = "interleaved"
    steady_rounds = 2
    rules = (
        Rule(lambda p, v, m: np.greater(v, 1), ONE_CHUNK.problem, ONE_CHUNK.remedy),
        Rule(
            lambda p, v, m: np.greater(p, 1),
            "virtual_stages {v} with pipeline {p}",
            "interleaving needs a pipeline of 2 or more",
        ),
        Rule(
            lambda p, v, m: np.equal(np.mod(m, p), 0),
            "interleaved 1F1B needs a multiple of pipeline {p} micro-batches, but a replica has {m}",
            "change micro_batch, data or pipeline, or use schedule = '1f1b'",
        ),
    )

    def in_a_row(self, stages: Array) -> Array:
        """p, then as many through the next chunk. Source: Narayanan et al. 2021, fig. 4."""
        return stages

    def stage_layers(self, layers: int, stages: Array, virtual: Array, stage: Array) -> Array:
        """Over its v chunks."""
        return balanced_layers(layers, stages, virtual, stage)

    def waited_sends(self, stages: Array, virtual: Array, micro_batches: Array) -> Array:
        """It runs far enough ahead to wait for those of one micro-batch alone, but through all its chunks."""
        return Schedule.waited_sends(self, stages, virtual, micro_batches)


def _units(stage: int, stages: int, virtual: int, micro_batches: int, *, ascending: bool) -> list[tuple[int, int]]:
    """(micro-batch, chunk) in the order in which a stage meets them: p micro-batches per chunk, chunk by chunk."""
    rounds = range(virtual) if ascending else range(virtual - 1, -1, -1)
    if virtual == 1:
        return [(index, stage) for index in range(micro_batches)]
    return [
        (first + offset, turn * stages + stage)
        for first in range(0, micro_batches, stages)
        for turn in rounds
        for offset in range(stages)
    ]
