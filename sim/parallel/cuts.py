"""How layers are cut into the chunks of a pipeline: as asked for, or evenly.

Legend: C chunks (stages times virtual stages), chunk c on stage c mod p; r = layers mod C chunks have one layer more.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from sim.errors import InputError, shown
from sim.hardware.kernel import Array

_Ends = tuple[int | None, int | None]
"""Layers of the first and of the last stage; None where it is as the others."""


def balanced_cut(layers: int, chunks: int) -> tuple[int, ...]:
    """Layers of each chunk, as equal as can be; the ends, which have embedding and head as well, get one layer less.

    Source: Le Scao et al. 2022 (BLOOM), sec. 3.4: embedding and head count as a layer each.
    Hand-worked: 70 layers on 12 chunks: 5, ten times 6, 5.
    """
    each, more = divmod(layers, chunks)
    return (each,) * (chunks - 1 - more) + (each + 1,) * more + (each,)


def cuts_well(layers: Array, stages: Array, virtual: Array) -> Array:
    """Whether all chunks are equal, or would be if embedding and head were a layer each.

    A chunk of embedding or head alone is none too small where its stage has others.
    Source: Llama Team 2024, sec. 3.3.2: 126 layers of Llama 3 405B, a layer less on the first and on the last stage.
    """
    chunks = stages * np.asarray(virtual)
    more = np.mod(layers, chunks)
    has_layers = (np.asarray(layers) >= chunks) | np.greater(virtual, 1)
    return has_layers & (((more == 0) & (np.asarray(layers) >= chunks)) | (more == chunks - 2))


def first_layer(layers: Array, chunks: Array, chunk: Array) -> Array:
    """Number of the first layer of a chunk, cut as balanced_cut does; of the chunk behind the last, all layers.

    Hand-worked: 8 layers on 3 chunks are 3, 3 and 2: chunk 2 begins with layer 6.
    """
    each, more = layers // chunks, layers % chunks
    return each * chunk + np.clip(chunk - (chunks - 1 - more), 0, more)


def chunk_layers(layers: Array, chunks: Array, index: Array) -> Array:
    """Layers of one chunk, cut as balanced_cut does. Hand-worked: 70 layers on 12: chunk 0 has 5, chunk 1 has 6."""
    return first_layer(layers, chunks, index + 1) - first_layer(layers, chunks, index)


def balanced_layers(layers: Array, stages: Array, virtual: Array, stage: Array) -> Array:
    """Layers that a stage holds over all its chunks, cut as balanced_cut does.

    Hand-worked: 70 layers on 12 stages: 5 on the first and the last, 6 on the others.
    """
    chunks = stages * np.asarray(virtual)
    each, more = layers // chunks, layers % chunks
    # Of the chunks with one layer more, C - 1 - r to C - 2, those that lie on this stage.
    here = (chunks - 2 - stage) // stages - (chunks - 2 - more - stage) // stages
    return virtual * each + here


def in_runs(counts: Sequence[int]) -> str:
    """Numbers in a row, those that repeat as a product: "2x8+6" for 8, 8, 6. Rows that differ read differently."""
    runs = [(count, len(list(alike))) for count, alike in itertools.groupby(counts)]
    return "+".join(f"{times}x{count}" if times > 1 else f"{count}" for count, times in runs)


def cut_layers(
    layers: int,
    stages: int,
    virtual: int,
    given: tuple[int, ...] | None,
    ends: _Ends,
    where: str,
) -> tuple[int, ...]:
    """Layers of each chunk: as given, or equal but for the ends. Raises InputError when they cannot be cut so.

    given: of each chunk. ends: of the first and the last stage, None where they are as the others.
    """
    chunks = stages * virtual
    if ends != (None, None):
        if given is not None:
            both = "layers_per_stage beside first_stage_layers or last_stage_layers"
            raise InputError(where, both, "give either all stages or their ends")
        return _uneven_ends(layers, stages, virtual, ends, where)
    if given is None:
        if layers % chunks:
            raise InputError(
                where,
                f"{layers} layers cannot be cut into {chunks} equal parts (pipeline x virtual_stages)",
                f"use a divisor of {layers}, or give layers_per_stage",
            )
        return (layers // chunks,) * chunks
    if not all(given[1:-1]) or (virtual == 1 and not all(given)):
        raise InputError(
            where,
            f"layers_per_stage {shown(list(given))} leaves a stage, or a chunk between the ends, without layers",
            "only the first and the last of several chunks of a stage may be embedding or head alone",
        )
    if len(given) != chunks or sum(given) != layers:
        raise InputError(
            where,
            f"layers_per_stage {shown(list(given))} has {len(given)} entries that sum to {sum(given)}",
            f"give {chunks} entries (pipeline x virtual_stages) that sum to {layers}",
        )
    return given


def _uneven_ends(layers: int, stages: int, virtual: int, ends: _Ends, where: str) -> tuple[int, ...]:
    """Layers of each chunk, of stages in a row of which the first and the last may differ from the others."""
    of_stages = _with_ends(layers, stages, virtual, ends)
    if of_stages is None:
        raise _no_equal_stages(layers, stages, virtual, ends, where)
    return tuple(one // virtual for _ in range(virtual) for one in of_stages)


def _with_ends(layers: int, stages: int, virtual: int, ends: _Ends) -> tuple[int, ...] | None:
    """Layers of each stage; None where the ends do not leave the others an equal number of whole chunks.

    Source: Megatron-LM, --decoder-first-pipeline-num-layers and --decoder-last-pipeline-num-layers.
    Hand-worked: 61 layers, 4 stages, 15 first and 14 last: 15, 16, 16, 14.
    """
    others = stages - sum(one is not None for one in ends)
    left = layers - sum(one or 0 for one in ends)
    each, rest = divmod(left, others) if others > 0 else (0, left)
    first, last = (each if one is None else one for one in ends)
    of_stages = (first, *(each,) * (stages - 2), last)
    if stages == 1 or rest or each < (others > 0) or any(one % virtual for one in of_stages):
        return None
    return of_stages


def _no_equal_stages(layers: int, stages: int, virtual: int, ends: _Ends, where: str) -> InputError:
    """The error for ends that leave no equal stages: what they leave, and the nearest that work."""
    given = {
        key: one for key, one in zip(("first_stage_layers", "last_stage_layers"), ends, strict=True) if one is not None
    }
    asked = " and ".join(f"{key} {shown(one)}" for key, one in given.items())
    if stages == 1:
        return InputError(
            where, f"{asked} of a pipeline of one stage", f"leave out {' and '.join(given)}, or set pipeline"
        )
    left, others = max(layers - sum(given.values()), 0), stages - len(given)
    chunks = f" of {virtual} chunks" if virtual > 1 else ""
    left_for = f"leave {left or 'none'} for the other {others} of {stages} stages{chunks}"
    if not others:
        left_for = f"sum to {sum(given.values())}, and the {stages} stages are all there are"
    nearest = [
        f"{key} = {' or '.join(map(str, work))}"
        for key in given
        if (work := _nearest(layers, stages, virtual, given, key))
    ]
    multiples = f"multiples of {virtual}" if virtual > 1 else "numbers"
    remedy = f"nearest that work: {', or '.join(nearest)}" if nearest else f"give {multiples} that leave some for each"
    return InputError(where, f"{asked} of {layers} layers {left_for}", f"{remedy}; or give layers_per_stage")


def _nearest(layers: int, stages: int, virtual: int, ends: Mapping[str, int], key: str) -> list[int]:
    """The nearest numbers below and above that work for one of the ends, the other as it is."""

    def works(layers_there: int) -> bool:
        changed = {**ends, key: layers_there}
        both = changed.get("first_stage_layers"), changed.get("last_stage_layers")
        return _with_ends(layers, stages, virtual, both) is not None

    below = next(filter(works, range(min(ends[key], layers), 0, -1)), None)
    above = next(filter(works, range(ends[key], layers)), None)
    return [one for one in (below, above) if one is not None]
