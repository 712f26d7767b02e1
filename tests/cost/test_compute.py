"""Seconds of compute and how they are split over the account."""

import dataclasses

import numpy as np
import pytest
from builders import gpt, gpu, gpu_stack, machine
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.compute import embedding_cost, head_cost, layer_cost, phase_parts, timed
from sim.cost.parts import combined, duration_s, relabelled, scaled
from sim.hardware.kernel import Kernel, launched_time_s
from sim.scenario.types import Lora
from sim.workload.layer import Slice, layer_operations
from sim.workload.operations import total

UNFUSED, FUSED = machine(), machine(stack=gpu_stack("fsdp-2023"))
WORK = {
    "model": st.builds(
        gpt,
        hidden=st.sampled_from([256, 1024, 5120]),
        heads=st.sampled_from([8, 16]),
        gated_mlp=st.booleans(),
        vocab=st.sampled_from([1000, 50257]),
    ),
    "part": st.builds(
        Slice, st.sampled_from([128, 2048]), st.integers(1, 8), st.sampled_from([1, 2, 4, 8]), st.booleans()
    ),
    "on": st.sampled_from([UNFUSED, FUSED]),
    "recompute": st.sampled_from(["none", "selective", "full"]),
}


def kernels(model, part, on, phase="forward"):
    operations = layer_operations(model, part, on.style)
    return tuple(kernel for one in operations for kernel in getattr(one, phase))


@given(**WORK)
def test_the_lines_sum_to_the_time_of_the_kernels(model, part, on, recompute):
    cost = layer_cost(model, part, recompute, on)
    own = kernels(model, part, on)
    busy_s = timed(own, on).busy_s
    time_s = launched_time_s(busy_s, len(own) * on.stack.launch_factor, on.gpu, on.stack)
    assert float(duration_s(cost.forward)) == pytest.approx(float(time_s), rel=1e-12)


@given(**WORK)
def test_no_line_is_negative(model, part, on, recompute):
    for cost in (layer_cost(model, part, recompute, on), head_cost(model, part, on), embedding_cost(model, part, on)):
        for parts in (cost.forward, cost.backward):
            longest = float(duration_s(parts))
            assert all(float(seconds) >= -1e-12 * longest for seconds in parts.values())


@given(**WORK)
def test_useful_is_needed_flops_at_peak_and_never_more(model, part, on, recompute):
    peak = on.gpu.peak_flops_per_s["bf16"]
    cost = layer_cost(model, part, recompute, on)
    needed = float(total(kernels(model, part.unsplit(), on), "useful_flops"))
    assert float(cost.forward["useful"]) == pytest.approx(needed / part.tensor / peak, rel=1e-12)
    assert float(cost.backward["useful"]) == pytest.approx(2 * needed / part.tensor / peak, rel=1e-12)


@given(**WORK)
def test_recomputation_runs_forwards_again(model, part, on, recompute):
    cost, without = layer_cost(model, part, recompute, on), layer_cost(model, part, "none", on)
    assert cost.forward == without.forward
    again = float(cost.backward.get("recompute", 0.0))
    if recompute == "full":
        assert again == pytest.approx(float(duration_s(cost.forward)), rel=1e-12)
    elif recompute == "selective" and not on.stack.flash_attention:
        assert 0 < again < float(duration_s(cost.forward))
    else:
        assert again == 0
    assert float(duration_s(cost.backward)) == pytest.approx(again + float(duration_s(without.backward)), rel=1e-12)


@given(**WORK)
def test_an_unsplit_device_loses_nothing_to_splitting(model, part, on, recompute):
    alone = part.unsplit()
    ends = head_cost(model, alone, on), embedding_cost(model, alone, on)
    for cost in (layer_cost(model, alone, recompute, on), *ends):
        assert cost.forward["sharding_loss"] == cost.backward["sharding_loss"] == 0


