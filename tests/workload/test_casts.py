"""Casts to narrow formats against Transformer Engine's own figures, element by element and byte by byte."""

import dataclasses

import numpy as np
import pytest
from builders import gpt, narrow_machine, plan, training

from sim.catalog import load_model, load_recipe
from sim.scenario.types import Lora
from sim.workload.casts import cast_bytes, linear_casts, weight_casts
from sim.workload.kinds import model_runs
from sim.workload.layer import head_operations, layer_operations
from sim.workload.operations import Slice, linear, rerun_kernels, total

LLAMA = load_model("llama-3-8b")


def style_of(recipe, device="h100-80gb-sxm", **changed):
    found = load_recipe(recipe)
    asked = dataclasses.replace(found, quantised=dataclasses.replace(found.quantised, **changed))
    return narrow_machine(asked, device).style


def casts_of(operations, phases=("forward", "input_gradient", "weight_gradient")):
    kernels = [one for operation in operations for phase in phases for one in getattr(operation, phase)]
    return [one for one in kernels if one.name.startswith("cast ")]


def moved(operations, **given):
    return float(total(tuple(casts_of(operations, **given)), "traffic_bytes"))


@pytest.mark.parametrize(
    ("recipe", "copies", "apart", "fused"),
    [
        # Read in half precision, written in a byte, once or (Hopper) twice: 0.9 (2 + 1) and 0.9 (2 + 2).
        ("fp8-delayed", 1, 2.7, 0.9), ("fp8-delayed", 2, 3.6, 1.8),
        # Read twice: 1.05 (4 + 1) and 1.05 (4 + 2).
        ("fp8-current", 1, 5.25, 3.15), ("fp8-current", 2, 6.3, 4.2),
        # Two tensors of 1.03 bytes: 1.25 (2 + 2.0625).
        ("mxfp8", 2, 5.078125, 2.578125), ("fp8-blockwise", 2, 5.078125, 2.578125),
        # Read twice, two tensors of 0.56 bytes: 1.35 (4 + 1.125).
        ("nvfp4", 2, 6.91875, 4.21875),
    ],
)  # fmt: skip
def test_bytes_of_a_cast_by_hand(recipe, copies, apart, fused):
    found = load_recipe(recipe)
    assert cast_bytes(found, copies) == pytest.approx(apart)
    # A kernel that makes the numbers reads them once less: 30 to 67 % of the bytes.
    assert cast_bytes(found, copies, fused=True) == pytest.approx(fused)
    assert 0.3 <= 1 - fused / apart <= 0.67


def test_elements_of_a_layer():
    # h = 4,096, f = 16,384: 65,536 elements of a token are cast for twelve products.
    style = style_of("fp8-delayed", "b200-180gb-sxm", fused_casts="none")
    shapes = ((4096, 12288), (4096, 4096), (4096, 16384), (16384, 4096))
    operations = [linear("l", 15872.0, float(k), float(n), style, use="layer") for k, n in shapes]
    assert moved(operations) == pytest.approx(2.7 * 65_536 * 15_872)


@pytest.mark.parametrize(
    ("recipe", "copies", "bandwidth", "longer_ms", "within"),
    [
        ("fp8-delayed", 1, 8e12, 0.990, 0.1), ("fp8-delayed", 2, 4.8e12, 2.193, 0.1),
        ("fp8-current", 1, 8e12, 2.335, 0.13), ("fp8-current", 2, 4.8e12, 3.500, 0.13),
        ("mxfp8", 2, 8e12, 1.823, 0.02), ("nvfp4", 2, 8e12, 2.689, 0.02),
    ],
)  # fmt: skip
def test_casts_take_what_was_timed(recipe, copies, bandwidth, longer_ms, within):
    # The same layer, of 15,872 tokens: forwards of twelve products, each of which casts both operands anew, an input
    # for both directions and a weight for one. Inputs of 28,672, 36,864 and (transposed) 28,672 elements a token;
    # weights of 201 M elements twice, and gradients of 36,864 a token in the place of weights.
    inputs = (28_672 + 36_864 + 28_672) * 15_872
    weights = 2 * 4096 * 49_152 + 36_864 * 15_872
    found = load_recipe(recipe)
    traffic = inputs * cast_bytes(found, copies) + weights * cast_bytes(found, 1)
    assert 1e3 * traffic / (0.775 * bandwidth) == pytest.approx(longer_ms, rel=within)


