"""Memory of training in narrow formats, parameter by parameter and byte by byte."""

import dataclasses

import pytest
from builders import gpt, narrow_machine, plan, training

from sim.parallel.memory import stage_memory
from sim.scenario.types import Lora
from sim.workload.activations import layer_activation_bytes
from sim.workload.layer import Slice
from sim.workload.parameters import count_parameters

MATRICES = 4 * 12 * 256 * 256
"""Of four layers."""
WHOLE = count_parameters(gpt()).total


def memory(recipe, shape, device="h100-80gb-sxm", asked=None, model=None):
    machine = narrow_machine(recipe, device)
    asked = dataclasses.replace(asked or training(), precision=machine.precision)
    return stage_memory(model or gpt(), asked, shape, machine.stack, machine.style, 0)


@pytest.mark.parametrize(
    ("recipe", "device", "of_matrix", "gradients"),
    [
        # As they are held: beside bf16 the copies that products read; primary weights alone. Hopper keeps two of fp8.
        ("fp8-delayed", "h100-80gb-sxm", 2 + 2, 4), ("fp8-delayed", "b200-180gb-sxm", 2 + 1, 4),
        ("fp8-current-bridge", "h100-80gb-sxm", 1 + 1, 2), ("fp8-current-bridge", "b200-180gb-sxm", 1, 2),
        ("mxfp8", "b200-180gb-sxm", 2 + 2.0625, 4), ("mxfp8-bridge", "b200-180gb-sxm", 2.0625, 2),
        ("nvfp4-bridge", "b200-180gb-sxm", 2 + 1.125, 2), ("fp8-blockwise-bridge", "h100-80gb-sxm", 2 + 2.0625, 2),
        ("fp8-tensorwise", "h100-80gb-sxm", 2, 4), ("bf16", "h100-80gb-sxm", 2, 4),
    ],
)  # fmt: skip
def test_bytes_of_parameters(recipe, device, of_matrix, gradients):
    found = memory(recipe, plan(data=4, zero=1), device)
    # Embedding, norms and biases stay in half precision.
    assert found.weights == pytest.approx(of_matrix * MATRICES + 2 * (WHOLE - MATRICES))
    assert found.gradients == pytest.approx(gradients * WHOLE)
    assert found.optimizer == pytest.approx(12 * WHOLE / 4)


def test_sharded_parameters():
    # The shard is the fp32 master; primary weights have a shard of their own beside it.
    sharded = plan(data=4, zero=3)
    assert memory("fp8-tensorwise", sharded).weights == pytest.approx(4 * WHOLE / 4)
    assert memory("fp8-current-bridge", sharded).weights == pytest.approx((4 * WHOLE + MATRICES) / 4)
    narrow, wide = (memory(name, sharded).buffers for name in ("fp8-tensorwise", "fp8-rowwise"))
    ahead = 1 + narrow_machine("bf16").stack.prefetch_layers
    assert wide - narrow == pytest.approx(ahead * MATRICES / 4)


def test_frozen_weights_are_held_as_all_others():
    lora = training(lora=Lora(8, ("query",)))
    found, half = (memory(name, plan(), asked=lora).weights for name in ("fp8-delayed", "bf16"))
    assert found - half == pytest.approx(2 * MATRICES)


def test_layers_that_stay_wide_have_no_copies():
    model = dataclasses.replace(gpt(), wide_ends=(1, 1))
    assert memory("fp8-delayed", plan(), model=model).weights == pytest.approx(2 * WHOLE + 2 * MATRICES / 2)


def test_kept_activations_by_hand():
    # s = 128, b = 1, h = 256: in half precision two norms (2 + 2) h, queries, keys, values and context 2 x 4 h, both
    # sides of the activation 2 x 2 x 4 h, two masks of dropout h, and 4 bytes of each of 4 rows of attention.
    part = Slice(128, 1)
    half = narrow_machine("bf16").style
    assert layer_activation_bytes(gpt(), part, half, "none") == 128 * ((8 + 8 + 16 + 2) * 256 + 4 * 4)
    # In fp8 a byte less of each norm's output and 4 of the activation's, and of the context a byte more.
    narrow = narrow_machine("fp8-delayed").style
    assert layer_activation_bytes(gpt(), part, narrow, "none") == 128 * ((34 - 2 - 4 + 1) * 256 + 4 * 4)
    block = narrow_machine("mxfp8", "b200-180gb-sxm").style
    kept = 34 - (2 + 4) * (2 - 1.03125) + 1.03125
    assert layer_activation_bytes(gpt(), part, block, "none") == pytest.approx(128 * (kept * 256 + 4 * 4))
    # Where a layer keeps what it is given there is nothing to save, nor where it keeps its input alone.
    eager = narrow_machine("fp8-tensorwise").style
    assert layer_activation_bytes(gpt(), part, eager, "none") == layer_activation_bytes(gpt(), part, half, "none")
    assert layer_activation_bytes(gpt(), part, narrow, "full") == 2 * 128 * 256
    # Tensor ranks split all but the norms and masks.
    split = layer_activation_bytes(gpt(), Slice(128, 1, 4), narrow, "none")
    assert split == 128 * ((8 - 2 + 2) * 256 + ((8 + 16 - 4 + 1) * 256 + 4 * 4) / 4)
