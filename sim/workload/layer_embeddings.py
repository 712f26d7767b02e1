"""An embedding of every layer: made at the start for all layers, and taken in behind each one's MLP (Gemma 4).

Legend: h hidden, L layers, p width of a layer's embedding. Every tensor rank does all of it for its own tokens, or for
all where it has all. Source: the transformers library, Gemma4TextModel and Gemma4TextDecoderLayer.
"""

from __future__ import annotations

from dataclasses import replace

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.workload.norms import latent_norm, norm
from sim.workload.operations import Operation, Slice, Style, gradient_sum, linear, memory_pass


def made_at_the_start(model: Model, part: Slice, style: Style, *, frozen: bool) -> tuple[Operation, ...]:
    """Rows of the table, and a product of the input embedding that is normed and added to them: L p for each token."""
    if not model.layer_embedding:
        return ()
    every, width = model.layers * model.layer_embedding, style.activation_bytes
    elements = part.unsharded_tokens * every
    rows = memory_pass("layer embeddings", elements, 2 * width, 0.0 if frozen else 3 * width)
    if not frozen:
        table = (model.layer_vocab or model.vocab) * every / part.tensor
        rows = replace(rows, weight_gradient=gradient_sum("layer embeddings", table, style))
    return (
        rows,
        linear("layer inputs", part.unsharded_tokens, model.hidden, every, style, frozen=frozen),
        latent_norm("layer inputs norm", every, model, part, style),
        memory_pass("layer inputs sum", elements, 3 * width, 3 * width),
    )


def taken_in(model: Model, part: Slice, style: Style, *, frozen: bool) -> tuple[Operation, ...]:
    """A gate of width p that is multiplied with the layer's embedding, a product back to h, a norm and a sum."""
    if not model.layer_embedding:
        return ()
    h, p, tokens, width = model.hidden, model.layer_embedding, part.unsharded_tokens, style.activation_bytes
    gating = (3, 5) if style.fused_gating else (5, 8)
    elements = tokens * style.activation_passes
    return (
        linear("layer gate", tokens, h, p, style, frozen=frozen, kept_share=1.0, use="layer"),
        memory_pass("layer gating", elements * p, gating[0] * width, gating[1] * width),
        linear("layer projection", tokens, p, h, style, frozen=frozen, kept_share=1.0, use="layer"),
        norm("layer norm", model, part, style),
        memory_pass("layer residual", elements * h, 3 * width, 3 * width, "tail"),
    )


def kept_of_it(model: Model, part: Slice, style: Style, norm_bytes: float, *, all_of_it: bool) -> Array:
    """Bytes that a layer keeps for it: its embedding, and the results of both products.

    all_of_it: the gate's input and what multiplies as well, and what the norm makes. norm_bytes: for each number.
    Hand-worked: half precision, h = 64, p = 8: 2 x 8 + 2 x 8 + 2 x 64; all: 2 x (3 x 8 + 64) + 4 x 64.
    """
    if not model.layer_embedding:
        return 0.0
    h, p, width = model.hidden, model.layer_embedding, style.activation_bytes
    kept = width * (3 * p + h) + norm_bytes * h if all_of_it else width * (2 * p + h)
    return part.unsharded_tokens * kept
