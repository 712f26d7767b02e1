"""Precision and optimizers as typed records: how wide every kind of number is, and what an optimizer keeps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from sim.catalog.figures import Figure


class Format(NamedTuple):
    """How numbers of one use are held. bytes: of each, its share of a block's scale included."""

    name: str
    bytes: float


_HALF_BYTES = 2.0
NO_COPY = Format("none", 0.0)
"""Of what is not kept at all, such as a master copy of weights that are updated in place."""


Use = Literal["layer", "vocabulary", "other"]
"""What a linear layer is of: the model's layers, whose products may be narrow; the vocabulary projection; adapters."""
FusedCasts = Literal["none", "norms", "all"]
"""Which kernels write what they make in a narrow format at once: none; norms; or activation functions as well, forward
and backward."""
WeightCasts = Literal["step", "micro-batch"]
"""How often a weight is cast: for the first micro-batch of a step, for all of them; or for each."""
ScaleReductions = Literal["none", "step", "tensor"]
"""When ranks agree on the largest number that a scale is made of: never; once a step, for all tensors; or for every
tensor that sequence parallelism gathers."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """What training with products in a narrow format does beside it.

    Narrow are the linear layers inside a model's layers; all else is wide. Source: Transformer Engine, documentation,
    features, low precision training.
    """

    others: Format
    """Operands of the products of layers that are not narrow: adapters, and layers that are left out."""
    vocabulary: Format
    """Operands of the vocabulary projection."""
    weight_gradients: Format
    """Operands of the products that make gradients of weights."""
    inputs: Format
    """What a product keeps of its input for the backward pass."""
    weights: Format
    """Weights of narrow products between steps, beside the optimizer's copy."""
    gathers: Format
    """The same on their way between replicas."""
    exchanges: Format
    """Inputs of narrow products, and gradients of outputs, on their way between tensor ranks."""
    reads: float
    """How often a cast reads what it casts: twice where a scale is made of the largest number of a tensor."""
    two_ways: bool
    """Rows and columns have scales of their own, so that every operand is cast, and weights are held, twice."""
    cast_slowdown: float
    """What a cast takes over what its bytes take at the rate of streaming kernels."""
    cast_launches: float
    """Kernels of a cast: of the largest number, of scales, of the numbers."""
    fused_casts: FusedCasts
    weight_casts: WeightCasts
    scale_reductions: ScaleReductions
    wide_first: int
    """Layers at the start of a model whose products are not narrow."""
    wide_last: int
    """The same at its end."""

    @property
    def recasts(self) -> bool:
        """Whether a backward casts inputs again, which were kept as they came."""
        return self.inputs == self.others


