"""What one transformer layer, the embedding and the vocabulary head ask of one device.

Legend: T = micro_batch x sequence tokens, h hidden, t tensor degree, f MLP width.
micro_batch and tensor may be numpy arrays, one element per plan.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.catalog import Model
from sim.hardware.kernel import Array, Kernel
from sim.scenario.types import Lora
from sim.workload.adapters import adapter_operations
from sim.workload.attention import Widths, flash_attention, unfused_attention
from sim.workload.casts import weight_casts
from sim.workload.latent import latent_projections
from sim.workload.layer_embeddings import made_at_the_start, taken_in
from sim.workload.layouts import exchange_copies, repeated_heads
from sim.workload.norms import norm, query_key_norm
from sim.workload.operations import (
    MASK_BYTES,
    SINGLE_BYTES,
    SOFTCAP_PASSES,
    Operation,
    Region,
    Slice,
    Style,
    elementwise,
    gradient_sum,
    linear,
    memory_pass,
)
from sim.workload.weights import (
    context_width,
    key_value_outputs,
    key_width,
    layer_weights,
    query_key_width,
    query_width,
    value_width,
)


def layer_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """All operations of one layer on one device.

    Source: Vaswani et al. 2017; split over t devices as Shoeybi et al. 2019, sec. 3, and with sequence
    parallelism Korthikanti et al. 2022, sec. 4.2.
    """
    h, t, tokens = model.hidden, part.tensor, part.tokens
    frozen = lora is not None
    # What tensor ranks gather is cast before, each its own share, where it travels narrow.
    own = part.unsharded_tokens if style.recipe.exchanges != style.recipe.activations else tokens
    norms = [norm(f"norm {index}", model, part, style) for index in range(model.norms_per_layer)]
    return (
        *norms,
        *_projections(model, part, style, own, frozen=frozen),
        *repeated_heads(model, part, style),
        _attention(model, part, style),
        linear(
            "attention output",
            tokens,
            context_width(model, t),
            h,
            style,
            bias=model.biased_attention_output,
            frozen=frozen,
            kept_share=1.0 if model.key_value_rank else 0.0,
            row_parallel=True,
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
            kept_share=0.0 if model.key_value_rank else 1.0,
            row_parallel=True,
            use="layer",
            made_by=("activation", "apart"),
            cast_tokens=(tokens, own),
        ),
        *_joins(model, part, style),
        *exchange_copies(model, part, style),
        *taken_in(model, part, style, frozen=frozen),
        *_weight_casts(model, part, style),
        *(adapter_operations(model, t, tokens, style, lora) if lora else ()),
    )


def _projections(model: Model, part: Slice, style: Style, own: Array, *, frozen: bool) -> tuple[Operation, ...]:
    """What makes queries, keys and values of a layer's input. own: tokens that this device casts."""
    if model.key_value_rank:
        return latent_projections(model, part, style, frozen=frozen)
    one = linear(
        "qkv",
        part.tokens,
        model.hidden,
        query_width(model, part.tensor) + key_value_outputs(model, part.tensor),
        style,
        bias=model.attention_bias,
        frozen=frozen,
        kept_share=_kept_of_qkv(model),
        column_parallel=True,
        use="layer",
        made_by=("norm", "apart"),
        cast_tokens=(own, part.tokens),
    )
    return (one, *query_key_norm(model, part, style), *_positions(model, part, style, frozen=frozen))


