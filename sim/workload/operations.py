"""The building blocks of a transformer as operations: forward, input gradient, weight gradient.

Legend: T tokens of a micro-batch on this device, s sequence, b sequences.
Widths are those of the style's recipe: a bytes per activation element below.
Sizes may be numpy arrays, one element per plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from sim.catalog import Format, Recipe, load_recipe
from sim.catalog.precision_records import Use
from sim.catalog.stack_records import AttentionOutputCopies, NormKernels, ScatterCopies, SelectiveRecompute
from sim.hardware.kernel import Array, Kernel
from sim.scenario.types import Recompute
from sim.workload.casts import MadeBy, linear_casts

_HALF_PRECISION = load_recipe("bf16").activations.bytes
MASK_BYTES = 1.0
SINGLE_BYTES = 4.0
"""Of sums, statistics and whatever else runs in fp32 whatever the recipe says."""
SOFTCAP_PASSES = (6, 7)
"""Reads and writes of a quotient, a tanh and a product, one kernel each: forward, and their gradients."""


Region = Literal["attention-core", "block", "tail", "weights"]


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of the work that one device of a tensor group does for one micro-batch.

    activation_bytes: of each element that it keeps and exchanges. gathered_bytes: of what its ranks gather for the
    products of its layers. document: tokens of each of the documents that sequences are packed of; None: one each.
    """

    sequence: int
    micro_batch: Array
    tensor: Array = 1
    sequence_parallel: Array = False
    activation_bytes: float = _HALF_PRECISION
    gathered_bytes: float = _HALF_PRECISION
    document: int | None = None

    @property
    def tokens(self) -> Array:
        """Tokens of one micro-batch."""
        return self.micro_batch * float(self.sequence)

    @property
    def unsharded_tokens(self) -> Array:
        """Tokens in the regions that tensor parallelism leaves whole unless sequence parallelism cuts them."""
        return self.tokens / np.where(self.sequence_parallel, self.tensor, 1)

    def unsplit(self) -> Slice:
        """The same micro-batch on one device of unlimited memory."""
        widths = {"activation_bytes": self.activation_bytes, "gathered_bytes": self.gathered_bytes}
        return Slice(self.sequence, self.micro_batch, **widths, document=self.document)

    @property
    def attended(self) -> tuple[Array, float]:
        """(how many, tokens) of what attention stays inside of: sequences, or the documents packed into them.

        Source: Transformer Engine, cumulative sequence lengths: every document is a sequence of its own.
        Hand-worked: 2 sequences of 4,096 in documents of 512: 16 of 512 tokens.
        """
        length = min(self.document or self.sequence, self.sequence)
        return self.micro_batch * (self.sequence / length), length


