"""Activation memory against the formulas of Korthikanti et al. 2022."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, UNFUSED, gpt
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_recipe
from sim.workload.activations import (
    gradient_flow_bytes,
    head_activation_bytes,
    layer_activation_bytes,
    unfinished_bytes,
    working_bytes,
)
from sim.workload.operations import Slice

OPERATORS = dataclasses.replace(FLASH, selective_recompute="operators")
SHAPES = {
    "s": st.integers(1, 512).map(lambda x: 8 * x),
    "b": st.integers(1, 16),
    "a": st.integers(1, 12).map(lambda x: 8 * x),
    "head": st.sampled_from([32, 64, 96, 128]),
    "t": st.sampled_from([1, 2, 4, 8]),
}


def layer(s, b, a, head, t=1, sequence_parallel=False, recompute="none", style=UNFUSED):
    return layer_activation_bytes(gpt(1, a * head, a), Slice(s, b, t, sequence_parallel), style, recompute)


@given(**SHAPES)
def test_unsplit_and_with_tensor_parallelism(s, b, a, head, t):
    h = a * head
    # Eq. 1 and 2: s b h (34 + 5 a s / h); s b h (10 + 24 / t + 5 a s / h t).
    assert layer(s, b, a, head) == pytest.approx(s * b * h * (34 + 5 * a * s / h), rel=1e-12)
    assert layer(s, b, a, head, t) == pytest.approx(s * b * h * (10 + 24 / t + 5 * a * s / (h * t)), rel=1e-12)


@given(**SHAPES)
def test_with_sequence_parallelism(s, b, a, head, t):
    # Eq. 4: everything over t.
    h = a * head
    found = layer(s, b, a, head, t, sequence_parallel=True)
    assert found == pytest.approx(s * b * h / t * (34 + 5 * a * s / h), rel=1e-12)


@given(**SHAPES)
def test_with_selective_recomputation(s, b, a, head, t):
    # Eq. 6: 34 s b h / t, the square is gone; without sequence parallelism s b h (10 + 24 / t).
    h = a * head
    assert layer(s, b, a, head, t, True, "selective") == pytest.approx(34 * s * b * h / t, rel=1e-12)
    assert layer(s, b, a, head, t, False, "selective") == pytest.approx(s * b * h * (10 + 24 / t), rel=1e-12)


@given(**SHAPES)
def test_with_full_recomputation(s, b, a, head, t):
    # Table 2: 2 s b h, the input of the layer.
    h = a * head
    assert layer(s, b, a, head, t, False, "full") == pytest.approx(2 * s * b * h, rel=1e-12)
    assert layer(s, b, a, head, t, True, "full") == pytest.approx(2 * s * b * h / t, rel=1e-12)
    # Kept in shares: as with sequence parallelism.
    shares = dataclasses.replace(UNFUSED, splits_kept_inputs=True)
    assert layer(s, b, a, head, t, False, "full", shares) == pytest.approx(2 * s * b * h / t, rel=1e-12)


@given(**SHAPES)
def test_a_fused_attention_keeps_no_square(s, b, a, head, t):
    assert layer(2 * s, b, a, head, t, style=FLASH) == pytest.approx(2 * layer(s, b, a, head, t, style=FLASH))
    # What is left are 4 bytes of statistics for every row of every head.
    statistics = layer(s, b, a, head, t, style=FLASH) - layer(s, b, a, head, t, recompute="selective")
    assert statistics == pytest.approx(4 * s * b * a / t, rel=1e-6)


@given(**SHAPES, sequence_parallel=st.booleans(), style=st.sampled_from([UNFUSED, FLASH]))
def test_recomputing_more_keeps_less(s, b, a, head, t, sequence_parallel, style):
    kept = [layer(s, b, a, head, t, sequence_parallel, way, style) for way in ("none", "selective", "full")]
    assert kept[0] >= kept[1] >= kept[2] > 0


@given(**SHAPES)
def test_what_recomputation_brings_back(s, b, a, head, t):
    model, part = gpt(1, a * head, a), Slice(s, b, t)
    assert working_bytes(model, part, UNFUSED, "none") == 0
    # Selective: the square of one layer, which is what it had saved; full: the whole layer.
    saved = layer(s, b, a, head, t) - layer(s, b, a, head, t, recompute="selective")
    assert working_bytes(model, part, UNFUSED, "selective") == pytest.approx(saved, rel=1e-6)
    assert working_bytes(model, part, UNFUSED, "full") == pytest.approx(layer(s, b, a, head, t))
    assert working_bytes(model, part, FLASH, "selective") == 0


def test_what_weight_gradients_still_need_of_what_was_brought_back():
    # By hand: norms 2 x 2 s h, queries to context 4 x 2 s h, both sides of the MLP 2 x 2 x 4 s h; the input is kept.
    model, part = gpt(hidden=256, dropout=False), Slice(128, 1)
    token = 128 * 256
    assert unfinished_bytes(model, part, FLASH, "full") == (8 + 8 + 16) * token - 2 * token
    # Scores are only needed by input gradients, and without recomputation nothing is brought back.
    assert unfinished_bytes(model, part, UNFUSED, "full") == 30 * token
    assert unfinished_bytes(model, part, UNFUSED, "selective") == unfinished_bytes(model, part, FLASH, "none") == 0


@given(**SHAPES, vocab=st.integers(1, 100_000))
def test_logits(s, b, a, head, t, vocab):
    # Input and output of the norm, 4 s b h; 6 bytes a logit (half precision and fp32), 6 s b V / t.
    model, h = gpt(1, a * head, a, vocab=vocab), a * head
    found = head_activation_bytes(model, Slice(s, b, t), 6.0)
    assert found == pytest.approx(4 * s * b * h + 6 * s * b * vocab / t, rel=1e-12)
    # With sequence parallelism the norm is split, and its output gathered, as the gradient is before it is scattered.
    found = head_activation_bytes(model, Slice(s, b, t, True), 2.0)
    assert found == pytest.approx(4 * s * b * h * (1 / t + (t > 1)) + 2 * s * b * vocab / t, rel=1e-12)


def test_fewer_dropouts_norms_and_heads_by_hand():
    # s = b = 1, h = 64, 8 heads of 8, 2 key/value heads, gated MLP of 100, no dropout, fused attention.
    # Norms 2 x 2 x 2 x 64; queries and context 2 x 2 x 64; keys and values 2 x 2 x 16; MLP 2 x 3 x 100; 4 x 8.
    model = gpt(1, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=100, dropout=False)
    assert layer_activation_bytes(model, Slice(1, 1), FLASH, "none") == 512 + 256 + 64 + 600 + 32


def test_what_layers_of_llama_keep_where_their_kernels_are_not_fused():
    # The same layer with RMS norms, of two sequences. In fp32 a norm keeps 4 for its input, 2 for what is multiplied
    # with the weight and 2 for its output, in half precision 2 of each; the gate's activation is 2 x 100 more; and the
    # context stands there in both orders, 2 x 64 more.
    model = gpt(1, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=100, dropout=False, norm="rmsnorm")
    fused = layer_activation_bytes(model, Slice(1, 2), FLASH, "none")
    assert fused == 2 * (512 + 256 + 64 + 600 + 32)

    def more(micro_batch=2, model=model, **over):
        part = Slice(1, micro_batch)
        changed = layer_activation_bytes(model, part, dataclasses.replace(FLASH, **over), "none")
        return (changed - layer_activation_bytes(model, part, FLASH, "none")) / micro_batch

    assert more(rms_norm="single") == 2 * 4 * 64
    assert more(rms_norm="apart") == 2 * 2 * 64
    assert more(fused_gating=False) == 2 * 100
    assert more(attention_output_copies="batched") == more(attention_output_copies="always") == 2 * 64
    # One sequence has one order, but it may be padded.
    assert more(micro_batch=1, attention_output_copies="batched") == 0
    assert more(micro_batch=1, attention_output_copies="always") == 2 * 64
    # A layer norm in fp32 keeps its input so, and nothing besides; it is not an RMS norm's business.
    plain = dataclasses.replace(model, norm="layernorm")
    assert more(model=plain, layer_norm="single") == 2 * 2 * 64
    assert more(model=plain, rms_norm="single") == more(layer_norm="single") == 0


def test_norms_in_single_precision_are_not_cast():
    # In fp32 input, product and output are 4 bytes each, however they are written out.
    model = gpt(1, 64, 8, dropout=False, norm="rmsnorm")
    styles = [
        dataclasses.replace(FLASH, recipe=load_recipe("fp32"), rms_norm=way) for way in ("fused", "single", "apart")
    ]
    fused, single, apart = (layer_activation_bytes(model, Slice(1, 1), style, "none") for style in styles)
    assert single == apart == fused + 2 * 4 * 64


def test_keeping_attention_and_every_other_product_by_hand():
    # The same layer. Input 2 x 64; the products 1, 3, 5 and 7 of seven: queries 2 x 64, values 2 x 16, gate 2 x 100,
    # and the MLP's output 2 x 64, which a compiler drops; the context 2 x 64 with its statistics 4 x 8.
    model = gpt(1, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=100, dropout=False)
    eager = dataclasses.replace(OPERATORS, fused_elementwise=False)
    part = Slice(1, 1)
    compiled_kept = layer_activation_bytes(model, part, OPERATORS, "selective")
    assert compiled_kept == 128 + 128 + 32 + 200 + 128 + 32
    assert layer_activation_bytes(model, part, eager, "selective") == compiled_kept + 128
    # Without a gate the output is the sixth product: 256 wide, four times 64.
    plain = gpt(1, 64, 8, dropout=False)
    assert layer_activation_bytes(plain, part, eager, "selective") == 2 * (64 + 64 + 64 + 256 + 64) + 32
    # What is not kept comes back; the other modes mean the same in every stack.
    whole = layer_activation_bytes(model, part, FLASH, "none")
    assert working_bytes(model, part, OPERATORS, "selective") == whole - compiled_kept
    for mode in ("none", "full"):
        assert layer_activation_bytes(model, part, OPERATORS, mode) == layer_activation_bytes(model, part, FLASH, mode)


def test_results_of_products_by_hand():
    # s = b = 1, h = 64, 8 heads of 8, 2 of them for keys and values, gated f = 100: the input, queries, keys, values,
    # attention's projection, both inputs of the MLP.
    model = gpt(1, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=100, dropout=False)
    style = dataclasses.replace(FLASH, selective_recompute="all but products")
    kept = layer_activation_bytes(model, Slice(1, 1), style, "selective")
    assert kept == 2 * (64 + 64 + 16 + 16 + 64 + 200)
    # Two ranks with sequence parallelism hold half of everything.
    assert layer_activation_bytes(model, Slice(2, 1, 2, True), style, "selective") == kept
    whole = layer_activation_bytes(model, Slice(1, 1), FLASH, "none")
    assert working_bytes(model, Slice(1, 1), style, "selective") == max(whole - kept, 0)


@given(**SHAPES)
def test_gradients_in_flight(s, b, a, head, t):
    h = a * head
    model, part = gpt(1, h, a), Slice(s, b, t)
    # Fused attention: the gradient of the MLP's inner side and the residual's, 2 s b (4 h / t + h).
    assert gradient_flow_bytes(model, part, FLASH) == pytest.approx(2 * s * b * (4 * h / t + h))
    gated = gpt(1, h, a, gated_mlp=True)
    assert gradient_flow_bytes(gated, part, FLASH) == pytest.approx(2 * s * b * (8 * h / t + h))
    # Unfused: both sides of the softmax, 4 a s^2 b / t, less the MLP's 2 x 2 x 4 h s b / t, where that is more.
    inner = max(8 * s * b * h, 4 * a * s * s * b - 16 * s * b * h) / t
    assert gradient_flow_bytes(model, part, UNFUSED) == pytest.approx(inner + 2 * s * b * h)


def test_keys_and_values_are_copied_where_heads_are_fewer_than_ranks():
    # One key/value head on 8 ranks: each rank computes and keeps the keys and values of that head (2 x 2 x 8 bytes
    # a token), as layer_operations has it, and an eighth of the rest.
    model = gpt(1, 64, 8, kv_heads=1, dropout=False)
    kept = layer_activation_bytes(model, Slice(1, 1, 8), FLASH, "none")
    norms, queries, keys, mlp, statistics = 512, 2 * 2 * 64 / 8, 2 * 2 * 8, 2 * 2 * 256 / 8, 4
    assert kept == norms + queries + keys + mlp + statistics


@given(st.lists(st.integers(1, 64), min_size=1, max_size=8), st.sampled_from(["none", "selective", "full"]))
def test_arrays_give_what_numbers_give(micro_batches, recompute):
    model, degrees = gpt(1, 512, 8), np.array([[1], [2], [4], [8]])
    for sequence_parallel in (False, True):
        part = Slice(128, np.array(micro_batches), degrees, sequence_parallel)
        for formula in (
            lambda part: layer_activation_bytes(model, part, UNFUSED, recompute),
            lambda part: working_bytes(model, part, UNFUSED, recompute),
            lambda part: working_bytes(model, part, OPERATORS, recompute),
            lambda part: gradient_flow_bytes(model, part, UNFUSED),
            lambda part: head_activation_bytes(model, part, 6.0),
        ):
            found = np.broadcast_to(formula(part), (4, len(micro_batches)))
            for (row, column), value in np.ndenumerate(found):
                one = Slice(128, micro_batches[column], int(degrees[row, 0]), sequence_parallel)
                assert value == float(formula(one))
