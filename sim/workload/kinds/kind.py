"""What a kind of layer says about itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.scenario.types import Lora, Recompute
from sim.workload.operations import Operation, Slice, Style
from sim.workload.weights import Weights


def _no_adapters(model: Model, lora: Lora) -> Weights:
    return Weights()


def _no_copies(model: Model, tensor: Array) -> Array:
    return 0 * tensor


def _no_bytes(model: Model, part: Slice, style: Style, recompute: Recompute | None = None) -> Array:
    return 0.0 * part.tokens


@dataclass(frozen=True, slots=True, eq=False)
class LayerKind:
    """One kind of layer of a model, or one of its ends. All of it is of one layer.

    operations: on one device. weights: of the whole layer. adapters: that LoRA adds beside them.
    copied_weights: (model, tensor) -> elements that tensor ranks hold more of, all of them together.
    kept_bytes: of activations, for the backward pass. working_bytes: of what recomputation brings back.
    unfinished_bytes: of what recomputation brought back and weight gradients that are due still need.
    gradient_flow_bytes: of gradients of activations at the fullest moment of its backward.
    narrow: whether its linear layers run in the narrow format of a recipe that has one.
    slides: whether its attention reaches no further back than the model's window.
    borrows: whether it takes keys and values of the last layer before it that makes such and reaches as far.
    """

    name: str
    operations: Callable[[Model, Slice, Style, Lora | None], tuple[Operation, ...]]
    weights: Callable[[Model], Weights]
    adapters: Callable[[Model, Lora], Weights] = _no_adapters
    copied_weights: Callable[[Model, Array], Array] = _no_copies
    kept_bytes: Callable[[Model, Slice, Style, Recompute], Array] = _no_bytes
    working_bytes: Callable[[Model, Slice, Style, Recompute], Array] = _no_bytes
    unfinished_bytes: Callable[[Model, Slice, Style, Recompute], Array] = _no_bytes
    gradient_flow_bytes: Callable[[Model, Slice, Style], Array] = _no_bytes
    slides: bool = False
    borrows: bool = False
    narrow: bool = True

    def narrow_weights(self, model: Model) -> int:
        """Weights of the linear layers of one layer, whose products may be narrow."""
        return self.weights(model).matrix_elements if self.narrow else 0


@functools.cache
def wide_kind(kind: LayerKind) -> LayerKind:
    """The same kind of layer with products that are not narrow, whatever the recipe."""

    def wide(formula: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: formula(*(one.wide if isinstance(one, Style) else one for one in given))

    names = ("operations", "kept_bytes", "working_bytes", "unfinished_bytes", "gradient_flow_bytes")
    formulas: dict[str, Any] = {name: wide(getattr(kind, name)) for name in names}
    return replace(kind, name=f"{kind.name}, wide", narrow=False, **formulas)