def _weight_casts(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Casts of the weights of a layer that is narrow."""
    weights = layer_weights(model)
    elements = weights.matrix_elements / part.tensor
    casts = weight_casts(elements, weights.tensors, style.recipe, style.operand_copies, style.weight_casts)
    return (Operation("weights", casts.forward, casts.input_gradient, region="weights"),) if casts.forward else ()


def _attention(model: Model, part: Slice, style: Style) -> Operation:
    """The attention core, within the model's window where there is one.

    A fused one leaves out what is between documents; with the scores in memory they are computed and masked.
    """
    t = part.tensor
    if style.flash_attention:
        device = query_width(model, t), key_width(model, t), value_width(model, t), context_width(model, t)
        widths = Widths(device, model.head_dim, model.value_dim)
        return flash_attention(*part.attended, widths, style, model.window)
    sizes = part.micro_batch, part.sequence
    asked = {"dropout": model.dropout, "softcap": model.attention_softcap}
    heads = model.heads / t, model.head_dim, model.value_dim
    return unfused_attention(*sizes, *heads, style, model.window, **asked)


def _kept_of_qkv(model: Model) -> float:
    """Of queries, keys and values, three products in a row, the first and the third."""
    width, shared = model.heads * model.head_dim, model.kv_heads * model.head_dim
    if model.borrows or model.keys_are_values:
        return width / (width + shared * (not model.borrows))
    return (width + shared) / (width + 2 * shared)


def embedding_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """The input embedding: a gather of rows, a scatter-add of gradients; a frozen one has none.

    A gradient that is summed up apart is as large as the embedding, however few of its rows were used.
    """
    elements = part.unsharded_tokens * model.hidden
    passes = 2 + (model.position == "learned")
    backward_bytes = 0.0 if lora else part.activation_bytes * (passes + 1)
    rows = memory_pass("embedding", elements, part.activation_bytes * passes, backward_bytes)
    every = made_at_the_start(model, part, style, frozen=lora is not None)
    if lora:
        return (rows, *every)
    summed = gradient_sum("embedding", model.vocab * model.hidden / part.tensor, style)
    return (replace(rows, weight_gradient=summed), *every)


def head_operations(model: Model, part: Slice, style: Style, lora: Lora | None = None) -> tuple[Operation, ...]:
    """Final norm, vocabulary projection and loss, split over the vocabulary by tensor parallelism."""
    vocabulary = padded_vocabulary(model.vocab, part.tensor, style.vocabulary_multiple) / part.tensor
    logits = part.tokens * vocabulary
    half = style.loss_traffic_bytes / 2
    passes = (2, 3) if style.fused_elementwise else SOFTCAP_PASSES
    cap = memory_pass("soft cap", logits, passes[0] * style.activation_bytes, passes[1] * style.activation_bytes)
    return (
        *((norm("final norm", model, part, style),) if model.final_norm else ()),
        _counted(
            linear(
                "vocabulary", part.tokens, model.hidden, vocabulary, style, frozen=lora is not None, use="vocabulary"
            ),
            model.vocab / part.tensor / vocabulary,
        ),
        *((cap,) if model.logit_softcap else ()),
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


def _positions(model: Model, part: Slice, style: Style, *, frozen: bool) -> tuple[Operation, ...]:
    """What positions cost in every layer: a rotation of queries and keys, or a projection of relative positions.

    A rotation is one pass where it is fused; eager, it is a swapped copy, two products and a sum, 9 reads and writes.
    Backward, its automatic gradient has two products (4), the sign turned on one half (1), each half written into a
    tensor of zeros (4) and two sums of gradients (6): 15. Source: PyTorch, slice_backward in FunctionsManual.cpp.
    Of complex numbers it is a cast, a product and a cast back, forward and backward: no compiler fuses them.
    Relative positions are projected once for all sequences (Dai et al. 2019); their part of the scores is not counted.
    """
    if model.position == "rotary":
        elements = part.tokens * query_key_width(model, part.tensor)
        if style.complex_rotary:
            return (_complex_rotation(elements, style),)
        elements = elements * style.activation_passes
        passes = (2, 2) if style.fused_elementwise else (9, 15)
        width = style.activation_bytes
        return (memory_pass("rotary", elements, passes[0] * width, passes[1] * width),)
    if model.position == "relative":
        # Every micro-batch projects them again, though once would do for the whole step: none of it is counted.
        width = query_width(model, part.tensor)
        projection = linear("relative positions", part.sequence, model.hidden, width, style, frozen=frozen)
        return (_counted(projection, 0.0),)
    return ()


def _complex_rotation(elements: Array, style: Style) -> Operation:
    """A rotation of queries and keys as complex numbers in single precision; its gradient is another.

    A cast, a product and a cast back, the products of queries and keys apart.
    Source: pytorch/torchtitan, apply_rotary_emb; PyTorch, torch/_inductor, whose generated code has no complex numbers.
    Hand-worked: in half precision 2 + 4, 4 + 4 and 4 + 2: 20 bytes an element.
    """
    traffic = 2 * style.activation_bytes + 4 * SINGLE_BYTES
    kernels = (replace(elementwise("rotary", elements, traffic), launches=4.0),)
    return Operation("rotary", kernels, (replace(kernels[0], name="rotary backward"),))


def _activation(model: Model, elements: Array, style: Style) -> Operation:
    """The MLP's non-linearity; a gated one reads two inputs, and without fusion multiplies in a pass of its own."""
    elements, width = elements * style.activation_passes, style.activation_bytes
    passes = (2, 3) if not model.gated_mlp else (3, 5) if style.fused_gating else (5, 8)
    return memory_pass("activation", elements, passes[0] * width, passes[1] * width)


def _joins(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Dropout and residual additions: two a layer, one where attention and MLP run side by side.

    A constant that multiplies what is added is a pass of its own where nothing is fused.
    """
    elements = part.unsharded_tokens * model.hidden * style.activation_passes
    count = 1 if model.parallel_block else 2
    width = style.activation_bytes
    forward = backward = 3 * width
    if model.dropout:
        backward += 2 * width + MASK_BYTES
        forward += MASK_BYTES if style.fused_elementwise else 2 * width + MASK_BYTES
    if model.scaled_residuals and not style.fused_elementwise:
        forward, backward = forward + 2 * width, backward + 2 * width
    regions: list[Region] = ["tail" if last else "block" for last in (index == count - 1 for index in range(count))]
    return tuple(
        memory_pass(f"residual {index}", elements, forward, backward, region) for index, region in enumerate(regions)
    )
