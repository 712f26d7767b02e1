"""FLOPs of a step against the closed forms of the papers."""

import dataclasses

import pytest
from builders import FLASH, UNFUSED, gpt, training
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_format
from sim.scenario.types import Lora
from sim.workload.flops import StepFlops, model_flops
from sim.workload.parameters import count_parameters

SHAPES = {
    "layers": st.integers(1, 96),
    "width": st.integers(1, 200),
    "sequence": st.integers(1, 8192),
    "batch": st.integers(1, 2048),
    "vocab": st.integers(1, 128_000),
}


def flops(layers, h, sequence, batch, vocab, recompute="none", style=UNFUSED, lora=None, **over):
    model = gpt(layers, h, 8, vocab=vocab, **over)
    return model_flops(model, training(batch, sequence, lora), style, recompute)


@given(**SHAPES)
def test_model_flops_of_narayanan_and_korthikanti(layers, width, sequence, batch, vocab):
    # Without recomputation: 72 B l s h^2 (1 + s / 6 h + V / 12 l h) (Korthikanti et al. 2022, appendix A).
    h = 64 * width
    expected = 72 * batch * layers * sequence * h**2 * (1 + sequence / (6 * h) + vocab / (12 * layers * h))
    found = flops(layers, h, sequence, batch, vocab)
    assert found.counted == pytest.approx(expected, rel=1e-12)
    assert found.recomputed_counted == found.recomputed_needed == 0


@given(**SHAPES, style=st.sampled_from([UNFUSED, FLASH]))
def test_hardware_flops_with_full_recomputation(layers, width, sequence, batch, vocab, style):
    # 96 B l s h^2 (1 + s / 6 h + V / 16 l h) (Narayanan et al. 2021, eq. 3).
    h = 64 * width
    expected = 96 * batch * layers * sequence * h**2 * (1 + sequence / (6 * h) + vocab / (16 * layers * h))
    found = flops(layers, h, sequence, batch, vocab, "full", style)
    assert found.counted + found.recomputed_counted == pytest.approx(expected, rel=1e-12)


@given(**SHAPES)
def test_hardware_flops_with_selective_recomputation(layers, width, sequence, batch, vocab):
    # 72 B l s h^2 (1 + s / 3 h - s / 6 h + ...): attention's forward, 4 B l s^2 h, once more (Korthikanti, eq. 8).
    h = 64 * width
    found = flops(layers, h, sequence, batch, vocab, "selective")
    assert found.recomputed_counted == pytest.approx(4 * batch * layers * sequence**2 * h, rel=1e-12)
    # A fused attention brings its scores back inside its own backward kernel: nothing is run again.
    assert flops(layers, h, sequence, batch, vocab, "selective", FLASH).recomputed_counted == 0


@given(**SHAPES)
def test_hardware_flops_with_recomputation_by_operators(layers, width, sequence, batch, vocab):
    # Of a GPT's products, keys and attention output are not kept: 2 T h^2 each, and attention is.
    h = 64 * width
    style = dataclasses.replace(FLASH, selective_recompute="operators")
    found = flops(layers, h, sequence, batch, vocab, "selective", style)
    assert found.recomputed_counted == pytest.approx(4 * batch * layers * sequence * h**2, rel=1e-12)


@given(**SHAPES, style=st.sampled_from([UNFUSED, FLASH]))
def test_hardware_flops_with_recomputation_that_stops_early(layers, width, sequence, batch, vocab, style):
    # The MLP's second product, 8 T h^2 of a layer's 24 T h^2, is not run again.
    h = 64 * width
    found = flops(layers, h, sequence, batch, vocab, "full", dataclasses.replace(style, recompute_stops_early=True))
    matrices, square = 16 * batch * layers * sequence * h**2, 4 * batch * layers * sequence**2 * h
    assert found.recomputed_counted == pytest.approx(matrices + square, rel=1e-12)


