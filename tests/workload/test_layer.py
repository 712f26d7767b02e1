"""What one layer asks of one device: FLOPs, bytes, and how splitting divides them."""

import dataclasses

import numpy as np
import pytest
from builders import FLASH, UNFUSED, gpt
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_model, load_recipe, model_names
from sim.scenario.types import Lora
from sim.workload.attention import unfused_attention
from sim.workload.layer import embedding_operations, head_operations, layer_operations, padded_vocabulary
from sim.workload.operations import Slice, linear, rerun_kernels, total

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
    attention = unfused_attention(2, 10, 3, 4, 4, UNFUSED, dropout=True)
    gemms = 2 * (240 + 240 + 600) + 2 * (600 + 240 + 240)
    assert total(attention.forward, "traffic_bytes") == gemms + 600 * 4 + 600 * 5
    without = unfused_attention(2, 10, 3, 4, 4, UNFUSED, dropout=False)
    assert total(without.forward, "traffic_bytes") == gemms + 600 * 4
    assert rerun_kernels(attention, "selective", UNFUSED) == attention.forward
    assert rerun_kernels(attention, "selective", FLASH) == ()


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
    assert embedding_operations(gpt(1, 64, 8), Slice(4, 6), FLASH, Lora(4, ("query",)))[0].backward == ()
    operations = embedding_operations(gpt(1, 64, 8), Slice(4, 6), FLASH)
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


@pytest.mark.parametrize("style", [UNFUSED, FLASH])
def test_single_precision_moves_twice_as_much(style):
    # All but what runs in fp32 whatever the recipe: masks, and the queries' gradient of a fused attention.
    wide = dataclasses.replace(style, recipe=load_recipe("fp32"), weight_gradient_bytes=2 * style.weight_gradient_bytes)
    model, part = gpt(dropout=False), Slice(128, 2)
    half, single = (layer_operations(model, part, one) for one in (style, wide))
    for phase in ("forward", "backward"):
        moved = [float(total(kernels(one, phase), "traffic_bytes")) for one in (half, single)]
        same = 3 * 4 * 256 * 256 if style.flash_attention and phase == "backward" else 0
        assert moved[1] - same == pytest.approx(2 * (moved[0] - same))
        flops = [float(total(kernels(one, phase), "flops")) for one in (half, single)]
        assert flops[0] == flops[1]
    formats = {kernel.format for kernel in kernels(single, "forward") if kernel.kind == "gemm"}
    assert formats == {"fp32"}


def test_an_eager_rms_norm_costs_more_passes_than_a_fused_one():
    # 36 bytes an element forward against 4: h = 256, 128 tokens.
    model = gpt(norm="rmsnorm", norm_bias=False)

    def norm_bytes(style):
        (first, *_) = layer_operations(model, Slice(128, 1), style)
        return total(first.forward, "traffic_bytes")

    assert norm_bytes(dataclasses.replace(FLASH, rms_norm="single")) == 36 * 128 * 256
    assert norm_bytes(dataclasses.replace(FLASH, rms_norm="fused")) == 4 * 128 * 256
    # Without casts: read 2, read and write 4, read and write 4.
    assert norm_bytes(dataclasses.replace(FLASH, rms_norm="apart")) == 10 * 128 * 256
    # In fp32 nothing is cast: square 8, mean 4, product 8, product with the weight 8.
    single = dataclasses.replace(FLASH, recipe=load_recipe("fp32"), rms_norm="single")
    assert norm_bytes(single) == 28 * 128 * 256


def test_relative_positions_are_projected_once_for_all_sequences():
    plain, relative = (gpt(position=position) for position in ("none", "relative"))
    flops = [
        sum(float(total(one.forward, "flops")) for one in layer_operations(model, Slice(128, 4), FLASH))
        for model in (plain, relative)
    ]
    assert flops[1] - flops[0] == 2 * 128 * 256 * 256


def again(model, part, recompute, style):
    """Operations of a layer by name, each with the kernels that recomputation runs again."""
    operations = layer_operations(model, part, style)
    return {
        one.name: rerun_kernels(one, recompute, style) for one in operations if rerun_kernels(one, recompute, style)
    }


OPERATORS = dataclasses.replace(FLASH, selective_recompute="operators")


@pytest.mark.parametrize("style", [FLASH, UNFUSED])
@pytest.mark.parametrize(("parallel_block", "last"), [(False, "residual 1"), (True, "residual 0")])
def test_recomputation_that_stops_early_leaves_out_what_no_backward_needs(style, parallel_block, last):
    model, part = gpt(parallel_block=parallel_block), Slice(128, 1)
    early = dataclasses.replace(style, recompute_stops_early=True)
    whole = {one.name: one.forward for one in layer_operations(model, part, style)}
    assert again(model, part, "full", style) == whole
    found = again(model, part, "full", early)
    assert found == {name: kernels for name, kernels in whole.items() if name not in ("mlp out", last)}
    # The tail is not among the scores.
    assert again(model, part, "selective", early) == again(model, part, "selective", style)


def test_recomputation_by_operators_by_hand():
    # h = 64, 8 heads of 8, 2 of them for keys and values, gated f = 104, 24 tokens. Every other product is kept:
    # queries, values, attention, the MLP's first input and its output. Keys, attention output and the second run again.
    model = gpt(2, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=104, position="rotary")
    found = again(model, Slice(4, 6), "selective", OPERATORS)
    flops = {name: float(total(kernels, "flops")) for name, kernels in found.items()}
    passes = ["norm 0", "norm 1", "rotary", "activation", "residual 0", "residual 1"]
    assert flops == {
        "qkv": pytest.approx(2 * 24 * 64 * 16),
        "attention output": 2 * 24 * 64 * 64,
        "mlp in": 2 * 24 * 64 * 104,
        **dict.fromkeys(passes, 0.0),
    }
    (keys,), (second,) = found["qkv"], found["mlp in"]
    assert (keys.n, second.n) == (16, 104)
    early = again(model, Slice(4, 6), "selective", dataclasses.replace(OPERATORS, recompute_stops_early=True))
    assert found.keys() - early.keys() == {"residual 1"}


