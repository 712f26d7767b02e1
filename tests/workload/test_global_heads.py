"""Layers that do not slide with heads of their own, whose keys may be their values (Gemma 4), by hand."""

import dataclasses

import pytest
from builders import FLASH, fixed, gpt, point

from sim.errors import InputError
from sim.planner.space import tensor_degrees
from sim.simulate import simulate
from sim.workload.activations import layer_activation_bytes
from sim.workload.kinds import KINDS, model_runs, needs_one_stage
from sim.workload.operations import Slice, total
from sim.workload.parameters import count_parameters

# Sliding: 8 heads of 32, 4 of keys and of values. Reaching all: 8 of 64, 2 of keys, which are the values.
MIXED = gpt(
    6, 256, 8, head_dim=32, kv_heads=4, global_head_dim=64, global_kv_heads=2, keys_are_values=True, window=16,
    runs=(("sliding", 5), ("dense", 1)), attention_bias=False, query_key_norm="head", value_norm=True,
    norm="rmsnorm", norm_bias=False, position="rotary", dropout=False,
)  # fmt: skip
BORROWING = dataclasses.replace(
    MIXED, layers=8, borrowing_ffn_hidden=2048,
    runs=(("sliding", 2), ("dense", 1), ("sliding borrowing", 3), ("dense borrowing", 2)),
)  # fmt: skip
APART = dataclasses.replace(MIXED, keys_are_values=False)


def kernels(model, kind, name):
    (one,) = (one for one in KINDS[kind].operations(model, Slice(128, 1), FLASH, None) if one.name == name)
    return one.forward


def test_weights_of_each_kind():
    sliding, dense = (KINDS[kind].weights(MIXED) for kind in ("sliding", "dense"))
    mlp = 2 * 256 * 1024
    assert sliding.matrix_elements == 256 * (8 * 32 + 2 * 4 * 32) + 8 * 32 * 256 + mlp
    assert dense.matrix_elements == 256 * (8 * 64 + 2 * 64) + 8 * 64 * 256 + mlp
    assert sliding.vectors - dense.vectors == 2 * (32 - 64), "a norm of queries and one of keys"
    assert sliding.tensors == dense.tensors == 4
    assert count_parameters(APART).total - count_parameters(MIXED).total == 256 * 2 * 64


def test_products_of_each_kind():
    assert [float(kernels(MIXED, kind, "qkv")[0].n) for kind in ("sliding", "dense")] == [8 * 32 + 2 * 4 * 32, 10 * 64]
    assert float(kernels(APART, "dense", "qkv")[0].n) == 12 * 64
    # Attention takes keys and values that differ: one of them is normed and rotated, the other normed.
    one, other = (kernels(model, "dense", "attention") for model in (MIXED, APART))
    assert one == other
    assert total(one, "counted_flops") == 4 * 128 * 128 * 8 * 64
    # Norms of queries, keys and values.
    assert kernels(MIXED, "dense", "query and key norm")[0].traffic_bytes == 4 * 128 * (8 + 2 + 2) * 64


def test_the_input_of_both_norms_is_kept_once():
    kept = [KINDS["dense"].kept_bytes(model, Slice(128, 1), FLASH, "none") for model in (APART, MIXED)]
    assert kept[0] - kept[1] == 2 * 128 * 2 * 64
    seen = dataclasses.replace(APART, head_dim=64, kv_heads=2, window=None)
    assert kept[0] == layer_activation_bytes(seen, Slice(128, 1), FLASH, "none")


def test_tensor_degrees_fit_the_heads_of_every_kind():
    assert tensor_degrees(MIXED, 8) == [1, 2, 4, 8]
    assert tensor_degrees(dataclasses.replace(MIXED, heads=12, kv_heads=6, ffn_hidden=1536), 12) == [1, 2, 6, 12]


def test_layers_that_take_keys_and_values_of_earlier_ones():
    sliding, dense = (KINDS[f"{kind} borrowing"].weights(BORROWING) for kind in ("sliding", "dense"))
    assert sliding.matrix_elements == 2 * 256 * 8 * 32 + 2 * 256 * 2048
    assert dense.matrix_elements == 2 * 256 * 8 * 64 + 2 * 256 * 2048
    assert (sliding.tensors, dense.tensors) == (4, 4)
    # A norm of queries alone, and a bias of the MLP for each of its numbers.
    assert KINDS["sliding"].weights(BORROWING).vectors - sliding.vectors == 32 + (1024 - 2048)
    assert float(kernels(BORROWING, "dense borrowing", "qkv")[0].n) == 8 * 64
    assert kernels(BORROWING, "dense borrowing", "attention") == kernels(MIXED, "dense", "attention")
    # Queries alone are normed: read and written once.
    assert kernels(BORROWING, "dense borrowing", "query and key norm")[0].traffic_bytes == 4 * 128 * 8 * 64
    # Neither keys nor values are kept once more: 2 x 4 heads of 32, and the inputs of their norms.
    wide = dataclasses.replace(BORROWING, ffn_hidden=2048)
    kept = [KINDS[kind].kept_bytes(wide, Slice(128, 1), FLASH, "none") for kind in ("sliding", "sliding borrowing")]
    assert kept[0] - kept[1] == 128 * 2 * (2 * 4 * 32 + 2 * 4 * 32)
    assert KINDS["sliding borrowing"].copied_weights(BORROWING, 8) == 0


def test_borrowing_layers_need_a_lender_and_one_stage():
    with pytest.raises(InputError, match="a layer is 'sliding borrowing', but none before it is 'sliding'"):
        model_runs(dataclasses.replace(BORROWING, runs=(("dense", 4), ("sliding borrowing", 4))))
    assert needs_one_stage(BORROWING)
    assert not needs_one_stage(MIXED)
    newer = {"stack": "megatron-core-2024", "topology": "dgx-h100-superpod"}
    assert simulate(point(BORROWING, plan=fixed(tensor=2), **newer)).step_time_s > 0
    with pytest.raises(InputError, match="pipeline 2, but small has layers that others take keys from"):
        simulate(point(BORROWING, plan=fixed(pipeline=2), **newer))
