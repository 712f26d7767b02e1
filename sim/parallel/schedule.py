"""Pipeline schedules: in which order a stage runs its forwards and backwards, and how many it holds.

Legend: p stages, v virtual stages (chunks) per stage, m micro-batches per replica.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from sim.hardware.kernel import Array
from sim.scenario.types import Schedule

Phase = Literal["forward", "backward"]


SETTLED_ROUNDS = 3
"""Rounds of as many micro-batches as stages after which a schedule repeats what it holds."""


class Slot(NamedTuple):
    """One forward or backward of one micro-batch through one chunk."""

    phase: Phase
    micro_batch: int
    chunk: int
    """0 .. p v - 1, in the order of the layers."""


def default_schedule(virtual_stages: int) -> Schedule:
    """What runs where nobody names a schedule."""
    return "interleaved" if virtual_stages > 1 else "1f1b"


def stage_order(schedule: Schedule, stage: int, stages: int, virtual: int, micro_batches: int) -> list[Slot]:
    """The fixed order of one stage's compute stream.

    Source: GPipe, Huang et al. 2019, fig. 2; 1F1B and interleaved 1F1B, Narayanan et al. 2021, fig. 3 and 4.
    """
    forwards = [Slot("forward", *unit) for unit in _units(stage, stages, virtual, micro_batches, ascending=True)]
    backwards = [Slot("backward", *unit) for unit in _units(stage, stages, virtual, micro_batches, ascending=False)]
    if schedule == "gpipe":
        return forwards + backwards[::-1]
    warm_up = warm_up_forwards(stage, stages, virtual, micro_batches)
    order = forwards[:warm_up]
    for forward, backward in zip(forwards[warm_up:], backwards, strict=False):
        order += [forward, backward]
    return order + backwards[len(forwards) - warm_up :]


def warm_up_forwards(stage: Array, stages: Array, virtual: Array, micro_batches: Array) -> Array:
    """Forwards that a stage runs before its first backward.

    Source: Narayanan et al. 2021, sec. 2.2: p - 1 - stage for 1F1B; twice that and (v - 1) p for interleaving, and all
    of them where m = p, as Megatron-LM's interleaved schedule does.
    Hand-worked: p = 4, v = 2, stage 0: 2 * 3 + 4 = 10.
    """
    plain = stages - 1 - stage
    # With as many micro-batches as stages, interleaving has no steady state: all forwards come first.
    every = np.asarray(micro_batches) * virtual
    interleaved = np.where(np.equal(micro_batches, stages), every, 2 * plain + (virtual - 1) * stages)
    return np.minimum(np.where(np.asarray(virtual) > 1, interleaved, plain), micro_batches * virtual).astype(int)


def micro_batches_in_flight(
    schedule: Schedule, stage: Array, stages: Array, virtual: Array, micro_batches: Array
) -> Array:
    """Largest number of micro-batches whose activations a stage holds, in units of its whole share of layers.

    Source: Narayanan et al. 2021, sec. 2.2; Korthikanti et al. 2022, sec. 4.2.3: p (1 + (p - 1) / (p v)).
    """
    if schedule == "gpipe":
        return micro_batches
    held_chunks = warm_up_forwards(stage, stages, virtual, micro_batches) + 1
    return np.minimum(held_chunks, micro_batches * virtual) / virtual


def peak_layers_in_flight(order: Iterable[Slot], layers_per_chunk: Sequence[int]) -> int:
    """Largest number of layers, over micro-batches, that a stage holds activations of while it follows an order.

    For chunks of different sizes, where the closed form of micro_batches_in_flight does not apply.
    """
    held = largest = 0
    for slot in order:
        held += layers_per_chunk[slot.chunk] if slot.phase == "forward" else 0
        largest = max(largest, held)
        held -= layers_per_chunk[slot.chunk] if slot.phase == "backward" else 0
    return largest


def bubble_share(stages: Array, virtual: Array, micro_batches: Array) -> Array:
    """Idle time over busy time of a pipeline with equal stages and free sends.

    Source: Narayanan et al. 2021, sec. 2.2.1 and 2.2.2: (p - 1) / (v m), the same for GPipe and 1F1B with v = 1.
    """
    return (stages - 1) / (virtual * micro_batches)


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
