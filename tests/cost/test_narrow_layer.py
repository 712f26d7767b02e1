"""Twelve products of a layer in every format, against Transformer Engine's figures; exchanges of narrow operands."""

import dataclasses

import pytest
from builders import gpt, ideal_node, narrow_machine, plan, training

from sim.catalog import load_recipe
from sim.cost.compute import Machine, useful_time_s
from sim.cost.layer_exchanges import exchange
from sim.cost.stage import layer_unit, stage_cost
from sim.cost.step import micro_batch_passes, slice_of
from sim.hardware.kernel import kernel_time_s
from sim.workload.casts import cast
from sim.workload.kinds.transformer import DENSE
from sim.workload.operations import linear
from sim.workload.phases import kernels_of

TOKENS = 15_872.0
SHAPES = ((4096.0, 12288.0), (4096.0, 4096.0), (4096.0, 16384.0), (16384.0, 4096.0))
NETWORK = ideal_node()


def twelve_products_s(machine: Machine, *, with_casts: bool = True) -> float:
    """Seconds of the products of four linear layers, forward and backward, as the benchmark runs each by itself.

    Each casts its input for both directions and its weights for one.
    """
    recipe, style = machine.recipe, dataclasses.replace(machine.style, weight_gradient_bytes=2.0)
    layers = [linear("l", TOKENS, *shape, style, use="layer") for shape in SHAPES]
    products = [kernel for one in layers for kernel in (*one.forward, *one.backward) if kernel.kind == "gemm"]
    casts = []
    if with_casts and recipe.quantised is not None:
        for one in products:
            casts += [
                cast("input", one.m * one.k, recipe, style.operand_copies),
                cast("weight", one.k * one.n, recipe),
            ]
    timed = (kernel_time_s(one, machine.gpu, machine.stack, machine.precision) for one in (*products, *casts))
    return sum(float(one) for one in timed)


def timed_alone(recipe: str, device: str, sustained: float) -> Machine:
    """A device at the clock of a benchmark of products alone; nothing fuses casts there."""
    found = load_recipe(recipe)
    if found.quantised is not None:
        found = dataclasses.replace(found, quantised=dataclasses.replace(found.quantised, fused_casts="none"))
    machine = narrow_machine(found, device)
    return dataclasses.replace(
        machine, gpu=dataclasses.replace(machine.gpu, gemm_sustained=sustained, memory_efficiency=0.8)
    )


@pytest.mark.parametrize(
    ("recipe", "with_casts", "alone"),
    # Times faster than bf16 on a B300: with casts, and of operands that are cast already.
    [("fp8-delayed", 1.61, None), ("fp8-current", 1.41, 1.94), ("mxfp8", 1.43, 1.785), ("nvfp4", 2.0, 3.515)],
)
def test_speed_of_a_layer_on_blackwell(recipe, with_casts, alone):
    # Of bf16 12.9 ms were measured: 1,488 TFLOP/s, 0.67 of the peak where every multiprocessor is full.
    bf16_s = twelve_products_s(timed_alone("bf16", "b200-180gb-sxm", 0.67))
    assert bf16_s == pytest.approx(12.9e-3, rel=0.01)
    machine = timed_alone(recipe, "b200-180gb-sxm", 0.67)
    assert bf16_s / twelve_products_s(machine) == pytest.approx(with_casts, rel=0.06)
    if alone is not None:
        assert bf16_s / twelve_products_s(machine, with_casts=False) == pytest.approx(alone, rel=0.04)


@pytest.mark.parametrize(("recipe", "faster"), [("fp8-delayed", 1.69), ("fp8-current", 1.58), ("fp8-blockwise", 1.40)])
def test_speed_of_a_layer_on_hopper(recipe, faster):
    # An H200 NVL: 32.1 ms in bf16.
    bf16_s = twelve_products_s(timed_alone("bf16", "h200-141gb-sxm", 0.61))
    assert bf16_s == pytest.approx(32.1e-3, rel=0.01)
    assert bf16_s / twelve_products_s(timed_alone(recipe, "h200-141gb-sxm", 0.61)) == pytest.approx(faster, rel=0.08)


