"""The kinds that a transformer without experts is made of: its layers, the embedding before them, the head behind them.

Layers may differ in how far their attention reaches back, and in whether they know positions. Each kind is the formulas
of one layer, asked about the model as such a layer sees it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from sim.catalog import Model
from sim.workload.activations import gradient_flow_bytes, layer_activation_bytes, unfinished_bytes, working_bytes
from sim.workload.kinds.kind import LayerKind
from sim.workload.layer import embedding_operations, head_operations, layer_operations
from sim.workload.weights import adapter_weights, copied_weights, embedding_weights, head_weights, layer_weights

_LAYER = LayerKind(
    "layer",
    layer_operations,
    layer_weights,
    adapter_weights,
    copied_weights,
    layer_activation_bytes,
    working_bytes,
    unfinished_bytes,
    gradient_flow_bytes,
)


def layer_kind(name: str, seen: Callable[[Model], Model], *, slides: bool = False, borrows: bool = False) -> LayerKind:
    """A kind of layer. seen: the model as such a layer sees it."""
    seen = functools.cache(seen)

    def of(formula: Callable[..., Any]) -> Callable[..., Any]:
        return lambda model, *others: formula(seen(model), *others)

    formulas: dict[str, Any] = {
        one.name: of(getattr(_LAYER, one.name)) for one in fields(LayerKind) if one.name not in _SAID
    }
    return LayerKind(name=name, slides=slides, borrows=borrows, **formulas)


_SAID = ("name", "slides", "borrows", "narrow")


def _reaching_all(model: Model) -> Model:
    """A model as a layer sees it that does not slide."""
    head_dim, kv_heads = model.global_head_dim or model.head_dim, model.global_kv_heads or model.kv_heads
    return replace(model, window=None, head_dim=head_dim, kv_heads=kv_heads)


def _within_window(model: Model) -> Model:
    """A model as a layer sees it that slides."""
    return replace(model, keys_are_values=False)


DENSE = layer_kind("dense", _reaching_all)
SLIDING = layer_kind("sliding", _within_window, slides=True)
UNROTATED = layer_kind("unrotated", lambda model: replace(_reaching_all(model), position="none"))
SLIDING_UNROTATED = layer_kind(
    "sliding unrotated", lambda model: replace(_within_window(model), position="none"), slides=True
)


def _borrowing(model: Model) -> Model:
    """A model as a layer sees it that takes keys and values of an earlier one."""
    return replace(model, borrows=True, ffn_hidden=model.borrowing_ffn_hidden or model.ffn_hidden)


BORROWING = layer_kind("dense borrowing", lambda model: _borrowing(_reaching_all(model)), borrows=True)
SLIDING_BORROWING = layer_kind(
    "sliding borrowing", lambda model: _borrowing(_within_window(model)), slides=True, borrows=True
)
EMBEDDING = LayerKind("embedding", embedding_operations, embedding_weights)
HEAD = LayerKind("head", head_operations, head_weights)
