"""Parameter counts: by hand, against published exact counts, and against the closed form."""

import dataclasses

import pytest
from builders import gpt
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import load_model
from sim.workload.parameters import count_parameters, count_tensors


def test_a_tiny_gpt_by_hand():
    # h = 4, f = 16, one layer, V = 10, S = 8. Embedding 10 x 4 + 8 x 4. Matrices 4 h^2 + 2 h f = 64 + 128.
    # Vectors: two norms of 2 x 4, biases 12 (q, k, v), 4 (output), 16 and 4 (MLP). Final norm 8.
    count = count_parameters(gpt(1, 4, 1, vocab=10, max_sequence=8))
    assert (count.embedding, count.layer_matrices, count.layer_vectors) == (72, 192, 52)
    assert (count.final_norm, count.output, count.total) == (8, 0, 324)


def test_a_tiny_llama_by_hand():
    # h = 8, 4 heads of 2, 2 key/value heads, f = 20, two layers, V = 10, untied, no biases, RMS norms.
    # Layer: 8 x 8 + 2 x (8 x 4) + 8 x 8 + 3 x (8 x 20) = 672, norms 2 x 8. Embedding and output 80 each.
    model = gpt(
        2, 8, 4, kv_heads=2, ffn_hidden=20, vocab=10, gated_mlp=True, position="rotary", norm="rmsnorm",
        norm_bias=False, attention_bias=False, mlp_bias=False, tied_embeddings=False,
    )  # fmt: skip
    assert count_parameters(model).layer == 672 + 16
    assert count_parameters(model).total == 80 + 2 * 688 + 8 + 80


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        # What the published checkpoints hold, to the last parameter.
        ("llama-2-7b", 6_738_415_616),
        ("llama-2-13b", 13_015_864_320),
        ("llama-2-70b", 68_976_648_192),
        ("llama-3-8b", 8_030_261_248),
        ("bloom-176b", 176_247_271_424),
        ("gpt-j-6b", 6_050_882_784),
    ],
)
def test_published_checkpoints(name, exact):
    assert count_parameters(load_model(name)).total == exact


@given(st.integers(1, 100), st.integers(1, 64), st.integers(1, 60000), st.integers(1, 8192))
def test_the_closed_form_of_a_gpt(layers, width, vocab, sequence):
    # Narayanan et al. 2021, eq. 2: 12 l h^2 (1 + 13 / 12 h + (V + s) / 12 l h); it leaves out the last norm, 2 h.
    h = 8 * width
    model = gpt(layers, h, 8, vocab=vocab, max_sequence=sequence)
    assert count_parameters(model).total == 12 * layers * h * h + 13 * layers * h + (vocab + sequence) * h + 2 * h


@given(st.integers(1, 40), st.integers(1, 16), st.booleans(), st.booleans())
def test_what_single_choices_add(layers, width, gated, biased):
    h = 16 * width
    base = gpt(layers, h, 4, gated_mlp=gated, mlp_bias=biased)

    def extra(**change):
        return count_parameters(dataclasses.replace(base, **change)).total - count_parameters(base).total

    assert extra(tied_embeddings=False) == base.vocab * h
    assert extra(output_bias=True) == base.vocab
    assert extra(position="rotary") == -base.max_sequence * h
    assert extra(embedding_norm=True) == 2 * h
    assert extra(final_norm=False) == -2 * h
    # One key/value head instead of four: three quarters of two square matrices and of two biases.
    assert extra(kv_heads=1) == -layers * 2 * (h * 3 * h // 4 + 3 * h // 4)


def test_tensors_of_an_internlm():
    # Query, key and value in one, the output, three of the MLP, in 32 layers; embedding and head.
    model = dataclasses.replace(load_model("llama-7b"), tied_embeddings=False)
    assert count_tensors(model) == 32 * 5 + 2
