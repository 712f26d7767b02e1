"""What a checkpoint holds: by hand, and as large as published ones are."""

import dataclasses

import pytest
from builders import gpt

from sim.catalog import load_model, load_recipe
from sim.parallel.checkpoint import checkpoint_bytes
from sim.scenario.types import Lora, Training
from sim.workload.parameters import count_parameters

ADAM = Training(1e9, 2048, 1)


def test_fourteen_bytes_a_parameter_with_adam_and_ten_with_momentum():
    model = gpt()
    parameters = count_parameters(model).total
    assert checkpoint_bytes(model, ADAM) == 14 * parameters
    assert checkpoint_bytes(model, dataclasses.replace(ADAM, optimizer="sgd")) == 10 * parameters


@pytest.mark.parametrize(
    ("recipe", "optimizer", "each"),
    [
        ("bf16-moments", "adam", 2 + 4 + 2 * 2),
        ("8bit-moments", "adam", 2 + 4 + 2 * (1 + 4 / 2048)),
        ("bf16-only", "adam", 2 + 2 * 2),
        ("fp32", "adam", 4 + 2 * 4),
        ("bf16-only", "sgd", 2 + 2),
    ],
)
def test_what_is_written_follows_the_recipe(recipe, optimizer, each):
    model = gpt()
    found = checkpoint_bytes(model, dataclasses.replace(ADAM, optimizer=optimizer), load_recipe(recipe))
    assert found == pytest.approx(each * count_parameters(model).total)


def test_adapters_alone_are_written():
    # A layer of 256 by 256: 8 x (256 + 256) for each of query and value.
    lora = Lora(8, ("query", "value"))
    recipe = dataclasses.replace(ADAM, lora=lora, method="lora")
    assert checkpoint_bytes(gpt(layers=4, hidden=256), recipe) == 14 * 4 * 2 * 8 * 512


@pytest.mark.parametrize(
    ("name", "terabytes", "within"),
    [
        ("bloom-176b", 2.3, 0.1),  # bf16 weights and fp32 optimizer states
        ("megatron-1t", 13.8, 0.05),  # Narayanan et al. 2021, sec. 5.10
    ],
)
def test_checkpoints_are_as_large_as_published_ones(name, terabytes, within):
    assert checkpoint_bytes(load_model(name), ADAM) == pytest.approx(terabytes * 1e12, rel=within)


def test_opts_checkpoint_was_smaller():
    # 992 files of about 1.7 GB: 9 bytes a parameter; what they held is not published.
    assert checkpoint_bytes(load_model("opt-175b"), ADAM) / 1.6e12 == pytest.approx(1.5, rel=0.1)
