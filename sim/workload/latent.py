"""Latent attention (MLA): queries, keys and values are made of narrow latent numbers, one set for all heads.

Legend: r_q and r_kv latent widths, a heads, n + r a head of queries and keys of which r rotate, v a head of values.
The form of training: keys and values of every head are written out. Sizes may be numpy arrays, one element per plan.
"""

from __future__ import annotations

import functools

from sim.catalog import Model
from sim.hardware.kernel import Array
from sim.workload.norms import latent_norm
from sim.workload.operations import Operation, Slice, Style, linear, memory_pass
from sim.workload.weights import key_value_outputs, key_width, query_width, value_width


def latent_projections(model: Model, part: Slice, style: Style, *, frozen: bool) -> tuple[Operation, ...]:
    """Down to the latent widths, a norm of each, up to this device's heads, and the rotated parts put in their place.

    Every tensor rank makes the latent numbers of its own tokens, or of all where it has all.
    Source: DeepSeek-AI 2024 (DeepSeek-V2), sec. 2.1; Megatron-LM, multi_latent_attention.py.
    """
    t, rank, rotated = part.tensor, model.key_value_rank or 0, model.rotary_head_dim or 0
    made_of = functools.partial(linear, style=style, frozen=frozen, use="layer", made_by=("norm", "apart"))

    def down(name: str, width: int) -> Operation:
        biased = model.attention_bias
        return made_of(name, part.unsharded_tokens, model.hidden, width, bias=biased, kept_share=1.0)

    def up(name: str, inputs: int, width: Array) -> Operation:
        own = part.unsharded_tokens if style.recipe.exchanges != style.recipe.activations else part.tokens
        return made_of(name, part.tokens, inputs, width, column_parallel=True, cast_tokens=(own, part.tokens))

    queries: tuple[Operation, ...] = (up("query", model.hidden, query_width(model, t)),)
    if model.query_rank:
        queries = (
            down("query down", model.query_rank),
            latent_norm("query norm", model.query_rank, model, part, style),
            up("query up", model.query_rank, query_width(model, t)),
        )
    return (
        *queries,
        down("key and value down", rank + rotated),
        latent_norm("key and value norm", rank, model, part, style),
        up("key and value up", rank, key_value_outputs(model, t)),
        _assembly(model, part, style),
    )


def _assembly(model: Model, part: Slice, style: Style) -> Operation:
    """The rotation, and keys and values as attention takes them: a head's own part of its key with the rotated one.

    One kernel turns the rotated part of the queries where it is, another reads what the product made and writes keys
    and values. Eager, the rotation takes passes of its own (see layer), and all three are put together anew.
    Source: Megatron-LM, fused_mla_yarn_rope_apply.py; the transformers library, DeepseekV3Attention.
    """
    t, rotated = part.tensor, model.heads * (model.rotary_head_dim or 0) / part.tensor
    made, keys, values = key_value_outputs(model, t), key_width(model, t), value_width(model, t)
    elements, width = part.tokens * style.activation_passes, style.activation_bytes
    if style.fused_elementwise:
        moved = made + keys + values + 2 * rotated
        return memory_pass("rotary", elements * moved, width, width)
    moved = 2 * (query_width(model, t) + keys + values)
    forward, backward = moved + 9 * rotated, moved + 15 * rotated
    return memory_pass("rotary", elements * forward, width, width * (backward / forward))
