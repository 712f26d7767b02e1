"""Weights by the part of the model they are in, and what optimizers keep of them, by hand."""

import dataclasses

import pytest
from builders import gpt, training

from sim.catalog import load_optimizer
from sim.scenario.types import Lora
from sim.workload.parameters import count_parameters, states_each
from sim.workload.weights import (
    Weights,
    adapter_weights,
    copied_weights,
    embedding_weights,
    head_weights,
    layer_weights,
)

# Two matrices of 6 x 4 and 4 x 8, a table of 10 x 4, five biases.
SOME = Weights(((6, 4), (4, 8)), ((10, 4),), 5)


@pytest.mark.parametrize(
    ("optimizer", "states"),
    [
        ("adam", 2 * (24 + 32 + 40 + 5)),
        ("sgd", 24 + 32 + 40 + 5),
        # One number for every row and every column, and the biases' second moments.
        ("adafactor", (6 + 4) + (4 + 8) + (10 + 4) + 5),
        # Momentum of the matrices, both moments of the rest.
        ("muon", 24 + 32 + 2 * (40 + 5)),
    ],
)
def test_states_by_hand(optimizer, states):
    assert SOME.total == 24 + 32 + 40 + 5
    assert SOME.states(load_optimizer(optimizer)) == states


def test_orthogonal_updates_by_hand():
    # Steps of 4 n m^2 + 2 m^3, n the larger side; the table is not among them.
    assert SOME.orthogonal_flops(5) == 5 * (4 * 6 * 16 + 2 * 64) + 5 * (4 * 8 * 16 + 2 * 64)
    assert SOME.orthogonal_flops(0) == 0


def test_weights_of_a_small_model():
    # h = 8, two heads of 4, one key/value head; gated f = 20, V = 10, S = 16; norms with biases, all other biases.
    model = gpt(2, 8, 2, kv_heads=1, ffn_hidden=20, gated_mlp=True, vocab=10, max_sequence=16, tied_embeddings=False)
    layer = layer_weights(model)
    assert sorted(layer.matrices) == sorted([(8, 8), (8, 4), (8, 4), (8, 8), (8, 20), (8, 20), (20, 8)])
    assert layer.vectors == 2 * 16 + (8 + 4 + 4) + 8 + (2 * 20 + 8)
    assert embedding_weights(model) == Weights((), ((10, 8), (16, 8)), 0)
    assert head_weights(model) == Weights((), ((10, 8),), 16)
    tied = dataclasses.replace(model, tied_embeddings=True)
    assert head_weights(tied) == Weights((), (), 16)
    assert count_parameters(model).total == 2 * layer.total + 80 + 128 + 80 + 16


def test_adapters_are_matrices():
    found = adapter_weights(gpt(), Lora(8, ("query", "mlp")))
    assert found.matrices == ((256, 8), (8, 256), (256, 8), (8, 1024), (1024, 8), (8, 256))
    assert found.total == 8 * (512 + 1280 + 1280)


def test_one_adapter_for_query_key_and_value():
    # 256 wide, keys and values 128 each: into 8 once, and out of it to all three; three adapters go into 8 each.
    model = gpt(kv_heads=2)
    assert adapter_weights(model, Lora(8, ("qkv",))).matrices == ((256, 8), (8, 512))
    assert adapter_weights(model, Lora(8, ("query", "key", "value"))).total == 8 * (3 * 256 + 512)


def test_states_on_average():
    model = gpt()
    recipe = dataclasses.replace(training(), optimizer="muon")
    count, layer = count_parameters(model), layer_weights(model)
    matrices = 4 * (layer.total - layer.vectors)
    assert states_each(model, recipe) == (matrices + 2 * (count.total - matrices)) / count.total
    assert states_each(model, dataclasses.replace(recipe, optimizer="adam")) == 2
    # Adapters are matrices, so momentum is all there is.
    assert states_each(model, dataclasses.replace(recipe, lora=Lora(8, ("query",)))) == 1


@pytest.mark.parametrize(("tensor", "copies"), [(1, 0), (2, 0), (4, 2), (8, 6)])
def test_heads_are_copied_where_there_are_fewer_than_ranks(tensor, copies):
    # Two key heads of 8 on so many ranks, each of which has one: keys and values of 64 x 8 for each copy.
    model = gpt(1, 64, 8, kv_heads=2)
    assert copied_weights(model, tensor) == copies * 2 * 64 * 8