def test_useful_time_is_at_the_peak_of_every_products_format():
    machine = narrow_machine("fp8-delayed")
    peaks, part = machine.gpu.peak_flops_per_s, slice_of(training(), plan(), machine.recipe)
    layer = DENSE.operations(gpt(), part, machine.style, None)
    kernels = [kernel for one in layer for kernel in (*one.forward, *one.backward)]
    attention = sum(kernel.useful_flops for kernel in kernels if kernel.kind == "attention")
    products = sum(kernel.useful_flops for kernel in kernels if kernel.kind == "gemm")
    expected = attention / peaks["bf16"] + products / peaks["fp8"]
    assert float(useful_time_s(kernels, machine)) == pytest.approx(float(expected))


@pytest.mark.parametrize("recipe", ["fp8-delayed", "fp8-current", "mxfp8", "nvfp4", "fp8-rowwise"])
def test_every_phase_has_its_casts(recipe):
    # What a schedule runs apart adds up to the backward in one go, casts included.
    machine = narrow_machine(recipe, "b200-180gb-sxm")
    shape = plan(micro_batches=2)
    layer = DENSE.operations(gpt(), slice_of(training(), shape, machine.recipe), machine.style_of(shape), None)
    for one in layer:
        apart = (*kernels_of("input gradient")(one), *kernels_of("weight gradient")(one))
        assert kernels_of("backward")(one) == apart


def test_what_tensor_ranks_gather_is_narrow():
    # A hidden state of 128 x 256 on 4 ranks: three quarters scattered in 2 bytes, three quarters gathered in 1.
    shape = plan(tensor=4, sequence_parallel=True)
    size = 128 * 256 * 0.75 / 100e9
    for recipe, width in (("bf16", 2), ("fp8-delayed", 1), ("mxfp8", 1.03125), ("fp8-rowwise", 2)):
        part = slice_of(training(), shape, load_recipe(recipe))
        assert exchange(gpt(), part, shape, NETWORK).seconds == pytest.approx((2 + width) * size)
    # Without sequence parallelism sums are reduced in half precision.
    plain = plan(tensor=4)
    part = slice_of(training(), plain, load_recipe("fp8-delayed"))
    assert exchange(gpt(), part, plain, NETWORK).seconds == pytest.approx(2 * 2 * size)


def test_ranks_agree_on_the_scale_of_what_they_gather():
    shape = plan(tensor=4, sequence_parallel=True)
    seconds = {}
    for name in ("tensor", "none"):
        recipe = load_recipe("fp8-current")
        quantised = dataclasses.replace(recipe.quantised, scale_reductions=name)
        machine = narrow_machine(dataclasses.replace(recipe, quantised=quantised), stack="megatron-2023")
        passes = micro_batch_passes(gpt(), training(), shape, machine, NETWORK)
        seconds[name] = float(passes.layers[DENSE]["forward"].exchanges["tensor_comm"].seconds)
    # Two reductions of a number of 4 bytes: 2 x 2 x 3 / 4 x 4 bytes.
    assert seconds["tensor"] - seconds["none"] == pytest.approx(2 * 6 / 100e9, rel=1e-3)


def test_replicas_agree_on_scales_once_a_step():
    shape = plan(data=4, micro_batches=2)
    delayed, current = (
        stage_cost(gpt(), training(), shape, 0, narrow_machine(recipe), NETWORK).scales.seconds
        for recipe in ("fp8-delayed", "fp8-current")
    )
    # Twelve numbers of 4 bytes of each of four layers, there and back.
    assert delayed == pytest.approx(2 * 0.75 * 4 * 12 * 4 / 100e9)
    assert current == 0


def test_parameters_are_gathered_in_their_format():
    # A layer of 12 h^2 matrices and 13 h vectors; those travel in half precision.
    shape, h = plan(data=4, zero=3), 256
    for recipe, width in (("bf16", 2), ("fp8-tensorwise", 1), ("fp8-rowwise", 2), ("mxfp8-bridge", 2)):
        machine = narrow_machine(recipe, "b200-180gb-sxm", "torchtitan-2024")
        unit = layer_unit(DENSE, gpt(), training(), shape, machine, NETWORK)
        assert unit.gather.seconds == pytest.approx(0.75 * (12 * h * h * width + 13 * h * 2) / 100e9)
    sharded = plan(data=4, zero=1)
    costs = [
        stage_cost(gpt(), training(), sharded, 0, narrow_machine(recipe), NETWORK).gather.seconds
        for recipe in ("fp8-current", "fp8-current-bridge")
    ]
    assert costs[0] - costs[1] == pytest.approx(0.75 * 4 * 12 * h * h / 100e9)
