"""Seconds of compute and how they are split over the account."""

import dataclasses

import numpy as np
import pytest
from builders import gpt, gpu, gpu_stack, machine, plan, slow_host
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.compute import Machine, input_weight_gradients_s, pass_cost, phase_parts, products_s, timed, useful_time_s
from sim.cost.parts import combined, duration_s, relabelled, scaled
from sim.hardware.kernel import Kernel, Launching, launched_time_s
from sim.scenario.types import Lora
from sim.workload.layer import embedding_operations, head_operations, layer_operations
from sim.workload.operations import Operation, Slice, linear, total
from sim.workload.phases import kernels_of

UNFUSED, FUSED = machine(), machine(stack=gpu_stack("fsdp-2023"))
COMPILED = machine(stack=gpu_stack("torchtitan-2024"))
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
    "on": st.sampled_from([UNFUSED, FUSED, COMPILED]),
    "recompute": st.sampled_from(["none", "selective", "full"]),
}


def cost_of(build, part, recompute, on):
    """Of a pass whose backward is both gradients in one go."""
    return pass_cost(build(part), build(part.unsplit()), part.tensor, recompute, on, ("forward", "backward"))


def test_how_a_stack_sums_gradients():
    # Into fp32: read 2, then 4 and 4; a cast first reads 2 and writes 4, then 4, 4 and 4. In fp16 nothing is cast.
    def bytes_of(sums, precision="bf16", **stack):
        style = Machine(gpu(), gpu_stack("megatron-2021", gradient_sum=sums, **stack), precision).style
        return style.weight_gradient_bytes, style.gradient_add_bytes

    assert bytes_of("product") == (8, 0)
    assert bytes_of("kernel") == (2, 10)
    assert bytes_of("cast and kernel") == (2, 18)
    assert bytes_of("kernel", "fp16") == bytes_of("cast and kernel", "fp16") == (2, 6)
    assert bytes_of("autograd") == (2, 10)
    assert bytes_of("kernel", reduces_every_micro_batch=True) == (2, 0)


def test_autograd_does_without_the_sum_of_the_first_micro_batch():
    def sums(how, micro_batches):
        on = Machine(gpu(), gpu_stack("megatron-2021", gradient_sum=how), "fp16")
        style = on.style_of(plan(micro_batches=micro_batches))
        (one,) = (kernel for kernel in linear("y", 8, 4, 2, style).weight_gradient if kernel.kind == "elementwise")
        return one.traffic_bytes, one.launches

    # A weight of 4 x 2 in fp16, 6 bytes each; of 4 micro-batches three add.
    assert sums("kernel", 4) == (48, 1)
    assert sums("autograd", 4) == (36, 0.75)
    assert sums("autograd", 1) == (0, 0)


def layer_cost(model, part, recompute, on, lora=None):
    return cost_of(lambda cut: layer_operations(model, cut, on.style, lora), part, recompute, on)


def head_cost(model, part, on):
    return cost_of(lambda cut: head_operations(model, cut, on.style), part, "none", on)


def embedding_cost(model, part, on):
    return cost_of(lambda cut: embedding_operations(model, cut, on.style), part, "none", on)


def run_of(some, on):
    """Kernels one after the other, launched as those of a forward are."""
    operation = Operation("some", tuple(some))
    return timed([operation], kernels_of("forward"), on, on.launching("forward"))


def kernels(model, part, on, phase="forward"):
    operations = layer_operations(model, part, on.style)
    return tuple(kernel for one in operations for kernel in getattr(one, phase))


@given(**WORK)
def test_the_lines_sum_to_the_time_of_the_kernels(model, part, on, recompute):
    cost = layer_cost(model, part, recompute, on)
    without = layer_cost(model, part, "none", on)
    for phase, launch_s in (("forward", on.stack.host_launch_s), ("backward", on.stack.host_backward_launch_s)):
        own = kernels(model, part, on, phase)
        # Of a single tensor rank nothing is laid out anew, and nothing launched for it.
        launches = sum(float(one.launches) for one in own) * on.stack.launch_factor
        busy_s = run_of(own, on).busy_s
        how = Launching(launch_s, on.gpu.kernel_gap_s + on.stack.launch_gap_s)
        time_s = launched_time_s(busy_s, launches, how)
        assert float(duration_s(without[phase].parts)) == pytest.approx(float(time_s), rel=1e-12)
    assert cost["forward"].parts == without["forward"].parts


@given(**WORK)
def test_no_line_is_negative(model, part, on, recompute):
    for cost in (layer_cost(model, part, recompute, on), head_cost(model, part, on), embedding_cost(model, part, on)):
        for parts in (cost["forward"].parts, cost["backward"].parts):
            longest = float(duration_s(parts))
            assert all(float(seconds) >= -1e-12 * longest for seconds in parts.values())


