"""Copies to hosts in the engine: what hides beside which layers, what waits, and what the closed form says of it."""

import pytest
from builders import apart, equal_chunks, free_costs, gpu_stack, overlapping, pass_of, plan
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.cost.estimate import estimate_step_s
from sim.cost.offload import LayerCopies, OptimizerCopies
from sim.cost.passes import PassCost
from sim.cost.stage import ShardedUnit
from sim.cost.step import LayerCost
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.hardware.network import NOTHING, Communication
from sim.outcome.ledger import close_ledger

SMALL = st.integers(1, 40).map(float)
FSDP = gpu_stack("fsdp-2023", prefetch_layers=1, overlap_slowdown=0.0)


def copies(out_s: float, back_s: float) -> LayerCopies:
    return LayerCopies(Communication(out_s), Communication(back_s))


def of_optimizer(gradients_s: float, parameters_s: float) -> OptimizerCopies:
    return OptimizerCopies(Communication(gradients_s), Communication(parameters_s))


def stepped(shape, costs, stack):
    """(seconds by the closed form, in the engine, the ledger's lines)."""
    trace = run(gpu_program(shape, costs, stack))
    lines = close_ledger(trace, shape.devices).device_seconds
    return estimate_step_s(shape, costs, stack), trace.step_time_s, lines


@given(st.integers(1, 7), SMALL, SMALL, SMALL, SMALL, st.integers(1, 4))
def test_one_stage_is_as_long_as_its_compute_or_its_copies(away, forward_s, backward_s, out_s, back_s, micro_batches):
    # Eight layers: forward max(F, F / 8 + n t); backward the same.
    shape = plan(offload_layers=away, layers_per_chunk=(8,), micro_batches=micro_batches)
    offloaded = (copies(away * out_s, away * back_s),)
    costs = free_costs(shape, chunks=equal_chunks(shape, 8 * forward_s, 8 * backward_s), offloaded=offloaded)
    estimated_s, step_s, lines = stepped(shape, costs, gpu_stack())
    each_s = max(8 * forward_s, forward_s + away * out_s) + max(8 * backward_s, backward_s + away * back_s)
    assert step_s == pytest.approx(micro_batches * each_s)
    assert estimated_s == pytest.approx(step_s)
    assert lines["offload"] == pytest.approx(micro_batches * (each_s - 8 * (forward_s + backward_s)))
    assert lines["bubble"] == pytest.approx(0)


@settings(max_examples=30)
@given(st.sampled_from(["1f1b", "gpipe", "zb-h1"]), st.sampled_from([2, 4]), SMALL, SMALL, SMALL)
def test_stages_of_a_pipeline_hide_copies_as_one_does(schedule, stages, forward_s, out_s, back_s):
    shape = plan(
        pipeline=stages, micro_batches=2 * stages, schedule=schedule, offload_layers=2, layers_per_chunk=(4,) * stages
    )
    stack = gpu_stack(schedules=("1f1b", "gpipe", "zb-h1"))
    whole, moved = apart(4 * forward_s, 4 * forward_s, 4 * forward_s), (copies(2 * out_s, 2 * back_s),) * stages
    chunk = PassCost({phase: whole[phase] for phase in shape.pipelining.phases})
    costs = free_costs(shape, chunks=(chunk,) * stages, offloaded=moved)
    estimated_s, step_s, lines = stepped(shape, costs, stack)
    assert estimated_s == pytest.approx(step_s, rel=0.02)
    busy_s = sum(lines.values())
    assert busy_s == pytest.approx(stages * step_s)


def sharded(away, forward_s, backward_s, out_s, back_s, layers=8, copy_s=0.0, **optimizer):
    shape = plan(data=8, zero=3, micro_batches=1, layers_per_chunk=(layers,), offload_layers=away, **optimizer)
    unit = ShardedUnit(NOTHING, NOTHING, NOTHING, 0.0, Communication(copy_s))
    layer = LayerCost(pass_of({"useful": forward_s}, {"useful": backward_s}), unit, copies(out_s, back_s))
    costs = free_costs(
        shape, layers=(layer,) * layers, offloaded=(copies(away * out_s, away * back_s),),
        root=ShardedUnit(NOTHING, NOTHING, NOTHING, 0.0, Communication(copy_s)),
        optimizer=({"optimizer": 5.0},), optimizer_copies=(of_optimizer(0.0, 3.0 * bool(optimizer)),),
    )  # fmt: skip
    return shape, costs