@given(**SHAPES)
def test_six_per_parameter_and_token(layers, width, sequence, batch, vocab):
    # 6 N D with N the matrices and the vocabulary projection, and 12 L s h a token for attention.
    h, tokens = 64 * width, batch * sequence
    count = count_parameters(gpt(layers, h, 8, vocab=vocab))
    matrices = layers * count.layer_matrices + vocab * h
    found = flops(layers, h, sequence, batch, vocab)
    assert found.counted == pytest.approx(6 * matrices * tokens + 12 * layers * sequence * h * tokens, rel=1e-12)
    # A causal model needs half of the attention square.
    assert found.counted - found.needed == pytest.approx(6 * layers * sequence * h * tokens, rel=1e-6)


@given(**SHAPES, recompute=st.sampled_from(["none", "full"]))
def test_flops_are_mathematics_whatever_the_kernels(layers, width, sequence, batch, vocab, recompute):
    unfused = flops(layers, 64 * width, sequence, batch, vocab, recompute)
    fused = flops(layers, 64 * width, sequence, batch, vocab, recompute, FLASH)
    assert fused.needed == pytest.approx(unfused.needed, rel=1e-12)
    assert fused.counted == pytest.approx(unfused.counted, rel=1e-12)
    assert fused.recomputed_needed == pytest.approx(unfused.recomputed_needed, rel=1e-12)


@given(**SHAPES, factor=st.integers(2, 9))
def test_flops_grow_with_the_batch(layers, width, sequence, batch, vocab, factor):
    once = flops(layers, 64 * width, sequence, batch, vocab)
    more = flops(layers, 64 * width, sequence, factor * batch, vocab)
    assert more.needed == pytest.approx(factor * once.needed, rel=1e-12)


def test_grouped_heads_and_gates_by_hand():
    # h = 64, 8 heads of 8, 2 key/value heads: q 64, k and v 16 each; f = 100 gated: 3 x 64 x 100. V = 10, T = 6 x 4.
    matrices = 2 * (64 * (64 + 32) + 64 * 64 + 3 * 64 * 100) + 64 * 10
    attention = 12 * 2 * 4 * 64 * 24
    found = flops(2, 64, 4, 6, 10, kv_heads=2, gated_mlp=True, ffn_hidden=100)
    assert found.counted == 6 * matrices * 24 + attention


def test_adapters_save_the_weight_gradients_of_frozen_matrices():
    # Frozen matrices: 2 FLOPs forward and 2 for the input's gradient; adapters of rank r: 6 x r (inputs + outputs).
    tokens, h, layers, vocab = 24, 64, 2, 10
    frozen = layers * 12 * h * h + vocab * h
    adapters = layers * 2 * 4 * (h + h)
    found = flops(layers, h, 4, 6, vocab, lora=Lora(4, ("query", "value")))
    assert found.counted == 4 * frozen * tokens + 6 * adapters * tokens + 12 * layers * 4 * h * tokens


def test_what_is_needed_lies_in_the_formats_that_it_runs_in():
    # By hand: scores and context of a causal layer are half of 3 x 4 B s^2 h; everything else is in the other format.
    mixed = dataclasses.replace(FLASH, recipe=dataclasses.replace(FLASH.recipe, attention=load_format("fp16")))
    found = flops(2, 512, 128, 4, 1000, style=mixed)
    assert found.needed_in["fp16"] == pytest.approx(2 * 0.5 * 12 * 4 * 128**2 * 512)
    assert sum(found.needed_in.values()) == pytest.approx(found.needed)
    assert list(flops(2, 512, 128, 4, 1000, style=FLASH).needed_in) == ["bf16"]


def test_the_mean_peak_is_that_of_the_time_at_every_formats_peak():
    two = StepFlops(7.0, 7.0, 0.0, 0.0, {"fp32": 3.0, "bf16": 4.0})
    assert two.mean_peak({"fp32": 1.0, "bf16": 4.0, "fp16": 9.0}, "fp32") == 7 / 4
    assert StepFlops(7.0, 7.0, 0.0, 0.0, {"bf16": 7.0}).mean_peak({"fp32": 1.0, "bf16": 0.3}, "bf16") == 0.3
