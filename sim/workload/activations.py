"""How many bytes of activations one layer keeps for its backward pass.

Legend: T = micro_batch x sequence tokens, h hidden, t tensor degree, a heads, s sequence, f MLP width.
"""

from __future__ import annotations

import numpy as np

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.scenario.types import Recompute
from sim.workload.layer_embeddings import kept_of_it
from sim.workload.operations import MASK_BYTES, SINGLE_BYTES, Slice, Style
from sim.workload.weights import (
    context_width,
    key_value_outputs,
    key_width,
    query_key_width,
    query_width,
    value_width,
)


def layer_activation_bytes(model: Model, part: Slice, style: Style, recompute: Recompute) -> Array:
    """Bytes that one layer keeps on one device for one micro-batch.

    Source: Korthikanti et al. 2022, eq. 1, 2, 4 and 6, itemised so that other head counts, MLPs and kernels follow.
    Hand-worked: GPT (f = 4h, dropout, unfused), t = 1: s b h (34 + 5 a s / h).
    """
    if recompute == "full":
        kept = part.tokens / part.tensor if style.splits_kept_inputs else part.unsharded_tokens
        own = part.unsharded_tokens * (model.layer_embedding or 0)
        return style.activation_bytes * kept * model.hidden + style.activation_bytes * own
    if recompute == "selective" and style.selective_recompute != "attention-core":
        own = kept_of_it(model, part, style, _norm_bytes(model, style), all_of_it=False)
        return _selected_bytes(model, part, style) + own
    whole = part.unsharded_tokens * model.hidden * _whole_bytes(model, style)
    split = part.tokens * _split_bytes(model, part, style)
    core = 0.0 if recompute == "selective" and not style.flash_attention else _core_bytes(model, part, style)
    own = kept_of_it(model, part, style, _norm_bytes(model, style), all_of_it=True)
    return whole + split + core + _latent_bytes(model, part, style) + own + _narrower_bytes(model, part, style)


def _narrower_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes that a layer keeps more, or less, where its linear layers keep inputs in a format of their own.

    In order: outputs of norms, of the activation function, and of attention, of which a fused kernel keeps one itself.
    Source: Transformer Engine, documentation, performance considerations: the cast input is kept, beside what others
    keep of the same numbers in half precision.
    Hand-worked: one byte instead of two, t = 1: of two norms - 2 h, of the activation - f, of attention + 1 a h.
    """
    kept, width = style.recipe.kept_inputs.bytes, style.activation_bytes
    if style.recipe.kept_inputs == style.recipe.activations:
        return 0.0
    copied = _contexts(part, style) > 1 if style.flash_attention else True
    context = np.where(copied, kept - width, kept) * model.heads * model.value_dim
    norms = (kept - width) * (model.norms_per_layer * model.hidden + _normed_latents(model))
    split = context + (kept - width) * model.ffn_hidden
    return part.unsharded_tokens * norms + part.tokens * split / part.tensor


def working_bytes(model: Model, part: Slice, style: Style, recompute: Recompute) -> Array:
    """Bytes of what recomputation brings back while one layer runs backward."""
    if recompute == "none":
        return 0.0 * part.tokens
    if recompute == "full":
        return layer_activation_bytes(model, part, style, "none")
    if style.selective_recompute == "attention-core":
        return _core_bytes(model, part, style) * (not style.flash_attention)
    kept = layer_activation_bytes(model, part, style, "selective")
    return np.maximum(layer_activation_bytes(model, part, style, "none") - kept, 0.0)


def unfinished_bytes(model: Model, part: Slice, style: Style, recompute: Recompute) -> Array:
    """Bytes beyond those kept of a micro-batch whose weight gradients are due: inputs of products, brought back.

    Gradients of their outputs take the place of what only input gradients need, such as scores.
    Source: Qi et al. 2023, sec. 2.1: no more than before the input gradients.
    Hand-worked: GPT (f = 4h, fused attention, no dropout), full recomputation, t = 1: 32 s b h - 2 s b h.
    """
    if recompute == "none":
        return 0.0 * part.tokens
    whole = layer_activation_bytes(model, part, style, "none") - _core_bytes(model, part, style)
    return np.maximum(whole - layer_activation_bytes(model, part, style, recompute), 0.0)


def gradient_flow_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes of gradients of activations at the fullest moment of a layer's backward, beyond what it has released.

    At the MLP's activation: gradients of both its sides, while the saved input of the last product is gone. At an
    unfused softmax: gradients of both its sides, while all of the MLP is gone. And the residual's, all along.
    Hand-worked: GPT (f = 4h), fused attention, t = 1: 2 s b (4h + h) = 10 s b h.
    """
    width = model.ffn_hidden / part.tensor
    mlp = style.activation_bytes * part.tokens * model.mlp_inputs * width
    released = style.activation_bytes * part.tokens * _mlp_kept(model, style) * width
    scores = 2 * style.activation_bytes * part.tokens * part.sequence * model.heads / part.tensor
    inner = mlp if style.flash_attention else np.maximum(mlp, scores - released)
    return inner + style.activation_bytes * part.unsharded_tokens * model.hidden