def test_elements_of_a_dense_layer():
    # Input of every product and gradient of every output: h + q + h + f, and (q + 2 kv) + h + 2 f + h.
    style, part = style_of("fp8-delayed", fused_casts="none"), Slice(8192, 1, gathered_bytes=1.0)
    operations = [one for one in layer_operations(LLAMA, part, style) if one.region != "weights"]
    h, q, kv, f = 4096, 4096, 1024, 14336
    elements = (h + q + h + f) + (q + 2 * kv + h + 2 * f + h)
    assert moved(operations) == pytest.approx(3.6 * elements * 8192)
    assert moved(operations, phases=("weight_gradient",)) == 0
    # Norms write their output in fp8: 1.8 bytes less for two inputs of h; activation functions as well: f and 2 f.
    norms = layer_operations(LLAMA, part, style_of("fp8-delayed", fused_casts="norms"))
    everything = layer_operations(LLAMA, part, style_of("fp8-delayed", fused_casts="all"))
    weights = moved([one for one in norms if one.region == "weights"])
    assert moved(norms) - weights == pytest.approx((3.6 * elements - 1.8 * 2 * h) * 8192)
    assert moved(everything) - weights == pytest.approx((3.6 * elements - 1.8 * (2 * h + f + 2 * f)) * 8192)


def test_weights_are_cast_once_a_step_or_for_every_product():
    # 4 h^2 of grouped heads and 3 h f, on Hopper 0.9 (2 + 2) bytes each.
    matrices = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336
    on, shape = narrow_machine("fp8-delayed"), plan(micro_batches=8)
    style = on.style_of(shape)
    (cast,) = [one for one in layer_operations(LLAMA, Slice(8192, 1), style) if one.region == "weights"]
    assert moved([cast]) == pytest.approx(3.6 * matrices / 8)
    assert cast.forward[0].launches == pytest.approx(5 / 8)
    assert cast.backward == ()
    # What is there for all micro-batches is not done again by recomputation.
    assert rerun_kernels(cast, "full", style) == ()
    eager = narrow_machine("fp8-rowwise").style_of(shape)
    (again,) = [one for one in layer_operations(LLAMA, Slice(8192, 1), eager) if one.region == "weights"]
    # Read twice, written in one byte, forward and backward.
    assert moved([again]) == pytest.approx(2 * 5 * matrices)
    assert rerun_kernels(again, "full", eager) == again.forward
    assert rerun_kernels(again, "selective", eager) == ()
    # Where a byte is gathered, each replica casts its share.
    shared = narrow_machine("fp8-tensorwise").style_of(plan(micro_batches=8, data=4, zero=3))
    assert shared.weight_casts == 1 / 4
    primary = narrow_machine("fp8-current-bridge").style_of(plan(micro_batches=8, data=4, zero=1))
    assert primary.weight_casts == 1 / 32


def test_inputs_that_are_kept_wide_are_cast_again():
    recipe = load_recipe("fp8-tensorwise")
    casts = linear_casts("l", 10.0, 20.0, recipe, "layer", 2, ("apart", "apart"), frozen=False)
    bytes_of = [float(total(kernels, "traffic_bytes")) for kernels in casts]
    # 4 + 1 bytes for a product of its own; the gradient for two products, on Hopper 4 + 2.
    assert bytes_of == [50, 120, 50]
    by_row = linear_casts("l", 10.0, 20.0, load_recipe("fp8-rowwise"), "layer", 2, ("apart", "apart"), frozen=False)
    assert [float(total(kernels, "traffic_bytes")) for kernels in by_row] == [50, 100, 150]


