"""Latent attention (MLA) by hand: weights, FLOPs, what is kept and moved, on the sizes of DeepSeek-V3's attention."""

import dataclasses

import pytest
from builders import FLASH, UNFUSED, fixed, gpt, narrow_machine, plan, point

from sim.errors import InputError
from sim.scenario.model_fields import build_model
from sim.simulate import simulate
from sim.workload.activations import layer_activation_bytes
from sim.workload.kinds import KINDS
from sim.workload.operations import Slice, total
from sim.workload.weights import copied_weights, layer_weights

H, HEADS, NOPE, ROTATED, VALUE, QUERY_RANK, RANK = 7168, 128, 128, 64, 128, 1536, 512
PLAIN = {
    "ffn_hidden": 18432, "gated_mlp": True, "norm": "rmsnorm", "norm_bias": False, "attention_bias": False,
    "mlp_bias": False, "position": "rotary", "dropout": False,
}  # fmt: skip
V3 = gpt(
    2, H, HEADS, head_dim=NOPE + ROTATED, value_head_dim=VALUE, query_rank=QUERY_RANK, key_value_rank=RANK,
    rotary_head_dim=ROTATED, **PLAIN,
)  # fmt: skip
MATRICES = (
    H * QUERY_RANK, QUERY_RANK * HEADS * (NOPE + ROTATED), H * (RANK + ROTATED), RANK * HEADS * (NOPE + VALUE),
    HEADS * VALUE * H,
)  # fmt: skip
SMALL = gpt(
    4, 256, 4, head_dim=48, value_head_dim=32, query_rank=96, key_value_rank=64, rotary_head_dim=16,
    **(PLAIN | {"ffn_hidden": 1024}),
)  # fmt: skip


def operation(model, name, part=None, style=FLASH):
    operations = KINDS["dense"].operations(model, part or Slice(4096, 1), style, None)
    return next(one for one in operations if one.name == name)


def test_weights():
    # 187,105,280 in the five matrices of DeepSeek-V3's attention, and a norm of each latent width.
    assert sum(MATRICES) == 187_105_280
    weights = layer_weights(V3)
    assert weights.matrix_elements == sum(MATRICES) + 3 * H * 18432
    assert weights.vectors == 2 * H + QUERY_RANK + RANK
    assert weights.tensors == 5 + 3
    # Without a latent width of the queries: one matrix from the input to all heads.
    whole = layer_weights(dataclasses.replace(V3, query_rank=None)).matrix_elements
    assert whole - weights.matrix_elements == HEADS * 192 * H - MATRICES[0] - MATRICES[1]
    # Each of four ranks holds the two matrices down as a whole.
    assert copied_weights(V3, 4) == 3 * H * (QUERY_RANK + RANK + ROTATED)


def test_flops_of_attention():
    # For each token 2 [r_q (h + a (n + r)) + r_kv (h + a (n + v)) + h r + a v h] + s a (n + r + v).
    names = ("query down", "query up", "key and value down", "key and value up", "attention output", "attention")
    forward = [kernel for name in names for kernel in operation(V3, name).forward]
    by_hand = 2 * 187_105_280 + 4096 * 128 * 320
    assert by_hand == 541_982_720
    assert total(tuple(forward), "useful_flops") == pytest.approx(4096 * by_hand, rel=1e-12)
    # Backward, three products of queries and keys and two with values: (3 x 192 + 2 x 128) / (192 + 128) = 2.6.
    ahead, back = operation(V3, "attention").forward[0], operation(V3, "attention").backward[0]
    assert back.flops / ahead.flops == pytest.approx(2.6)
    assert back.useful_flops / ahead.useful_flops == pytest.approx(2.0)
    # Queries and keys of 192 and values and output of 128 for each of 128 heads, 2 bytes each.
    assert ahead.traffic_bytes == 2 * 4096 * 128 * (2 * 192 + 2 * 128)


def test_attention_that_is_not_fused_has_the_same_products():
    part = Slice(4096, 1)
    fused, apart = (operation(V3, "attention", part, style) for style in (FLASH, UNFUSED))
    for phase in ("forward", "backward"):
        assert total(getattr(fused, phase), "counted_flops") == pytest.approx(
            total(getattr(apart, phase), "counted_flops")
        )


