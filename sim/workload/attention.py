"""The attention core as operations: fused, or with the scores in memory.

Widths are those of the style's recipe. Sizes may be numpy arrays, one element per plan.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.hardware.kernel import Array, Kernel
from sim.workload.casts import cast
from sim.workload.operations import (
    MASK_BYTES,
    SINGLE_BYTES,
    SOFTCAP_PASSES,
    Operation,
    Style,
    elementwise,
    matrix_product,
)
from sim.workload.windows import counted_share, executed_share, needed_share


class Widths(NamedTuple):
    """Sizes of attention. device: of queries, keys, values and the output, all heads on this device together.

    head_dim, value_dim: of a head of queries and keys, and of values.
    """

    device: tuple[Array, Array, Array, Array]
    head_dim: int
    value_dim: int


def flash_attention(
    sequences: Array,
    sequence: Array,
    widths: Widths,
    style: Style,
    window: Array | None = None,
) -> Operation:
    """Fused attention: scores never reach memory; the backward pass recomputes them (2.5 times the FLOPs).

    Forward there are two products, of queries and keys and with values; backward three of the first size and two of the
    second. window: see needed_share.
    Source: Dao et al. 2022 (FlashAttention), sec. 3; Dao 2023 (FlashAttention-2), sec. 4.1 for the factor 2.5.
    """
    (query_width, key_width, value_width, context_width), head_dim, value_dim = widths
    square = 2.0 * sequences * sequence * sequence * (query_width + context_width)
    backward_flops = (3 * head_dim + 2 * value_dim) / (head_dim + value_dim)
    reach = window if style.window_skip else None
    executed = square * (executed_share(sequence, reach) if style.causal_skip else 1.0)
    name, width = style.recipe.attention.name, style.recipe.attention.bytes
    traffic = width * sequences * sequence * ((query_width + context_width) + (key_width + value_width))
    needed, counted = needed_share(sequence, window) * square, counted_share(sequence, window) * square
    sizes = (backward_flops * executed, 2.5 * traffic, 2 * needed, 2 * counted)
    # Of the rows that a causal mask leaves, the last reaches as far as any: twice as far as they do on average.
    longest = counted_share(sequence, reach) / needed_share(sequence, reach) if style.causal_skip else 1.0
    shape = {"m": sequence, "k": head_dim, "batch": sequences * query_width / head_dim, "longest": longest}
    forward = Kernel("attention", "attention", executed, traffic, needed, counted, **shape, format=name)
    backward = Kernel("attention backward", "attention", *sizes, **shape, backward=True, format=name)
    # Row sums of output times gradient (2 a), the queries' gradient cleared, added to and cast in fp32 (3 x 4 + a), and
    # the three gradients packed for the projection (2 a each).
    tokens = sequences * float(sequence)
    around = (
        elementwise("attention gradients", tokens * query_width, 3 * SINGLE_BYTES + 5 * width),
        elementwise("pack key and value gradients", tokens * (key_width + value_width) / 2, 4 * width),
    )
    before: tuple[Kernel, ...] = ()
    behind: tuple[Kernel, ...] = ()
    if style.recipe.has_narrow_attention:
        before = (cast("attention inputs", tokens * (query_width + (key_width + value_width)), style.recipe),)
        behind = (cast("attention output gradient", tokens * context_width, style.recipe),)
    backwards = (*behind, backward, *around)
    return Operation("attention", (*before, forward), backwards, region="attention-core", kept_share=1.0)


def unfused_attention(
    sequences: Array,
    sequence: Array,
    heads: Array,
    head_dim: int,
    value_dim: int,
    style: Style,
    window: Array | None = None,
    *,
    dropout: bool,
    softcap: bool = False,
) -> Operation:
    """Attention with the scores in memory: two batched GEMMs, softmax (and dropout) between them.

    heads: heads on this device. window: see needed_share; the whole square is computed all the same.
    Source: Korthikanti et al. 2022, fig. 3 and sec. 4.1.
    """
    batch, scores = sequences * heads, sequences * heads * sequence * sequence
    width = style.recipe.attention.bytes
    shares = {"useful_share": needed_share(sequence, window), "counted_share": counted_share(sequence, window)}

    def product(name: str, n: Array, k: Array) -> Kernel:
        return matrix_product(name, sequence, n, k, style.recipe.attention, width, batch=batch, **shares)

    # Scale, mask and softmax in one kernel read and write once; apart, they hand fp32 to each other.
    between, between_backward = (0, 0) if style.fused_elementwise else (3 * SINGLE_BYTES, 2 * SINGLE_BYTES)
    if softcap and not style.fused_elementwise:
        between, between_backward = between + SOFTCAP_PASSES[0] * width, between_backward + SOFTCAP_PASSES[1] * width
    drop = (elementwise("attention dropout", scores, 2 * width + MASK_BYTES),) if dropout else ()
    forward = (
        product("scores", sequence, head_dim),
        elementwise("softmax", scores, 2 * width + between),
        *drop,
        product("context", value_dim, sequence),
    )
    backward = (
        product("d scores", sequence, value_dim),
        product("d values", value_dim, sequence),
        *drop,
        elementwise("softmax backward", scores, 3 * width + between_backward),
        product("d queries", head_dim, sequence),
        product("d keys", head_dim, sequence),
    )
    return Operation("attention", forward, backward, region="attention-core", kept_share=1.0)
