"""The models of the catalogue: their counts against what their sources print."""

from __future__ import annotations

import pytest

from sim.catalog import Model, load_model, model_names
from sim.errors import InputError
from sim.workload.kinds import all_layers
from sim.workload.parameters import count_parameters

# Narayanan et al. 2021, Table 1: billions of parameters, printed to one decimal.
SC21_BILLIONS = {
    "megatron-1.7b": 1.7,
    "megatron-3.6b": 3.6,
    "megatron-7.5b": 7.5,
    "megatron-18b": 18.4,
    "megatron-39b": 39.1,
    "megatron-76b": 76.1,
    "megatron-145b": 145.6,
    "megatron-310b": 310.1,
    "mt-nlg-530b": 529.6,
    "megatron-1t": 1008.0,
}


@pytest.mark.parametrize("name", model_names())
def test_count_agrees_with_the_published_one(name: str) -> None:
    model = load_model(name)
    assert model.published_parameters is not None
    assert count_parameters(model).total == pytest.approx(model.published_parameters, rel=0.01)


@pytest.mark.parametrize(
    "name",
    [
        *("gpt2-small", "gpt-neox-20b", "pythia-12b", "bloom-176b"),
        *("llama-7b", "llama-13b", "llama-33b", "llama-65b", "llama-2-7b", "llama-2-13b", "llama-2-70b"),
        *("llama-3-8b", "llama-3-70b", "llama-3-405b", "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"),
        *("llama-3.2-1b", "llama-3.2-3b", "qwen3-1.7b", "smollm3-3b"),
        *("mistral-7b", "mistral-nemo-12b", "mistral-small-24b"),
        *(name for name in model_names() if name.startswith("mpt-")),
    ],
)
def test_count_is_exact_where_an_exact_one_is_published(name: str) -> None:
    model = load_model(name)
    assert count_parameters(model).total == model.published_parameters


@pytest.mark.parametrize(("name", "billions"), SC21_BILLIONS.items())
def test_count_rounds_to_the_digit_that_is_printed(name: str, billions: float) -> None:
    assert round(count_parameters(load_model(name)).total / 1e9, 1) == billions


@pytest.mark.parametrize("name", SC21_BILLIONS)
def test_count_follows_the_published_formula(name: str) -> None:
    # Narayanan et al. 2021, equation 2, without the final norm: P = 12 l h^2 (1 + 13/12h + (V+s)/12lh).
    model = load_model(name)
    layers, h = model.layers, model.hidden
    expected = 12 * layers * h**2 + 13 * layers * h + (model.vocab + model.max_sequence) * h
    assert count_parameters(model).total == expected + 2 * h


def test_count_by_hand_of_a_classic_layer() -> None:
    model = Model(
        name="tiny",
        layers=1,
        hidden=4,
        heads=1,
        kv_heads=1,
        head_dim=4,
        ffn_hidden=16,
        vocab=10,
        max_sequence=8,
    )
    count = count_parameters(model)
    assert count.embedding == 10 * 4 + 8 * 4
    assert count.layer_matrices == 4 * 16 + 2 * 64
    assert count.layer_vectors == 2 * 8 + (12 + 4) + (16 + 4)  # norms, attention biases, MLP biases
    assert count.final_norm == 8
    assert count.output == 0
    assert count.total == 72 + 192 + 52 + 8


def test_count_by_hand_of_a_gated_layer_with_grouped_heads() -> None:
    model = Model(
        name="tiny",
        layers=2,
        hidden=8,
        heads=4,
        kv_heads=2,
        head_dim=2,
        ffn_hidden=24,
        vocab=10,
        max_sequence=8,
        gated_mlp=True,
        position="rotary",
        norm="rmsnorm",
        norm_bias=False,
        attention_bias=False,
        mlp_bias=False,
        tied_embeddings=False,
    )
    count = count_parameters(model)
    assert count.embedding == 80
    assert count.layer_matrices == 8 * (8 + 4 + 4) + 8 * 8 + 3 * 8 * 24
    assert count.layer_vectors == 2 * 8
    assert count.total == 80 + 2 * (768 + 16) + 8 + 80


# Heads that are wider or narrower together than the residual stream, as their sources have them.
OTHER_WIDTHS = {
    "qwen3-0.6b": 2048, "qwen3-4b": 4096, "qwen3-32b": 8192, "mistral-nemo-12b": 4096, "mistral-small-24b": 4096,
    "gemma-2-2b": 2048, "gemma-2-9b": 4096, "gemma-2-27b": 4096,
    "gemma-3-1b": 1024, "gemma-3-4b": 2048, "gemma-3-12b": 4096, "gemma-3-27b": 4096,
}  # fmt: skip


def test_heads_fill_the_width_in_every_model() -> None:
    for name in model_names():
        model = load_model(name)
        assert model.heads * model.head_dim == OTHER_WIDTHS.get(name, model.hidden), name
        assert model.heads % model.kv_heads == 0, name


# Of released weights, as a library that loads them counts: keras-hub, gemma3_presets.py.
@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("gemma-3-1b", 999885952), ("gemma-3-4b", 3880099328), ("gemma-3-12b", 11765788416),
        ("gemma-3-27b", 27009002240),
    ],
)  # fmt: skip
def test_count_is_that_of_released_weights(name: str, parameters: int) -> None:
    assert count_parameters(load_model(name)).total == parameters


# How many layers reach all tokens, and the window of the others.
@pytest.mark.parametrize(
    ("name", "kinds", "window"),
    [
        ("gemma-2-27b", {"sliding": 23, "dense": 23}, 4096),
        ("gemma-3-27b", {"sliding": 52, "dense": 10}, 1024),
        ("gemma-3-1b", {"sliding": 22, "dense": 4}, 512),
        ("mistral-7b", {"sliding": 32}, 4096),
        ("smollm3-3b", {"dense": 27, "unrotated": 9}, None),
    ],
)
def test_layers_that_differ(name: str, kinds: dict[str, int], window: int | None) -> None:
    model = load_model(name)
    assert ({kind.name: count for kind, count in all_layers(model).items()}, model.window) == (kinds, window)


def test_the_2_7b_has_32_heads_of_80() -> None:
    model = load_model("cerebras-gpt-2.7b")
    assert (model.heads, model.head_dim) == (32, 80)


def test_the_own_source_of_a_size_wins_over_its_family() -> None:
    assert load_model("pythia-12b").figures[0].source == "pythia-2023"
    assert load_model("gpt-neox-20b").figures[0].source == "gpt-neox-2022"


def test_names_are_unique_over_all_families() -> None:
    assert len(model_names()) == len(set(model_names()))


def test_a_misspelt_name_is_met_with_the_closest() -> None:
    with pytest.raises(InputError, match="unknown model 'lama-7b'; did you mean 'llama-7b'") as caught:
        load_model("lama-7b", "scenario: model")
    assert caught.value.where == "scenario: model"
    assert "llama-7b, llama-2-7b, " in str(caught.value)
