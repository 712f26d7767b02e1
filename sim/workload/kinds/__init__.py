"""The kinds of layers that models are made of, and how many of each lie where.

A model is its runs: so many layers of one kind in a row, then so many of another. A new kind is a module here with its
`LayerKind`, and an entry of `KINDS`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from sim.catalog import Model
from sim.errors import InputError, unknown_name
from sim.hardware.kernel import Array
from sim.workload.kinds.kind import LayerKind, wide_kind
from sim.workload.kinds.transformer import DENSE, EMBEDDING, HEAD

__all__ = ["EMBEDDING", "HEAD", "KINDS", "LayerKind", "all_layers", "layers_by_kind", "model_kinds", "model_runs"]

KINDS: dict[str, LayerKind] = {kind.name: kind for kind in (DENSE,)}


@functools.cache
def model_runs(model: Model) -> tuple[tuple[LayerKind, int], ...]:
    """(kind, layers in a row), from the first layer to the last. Raises InputError for runs that are none of it."""
    where = f"model {model.name}: runs"
    for name, _ in model.runs:
        if name not in KINDS:
            raise unknown_name(where, "kind of layers", name, KINDS)
    if model.runs and (counted := sum(count for _, count in model.runs)) != model.layers:
        problem = f"{model.name} has {model.layers} layers, but its runs have others: {counted} in {model.runs}"
        raise InputError(where, problem, f"write runs of {model.layers} layers in all, or change layers")
    runs = tuple((KINDS[name], count) for name, count in model.runs) or ((DENSE, model.layers),)
    return _with_wide_ends(runs, *model.wide_ends)


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


@functools.cache
def model_kinds(model: Model) -> tuple[LayerKind, ...]:
    """Every kind of layer that a model has, in the order in which they appear; without its ends."""
    return tuple(dict.fromkeys(kind for kind, _ in model_runs(model)))


def layers_by_kind(model: Model, first: Array, last: Array) -> dict[LayerKind, Array]:
    """How many layers of each kind there are from layer `first` up to but without layer `last`.

    Hand-worked: runs of 2, 3 and 2 layers of kinds a, b and a: of layers 1 to 5, two are a's (1 and 5), three b's.
    """
    found: dict[LayerKind, Array] = {}
    start = 0
    for kind, count in model_runs(model):
        end = start + count
        here = np.maximum(np.minimum(last, end) - np.maximum(first, start), 0)
        found[kind] = found[kind] + here if kind in found else here
        start = end
    return found


def all_layers(model: Model) -> dict[LayerKind, int]:
    """How many layers of each kind a model has."""
    return {kind: int(count) for kind, count in layers_by_kind(model, 0, model.layers).items()}
