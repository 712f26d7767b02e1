"""What a stack becomes where a scenario asks for formats of its own."""

import dataclasses

import pytest
from builders import gpu_stack, training

from sim.catalog import load_recipe, load_stack
from sim.errors import InputError
from sim.scenario.types import RecipeRequest
from sim.workload.precision import stacks_that_train_in, with_recipe

UNFUSED = gpu_stack("megatron-2021")


def asked(stack, precision="bf16", **uses):
    request = dataclasses.replace(training(), precision=precision, recipe=RecipeRequest(**uses))
    return with_recipe(stack, request, "here")


def test_nothing_asked_is_nothing_changed():
    for precision in ("bf16", "fp16"):
        assert asked(UNFUSED, precision) is UNFUSED


def test_a_recipe_by_name_and_single_uses():
    assert asked(UNFUSED, name="bf16-only").recipes["bf16"] == load_recipe("bf16-only")
    found = asked(UNFUSED, moments="int8").recipes["bf16"]
    assert found == dataclasses.replace(load_recipe("bf16"), moments=found.moments)
    assert found.moments.bytes == 1 + 4 / 2048
    assert asked(UNFUSED, name="bf16-moments", master="none").recipes["bf16"].master.bytes == 0
    # Gradients are reduced as they are kept unless the scenario says otherwise.
    found = asked(UNFUSED, gradients="bf16").recipes["bf16"]
    assert (found.gradients.bytes, found.reductions.bytes) == (2, 2)
    found = asked(UNFUSED, gradients="fp32", reductions="bf16").recipes["bf16"]
    assert (found.gradients.bytes, found.reductions.bytes) == (4, 2)
    # What nobody changed is cited as the recipe has it.
    cited = {figure.name for figure in asked(UNFUSED, moments="bf16").figures}
    assert "master" in cited
    assert "moments" not in cited


def test_traffic_of_the_optimizer_follows_the_widths():
    stack = gpu_stack("megatron-2021", optimizer_traffic_bytes={"adam": 60.0, "sgd": 22.0})
    # Moments of 2 bytes, read and written: 8 bytes fewer for Adam, 4 for momentum.
    assert asked(stack, moments="bf16").optimizer_traffic_bytes == {"adam": 52.0, "sgd": 18.0}
    # bf16 throughout: gradient 2, states 2 x 2 x 2, weights 4 instead of 30; what else the stack does stays.
    assert asked(stack, name="bf16-only").optimizer_traffic_bytes["adam"] == 60 - 30 + 14
    # fp32 reads the gradient, both states and the weights, and writes all but the first: 28 instead of 30.
    assert asked(stack, "fp32").optimizer_traffic_bytes["adam"] == 60 - 30 + 28
    # Of an optimizer whose states differ from parameter to parameter, what a matrix has counts.
    timed = gpu_stack("megatron-2021", optimizer_traffic_bytes={"adam": 60.0, "muon": 50.0})
    assert asked(timed, moments="bf16").optimizer_traffic_bytes["muon"] == 46.0
    # A figure that leaves less than the states ask for is raised to it.
    tight = gpu_stack("megatron-2021", optimizer_traffic_bytes={"adam": 20.0})
    assert asked(tight, moments="bf16").optimizer_traffic_bytes["adam"] == 30 - 8


def test_casts_of_gradients_follow_the_widths():
    # FSDP reduces what products write, 2 bytes, in 4: a cast of 6. In 2 there is none, as in fp32.
    sharded = gpu_stack("fsdp-2023", flash_attention=False)
    assert sharded.gradient_cast_bytes == 6
    assert asked(sharded, gradients="bf16").gradient_cast_bytes == 0
    assert asked(sharded, "fp32").gradient_cast_bytes == 0
    # An accumulating stack reduces its buffer as it is; in 2 bytes it is cast: 4 read, 2 written.
    assert asked(UNFUSED, gradients="fp32", reductions="bf16").gradient_cast_bytes == 6
    assert asked(UNFUSED, gradients="bf16").gradient_cast_bytes == 0


def test_fused_attention_takes_no_more_than_half_precision():
    with pytest.raises(InputError, match=r"fused attention of 'fsdp-2023' does not run in fp32\n  write attention"):
        asked(gpu_stack("fsdp-2023"), "fp32")
    found = asked(gpu_stack("fsdp-2023"), "tf32", attention="bf16").recipes["tf32"]
    assert (found.products.name, found.attention.name, found.attention.bytes) == ("tf32", "bf16", 2)


def test_stacks_that_have_a_recipe_are_of_the_same_kind_of_machine() -> None:
    tpu, gpu = load_stack("maxtext-2024"), gpu_stack("megatron-core-2024")
    assert "megatron-bridge-26.08" in stacks_that_train_in("mxfp8", gpu)
    assert not set(stacks_that_train_in("bf16", tpu)) & set(stacks_that_train_in("bf16", gpu))