@dataclass(frozen=True, slots=True)
class Style:
    """How a software stack turns mathematics into kernels, in the formats of a recipe."""

    recipe: Recipe
    flash_attention: bool
    causal_skip: bool
    window_skip: bool
    fused_elementwise: bool
    weight_gradient_bytes: float
    """What a weight-gradient kernel moves per element: written afresh, or read and written where it accumulates."""
    loss_traffic_bytes: float
    """Memory traffic of the loss, forward and backward together, per logit."""
    recompute_stops_early: bool = False
    """Recomputation ends with the last activation that the backward needs, not with the layer."""
    selective_recompute: SelectiveRecompute = "attention-core"
    """What selective recomputation runs again; see GpuStack."""
    vocabulary_multiple: int = 1
    """The vocabulary is padded to a multiple of this and of the tensor degree."""
    activation_passes: float = 1.0
    """Traffic of norms, residuals, activation functions and rotations over what half precision needs."""
    layer_norm: NormKernels = "fused"
    rms_norm: NormKernels = "fused"
    fused_gating: bool = True
    """A gated activation is one kernel, and what is between it and the product is not kept."""
    attention_output_copies: AttentionOutputCopies = "never"
    """When a fused attention's output is laid out anew for the projection, and both are kept."""
    gradient_add_bytes: float = 0.0
    """What a kernel of its own moves per element to add a weight's gradient to a buffer; 0: there is none."""
    gradient_adds: Array = 1.0
    """How often such a kernel runs, on average over micro-batches."""
    splits_kept_inputs: bool = False
    """Tensor ranks keep a share each of the input of a layer that is recomputed as a whole."""
    operand_copies: int = 1
    """Narrow copies of every operand that products of both directions read: two where rows and columns differ."""
    weight_casts: Array = 1.0
    """Share of a layer's weights that a device casts for a micro-batch, on average over micro-batches."""
    complex_rotary: bool = False
    """Rotations are products of complex numbers in single precision; see GpuStack."""
    repeats_keys: bool = False
    """Keys and values are copied for every head that shares them."""
    copies_gathers: bool = False
    """What tensor ranks gather is laid out anew; see GpuStack."""
    copies_scatters: ScatterCopies = "none"

    @property
    def wide(self) -> Style:
        """The same for layers whose products are not narrow."""
        return self if self.recipe.quantised is None else replace(self, recipe=self.recipe.wide)

    @property
    def activation_bytes(self) -> float:
        """Bytes of each element that is kept for the backward pass or moved through memory."""
        return self.recipe.activations.bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation with the kernels of its three phases.

    region: "attention-core" is what selective recomputation re-runs; "tail" what follows the last activation that a
    layer's backward needs; "weights" what is done to weights, which no activation waits for.
    """

    name: str
    forward: tuple[Kernel, ...] = ()
    input_gradient: tuple[Kernel, ...] = ()
    weight_gradient: tuple[Kernel, ...] = ()
    region: Region = "block"
    kept_share: float = 0.0
    """Share of the forward whose result stays where selective recomputation keeps operators."""
    column_parallel: bool = False
    """Tensor ranks split its outputs: the gradient of its input is a sum over them."""
    row_parallel: bool = False
    """Tensor ranks split its inputs: its output is a sum over them."""

    @property
    def backward(self) -> tuple[Kernel, ...]:
        """Both gradients."""
        return self.input_gradient + self.weight_gradient


def rerun_kernels(operation: Operation, recompute: Recompute, style: Style) -> tuple[Kernel, ...]:
    """The kernels of an operation's forward that recomputation runs again.

    A fused attention recomputes its scores inside its backward kernel, so selective recomputation of the attention core
    adds nothing. Where all products are kept, attention, whose products are of every head apart, runs again.
    Sources: Korthikanti et al. 2022, sec. 5; torchtitan, selective_ac_option "op"; JAX, checkpoint_policies,
    dots_with_no_batch_dims_saveable; early stop, PyTorch 2.1, torch.utils.checkpoint, set_checkpoint_early_stop.
    """
    if recompute == "none" or (style.recompute_stops_early and operation.region == "tail"):
        return ()
    if operation.region == "weights" and (recompute != "full" or style.recipe.keeps_weight_casts):
        return ()
    if recompute == "full":
        return operation.forward
    if style.selective_recompute == "attention-core":
        return operation.forward if operation.region == "attention-core" and not style.flash_attention else ()
    if style.selective_recompute == "all but products":
        keeps = operation.region != "attention-core"
        return tuple(kernel for kernel in operation.forward if not (keeps and kernel.kind == "gemm"))
    again = 1.0 - operation.kept_share
    return tuple(_part_of(kernel, again) for kernel in operation.forward) if again else ()


def _part_of(kernel: Kernel, share: float) -> Kernel:
    """A part of a kernel's output columns, whose number is whole up to the rounding of the share."""
    sizes = ("flops", "traffic_bytes", "useful_flops", "counted_flops")
    scaled = {size: getattr(kernel, size) * share for size in sizes}
    return replace(kernel, n=np.round(kernel.n * share, 6), **scaled)


