"""Copies that change where numbers lie, and none of them: what tensor ranks exchange, and keys and values of heads.

Legend: T tokens of a micro-batch on this device, h hidden, a bytes of an activation, t tensor degree.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.catalog import Model
from sim.hardware.kernel import Array, Kernel
from sim.workload.operations import Operation, Region, Slice, Style, elementwise
from sim.workload.weights import context_width, key_width, query_width, value_width


def exchange_copies(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """What a layer's gathers and scatters lay out anew, of which every part is of every sequence.

    A collective puts the parts of the ranks one after the other; sequences want theirs together. Each is read and
    written as a whole: a gather after it came, a scatter before it leaves. Exchanges that are fused with a product
    need none; of an input of several products, the gradient's scatter is not. The last scatter is what recomputation
    that stops early leaves out, and no scatter is repeated where operators are recomputed.
    Source: PyTorch, torch/distributed/_functional_collectives.py, all_gather_tensor and reduce_scatter_tensor along
    another dimension than the first. Hand-worked: T h = 1000 in half precision: 4,000 bytes each, 16,000 a forward.
    """
    if style.copies_scatters == "none" or not np.any(part.sequence_parallel):
        return ()
    is_split = np.greater(part.tensor, 1)

    def copy(name: str, width: float) -> Kernel:
        one = elementwise(name, is_split * part.tokens * model.hidden, 2 * width)
        return replace(one, launches=1.0 * is_split)

    gather, scatter = copy("gathered layout", part.gathered_bytes), copy("scattered layout", part.activation_bytes)
    every = style.copies_scatters == "all"
    inputs, outputs = (gather,) if style.copies_gathers else (), (scatter,) if every else ()
    several = reads_several(model)
    found = []
    for index, is_sum in enumerate(several):
        region: Region = "tail" if index == len(several) - 1 else "block"
        back = (scatter,) if every or is_sum else ()
        found.append(Operation(f"layout of inputs {index}", inputs, back))
        found.append(Operation(f"layout of outputs {index}", outputs, inputs, region=region, kept_share=1.0))
    return tuple(found)


def reads_several(model: Model) -> tuple[bool, ...]:
    """Of every exchange of a layer, attention's and the MLP's or one of both, whether several products read its input.

    Queries, keys and values are products of their own, and so are the two of a gated MLP.
    """
    return (True,) if model.parallel_block else (True, model.gated_mlp)


def repeated_heads(model: Model, part: Slice, style: Style) -> tuple[Operation, ...]:
    """Keys and values, copied for every head of queries that shares them; backward, their gradients added up.

    Source: pytorch/torchtitan, repeat_kv. Hand-worked: 4 heads on 1 of keys, width 8 each, in half precision: keys and
    values of 8 each are read, 32 each written, 160 bytes a token, and as many backward.
    """
    if not style.repeats_keys or not style.flash_attention or model.kv_heads == model.heads:
        return ()
    read = key_width(model, part.tensor) + value_width(model, part.tensor)
    written = query_width(model, part.tensor) + context_width(model, part.tensor)
    elements: Array = part.tokens * (read + written)
    copies = (elementwise("repeated heads", elements, style.activation_bytes),)
    return (Operation("repeated heads", copies, (replace(copies[0], name="repeated heads backward"),)),)