@dataclass(frozen=True, slots=True)
class Recipe:
    """The format of every use of numbers in training."""

    name: str
    title: str
    products: Format
    """Operands of matrix products; a device has a peak for it."""
    attention: Format
    """Operands of what multiplies queries, keys and values; a device has a peak for it."""
    activations: Format
    """Kept for the backward pass, moved through memory, and sent between devices."""
    parameters: Format
    """The weights that products read, and that are gathered."""
    gradients: Format
    """The buffer that gradients are added up in."""
    reductions: Format
    """Gradients on their way between replicas."""
    master: Format
    """The copy of the weights that the optimizer updates."""
    moments: Format
    """The optimizer's states."""
    quantised: Quantised | None = None
    """Of a recipe whose products are narrower than its activations."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def wide(self) -> Recipe:
        """The same for layers whose products are not narrow."""
        if self.quantised is None:
            return self
        attention = self.activations if self.has_narrow_attention else self.attention
        return replace(self, products=self.quantised.others, attention=attention, quantised=None)

    @property
    def kept_inputs(self) -> Format:
        """What a linear layer of the model's layers keeps of its input for its backward."""
        return self.activations if self.quantised is None else self.quantised.inputs

    @property
    def linear_weights(self) -> Format:
        """Weights of linear layers between steps, beside the optimizer's copy."""
        return self.parameters if self.quantised is None else self.quantised.weights

    @property
    def exchanges(self) -> Format:
        """Inputs of linear layers, and gradients of their outputs, on their way between tensor ranks."""
        return self.activations if self.quantised is None else self.quantised.exchanges

    @property
    def gathers(self) -> Format:
        """Weights of linear layers on their way between replicas."""
        return self.parameters if self.quantised is None else self.quantised.gathers

    @property
    def keeps_weight_casts(self) -> bool:
        """Whether narrow copies of weights are there for all micro-batches of a step."""
        return self.quantised is not None and self.quantised.weight_casts == "step"

    @property
    def has_narrow_attention(self) -> bool:
        """Whether queries, keys and values are cast for attention."""
        return self.attention.bytes < min(self.activations.bytes, _HALF_BYTES)

    @property
    def has_narrow_weights(self) -> bool:
        """Whether weights of narrow products are held in no other format beside the optimizer's copy."""
        return self.quantised is not None and self.quantised.weights != self.parameters

    def beside(self, wide: Recipe, usual: Recipe) -> Recipe:
        """A narrow recipe with the gradients and states of a stack's wide one, where its own are the usual ones.

        Narrow products are no reason to keep or reduce gradients in another format.
        """
        if self.quantised is None or wide == usual:
            return self
        uses = ("gradients", "reductions", "master", "moments")
        changed = {use: getattr(wide, use) for use in uses if getattr(self, use) == getattr(usual, use)}
        figures = [one for one in self.figures if one.name not in changed]
        figures += [one for one in wide.figures if one.name in changed]
        return replace(self, **changed, figures=tuple(figures))

    def operands(self, use: Use) -> tuple[Format, Format]:
        """Formats of a linear layer's products: of its result and its input's gradient; of its weights' gradients."""
        if self.quantised is None:
            return self.products, self.products
        if use == "layer":
            return self.products, self.quantised.weight_gradients
        one = self.quantised.vocabulary if use == "vocabulary" else self.quantised.others
        return one, one

    def held_weight_bytes(self, copies: int) -> float:
        """Bytes of each weight of a linear layer between steps, beside the optimizer's copy.

        copies: narrow ones that products of both directions read.
        Hand-worked: two of a byte beside bf16, 2 + 2; alone, 2.
        """
        if self.quantised is None:
            return self.parameters.bytes
        if self.has_narrow_weights:
            return copies * self.quantised.weights.bytes
        return self.parameters.bytes + copies * self.products.bytes * self.keeps_weight_casts

    def update_bytes(self, states: Any) -> Any:
        """Memory traffic per parameter of one optimizer step that keeps so many states of each: at least.

        Reads the gradient, reads and writes every state and what is updated, writes the weights that products read.
        Hand-worked: Adam in fp32 with bf16 weights and gradients: 2 + 2 (4 + 4) + 2 x 4 + 2 = 28; without a master copy
        and with states of 2 bytes, 2 + 2 (2 + 2) + 2 x 2 = 14.
        """
        copies = 2 * self.master.bytes + self.parameters.bytes if self.master.bytes else 2 * self.parameters.bytes
        return self.gradients.bytes + 2 * self.moments.bytes * states + copies


@dataclass(frozen=True, slots=True)
class Optimizer:
    """What an optimizer keeps of each trained parameter, in numbers beside the master copy.

    matrix_states, table_states, vector_states: per element of a layer's matrices, of embedding and vocabulary
    projection, of biases and norms. line_states: per row and per column of every matrix, tables included.
    """

    name: str
    title: str
    matrix_states: float
    table_states: float
    vector_states: float
    line_states: float
    orthogonal_steps: int
    """Steps of the iteration that makes the update of a layer's matrix orthogonal; 0: none."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def states_each(self) -> float | None:
        """States of each parameter where all have equally many; None where that depends on the parameter."""
        alike = self.matrix_states == self.table_states == self.vector_states and not self.line_states
        return self.matrix_states if alike else None
