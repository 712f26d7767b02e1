"""The kinds of layers that models are made of, and how many of each lie where.

A model is its runs: so many layers of one kind in a row, then so many of another. A new kind is a module here with its
`LayerKind`, and an entry of `KINDS`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Model
from sim.errors import InputError, unknown_name
from sim.hardware.kernel import Array
from sim.scenario.bounds import MOST_LAYERS, check_size
from sim.workload.kinds.kind import LayerKind, wide_kind
from sim.workload.kinds.transformer import (
    BORROWING,
    DENSE,
    EMBEDDING,
    HEAD,
    SLIDING,
    SLIDING_BORROWING,
    SLIDING_UNROTATED,
    UNROTATED,
)

__all__ = [
    "EMBEDDING",
    "HEAD",
    "KINDS",
    "LayerKind",
    "all_layers",
    "layers_by_kind",
    "model_kinds",
    "model_runs",
    "needs_one_stage",
    "runs_between",
]

_KINDS = (DENSE, SLIDING, UNROTATED, SLIDING_UNROTATED, BORROWING, SLIDING_BORROWING)
KINDS: dict[str, LayerKind] = {kind.name: kind for kind in _KINDS}


@functools.cache
def model_runs(model: Model) -> tuple[tuple[LayerKind, int], ...]:
    """(kind, layers in a row), from the first layer to the last. Raises InputError for runs that are none of it."""
    where = f"model {model.name}: runs"
    for name, _ in model.runs:
        if name not in KINDS:
            raise unknown_name(where, "kind of layers", name, KINDS)
    if model.runs_repeat:
        check_size(model.layers, MOST_LAYERS, "layers", where)
    counted = sum(count for _, count in model.runs)
    if counted > model.layers or (counted < model.layers and model.runs and not model.runs_repeat):
        problem = f"{model.name} has {model.layers} layers, but its runs have others: {counted} in {model.runs}"
        more = ", or runs_repeat = true where they begin again" if counted < model.layers else ""
        raise InputError(where, problem, f"write runs of {model.layers} layers in all, or change layers{more}")
    if model.runs_repeat and not model.runs:
        raise InputError(where, "runs_repeat is set, but there are no runs", "leave it out, or say which runs repeat")
    written = model.runs or ((DENSE.name, model.layers),)
    runs = tuple(_runs_until(model.layers, [(KINDS[name], count) for name, count in written]))
    if any(kind.slides for kind, _ in runs) != (model.window is not None):
        problem = (
            "no layer is sliding, but there is a window" if model.window else "layers are sliding without a window"
        )
        raise InputError(where, problem, 'a window goes with runs of sliding layers, such as [["sliding", 1]]')
    _check_lenders([kind for kind, _ in runs], where)
    return _with_wide_ends(runs, *model.wide_ends)


def _check_lenders(kinds: Sequence[LayerKind], where: str) -> None:
    """Raise InputError where a layer takes keys and values, and none before it reaches as far and makes such."""
    for index, kind in enumerate(kinds):
        if kind.borrows and not any(one.slides == kind.slides and not one.borrows for one in kinds[:index]):
            lender = SLIDING if kind.slides else DENSE
            problem = f"a layer is '{kind.name}', but none before it is '{lender.name}'"
            raise InputError(where, problem, "write such a run before it: keys and values are those of its last layer")


def _with_wide_ends(runs: Sequence[tuple[LayerKind, int]], first: int, last: int) -> tuple[tuple[LayerKind, int], ...]:
    """Runs whose first and last layers are not narrow.

    Hand-worked: runs of 2 and 3 layers with 3 and 1 at the ends: 2 and 1 that are wide, 1, and 1 that is wide.
    """
    found: list[tuple[LayerKind, int]] = []
    layers, start = sum(count for _, count in runs), 0
    for kind, count in runs:
        front = min(max(first - start, 0), count)
        back = min(max(start + count - (layers - last), 0), count - front)
        parts = ((wide_kind(kind), front), (kind, count - front - back), (wide_kind(kind), back))
        found += [(one, number) for one, number in parts if number]
        start += count
    return tuple(found)


def _runs_until(layers: int, runs: Sequence[tuple[LayerKind, int]]) -> Iterator[tuple[LayerKind, int]]:
    """Runs over and over until there are so many layers; the last may be cut short."""
    for kind, count in itertools.cycle(runs):
        yield kind, min(count, layers)
        layers -= count
        if layers <= 0:
            return


@functools.cache
def model_kinds(model: Model) -> tuple[LayerKind, ...]:
    """Every kind of layer that a model has, in the order in which they appear; without its ends."""
    return tuple(dict.fromkeys(kind for kind, _ in model_runs(model)))


@functools.cache
def _layers_before(model: Model) -> dict[LayerKind, NDArray[np.int64]]:
    """(L + 1,) of each kind: how many such layers there are before layer 0, 1, ..., L."""
    layers = [kind for kind, count in model_runs(model) for _ in range(count)]
    return {kind: np.cumsum([0, *(one is kind for one in layers)], dtype=np.int64) for kind in model_kinds(model)}


def layers_by_kind(model: Model, first: Array, last: Array) -> dict[LayerKind, Array]:
    """How many layers of each kind there are from layer `first` up to but without layer `last`.

    Hand-worked: runs of 2, 3 and 2 layers of kinds a, b and a: of layers 1 to 5, two are a's (1 and 5), three b's.
    """
    last = np.maximum(first, last)
    if len(model_kinds(model)) == 1:
        return {model_kinds(model)[0]: last - first}
    return {kind: before[last] - before[first] for kind, before in _layers_before(model).items()}


def runs_between(model: Model, first: int, last: int) -> list[tuple[LayerKind, int]]:
    """(kind, layers in a row) from layer `first` up to but without layer `last`.

    Hand-worked: runs of 2, 3 and 2 layers of kinds a, b and a: of layers 1 to 5, one a, three b's, one a.
    """
    found, start = [], 0
    for kind, count in model_runs(model):
        own = min(start + count, last) - max(start, first)
        found += [(kind, own)] if own > 0 else []
        start += count
    return found


def needs_one_stage(model: Model) -> bool:
    """Whether layers need more of earlier ones than the activations that a pipeline sends."""
    return model.layer_embedding is not None or any(kind.borrows for kind in model_kinds(model))


def all_layers(model: Model) -> dict[LayerKind, int]:
    """How many layers of each kind a model has."""
    return {kind: int(count) for kind, count in layers_by_kind(model, 0, model.layers).items()}
