"""How many bytes of activations one layer keeps for its backward pass.

Legend: T = micro_batch x sequence tokens, h hidden, t tensor degree, a heads, s sequence, f MLP width.
"""

from __future__ import annotations

import numpy as np

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.scenario.types import Recompute
from sim.workload.layer import Slice, key_value_width_of
from sim.workload.operations import ACTIVATION_BYTES, MASK_BYTES, Style

_STATISTICS_BYTES = 4.0
_LOGIT_BYTES = 4.0


def layer_activation_bytes(model: Model, part: Slice, style: Style, recompute: Recompute) -> Array:
    """Bytes that one layer keeps on one device for one micro-batch.

    Source: Korthikanti et al. 2022, eq. 1, 2, 4 and 6, itemised so that other head counts, MLPs and kernels follow.
    Hand-worked: GPT (f = 4h, dropout, unfused), t = 1: s b h (34 + 5 a s / h).
    """
    if recompute == "full":
        return ACTIVATION_BYTES * part.unsharded_tokens * model.hidden
    whole = part.unsharded_tokens * model.hidden * _whole_bytes(model)
    split = part.tokens * _split_bytes(model, part.tensor, style)
    core = 0.0 if recompute == "selective" and not style.flash_attention else _core_bytes(model, part, style)
    return whole + split + core


def working_bytes(model: Model, part: Slice, style: Style, recompute: Recompute) -> Array:
    """Bytes of what recomputation brings back while one layer runs backward."""
    if recompute == "none":
        return 0.0 * part.tokens
    if recompute == "selective":
        return _core_bytes(model, part, style) * (not style.flash_attention)
    return layer_activation_bytes(model, part, style, "none")


def head_activation_bytes(model: Model, part: Slice) -> Array:
    """Bytes of the logits in fp32 and their gradient in half precision, per micro-batch.

    Source: Korthikanti et al. 2022, sec. 4.3 (4 s b h (1 + V / h) with the norm's input and output).
    """
    norms = 2 * ACTIVATION_BYTES * part.unsharded_tokens * model.hidden
    return norms + (_LOGIT_BYTES + ACTIVATION_BYTES) * part.tokens * model.vocab / part.tensor


def _whole_bytes(model: Model) -> float:
    """Per token and unit of width, what tensor parallelism alone leaves whole: 10 for GPT."""
    joins = 1 if model.parallel_block else 2
    return 2 * ACTIVATION_BYTES * model.norms_per_layer + joins * MASK_BYTES * model.dropout


def _split_bytes(model: Model, tensor: Array, style: Style) -> Array:
    """Per token, what tensor parallelism splits: queries, keys, values, context, both sides of the activation.

    A gated activation that is not fused keeps its intermediate as well.
    """
    query_width = model.heads * model.head_dim / tensor
    kept = (3 if style.fused_elementwise else 4) if model.gated_mlp else 2
    mlp = kept * model.ffn_hidden / tensor
    return ACTIVATION_BYTES * (2 * query_width + 2 * key_value_width_of(model, tensor) + mlp)


def _core_bytes(model: Model, part: Slice, style: Style) -> Array:
    """Scores (softmax, and with dropout its mask and output), or the row statistics of a fused kernel."""
    heads = model.heads / part.tensor
    if style.flash_attention:
        return _STATISTICS_BYTES * part.tokens * heads
    per_score = ACTIVATION_BYTES + model.dropout * (MASK_BYTES + ACTIVATION_BYTES)
    return per_score * np.asarray(part.tokens * part.sequence * heads, dtype=float)