def test_what_a_layer_keeps():
    # Queries and keys 128 x 192, values and output 128 x 128, the inputs and outputs of two norms of 1,536 + 512, and
    # of two of 7,168, three of the MLP: 2 bytes each; and 4 for each head.
    kept = layer_activation_bytes(V3, Slice(4096, 1), FLASH, "none") / 4096
    attention = 2 * 128 * (2 * 192 + 2 * 128) + 4 * (QUERY_RANK + RANK) + 4 * 128
    assert attention == 172_544
    assert kept == attention + 8 * H + 3 * 2 * 18432
    # Over four ranks heads are split and latent numbers are not, unless tokens are.
    for sequence_parallel, whole in ((False, 1), (True, 4)):
        part = Slice(4096, 1, 4, sequence_parallel)
        split = 128 * (2 * (2 * 192 + 2 * 128) + 4) + 3 * 2 * 18432
        kept = layer_activation_bytes(V3, part, FLASH, "none") / 4096
        assert kept == split / 4 + (8 * H + 4 * (QUERY_RANK + RANK)) / whole


def test_kept_products():
    # The layer's input and the result of attention's output projection, latent numbers, what the products up write,
    # and both inputs of the MLP.
    style = dataclasses.replace(FLASH, selective_recompute="all but products")
    up = HEADS * (NOPE + ROTATED) + HEADS * (NOPE + VALUE)
    kept = layer_activation_bytes(V3, Slice(4096, 1), style, "selective") / 4096
    assert kept == 2 * (2 * H + QUERY_RANK + RANK + ROTATED + up + 2 * 18432)
    style = dataclasses.replace(FLASH, selective_recompute="operators", fused_elementwise=True)
    kept = layer_activation_bytes(V3, Slice(4096, 1), style, "selective") / 4096
    assert kept == 2 * (2 * H + QUERY_RANK + RANK + ROTATED + HEADS * VALUE + 18432) + 4 * HEADS


def test_the_rotation_writes_keys_and_values():
    # Fused: reads what the product up made (128 x 256), writes keys and values (128 x 320), turns 64 of a query.
    (kernel,) = operation(V3, "rotary", style=dataclasses.replace(FLASH, fused_elementwise=True)).forward
    assert kernel.traffic_bytes == 2 * 4096 * 128 * (256 + 320 + 2 * 64)
    # Eager: queries, keys and values are read and written, and 9 passes over what rotates.
    (kernel,) = operation(V3, "rotary", style=dataclasses.replace(FLASH, fused_elementwise=False)).forward
    assert kernel.traffic_bytes == 2 * 4096 * 128 * (2 * (192 + 320) + 9 * 64)


def test_narrow_products():
    # Every linear layer casts its input, the products up as well.
    style = narrow_machine("fp8-delayed").style_of(plan())
    names = {
        kernel.name for one in KINDS["dense"].operations(V3, Slice(4096, 1), style, None) for kernel in one.forward
    }
    assert {"cast query down input", "cast key and value up input", "cast attention output input"} <= names


def test_a_step():
    newer = {"stack": "megatron-core-2024", "topology": "dgx-h100-superpod"}
    latent = simulate(point(SMALL, plan=fixed(tensor=2, pipeline=2, recompute="full"), **newer))
    heads = simulate(
        point(gpt(4, 256, 4, head_dim=48, **(PLAIN | {"ffn_hidden": 1024})), plan=fixed(tensor=2), **newer)
    )
    assert latent.step_time_s > 0
    assert latent.flops.needed < heads.flops.needed


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key_value_rank": None}, "query_rank is there, but key_value_rank is missing"),
        ({"rotary_head_dim": 64}, "rotary_head_dim 64 is more than the head_dim 48"),
        ({"kv_heads": 2}, "kv_heads is 2, but attention is latent"),
        ({"position": "alibi"}, "position is 'alibi', but attention is latent"),
        ({"query_key_norm": "head"}, "query_key_norm is 'head', but attention is latent"),
    ],
)
def test_refuses_parts_that_do_not_fit(changes, expected):
    fields = {field.name: getattr(SMALL, field.name) for field in dataclasses.fields(SMALL)} | changes
    with pytest.raises(InputError, match=expected):
        build_model(fields, "here")
