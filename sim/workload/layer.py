"""What one transformer layer, the embedding and the vocabulary head ask of one device.

Legend: T = micro_batch x sequence tokens, h hidden, t tensor degree, f MLP width.
micro_batch and tensor may be numpy arrays, one element per plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sim.catalog import Model, load_recipe
from sim.hardware.kernel import Array, Kernel
from sim.scenario.types import Lora
from sim.workload.adapters import adapter_operations
from sim.workload.casts import weight_casts
from sim.workload.operations import (
    MASK_BYTES,
    SINGLE_BYTES,
    Operation,
    Region,
    Style,
    flash_attention,
    gradient_sum,
    linear,
    memory_pass,
    unfused_attention,
)
from sim.workload.weights import key_value_width_of, layer_weights

_HALF_PRECISION = load_recipe("bf16").activations.bytes


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of the work that one device of a tensor group does for one micro-batch.

    activation_bytes: of each element that it keeps and exchanges. gathered_bytes: of what its ranks gather for the
    products of its layers.
    """

    sequence: int
    micro_batch: Array
    tensor: Array = 1
    sequence_parallel: Array = False
    activation_bytes: float = _HALF_PRECISION
    gathered_bytes: float = _HALF_PRECISION

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
        return Slice(self.sequence, self.micro_batch, **widths)


def layer_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """All operations of one layer on one device.

    Source: Vaswani et al. 2017; split over t devices as Shoeybi et al. 2019, sec. 3, and with sequence
    parallelism Korthikanti et al. 2022, sec. 4.2.
    """
    h, t, tokens = model.hidden, part.tensor, part.tokens
    query_width = model.heads * model.head_dim / t
    key_value_width = key_value_width_of(model, t)
    frozen = lora is not None
    # What tensor ranks gather is cast before, each its own share, where it travels narrow.
    own = part.unsharded_tokens if style.recipe.exchanges != style.recipe.activations else tokens
    norms = [_norm(f"norm {index}", model, part, style) for index in range(model.norms_per_layer)]
    attention = (
        flash_attention(part.micro_batch, part.sequence, query_width, key_value_width, model.head_dim, style)
        if style.flash_attention
        else unfused_attention(
            part.micro_batch, part.sequence, model.heads / t, model.head_dim, style, dropout=model.dropout
        )
    )
    return (
        *norms,
        linear(
            "qkv",
            tokens,
            h,
            query_width + 2 * key_value_width,
            style,
            bias=model.attention_bias,
            frozen=frozen,
            kept_share=_kept_of_qkv(model),
            column_parallel=True,
            use="layer",
            made_by=("norm", "apart"),
            cast_tokens=(own, tokens),
        ),
        *_positions(model, part, style, frozen=frozen),
        attention,
        linear(
            "attention output",
            tokens,
            query_width,
            h,
            style,
            bias=model.biased_attention_output,
            frozen=frozen,
            use="layer",
            cast_tokens=(tokens, own),
        ),
        linear(
            "mlp in",
            tokens,
            h,
            model.mlp_inputs * model.ffn_hidden / t,
            style,
            bias=model.mlp_bias,
            frozen=frozen,
            kept_share=1 / model.mlp_inputs,
            column_parallel=True,
            use="layer",
            made_by=("norm", "activation"),
            cast_tokens=(own, tokens),
        ),
        _activation(model, tokens * model.ffn_hidden / t, style),
        linear(
            "mlp out",
            tokens,
            model.ffn_hidden / t,
            h,
            style,
            bias=model.mlp_bias,
            frozen=frozen,
            region="tail",
            kept_share=1.0,
            use="layer",
            made_by=("activation", "apart"),
            cast_tokens=(tokens, own),
        ),
        *_joins(model, part, style),
        *_weight_casts(model, part, style),
        *(adapter_operations(model, t, tokens, style, lora) if lora else ()),
    )