@given(**WORK)
def test_useful_is_needed_flops_at_peak_and_never_more(model, part, on, recompute):
    peak = on.gpu.peak_flops_per_s["bf16"]
    cost = layer_cost(model, part, recompute, on)
    needed = float(total(kernels(model, part.unsplit(), on), "useful_flops"))
    assert float(cost["forward"].parts["useful"]) == pytest.approx(needed / part.tensor / peak, rel=1e-12)
    assert float(cost["backward"].parts["useful"]) == pytest.approx(2 * needed / part.tensor / peak, rel=1e-12)


@given(**WORK)
def test_recomputation_runs_forwards_again(model, part, on, recompute):
    cost, without = layer_cost(model, part, recompute, on), layer_cost(model, part, "none", on)
    assert cost["forward"].parts == without["forward"].parts
    again = float(cost["backward"].parts.get("recompute", 0.0))
    if recompute == "full":
        # With a forward's launches; where it stops early, without what follows the last activation that is needed.
        tail = ("mlp out", "residual 1", "layout of outputs 1") if on.stack.recompute_stops_early else ()
        operations = [one for one in layer_operations(model, part, on.style) if one.name not in tail]
        run_again = run_of((kernel for one in operations for kernel in one.forward), on)
        assert again == pytest.approx(float(run_again.time_s), rel=1e-12)
        assert (again < float(duration_s(cost["forward"].parts)) * (1 - 1e-12)) == bool(tail)
    elif recompute == "selective" and (not on.stack.flash_attention or on is COMPILED):
        full = float(layer_cost(model, part, "full", on)["backward"].parts["recompute"])
        assert 0 < again <= full * (1 + 1e-12) <= float(duration_s(cost["forward"].parts)) * (1 + 2e-12)
    else:
        assert again == 0
    assert float(duration_s(cost["backward"].parts)) == pytest.approx(
        again + float(duration_s(without["backward"].parts)), rel=1e-12
    )


@given(**WORK)
def test_an_unsplit_device_loses_nothing_to_splitting(model, part, on, recompute):
    alone = part.unsplit()
    ends = head_cost(model, alone, on), embedding_cost(model, alone, on)
    for cost in (layer_cost(model, alone, recompute, on), *ends):
        assert cost["forward"].parts["sharding_loss"] == cost["backward"].parts["sharding_loss"] == 0


def test_splitting_small_kernels_costs_more_than_its_share():
    # 128 tokens and a width of 256 on eight devices: launches do not shrink with the kernels.
    model = gpt(hidden=256, heads=8)
    split, alone = (layer_cost(model, Slice(128, 1, t), "none", UNFUSED) for t in (8, 1))
    expected = float(duration_s(split["forward"].parts)) - float(duration_s(alone["forward"].parts)) / 8
    assert float(split["forward"].parts["sharding_loss"]) == pytest.approx(expected)
    assert expected > 0.5 * float(duration_s(alone["forward"].parts)) / 8


def test_kernels_one_after_the_other_by_hand():
    on = machine(gpu(hbm_bytes_per_s=1e12, memory_efficiency=1.0), gpu_stack())
    both = [Kernel("a", "elementwise", traffic_bytes=3e9), Kernel("b", "elementwise", traffic_bytes=4e9)]
    assert float(run_of(both, on).busy_s) == pytest.approx(7e-3)
    assert float(run_of(both, on).squares_s2) == pytest.approx(25e-6)
    assert float(run_of([], on).busy_s) == float(run_of([], on).squares_s2) == 0


def test_every_kernel_is_useful_at_the_peak_of_its_format():
    on = machine(gpu(peak_flops_per_s={"bf16": 4e14, "fp32": 1e14}))
    some = (
        Kernel("a", "gemm", useful_flops=4e12, format="fp32"),
        Kernel("b", "attention", useful_flops=8e12, format="bf16"),
        Kernel("c", "gemm", useful_flops=2e12),
    )
    assert float(useful_time_s(some, on)) == pytest.approx(40e-3 + 20e-3 + 5e-3)


def test_launches_by_hand():
    # No kernels but launches: 3 kernels counted, 2 launched for each, 5 us of host time, 1 us of gap.
    on = machine(gpu(kernel_gap_s=1e-6), gpu_stack(host_launch_s=5e-6, launch_gap_s=0.0, launch_factor=2.0))
    fast = dataclasses.replace(on, gpu=dataclasses.replace(on.gpu, hbm_bytes_per_s=1e18))
    three = kernels(gpt(), Slice(8, 1), on)[:3]
    gaps = machine(gpu(kernel_gap_s=1e-6), on.stack)
    parts = phase_parts(run_of(three, gaps), run_of(three, gaps), 1, gaps)
    assert float(duration_s(parts)) == pytest.approx(30e-6)
    long = tuple(dataclasses.replace(kernel, traffic_bytes=1e12) for kernel in three)
    assert float(phase_parts(run_of(long, fast), run_of(long, fast), 1, fast)["launch"]) > 0
    slow = phase_parts(run_of(long, on), run_of(long, on), 1, on)
    assert float(slow["launch"]) == pytest.approx(6e-6, rel=1e-6)