def head_activation_bytes(model: Model, part: Slice, logit_bytes: float) -> Array:
    """Bytes of the final norm, the logits and the loss at their fullest, per micro-batch. logit_bytes: per logit.

    Capped logits are there once more, as the gradient of the cap needs them.
    With sequence parallelism the gathered input of the vocabulary projection and its gradient are whole everywhere.
    Source: Korthikanti et al. 2022, sec. 4.3 (4 s b h (1 + V / h) with the norm's input and output, fp32 logits).
    """
    norms = 2 * part.activation_bytes * part.unsharded_tokens * model.hidden
    is_gathered = np.logical_and(part.sequence_parallel, np.greater(part.tensor, 1))
    gathered = 2 * part.activation_bytes * part.tokens * model.hidden * is_gathered
    capped = part.activation_bytes * model.logit_softcap
    return norms + gathered + (logit_bytes + capped) * part.tokens * model.vocab / part.tensor


def _selected_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes kept where selective recomputation keeps the results of some operations."""
    if style.selective_recompute == "operators":
        return _operator_bytes(model, part, style)
    return _product_bytes(model, part, style)


def _product_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes kept where the layer's input and the results of products are: queries, keys, values, attention, MLP inputs.

    No backward asks for the last product's.
    Source: JAX, checkpoint_policies, dots_with_no_batch_dims_saveable.
    Hand-worked: s = b = 1, h = 64, 2 of 8 key heads, gated f = 100: 2 (64 + 64 + 64 + 32 + 200).
    """
    whole = 2 * style.activation_bytes * part.unsharded_tokens * model.hidden
    width = query_width(model, part.tensor) + key_value_outputs(model, part.tensor)
    split = style.activation_bytes * part.tokens * (width + model.mlp_inputs * model.ffn_hidden / part.tensor)
    return whole + split + style.activation_bytes * part.unsharded_tokens * model.latent_width


def _operator_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes kept where attention and every other matrix product are: of a layer's products, the odd ones.

    In order: queries, keys, values, attention output, the MLP's inputs, its output. An eager framework keeps the
    output of a gated MLP, the seventh, although no backward asks for it; a compiler drops it. Of latent attention, with
    two products for queries and two for keys and values, latent numbers, output and the MLP's second input are kept.
    Source: torchtitan, parallelize_llama.py, selective_ac_option "op".
    Hand-worked: s = b = 1, h = 64, 2 of 8 key heads, gated f = 100: 2 (64 + 64 + 16 + 64 + 100 [+ 64]) + 4 x 8.
    """
    whole = style.activation_bytes * part.unsharded_tokens * model.hidden
    if model.key_value_rank:
        kept = whole + style.activation_bytes * part.unsharded_tokens * (model.hidden + model.latent_width)
        width = context_width(model, part.tensor) + model.ffn_hidden / part.tensor
        return kept + style.activation_bytes * part.tokens * width + _core_bytes(model, part, style)
    values = key_width(model, part.tensor) * (not (model.keys_are_values or model.borrows))
    width = 2 * query_width(model, part.tensor) + values
    split = style.activation_bytes * part.tokens * (width + model.ffn_hidden / part.tensor)
    unused = style.activation_bytes * part.tokens * model.hidden * (model.gated_mlp and not style.fused_elementwise)
    statistics = _core_bytes(model, part, style) * style.flash_attention
    return whole + split + unused + statistics


def _mlp_kept(model: Model, style: Style) -> int:
    """Tensors of the MLP's width that are kept; a gated activation that is not fused keeps its intermediate."""
    if not model.gated_mlp:
        return 2
    return 3 if style.fused_gating else 4


