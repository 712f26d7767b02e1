"""Copies that change where numbers lie: what tensor ranks exchange, keys and values of heads, complex rotations."""

import dataclasses

import pytest
from builders import FLASH, gpt

from sim.workload.layer import layer_operations
from sim.workload.layouts import exchange_copies, reads_several, repeated_heads
from sim.workload.operations import Slice, rerun_kernels, total

COPIES = dataclasses.replace(FLASH, copies_gathers=True, copies_scatters="all", selective_recompute="operators")
FUSED = dataclasses.replace(COPIES, copies_gathers=False, copies_scatters="sums")


def moved(operations, phase):
    return float(total(tuple(kernel for one in operations for kernel in getattr(one, phase)), "traffic_bytes"))


def copies(style, part=None, **over):
    """Bytes: (forward, backward, run again in full, run again of operators)."""
    operations = exchange_copies(gpt(1, 256, 4, **over), part or Slice(8, 1, 4, sequence_parallel=True), style)
    again = [
        float(total(tuple(k for one in operations for k in rerun_kernels(one, some, style)), "traffic_bytes"))
        for some in ("full", "selective")
    ]
    return (moved(operations, "forward"), moved(operations, "backward"), *again)


def test_what_is_gathered_and_scattered_is_read_and_written_once_more():
    # 8 tokens of 256 in half precision: 4,096 bytes, of which each copy moves twice as many.
    once = 2 * 2 * 8 * 256
    assert copies(COPIES) == (4 * once, 4 * once, 4 * once, 2 * once)
    early = dataclasses.replace(COPIES, recompute_stops_early=True)
    assert copies(early) == (4 * once, 4 * once, 3 * once, 2 * once)
    assert copies(COPIES, parallel_block=True) == (2 * once, 2 * once, 2 * once, once)
    # What is gathered in a byte is copied in a byte.
    narrow = Slice(8, 1, 4, sequence_parallel=True, gathered_bytes=1.0)
    assert copies(COPIES, narrow) == (3 * once, 3 * once, 3 * once, once)
    # Fused with products, only gradients that several products make are laid out: of an MLP without a gate, none.
    assert copies(FUSED) == (0, once, 0, 0)
    assert copies(FUSED, gated_mlp=True) == (0, 2 * once, 0, 0)


def test_one_rank_or_no_sequence_parallelism_copies_nothing():
    for part in (Slice(8, 1), Slice(8, 1, 4), Slice(8, 1, 1, sequence_parallel=True)):
        operations = exchange_copies(gpt(), part, COPIES)
        kernels = [kernel for one in operations for kernel in (*one.forward, *one.backward)]
        assert all(kernel.traffic_bytes == kernel.launches == 0 for kernel in kernels)
    assert exchange_copies(gpt(), Slice(8, 1, 4, sequence_parallel=True), FLASH) == ()


def test_who_reads_what_is_gathered():
    assert reads_several(gpt()) == (True, False)
    assert reads_several(gpt(gated_mlp=True)) == (True, True)
    assert reads_several(gpt(parallel_block=True)) == (True,)


@pytest.mark.parametrize("tensor", [1, 2])
def test_repeated_heads_by_hand(tensor):
    # 2 of 4 heads of 64 share keys: 2 x 128 read and 2 x 256 written of 2 bytes, for each of 8 tokens and either way.
    style, model = dataclasses.replace(FLASH, repeats_keys=True), gpt(1, 256, 4, kv_heads=2)
    found = repeated_heads(model, Slice(8, 1, tensor), style)
    assert moved(found, "forward") == moved(found, "backward") == 8 * 2 * (2 * 128 + 2 * 256) / tensor
    assert repeated_heads(gpt(1, 256, 4), Slice(8, 1), style) == repeated_heads(model, Slice(8, 1), FLASH) == ()


def test_complex_rotations_by_hand():
    # Queries and keys of 256 and 128, 20 bytes each way; fused, one read and one write of 2 bytes.
    model = gpt(1, 256, 4, kv_heads=2, position="rotary")

    def rotary(**over):
        operations = layer_operations(model, Slice(8, 1), dataclasses.replace(FLASH, **over))
        return [one for one in operations if one.name == "rotary"]

    fused, complex_ = rotary(), rotary(complex_rotary=True)
    assert moved(fused, "forward") == moved(fused, "backward") == 8 * 384 * 4
    assert moved(complex_, "forward") == moved(complex_, "backward") == 8 * 384 * 20