def test_a_stack_leaves_the_device_idle_at_launches_by_hand():
    # Six launches of long kernels: 1 us of the device's own and 2 us of the stack's gap at each.
    on = machine(gpu(kernel_gap_s=1e-6), gpu_stack(launch_gap_s=2e-6, launch_factor=2.0))
    three = tuple(Kernel(name, "elementwise", traffic_bytes=1e12) for name in "abc")
    found = run_of(three, on)
    assert float(found.time_s - found.busy_s) == pytest.approx(18e-6)
    assert float(phase_parts(found, found, 1, on)["launch"]) == pytest.approx(18e-6)


@pytest.mark.parametrize("recompute", ["none", "full"])
def test_forward_and_backward_have_launches_of_their_own(recompute):
    # A device that computes at once: the host is the clock, 7 us a kernel forward and again, 3 us backward.
    fast = gpu(peak_flops_per_s={"bf16": 1e40}, hbm_bytes_per_s=1e40, kernel_gap_s=0.0)
    paces = {"host_launch_s": 7e-6, "host_backward_launch_s": 3e-6, "launch_gap_s": 0.0, "launch_factor": 2.0}
    on = machine(fast, gpu_stack(**paces))
    model, part = gpt(), Slice(128, 1)
    cost = layer_cost(model, part, recompute, on)
    forward_s = 2 * 7e-6 * len(kernels(model, part, on))
    assert float(duration_s(cost["forward"].parts)) == pytest.approx(forward_s)
    again_s = forward_s if recompute == "full" else 0.0
    expected_s = 2 * 3e-6 * len(kernels(model, part, on, "backward")) + again_s
    assert float(duration_s(cost["backward"].parts)) == pytest.approx(expected_s)


# What a host takes for a kernel, and for a graph of them.
GRAPHS = {"host_launch_s": 7e-6, "host_backward_launch_s": 3e-6, "graph_launch_s": 50e-6, "graph_gap_s": 1e-6}


@pytest.mark.parametrize("recompute", ["none", "full"])
def test_a_graph_of_a_layer_is_one_launch_in_each_direction(recompute):
    # A device that computes at once, and no gaps: 50 us of the host for each graph, whatever runs again in it.
    fast = gpu(peak_flops_per_s={"bf16": 1e40}, hbm_bytes_per_s=1e40, gemm_fill_s=0.0)
    on = machine(fast, gpu_stack(**{**GRAPHS, "graph_gap_s": 0.0}, cuda_graph="layer"))
    cost = layer_cost(gpt(), Slice(128, 1), recompute, on)
    assert [float(duration_s(cost[phase].parts)) for phase in ("forward", "backward")] == pytest.approx([50e-6, 50e-6])
    # A host that takes 1.4 times as long for each launch.
    slow = layer_cost(gpt(), Slice(128, 1), recompute, dataclasses.replace(on, host=slow_host(1.4)))
    assert float(duration_s(slow["forward"].parts)) == pytest.approx(70e-6)


def test_kernels_of_a_graph_have_its_gaps_between_them():
    # Six kernels that take long, 1 us between two of them; eagerly 3 us of the device and 2 us of a slow host's gap.
    stack = gpu_stack(**GRAPHS, launch_gap_s=1e-6, launch_factor=2.0)
    three = tuple(Kernel(name, "elementwise", traffic_bytes=1e12) for name in "abc")
    gaps = {}
    for graph in ("none", "layer", "full"):
        on = machine(gpu(kernel_gap_s=3e-6), dataclasses.replace(stack, cuda_graph=graph))
        found = run_of(three, dataclasses.replace(on, host=slow_host(2.0)))
        gaps[graph] = float(found.time_s - found.busy_s)
    assert gaps == pytest.approx({"none": 30e-6, "layer": 6e-6, "full": 6e-6})


def test_a_graph_of_all_passes_is_launched_once_a_step():
    layer, full = (machine(stack=gpu_stack(**GRAPHS, cuda_graph=graph)) for graph in ("layer", "full"))
    assert full.launching("forward") == full.launching("backward") == Launching(0.0, 1e-6)
    assert full.input_s - layer.input_s == pytest.approx(50e-6)
    # Embedding and head are outside of graphs of single layers.
    assert layer.outside_layers.stack.cuda_graph == "none"
    assert full.outside_layers is full