def _norm_bytes(model: Model, style: Style) -> float:
    """Per token and unit of width, what a norm keeps: its input, in fp32 where it is cast, and its output.

    An RMS norm written out keeps what it multiplies with its weight as well.
    Source: torch.nn.functional.layer_norm under autocast; Megatron-LM, rms_norm.py; GPT-NeoX, norms.py.
    Hand-worked, in half precision: one kernel 2 + 2; in fp32 4 + 2, an RMS norm 4 + 2 + 2; apart 2 + 2 + 2.
    """
    kernels, width = style.rms_norm if model.norm == "rmsnorm" else style.layer_norm, style.activation_bytes
    product = width * (model.norm == "rmsnorm" and kernels != "fused")
    return (SINGLE_BYTES if kernels == "single" else width) + product + width


def _whole_bytes(model: Model, style: Style) -> float:
    """Per token and unit of width, what tensor parallelism alone leaves whole: 10 for GPT."""
    joins = 1 if model.parallel_block else 2
    return _norm_bytes(model, style) * model.norms_per_layer + joins * MASK_BYTES * model.dropout


def _split_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Per token, what tensor parallelism splits: queries, keys, values, context, both sides of the activation.

    The context is there twice where a fused kernel wants sequence by sequence what the projection takes token by token
    (of a single sequence both are the same), or without the padding that the projection takes.
    Source: Megatron-LM, transformer.py, FlashSelfAttention; FlashAttention, bert_padding.py, pad_input.
    """
    t = part.tensor
    contexts = _contexts(part, style) * context_width(model, t)
    mlp = _mlp_kept(model, style) * model.ffn_hidden / t
    inputs = query_width(model, t) + contexts + (key_width(model, t) + value_width(model, t)) * (not model.borrows)
    kept = style.activation_bytes * (inputs + mlp)
    if model.query_key_norm == "none":
        return kept
    # Normed queries and keys are what attention takes: kept beside them is what the norm keeps but its output.
    normed = query_key_width(model, t)
    if model.value_norm and not model.keys_are_values and not model.borrows:
        normed = normed + value_width(model, t)
    return kept + (_norm_bytes(model, style) - style.activation_bytes) * normed


def _normed_latents(model: Model) -> int:
    """Width of what norms of latent attention make: all of its latent numbers but those that are rotated."""
    return model.latent_width - (model.rotary_head_dim or 0)


def _latent_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Bytes of latent numbers that are kept: what the norms of queries, and of keys and values, keep.

    Hand-worked: DeepSeek-V3, a fused norm in half precision: 2 x 2 x (1,536 + 512) for each token.
    """
    return part.unsharded_tokens * _norm_bytes(model, style) * _normed_latents(model)


def _contexts(part: Slice, style: Style) -> Array:
    """How often the output of attention is kept."""
    copies = style.attention_output_copies if style.flash_attention else "never"
    return 1 + (np.greater(part.micro_batch, 1) if copies == "batched" else copies == "always")


def _core_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Scores (softmax, and with dropout its mask and output), or the row statistics of a fused kernel."""
    heads = model.heads / part.tensor
    if style.flash_attention:
        return SINGLE_BYTES * part.tokens * heads
    per_score = style.activation_bytes + model.dropout * (MASK_BYTES + style.activation_bytes)
    return per_score * np.asarray(part.tokens * part.sequence * heads, dtype=float)