def matrix_product(
    name: str,
    m: Array,
    n: Array,
    k: Array,
    operands: Format,
    output_bytes: float,
    *,
    batch: Array = 1.0,
    useful_share: Array = 1.0,
    counted_share: Array = 1.0,
) -> Kernel:
    """One (batched) GEMM of shape (m, k) x (k, n): 2 m n k FLOPs, operands read once, result written once."""
    flops = 2.0 * batch * m * n * k
    traffic = batch * (operands.bytes * (m * k + k * n) + output_bytes * m * n)
    return Kernel(
        name,
        "gemm",
        flops,
        traffic,
        useful_share * flops,
        counted_share * flops,
        m=m,
        n=n,
        k=k,
        batch=batch,
        output_bytes=output_bytes,
        format=operands.name,
    )


def elementwise(name: str, elements: Array, bytes_per_element: float) -> Kernel:
    """One pass over memory."""
    return Kernel(name, "elementwise", traffic_bytes=elements * bytes_per_element)


def linear(
    name: str,
    tokens: Array,
    inputs: Array,
    outputs: Array,
    style: Style,
    *,
    bias: bool = False,
    frozen: bool = False,
    region: Region = "block",
    kept_share: float = 0.0,
    column_parallel: bool = False,
    row_parallel: bool = False,
    use: Use = "other",
    made_by: MadeBy = ("apart", "apart"),
    cast_tokens: tuple[Array, Array] | None = None,
) -> Operation:
    """A projection: y = x W. A frozen weight has an input gradient but no weight gradient.

    Where its products are narrow, its input and its output's gradient are cast before. made_by: what writes the two.
    cast_tokens: of those, the tokens that this device casts, where it gathers the others as they are.
    """
    (products, gradients), width = style.recipe.operands(use), style.activation_bytes
    cast_input, cast_gradient = cast_tokens or (tokens, tokens)
    elements, copies = (cast_input * inputs, cast_gradient * outputs), style.operand_copies
    casts = linear_casts(name, *elements, style.recipe, use, copies, made_by, frozen=frozen)
    weight: tuple[Kernel, ...] = ()
    if not frozen:
        weight = (
            *casts.weight_gradient,
            matrix_product(f"{name} dW", inputs, outputs, tokens, gradients, style.weight_gradient_bytes),
            *((elementwise(f"{name} db", tokens * outputs, width),) if bias else ()),
            *gradient_sum(name, inputs * outputs, style),
        )
    return Operation(
        name,
        (*casts.forward, matrix_product(name, tokens, outputs, inputs, products, width)),
        (*casts.input_gradient, matrix_product(f"{name} dx", tokens, inputs, outputs, products, width)),
        weight,
        region,
        kept_share,
        column_parallel,
        row_parallel,
    )


def gradient_sum(name: str, elements: Array, style: Style) -> tuple[Kernel, ...]:
    """The kernel that adds a weight's gradient to the buffer of all micro-batches, where the product does not."""
    if not style.gradient_add_bytes:
        return ()
    one = elementwise(f"{name} sum", elements * style.gradient_adds, style.gradient_add_bytes)
    return (replace(one, launches=style.gradient_adds),)


def memory_pass(
    name: str, elements: Array, forward_bytes: float, backward_bytes: float, region: Region = "block"
) -> Operation:
    """An operation bound by memory: bytes per element, forward and backward."""
    backward = (elementwise(f"{name} backward", elements, backward_bytes),) if backward_bytes else ()
    return Operation(name, (elementwise(name, elements, forward_bytes),), backward, region=region)


def total(kernels: tuple[Kernel, ...], field: str) -> Array:
    """Sum one size (flops, useful_flops, counted_flops, traffic_bytes) over kernels."""
    return sum((np.asarray(getattr(kernel, field), dtype=float) for kernel in kernels), start=np.asarray(0.0))
