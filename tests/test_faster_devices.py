"""A device that is at least as good in every figure is never slower: all devices of the catalogue, random scenarios."""

import dataclasses
import itertools
import random

import pytest
from builders import equipped, gpt, point, training

from sim.catalog import Gpu, device_names, load_device
from sim.prepare import prepare_as_measured
from sim.scenario.types import PlanRequest
from sim.simulate import simulate_prepared

GPUS = [device for name in device_names() if isinstance(device := load_device(name), Gpu)]
STACKS = ["megatron-2021", "megatron-2022", "megatron-core-2024", "fsdp-2023", "torchtitan-2024"]
TENSOR_STACKS = STACKS[:3]


def draw(seed):
    """Steps of a few layers on one node: some as long as their kernels, most as long as their launches."""
    one = random.Random(seed)
    stack = one.choice(STACKS)
    tensor, pipeline = (one.choice([1, 2, 4]), one.choice([1, 1, 2])) if stack in TENSOR_STACKS else (1, 1)
    hidden = one.choice([512, 768, 1536, 2048])
    model = gpt(4, hidden, hidden // 64, vocab=8192, max_sequence=1024)
    request = PlanRequest(
        rule="fixed",
        tensor=tensor,
        pipeline=pipeline,
        micro_batch=one.choice([1, 2, 4]),
        recompute=one.choice(["none", "full"]),
        sequence_parallel=one.choice([None, True]) if stack in TENSOR_STACKS[1:] and tensor > 1 else None,
    )
    recipe = training(8 // tensor // pipeline * request.micro_batch * one.choice([1, 2, 4]), 1024)
    return point(model, 8, request, recipe=recipe, stack=stack, topology="gb200-nvl72")


def step_s(scenario, device):
    return simulate_prepared(prepare_as_measured(equipped(scenario, device))).step_time_s


def faster(device, seed):
    """The same device with some of its rates times a factor, or shorter gaps."""
    one = random.Random(seed)
    factor, which = one.choice([1.2, 2.0, 4.0]), one.choice(["arithmetic", "memory", "gap", "all"])
    arithmetic, memory, gap = (factor if which in (name, "all") else 1.0 for name in ("arithmetic", "memory", "gap"))
    return dataclasses.replace(
        device,
        peak_flops_per_s={name: rate * arithmetic for name, rate in device.peak_flops_per_s.items()},
        hbm_bytes_per_s=device.hbm_bytes_per_s * memory,
        kernel_gap_s=device.kernel_gap_s / gap,
    )


@pytest.mark.parametrize("device", GPUS, ids=lambda device: device.name)
def test_a_faster_device_is_never_slower(device):
    for seed in range(10):
        scenario = draw(f"{device.name} {seed}")
        if scenario.training.precision in device.peak_flops_per_s:
            assert step_s(scenario, faster(device, seed)) <= step_s(scenario, device) * (1 + 1e-9), (seed, scenario)


def reached(one, name):
    """FLOP/s of products in a format, as far as they reach of the peak what half precision does."""
    return one.peak_flops_per_s.get(name, 0.0) * one.format_efficiency.get(name, 1.0)


def at_least_as_good(one, other):
    """Whether a device is as good as another in all that decides how long kernels take."""
    rates = [
        (reached(one, name) * share(one), reached(other, name) * share(other))
        for name in other.peak_flops_per_s
        for share in (lambda gpu: gpu.gemm_ceiling, lambda gpu: gpu.gemm_sustained)
    ]
    rates += [
        (one.peak_flops_per_s["bf16"] * share, other.peak_flops_per_s["bf16"] * other.attention_efficiency[kernel])
        for kernel, share in one.attention_efficiency.items()
    ]
    rates += [(one.hbm_bytes_per_s * one.memory_efficiency, other.hbm_bytes_per_s * other.memory_efficiency)]
    stored = [gpu.gemm_store_share / gpu.hbm_bytes_per_s for gpu in (one, other)]
    rates += [(stored[1], stored[0]), (other.kernel_gap_s, one.kernel_gap_s), (other.gemm_fill_s, one.gemm_fill_s)]
    rates += [(other.gemm_buffered_elements, one.gemm_buffered_elements)]
    alike = one.multiprocessors == other.multiprocessors and one.gemm_unaligned >= other.gemm_unaligned
    return alike and all(here >= there for here, there in rates)


def test_devices_of_the_catalogue_that_beat_others_are_never_slower():
    modern = [device for device in GPUS if "bf16" in device.peak_flops_per_s]
    pairs = [(one, other) for one, other in itertools.permutations(modern, 2) if at_least_as_good(one, other)]
    assert pairs
    for seed, (better, worse) in enumerate(pairs * 3):
        scenario = draw(f"pair {seed}")
        assert step_s(scenario, better) <= step_s(scenario, worse) * (1 + 1e-9), (better.name, worse.name)