def test_recomputation_of_all_but_products_runs_attention_and_passes_again():
    model = gpt(2, 64, 8, kv_heads=2, gated_mlp=True, ffn_hidden=104, position="rotary")
    for style in (FLASH, UNFUSED):
        kept = dataclasses.replace(style, selective_recompute="all but products")
        whole = {one.name: one.forward for one in layer_operations(model, Slice(4, 6), style)}
        found = again(model, Slice(4, 6), "selective", kept)
        # Those of heads apart are not kept, with or without a fused kernel.
        assert found == {name: own for name, own in whole.items() if name == "attention" or own[0].kind != "gemm"}


def test_a_plain_mlp_keeps_its_only_input_by_operators():
    # Of GPT's products 1, 3 and 5 are kept, and the sixth ends the layer: keys and attention output run again.
    found = again(gpt(), Slice(128, 1), "selective", OPERATORS)
    products = {name for name, kernels in found.items() if kernels[0].kind == "gemm"}
    assert products == {"qkv", "attention output"}


@pytest.mark.parametrize("name", model_names())
def test_products_that_run_again_in_part_have_whole_columns(name):
    # A third of 3 x 5120 columns is 5120, not a rounding error more: that would be a tile more, and unaligned.
    model = load_model(name)
    found = again(model, Slice(128, 1), "selective", OPERATORS)
    (keys,) = found["qkv"]
    assert float(keys.n) == model.kv_heads * model.head_dim
    if model.gated_mlp:
        assert float(found["mlp in"][0].n) == model.ffn_hidden


@given(
    **SHAPES,
    t=st.sampled_from([1, 2, 4, 8]),
    gated=st.booleans(),
    shared=st.sampled_from([1, 2, 4]),
    early=st.booleans(),
    meaning=st.sampled_from(["attention-core", "operators"]),
)
def test_selective_recomputation_lies_between_none_and_full(s, b, heads, style, t, gated, shared, early, meaning):
    model = gpt(1, heads * 32, heads, gated_mlp=gated, kv_heads=heads // shared)
    style = dataclasses.replace(style, recompute_stops_early=early, selective_recompute=meaning)
    sums = [
        {
            field: sum(float(total(kernels, field)) for kernels in again(model, Slice(s, b, t), way, style).values())
            for field in SIZES
        }
        for way in ("none", "selective", "full")
    ]
    for field in SIZES:
        nothing, some, everything = (one[field] for one in sums)
        assert nothing == 0 <= some <= everything * (1 + 1e-12)
    if meaning == "operators":
        assert 0 < sums[1]["flops"] < sums[2]["flops"]


def test_padded_vocabularies_by_hand():
    # Megatron-LM on GPT-2's vocabulary: 393 x 128 = 50,304 on one rank, 197 x 256 = 50,432 on two.
    assert padded_vocabulary(50_257, 1, 128) == 50_304
    assert padded_vocabulary(50_257, 2, 128) == 50_432
    assert padded_vocabulary(51_200, 8, 128) == 51_200
    # As it is, but for a whole number of rows on each rank.
    assert padded_vocabulary(50_257, 1, 1) == 50_257
    assert padded_vocabulary(50_257, 8, 1) == 50_264


@given(st.integers(1, 300_000), st.integers(1, 64), st.sampled_from([1, 8, 64, 128, 1000]))
def test_padding_is_the_least_multiple_that_holds_the_vocabulary(vocab, tensor, multiple):
    found = padded_vocabulary(vocab, tensor, multiple)
    assert found % (multiple * tensor) == 0
    assert vocab <= found < vocab + multiple * tensor


def test_the_head_works_on_the_padded_vocabulary():
    # 25,216 rows on each of two ranks; 60 bytes a logit, 2 x 128 tokens.
    style = dataclasses.replace(FLASH, vocabulary_multiple=128)
    head = {one.name: one for one in head_operations(gpt(vocab=50_257), Slice(128, 2, 2), style)}
    (product,) = head["vocabulary"].forward
    assert (product.m, product.n, product.k) == (256, 25_216, 256)
    assert float(total(head["loss"].forward + head["loss"].backward, "traffic_bytes")) == 60 * 256 * 25_216


@given(**SHAPES, t=st.sampled_from([1, 2, 8]), gated=st.booleans(), passes=st.floats(1, 4))
def test_activation_passes_are_of_norms_residuals_activations_and_rotations(s, b, heads, style, t, gated, passes):
    model = gpt(1, heads * 32, heads, gated_mlp=gated, position="rotary")
    more = dataclasses.replace(style, activation_passes=passes)
    scaled = {"norm 0", "norm 1", "rotary", "activation", "residual 0", "residual 1", "final norm"}
    seen = set()
    for build in (layer_operations, head_operations):
        pairs = zip(build(model, Slice(s, b, t), style), build(model, Slice(s, b, t), more), strict=True)
        for plain, found in pairs:
            factor = passes if plain.name in scaled else 1.0
            seen.add(plain.name)
            for phase in (forward, backward):
                assert phase([found], "traffic_bytes") == pytest.approx(factor * phase([plain], "traffic_bytes"))
                assert phase([found], "flops") == phase([plain], "flops")
    assert scaled < seen