def test_without_gradients_of_weights_one_direction_is_cast():
    recipe = load_recipe("mxfp8")
    frozen = linear_casts("l", 10.0, 20.0, recipe, "layer", 2, ("apart", "apart"), frozen=True)
    each = 1.25 * (2 + 1.03125)
    assert [float(total(kernels, "traffic_bytes")) for kernels in frozen] == pytest.approx([10 * each, 20 * each, 0])
    wide = dataclasses.replace(recipe.quantised, weight_gradients=recipe.quantised.others)
    half = linear_casts(
        "l", 10.0, 20.0, dataclasses.replace(recipe, quantised=wide), "layer", 2, ("apart", "apart"), frozen=False
    )
    assert half.forward[0].traffic_bytes == pytest.approx(10 * each)


def test_what_is_not_narrow_is_not_cast():
    style, part = style_of("fp8-current"), Slice(128, 1)
    head = head_operations(gpt(), part, style)
    assert casts_of(head) == []
    assert {kernel.format for one in head for kernel in one.forward if kernel.kind == "gemm"} == {"bf16"}
    lora = Lora(8, ("query", "value"))
    adapters = [one for one in layer_operations(gpt(), part, style, lora) if "adapter" in one.name]
    assert adapters
    assert casts_of(adapters) == []
    assert weight_casts(1.0, 4, load_recipe("bf16"), 1, 1.0).forward == ()
    # Unless it is asked for.
    asked = style_of("fp8-current", vocabulary=load_recipe("fp8-current").products)
    assert {
        kernel.format for one in head_operations(gpt(), part, asked) for kernel in one.forward if kernel.format
    } == {"fp8"}


def test_tensor_ranks_cast_their_share_of_what_they_gather():
    style = style_of("fp8-delayed", fused_casts="none")
    whole, split = (
        {one.name: float(one.forward[0].traffic_bytes) for one in layer_operations(LLAMA, part, style)}
        for part in (Slice(8192, 1), Slice(8192, 1, 4, sequence_parallel=True))
    )
    # All inputs are cut in four: by tokens where sequence parallelism does, by width where tensor parallelism does.
    for name in ("qkv", "attention output", "mlp in", "mlp out"):
        assert split[name] == pytest.approx(whole[name] / 4)
    # Without sequence parallelism every rank casts what all of them have.
    copied = {one.name: one for one in layer_operations(LLAMA, Slice(8192, 1, 4), style)}
    assert float(copied["qkv"].forward[0].traffic_bytes) == whole["qkv"]
    # Gathered in half precision, all of it is cast afterwards.
    wide = style_of("fp8-rowwise", fused_casts="none")
    after = {one.name: one for one in layer_operations(LLAMA, Slice(8192, 1, 4, sequence_parallel=True), wide)}
    assert float(after["qkv"].forward[0].traffic_bytes) == pytest.approx(8192 * 4096 * 5)


def test_layers_at_the_ends_stay_wide():
    model = dataclasses.replace(gpt(6), wide_ends=(1, 2))
    runs = model_runs(model)
    assert [(kind.narrow, count) for kind, count in runs] == [(False, 1), (True, 3), (False, 2)]
    style, part = style_of("mxfp8", "b200-180gb-sxm"), Slice(128, 1)
    wide, narrow = (kind for kind, _ in runs[:2])
    assert casts_of(wide.operations(model, part, style, None)) == []
    assert casts_of(narrow.operations(model, part, style, None))
    assert wide.narrow_weights(model) == 0
    assert narrow.narrow_weights(model) == 12 * 256 * 256
    assert model_runs(dataclasses.replace(gpt(6), wide_ends=(6, 0)))[0][1] == 6
    assert model_runs(dataclasses.replace(gpt(6), wide_ends=(0, 6))) == model_runs(
        dataclasses.replace(gpt(6), wide_ends=(6, 0))
    )


def test_casts_of_many_plans_at_once():
    style = narrow_machine("fp8-delayed").style
    parts = Slice(128, np.array([1, 2]), np.array([1, 2]), sequence_parallel=True)
    together = layer_operations(gpt(), parts, style)
    for index, (micro_batch, tensor) in enumerate(((1, 1), (2, 2))):
        alone = layer_operations(gpt(), Slice(128, micro_batch, tensor, sequence_parallel=True), style)
        for one, other in zip(casts_of(alone), casts_of(together), strict=True):
            assert np.broadcast_to(other.traffic_bytes, 2)[index] == pytest.approx(float(one.traffic_bytes))


def test_training_is_there():
    assert training().precision == "bf16"