@given(st.sampled_from([1, 2, 4, 7]), SMALL, SMALL, SMALL, SMALL)
def test_sharded_layers_leave_and_come_back_beside_the_others(away, forward_s, backward_s, out_s, back_s):
    shape, costs = sharded(away, forward_s, backward_s, out_s, back_s)
    estimated_s, step_s, lines = stepped(shape, costs, FSDP)
    forwards_s, backwards_s = (
        max(8 * one_s, one_s + away * copy_s) for one_s, copy_s in ((forward_s, out_s), (backward_s, back_s))
    )
    # No layer's copies are as spread as the closed form has them: off by part of a layer where both are of one size.
    assert estimated_s == pytest.approx(forwards_s + backwards_s + 5.0)
    assert step_s == pytest.approx(estimated_s, rel=0.15)
    assert step_s >= 8 * (forward_s + backward_s) + 5.0
    assert lines["offload"] == pytest.approx(8 * (step_s - 5.0 - 8 * (forward_s + backward_s)))


def test_a_layer_comes_back_in_time_where_its_copies_fit_beside_the_compute_between():
    # Four of eight layers, each copy as long as two layers: nothing shows but what the first and the last layer do.
    shape, costs = sharded(4, 1.0, 2.0, 2.0, 4.0)
    _, step_s, lines = stepped(shape, costs, FSDP)
    assert step_s == pytest.approx((1 + 4 * 2) + (4 * 4 + 2) + 5)
    assert lines["offload"] == pytest.approx(8 * (1 + 2))


@given(SMALL, SMALL)
def test_an_optimizer_on_the_host_waits_for_its_gradients_and_sends_parameters_back(backward_s, copy_s):
    # Eight layers; each copies its gradients after its backward, the root at the end; then 5 s on the host and 3 back.
    shape, costs = sharded(0, 1.0, backward_s, 0.0, 0.0, copy_s=copy_s, optimizer_offload="cpu")
    estimated_s, step_s, lines = stepped(shape, costs, FSDP)
    copied_s = max(8 * backward_s + copy_s, backward_s + 8 * copy_s) + copy_s
    assert step_s == pytest.approx(8 + copied_s + 5 + 3)
    assert estimated_s == pytest.approx(step_s)
    assert lines["optimizer"] == 8 * 5
    assert lines["offload"] == pytest.approx(8 * (copied_s - 8 * backward_s + 3))


@pytest.mark.parametrize("stack", [gpu_stack(), overlapping()], ids=["after", "beside"])
@pytest.mark.parametrize("data", [1, 4])
def test_buckets_of_gradients_go_on_to_the_host(stack, data):
    shape = plan(data=data, zero=1, micro_batches=1, optimizer_offload="cpu")
    buckets = 4 if stack.overlap_gradient_reduction and data > 1 else 1
    costs = free_costs(
        shape, chunks=equal_chunks(shape, 4.0, 8.0), buckets=(buckets,), optimizer=({"optimizer": 5.0},),
        reductions=(Communication(1.0 if data > 1 else 0.0),), optimizer_copies=(of_optimizer(1.0, 3.0),),
    )  # fmt: skip
    estimated_s, step_s, lines = stepped(shape, costs, stack)
    # The last bucket is reduced and copied behind the backward; all others beside it.
    assert lines["offload"] == pytest.approx(data * (1 + 3))
    slowed_s = lines["data_comm"] / data - (data > 1)
    assert step_s == pytest.approx(12 + (data > 1) + 1 + 5 + 3 + slowed_s)
    assert estimated_s == pytest.approx(step_s, rel=0.01)