def _weight_casts(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Casts of the weights of a layer that is narrow."""
    weights = layer_weights(model)
    elements = weights.matrix_elements / part.tensor
    casts = weight_casts(elements, weights.tensors, style.recipe, style.operand_copies, style.weight_casts)
    return (Operation("weights", casts.forward, casts.input_gradient, region="weights"),) if casts.forward else ()


def _kept_of_qkv(model: Model) -> float:
    """Of queries, keys and values, three products in a row, the first and the third."""
    width, shared = model.heads * model.head_dim, model.kv_heads * model.head_dim
    return (width + shared) / (width + 2 * shared)


def embedding_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """The input embedding: a gather of rows, a scatter-add of gradients; a frozen one has none.

    A gradient that is summed up apart is as large as the embedding, however few of its rows were used.
    """
    elements = part.unsharded_tokens * model.hidden
    passes = 2 + (model.position == "learned")
    backward_bytes = 0.0 if lora else part.activation_bytes * (passes + 1)
    rows = memory_pass("embedding", elements, part.activation_bytes * passes, backward_bytes)
    if lora:
        return (rows,)
    return (replace(rows, weight_gradient=gradient_sum("embedding", model.vocab * model.hidden / part.tensor, style)),)


def head_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """Final norm, vocabulary projection and loss, split over the vocabulary by tensor parallelism."""
    vocabulary = padded_vocabulary(model.vocab, part.tensor, style.vocabulary_multiple) / part.tensor
    logits = part.tokens * vocabulary
    half = style.loss_traffic_bytes / 2
    return (
        *((_norm("final norm", model, part, style),) if model.final_norm else ()),
        _counted(
            linear(
                "vocabulary", part.tokens, model.hidden, vocabulary, style, frozen=lora is not None, use="vocabulary"
            ),
            model.vocab / part.tensor / vocabulary,
        ),
        memory_pass("loss", logits, half, half),
    )


def _counted(operation: Operation, share: Array) -> Operation:
    """A projection with only a share of it counted as needed, such as that of real words in a padded vocabulary."""

    def counted(kernels: tuple[Kernel, ...]) -> tuple[Kernel, ...]:
        return tuple(
            replace(one, useful_flops=one.useful_flops * share, counted_flops=one.counted_flops * share)
            for one in kernels
        )

    phases = (counted(operation.forward), counted(operation.input_gradient), counted(operation.weight_gradient))
    return replace(operation, forward=phases[0], input_gradient=phases[1], weight_gradient=phases[2])


def padded_vocabulary(vocab: Array, tensor: Array, multiple: Array) -> Array:
    """Rows of the vocabulary as the ranks share them: a multiple of `multiple` for each.

    Source: Megatron-LM, --make-vocab-size-divisible-by. Hand-worked: 50,257 on 2 ranks by 128: 197 x 256 = 50,432.
    """
    whole = np.asarray(multiple) * tensor
    return np.ceil(vocab / whole) * whole


def _norm(name: str, model: Model, part: Slice, style: Style) -> Operation:
    """A layer norm reads a row for its mean and variance, reads it again and writes; backward likewise, of two inputs.

    Backward reads both once more for the gradients of the weights: 7 reads and writes. Source: PyTorch,
    layer_norm_kernel.cu, and Apex, layer_norm_cuda_kernel.cu; measured on an A100, the forward takes 1.08 times as
    long as three passes, the backward 1.5 times as long as seven. A fused RMS norm keeps its row: 2 and 5. An
    RMS norm written out in an eager framework is a cast, a square, a mean, a product, a cast back and a product with
    the weight, most of them in fp32.
    """
    elements, width = part.unsharded_tokens * model.hidden * style.activation_passes, style.activation_bytes
    if model.norm == "layernorm":
        return memory_pass(name, elements, 3 * width, 7 * width)
    if style.rms_norm != "fused":
        eager_bytes = _eager_rms_norm_bytes(width, in_single=style.rms_norm == "single")
        return memory_pass(name, elements, eager_bytes, 2 * eager_bytes)
    return memory_pass(name, elements, 2 * width, 5 * width)


def _eager_rms_norm_bytes(width: float, *, in_single: bool) -> float:
    """Cast (a + 4), square (4 + 4), mean (4), product (4 + 4), cast (4 + a), product with the weight (a + a).

    Without casts the length of each row is one kernel (a), and the products are two (4 a).
    Hand-worked: a = 2: 36; in fp32 nothing is cast: 28; without casts, a = 2: 10.
    """
    if not in_single:
        return 5 * width
    cast = SINGLE_BYTES + width if width != SINGLE_BYTES else 0.0
    return 5 * SINGLE_BYTES + 2 * cast + 2 * width


def _positions(model: Model, part: Slice, style: Style, *, frozen: bool) -> tuple[Operation, ...]:
    """What positions cost in every layer: a rotation of queries and keys, or a projection of relative positions.

    A rotation is one pass where it is fused; eager, it is a swapped copy, two products and a sum, 9 reads and writes.
    Backward, its automatic gradient has two products (4), the sign turned on one half (1), each half written into a
    tensor of zeros (4) and two sums of gradients (6): 15. Source: PyTorch, slice_backward in FunctionsManual.cpp.
    Relative positions are projected once for all sequences (Dai et al. 2019); their part of the scores is not counted.
    """
    query_width = model.heads * model.head_dim / part.tensor
    if model.position == "rotary":
        elements = part.tokens * (query_width + key_value_width_of(model, part.tensor)) * style.activation_passes
        passes = (2, 2) if style.fused_elementwise else (9, 15)
        width = style.activation_bytes
        return (memory_pass("rotary", elements, passes[0] * width, passes[1] * width),)
    if model.position == "relative":
        # Every micro-batch projects them again, though once would do for the whole step: none of it is counted.
        projection = linear("relative positions", part.sequence, model.hidden, query_width, style, frozen=frozen)
        return (_counted(projection, 0.0),)
    return ()


def _activation(model: Model, elements: Array, style: Style) -> Operation:
    """The MLP's non-linearity; a gated one reads two inputs, and without fusion multiplies in a pass of its own."""
    elements, width = elements * style.activation_passes, style.activation_bytes
    passes = (2, 3) if not model.gated_mlp else (3, 5) if style.fused_gating else (5, 8)
    return memory_pass("activation", elements, passes[0] * width, passes[1] * width)


def _joins(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Dropout and residual additions: two a layer, one where attention and MLP run side by side."""
    elements = part.unsharded_tokens * model.hidden * style.activation_passes
    count = 1 if model.parallel_block else 2
    width = style.activation_bytes
    forward = backward = 3 * width
    if model.dropout:
        backward += 2 * width + MASK_BYTES
        forward += MASK_BYTES if style.fused_elementwise else 2 * width + MASK_BYTES
    regions: list[Region] = ["tail" if last else "block" for last in (index == count - 1 for index in range(count))]
    return tuple(
        memory_pass(f"residual {index}", elements, forward, backward, region) for index, region in enumerate(regions)
    )
