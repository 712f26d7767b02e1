"""Norms as passes over memory: those of a layer, of queries and keys, and behind the last layer."""

from __future__ import annotations

from sim.catalog import Model
from sim.workload.operations import SINGLE_BYTES, Operation, Slice, Style, memory_pass
from sim.workload.weights import query_key_width, value_width


def norm(name: str, model: Model, part: Slice, style: Style) -> Operation:
    """A norm of the residual stream."""
    elements = part.unsharded_tokens * model.hidden * style.activation_passes
    return memory_pass(name, elements, *_norm_bytes(model, style))


def query_key_norm(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Norms of queries and keys, where a model has them. Sums over heads of several devices are not counted."""
    if model.query_key_norm == "none":
        return ()
    width = query_key_width(model, part.tensor)
    if model.value_norm and not model.borrows:
        width = width + value_width(model, part.tensor)
    elements = part.tokens * width * style.activation_passes
    return (memory_pass("query and key norm", elements, *_norm_bytes(model, style)),)


def latent_norm(name: str, width: int, model: Model, part: Slice, style: Style) -> Operation:
    """A norm of what queries, or keys and values, of latent attention are made of."""
    return memory_pass(name, part.unsharded_tokens * width * style.activation_passes, *_norm_bytes(model, style))


def _norm_bytes(model: Model, style: Style) -> tuple[float, float]:
    """Bytes that a norm moves for each element, forward and backward.

    A layer norm reads a row for its mean and variance, reads it again and writes; backward likewise, of two inputs.
    Backward reads both once more for the gradients of the weights: 7 reads and writes. Source: PyTorch,
    layer_norm_kernel.cu, and Apex, layer_norm_cuda_kernel.cu; measured on an A100, the forward takes 1.08 times as
    long as three passes, the backward 1.5 times as long as seven. A fused RMS norm keeps its row: 2 and 5. An
    RMS norm written out in an eager framework is a cast, a square, a mean, a product, a cast back and a product with
    the weight, most of them in fp32.
    """
    width = style.activation_bytes
    if model.norm == "layernorm":
        return 3 * width, 7 * width
    if style.rms_norm != "fused":
        eager_bytes = _eager_rms_norm_bytes(width, in_single=style.rms_norm == "single")
        return eager_bytes, 2 * eager_bytes
    return 2 * width, 5 * width


def _eager_rms_norm_bytes(width: float, *, in_single: bool) -> float:
    """Cast (a + 4), square (4 + 4), mean (4), product (4 + 4), cast (4 + a), product with the weight (a + a).

    Without casts the length of each row is one kernel (a), and the products are two (4 a).
    Hand-worked: a = 2: 36; in fp32 nothing is cast: 28; without casts, a = 2: 10.
    """
    if not in_single:
        return 5 * width
    cast = SINGLE_BYTES + width if width != SINGLE_BYTES else 0.0
    return 5 * SINGLE_BYTES + 2 * cast + 2 * width
