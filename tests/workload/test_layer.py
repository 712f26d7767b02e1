"""What one layer asks of one device: FLOPs, bytes, and how splitting divides them."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, UNFUSED, gpt
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.types import Lora
from sim.workload.layer import Slice, embedding_operations, head_operations, layer_operations
from sim.workload.operations import linear, reruns, total, unfused_attention

SHAPES = {
    "s": st.integers(1, 64).map(lambda x: 8 * x),
    "b": st.integers(1, 8),
    "heads": st.integers(1, 6).map(lambda x: 8 * x),
    "style": st.sampled_from([UNFUSED, FLASH]),
}
SIZES = ("flops", "traffic_bytes", "useful_flops", "counted_flops")


def kernels(operations, *phases):
    return tuple(kernel for one in operations for phase in phases for kernel in getattr(one, phase))


def forward(operations, field="counted_flops"):
    return float(total(kernels(operations, "forward"), field))


def backward(operations, field="counted_flops"):
    return float(total(kernels(operations, "backward"), field))


@given(**SHAPES)
def test_a_layer_forward_is_24_h2_a_token_and_attention(s, b, heads, style):
    # 24 B s h^2 + 4 B s^2 h (Narayanan et al. 2021, appendix); backward twice that.
    h = heads * 32
    operations = layer_operations(gpt(1, h, heads), Slice(s, b), style)
    assert forward(operations) == pytest.approx(24 * b * s * h * h + 4 * b * s * s * h, rel=1e-12)
    assert backward(operations) == pytest.approx(2 * forward(operations), rel=1e-12)
    assert forward(operations, "useful_flops") == pytest.approx(24 * b * s * h * h + 2 * b * s * s * h, rel=1e-12)


@given(**SHAPES)
def test_executed_flops(s, b, heads, style):
    # Unfused kernels compute the whole square; the fused ones skip the masked half but recompute the scores: 2.5 / 2.
    h = heads * 32
    operations = layer_operations(gpt(1, h, heads), Slice(s, b), style)
    matrices, square = 24 * b * s * h * h, 4 * b * s * s * h
    if style.flash_attention:
        assert forward(operations, "flops") == pytest.approx(matrices + square / 2, rel=1e-12)
        assert backward(operations, "flops") == pytest.approx(2 * matrices + 2.5 * square / 2, rel=1e-12)
    else:
        assert forward(operations, "flops") == pytest.approx(matrices + square, rel=1e-12)
        assert backward(operations, "flops") == pytest.approx(2 * matrices + 2 * square, rel=1e-12)


@given(**SHAPES, t=st.sampled_from([2, 4, 8]), sequence_parallel=st.booleans(), gated=st.booleans())
def test_tensor_ranks_share_the_flops(s, b, heads, style, t, sequence_parallel, gated):
    model = gpt(1, heads * 32, heads, gated_mlp=gated)
    alone = layer_operations(model, Slice(s, b), style)
    shared = layer_operations(model, Slice(s, b, t, sequence_parallel), style)
    for field in ("flops", "useful_flops", "counted_flops"):
        assert t * forward(shared, field) == pytest.approx(forward(alone, field), rel=1e-12)
        assert t * backward(shared, field) == pytest.approx(backward(alone, field), rel=1e-12)


def test_shapes_of_the_matrix_products():
    # h = 256, 4 heads of 64, t = 2, T = 2 x 128 tokens.
    model, part = gpt(1, 256, 4), Slice(128, 2, 2)
    found = {
        kernel.name: (float(kernel.m), float(kernel.n), float(kernel.k))
        for kernel in kernels(layer_operations(model, part, FLASH), "forward", "backward")
        if kernel.kind == "gemm"
    }
    assert found["qkv"] == (256, 3 * 256 / 2, 256)
    assert found["attention output"] == (256, 256, 256 / 2)
    assert found["mlp in"] == (256, 1024 / 2, 256)
    assert found["mlp out"] == (256, 256, 1024 / 2)
    assert found["mlp in dx"] == (256, 256, 1024 / 2)
    assert found["mlp in dW"] == (256, 1024 / 2, 256)


def test_a_linear_layer_reads_and_writes_its_operands_once():
    # 10 tokens, 20 to 30: x 200, W 600, y 300 elements of 2 bytes; dW reads and writes its 4-byte buffer.
    one = linear("l", 10, 20, 30, UNFUSED)
    assert total(one.forward, "traffic_bytes") == 2 * (200 + 600 + 300)
    assert total(one.input_gradient, "traffic_bytes") == 2 * (300 + 600 + 200)
    assert total(one.weight_gradient, "traffic_bytes") == 2 * (200 + 300) + 8 * 600
    assert total(one.forward, "flops") == 2 * 10 * 20 * 30


def test_unfused_scores_travel_through_memory():
    # 2 sequences of 10, 3 heads of 4: 600 scores. Softmax reads and writes 2 bytes, dropout too with a mask byte.
    # Scores: operands 2 x 240 and 600 results; context: 600 and 240 operands, 240 results; 2 bytes each.
    attention = unfused_attention(2, 10, 3, 4, UNFUSED, dropout=True)
    gemms = 2 * (240 + 240 + 600) + 2 * (600 + 240 + 240)
    assert total(attention.forward, "traffic_bytes") == gemms + 600 * 4 + 600 * 5
    without = unfused_attention(2, 10, 3, 4, UNFUSED, dropout=False)
    assert total(without.forward, "traffic_bytes") == gemms + 600 * 4
    assert reruns(attention, "selective", UNFUSED)
    assert not reruns(attention, "selective", FLASH)


@given(**SHAPES, t=st.sampled_from([2, 4, 8]))
def test_sequence_parallelism_cuts_norms_and_residuals(s, b, heads, style, t):
    model = gpt(1, heads * 32, heads)

    def traffic(name, part):
        operations = [one for one in layer_operations(model, part, style) if one.name.startswith(name)]
        return forward(operations, "traffic_bytes") + backward(operations, "traffic_bytes")

    for name in ("norm", "residual"):
        assert traffic(name, Slice(s, b, t)) == traffic(name, Slice(s, b))
        assert t * traffic(name, Slice(s, b, t, True)) == pytest.approx(traffic(name, Slice(s, b)))
    assert t * traffic("activation", Slice(s, b, t)) == pytest.approx(traffic("activation", Slice(s, b)))


def test_grouped_heads_are_copied_where_there_are_fewer_than_ranks():
    # One key/value head of 64 on 4 ranks: each computes its own query head and the whole of keys and values.
    model = gpt(1, 256, 4, kv_heads=1)
    (qkv,) = (kernel for kernel in kernels(layer_operations(model, Slice(8, 1, 4), FLASH), "forward")
              if kernel.name == "qkv")  # fmt: skip
    assert qkv.n == 64 + 2 * 64


def test_the_vocabulary_projection():
    # T = 24 tokens, h = 64, V = 10: 2 T h V forward, twice that backward, whatever the ends share.
    operations = head_operations(gpt(1, 64, 8, vocab=10), Slice(4, 6), UNFUSED)
    assert forward(operations) == 2 * 24 * 64 * 10
    assert backward(operations) == 4 * 24 * 64 * 10
    loss = next(one for one in operations if one.name == "loss")
    assert total(loss.forward + loss.backward, "traffic_bytes") == 60 * 24 * 10


def test_the_embedding_has_traffic_but_no_flops():
    operations = embedding_operations(gpt(1, 64, 8), Slice(4, 6))
    assert forward(operations, "flops") == backward(operations, "flops") == 0
    # Rows, positions and their sum, 2 bytes each.
    assert forward(operations, "traffic_bytes") == 24 * 64 * 6


def test_frozen_weights_have_no_gradient():
    lora = Lora(4, ("query", "mlp"))
    operations = layer_operations(gpt(1, 64, 8), Slice(4, 6), UNFUSED, lora)
    trained = {one.name for one in operations if any(kernel.kind == "gemm" for kernel in one.weight_gradient)}
    assert trained == {f"{name} adapter {side}" for name in ("query", "mlp in", "mlp out") for side in "AB"}
    # h to rank and back for the query; h to rank to f; f to rank to h.
    adapters = [one for one in operations if "adapter" in one.name]
    assert forward(adapters) == 2 * 24 * 4 * ((64 + 64) + (64 + 256) + (256 + 64))


def test_parallel_blocks_join_once():
    names = [one.name for one in layer_operations(gpt(1, 64, 8, parallel_block=True), Slice(4, 1), FLASH)]
    assert sum(name.startswith("residual") for name in names) == 1


@given(st.lists(st.integers(1, 16), min_size=1, max_size=6), st.sampled_from([UNFUSED, FLASH]))
def test_arrays_give_what_numbers_give(micro_batches, style):
    model, degrees = gpt(1, 256, 8, kv_heads=2, gated_mlp=True), np.array([[1], [2], [4], [8]])
    part = Slice(64, np.array(micro_batches), degrees, np.array([[False], [True], [False], [True]]))
    for build in (lambda part: layer_operations(model, part, style), lambda part: head_operations(model, part, style)):
        together = kernels(build(part), "forward", "backward")
        for row, column in np.ndindex(4, len(micro_batches)):
            one = Slice(64, micro_batches[column], int(degrees[row, 0]), bool(row % 2))
            alone = kernels(build(one), "forward", "backward")
            for field in SIZES:
                found = np.broadcast_to(total(together, field), (4, len(micro_batches)))
                assert found[row, column] == pytest.approx(float(total(alone, field)), rel=1e-14)


def test_an_eager_rms_norm_costs_more_passes_than_a_fused_one():
    # 36 bytes an element forward against 4: h = 256, 128 tokens.
    model = gpt(norm="rmsnorm", norm_bias=False)

    def norm_bytes(style):
        (first, *_) = layer_operations(model, Slice(128, 1), style)
        return total(first.forward, "traffic_bytes")

    assert norm_bytes(dataclasses.replace(FLASH, fused_elementwise=False)) == 36 * 128 * 256
    assert norm_bytes(dataclasses.replace(FLASH, fused_elementwise=True)) == 4 * 128 * 256


def test_relative_positions_are_projected_once_for_all_sequences():
    plain, relative = (gpt(position=position) for position in ("none", "relative"))
    flops = [
        sum(float(total(one.forward, "flops")) for one in layer_operations(model, Slice(128, 4), FLASH))
        for model in (plain, relative)
    ]
    assert flops[1] - flops[0] == 2 * 128 * 256 * 256