@settings(max_examples=20)
@given(**WORK, graph=st.sampled_from(["layer", "full"]))
def test_a_graph_whose_launch_is_free_never_lengthens(model, part, on, recompute, graph):
    free = dataclasses.replace(on.stack, cuda_graph=graph)
    eager, replayed = (layer_cost(model, part, recompute, machine(on.gpu, one)) for one in (on.stack, free))
    for phase in ("forward", "backward"):
        assert float(duration_s(replayed[phase].parts)) <= float(duration_s(eager[phase].parts)) * (1 + 1e-12)


@settings(max_examples=20)
@given(**WORK, gap_s=st.floats(0, 1e-4), launch_s=st.floats(0, 1e-4))
def test_a_larger_gap_or_a_slower_host_never_shortens(model, part, on, recompute, gap_s, launch_s):
    stack = on.stack
    base = layer_cost(model, part, recompute, on)
    more = {
        "launch_gap_s": stack.launch_gap_s + gap_s,
        "host_launch_s": stack.host_launch_s + launch_s,
        "host_backward_launch_s": stack.host_backward_launch_s + launch_s,
    }
    for name, value in more.items():
        slower = dataclasses.replace(on, stack=dataclasses.replace(stack, **{name: value}))
        found = layer_cost(model, part, recompute, slower)
        for phase in ("forward", "backward"):
            before = float(duration_s(base[phase].parts))
            assert float(duration_s(found[phase].parts)) >= before * (1 - 1e-12)


PEAK = 1e12
PERFECT = machine(
    gpu(
        peak_flops_per_s={"bf16": PEAK}, hbm_bytes_per_s=1e30, multiprocessors=1, gemm_ceiling=1.0,
        gemm_sustained=1.0, gemm_store_share=0.0,
    )
)  # fmt: skip
"""A GPU whose products of whole tiles run at its peak."""


@pytest.mark.parametrize("tensor", [1, 2, 4])
def test_products_that_exchanges_hide_behind_by_hand(tensor):
    # h = 1024, T = 1024: 24 T h^2 FLOPs forward in projections, twice that backward; of the weight gradients those
    # into attention, 3 h wide, and into the MLP, 4 h wide: 2 T h (3 h + 4 h). Shared by the ranks.
    model, part, square = gpt(hidden=1024, heads=8), Slice(512, 2, tensor), 1024**3
    cost = layer_cost(model, part, "none", PERFECT)
    forward_s, backward_s = (products_s(cost[phase]) for phase in ("forward", "backward"))
    assert forward_s == pytest.approx(24 * square / PEAK / tensor)
    assert backward_s == pytest.approx(48 * square / PEAK / tensor)
    assert input_weight_gradients_s(cost["backward"]) == pytest.approx(14 * square / PEAK / tensor)


def test_frozen_weights_have_no_gradients_to_hide_behind():
    model, part, lora = gpt(hidden=1024, heads=8), Slice(512, 2, 2), Lora(8, ("query", "value"))
    trained, frozen = (layer_cost(model, part, "none", PERFECT, one) for one in (None, lora))
    assert input_weight_gradients_s(frozen["backward"]) == 0
    assert products_s(frozen["forward"]) > products_s(trained["forward"])
    assert products_s(frozen["backward"]) < products_s(trained["backward"])


@given(**WORK)
def test_what_exchanges_hide_behind_is_part_of_the_layer(model, part, on, recompute):
    cost = layer_cost(model, part, recompute, on)
    forward_s, backward_s = products_s(cost["forward"]), products_s(cost["backward"])
    assert 0 < forward_s <= float(cost["forward"].seconds)
    assert 0 < input_weight_gradients_s(cost["backward"]) < backward_s <= float(cost["backward"].seconds)


def test_adapters_spare_weight_gradients():
    model, part, lora = gpt(hidden=4096, heads=32), Slice(2048, 4), Lora(8, ("query", "value"))
    trained, frozen = layer_cost(model, part, "none", FUSED), layer_cost(model, part, "none", FUSED, lora)
    assert float(duration_s(frozen["backward"].parts)) < 0.75 * float(duration_s(trained["backward"].parts))
    assert float(duration_s(frozen["forward"].parts)) > float(duration_s(trained["forward"].parts))


@pytest.mark.slow
@settings(max_examples=20)
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
                scale = float(one[phase].seconds)
                for line, seconds in one[phase].parts.items():
                    found = np.broadcast_to(many[phase].parts[line], (4, len(micro_batches)))
                    assert found[row, column] == pytest.approx(float(seconds), rel=1e-12, abs=1e-12 * scale)


def test_parts_add_scale_and_change_their_name():
    both = combined({"useful": 1.0, "launch": 2.0}, {"useful": 3.0})
    assert both == {"useful": 4.0, "launch": 2.0}
    assert scaled(both, 0.5) == {"useful": 2.0, "launch": 1.0}
    assert relabelled(both, "recompute") == {"recompute": 6.0}
    assert duration_s({}) == 0