def test_splitting_small_kernels_costs_more_than_its_share():
    # 128 tokens and a width of 256 on eight devices: launches do not shrink with the kernels.
    model = gpt(hidden=256, heads=8)
    split, alone = (layer_cost(model, Slice(128, 1, t), "none", UNFUSED) for t in (8, 1))
    expected = float(duration_s(split.forward)) - float(duration_s(alone.forward)) / 8
    assert float(split.forward["sharding_loss"]) == pytest.approx(expected)
    assert expected > 0.5 * float(duration_s(alone.forward)) / 8


def test_kernels_one_after_the_other_by_hand():
    on = machine(gpu(hbm_bytes_per_s=1e12, memory_efficiency=1.0), gpu_stack())
    both = [Kernel("a", "elementwise", traffic_bytes=3e9), Kernel("b", "elementwise", traffic_bytes=4e9)]
    assert float(timed(both, on).busy_s) == pytest.approx(7e-3)
    assert float(timed(both, on).squares_s2) == pytest.approx(25e-6)
    assert float(timed([], on).busy_s) == float(timed([], on).squares_s2) == 0


def test_launches_by_hand():
    # No kernels but launches: 3 kernels counted, 2 launched for each, 5 us of host time, 1 us of gap.
    on = machine(gpu(kernel_gap_s=1e-6), gpu_stack(host_launch_s=5e-6, launch_factor=2.0))
    fast = dataclasses.replace(on, gpu=dataclasses.replace(on.gpu, hbm_bytes_per_s=1e18))
    three = kernels(gpt(), Slice(8, 1), on)[:3]
    gaps = machine(gpu(kernel_gap_s=1e-6), on.stack)
    parts = phase_parts(timed(three, gaps), timed(three, gaps), 1, gaps)
    assert float(duration_s(parts)) == pytest.approx(30e-6)
    long = tuple(dataclasses.replace(kernel, traffic_bytes=1e12) for kernel in three)
    assert float(phase_parts(timed(long, fast), timed(long, fast), 1, fast)["launch"]) > 0
    slow = phase_parts(timed(long, on), timed(long, on), 1, on)
    assert float(slow["launch"]) == pytest.approx(6e-6, rel=1e-6)


def test_adapters_spare_weight_gradients():
    model, part, lora = gpt(hidden=4096, heads=32), Slice(2048, 4), Lora(8, ("query", "value"))
    trained, frozen = layer_cost(model, part, "none", FUSED), layer_cost(model, part, "none", FUSED, lora)
    assert float(duration_s(frozen.backward)) < 0.75 * float(duration_s(trained.backward))
    assert float(duration_s(frozen.forward)) > float(duration_s(trained.forward))


@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=4),
    st.sampled_from(["none", "selective", "full"]),
    st.sampled_from([UNFUSED, FUSED]),
    st.booleans(),
)
def test_arrays_give_what_numbers_give(micro_batches, recompute, on, sequence_parallel):
    model, degrees = gpt(hidden=1024, heads=16), np.array([[1], [2], [4], [8]])
    together = Slice(512, np.array(micro_batches), degrees, sequence_parallel)
    for formula in (
        lambda part: layer_cost(model, part, recompute, on),
        lambda part: head_cost(model, part, on),
        lambda part: embedding_cost(model, part, on),
    ):
        many = formula(together)
        for row, column in np.ndindex(4, len(micro_batches)):
            one = formula(Slice(512, micro_batches[column], int(degrees[row, 0]), sequence_parallel))
            for phase in ("forward", "backward"):
                scale = float(duration_s(getattr(one, phase)))
                for line, seconds in getattr(one, phase).items():
                    found = np.broadcast_to(getattr(many, phase)[line], (4, len(micro_batches)))
                    assert found[row, column] == pytest.approx(float(seconds), rel=1e-12, abs=1e-12 * scale)


def test_parts_add_scale_and_change_their_name():
    both = combined({"useful": 1.0, "launch": 2.0}, {"useful": 3.0})
    assert both == {"useful": 4.0, "launch": 2.0}
    assert scaled(both, 0.5) == {"useful": 2.0, "launch": 1.0}
    assert relabelled(both, "recompute") == {"recompute": 6.0}
    assert duration_s({}) == 0
