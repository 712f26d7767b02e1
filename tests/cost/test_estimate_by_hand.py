"""The closed form of a step on sketches whose seconds are worked out by hand, term by term."""

import dataclasses

import pytest
from builders import (
    cluster,
    gpt,
    gpu_stack,
    ideal_node,
    machine,
    overlapping,
    plan,
    swarm,
    training,
    wafer,
    wafer_stack,
)

from sim.cost.estimate import estimated_step_s
from sim.cost.sketch import ShardedSketch, Sketch, StageSketch, mean_layer
from sim.cost.step import step_costs
from sim.cost.wafer import wafer_costs
from sim.hardware.network import Network
from sim.parallel.wafer_plan import WaferPlan
from sim.scenario.types import Lora
from sim.workload.parameters import count_parameters

FIRST = StageSketch(
    count=1, forward_s=1, backward_s=2, reduction_s=0.5, buckets=1, gather_s=0.25, prepare_s=0.125, optimizer_s=1,
    straggler_s=0.0625,
)  # fmt: skip
SECOND = StageSketch(
    count=1, forward_s=2, backward_s=3, reduction_s=0.75, buckets=1, gather_s=0.5, prepare_s=0.25, optimizer_s=0.5,
    straggler_s=0.03125,
)  # fmt: skip
NOTHING_SHARDED = ShardedSketch((0, 0), (0, 0), (0, 0), 0, 0, 0, 0, 0, 0, 0)
PIPELINE = Sketch(10, (FIRST, SECOND), 0.125, 0.25, 0.375, NOTHING_SHARDED)


def test_two_stages_that_overlap_nothing():
    # Sends are part of each backward: 3.375 and 5.375 s. Input and the larger optimizer 11; four times the slower stage
    # and once the other; the later end 0.03125 + 0.25 + 0.75; the larger gather; the shared gradients.
    stack = gpu_stack(overlap_gradient_reduction=False, overlap_pipeline_send=False)
    pipeline_s, ends_s = 4 * 5.375 + 3.375, 0.03125 + 0.25 + 0.75
    assert estimated_step_s(plan(pipeline=2, zero=1), PIPELINE, stack) == 11 + pipeline_s + ends_s + 0.5 + 0.375
    # ZeRO 2 reduces after every micro-batch.
    ends_s = 0.03125 + 0.25 + 4 * 0.75
    assert estimated_step_s(plan(pipeline=2, zero=2), PIPELINE, stack) == 11 + pipeline_s + ends_s + 0.5 + 0.375


def test_sends_beside_compute():
    # Of m + p - 2 = 4 sends every second is hidden, so two round trips are waited for, and none is in a backward.
    stack = gpu_stack(overlap_gradient_reduction=False, overlap_pipeline_send=True)
    step_s = 11 + 4 * 5 + 3 + 2 * 0.375 + 0.03125 + 0.25 + 0.75 + 0.5 + 0.375
    assert estimated_step_s(plan(pipeline=2, zero=1), PIPELINE, stack) == step_s


@pytest.mark.parametrize(
    ("reduction_s", "slowed_s", "earlier_s", "end_s"),
    # Of four buckets three leave behind a backward of 8 s, while 6 s of it are left. Three reductions of 1 s slow it by
    # a tenth of 3 s, and the last shows; of 4 s they fill 6 / 0.9 s of it and slow it by a tenth of that. After an
    # earlier micro-batch all four leave beside the 12 s of the next: 4 s slow it by a tenth, and of 16 s 4 are left.
    [(1.0, 0.3, 0.4, 1.0), (4.0, 0.1 * 6 / 0.9, 4.0, 16 - 6 - 0.1 * 6 / 0.9), (0.0, 0.0, 0.0, 0.1)],
)
def test_reductions_behind_a_backward(reduction_s, slowed_s, earlier_s, end_s):
    stage = StageSketch(1, 4, 8, reduction_s, 4, 0.5, 0.04, 1, 0.06)
    sketch = Sketch(2, (stage,), 0, 0, 0, NOTHING_SHARDED)
    stack = overlapping(overlap_slowdown=0.1, overlap_parameter_gather=False)
    once_s = 2 + 1 + 0.5
    assert estimated_step_s(plan(micro_batches=3, zero=1), sketch, stack) == pytest.approx(
        once_s + 3 * 12 + slowed_s + end_s
    )
    assert estimated_step_s(plan(micro_batches=3, zero=2), sketch, stack) == pytest.approx(
        once_s + 3 * 12 + slowed_s + 2 * earlier_s + end_s
    )


def test_two_chunks_leave_one_after_the_other():
    # 8 s of backward in two chunks, two pieces each. Once the first chunk is complete, as many chunks of 4 s follow as
    # there are stages, and of the last chunk the half that its second piece is: 2 x 4 + (4 - 2) / 4 x 4 = 10 s beside.
    # Three reductions of 4 s are 12 s, of which 10 / 0.9 fit: a tenth of them is what they slow.
    stage = StageSketch(2, 4, 8, 4.0, 4, 0.0, 0.0, 0, 0)
    shape = plan(pipeline=2, virtual_stages=2, micro_batches=4, zero=1)
    sketch = Sketch(0, (stage,), 0, 0, 0, NOTHING_SHARDED)
    stack = overlapping(overlap_slowdown=0.1, overlap_pipeline_send=False)
    stolen_s = 0.1 * 10 / 0.9
    # Two stages are slowed, and half of one more stage is the bubble.
    step_s = 4 * 12 + 12 / 2 + 2 * stolen_s + (16 - 10 - stolen_s)
    assert estimated_step_s(shape, sketch, stack) == pytest.approx(step_s)


SHARDED = ShardedSketch(
    layer_s=(2, 4), embedding_s=(0.5, 0.25), head_s=(1, 2), layer_gather_s=3, layer_again_s=3, root_gather_s=0.75,
    layer_scatter_s=5,
    root_scatter_s=0.125, layer_prepare_s=0.5, root_prepare_s=0.0625,
)  # fmt: skip
FSDP = {"overlap_slowdown": 0.1, "prefetch_layers": 1}


def sharded_step_s(zero=3, stack=None, **over):
    """One input of 0.25 s, one optimizer of 0.5 s, one straggler of 1 s and two micro-batches of three layers."""
    stage = StageSketch(1, 0, 0, 0, 1, 0, 0, 0.5, 1)
    sketch = Sketch(0.25, (stage,), 0, 0, 0, dataclasses.replace(SHARDED, **over))
    shape = plan(data=8, zero=zero, micro_batches=2, layers_per_chunk=(3,))
    return estimated_step_s(shape, sketch, gpu_stack("fsdp-2023", **(stack or FSDP)))


def test_sharded_layers_that_wait_for_the_network():
    # Forward: a layer is 2 + 0.1 x 3 s of compute, behind gathers of 3 s; backward 4 + 0.5 + 0.1 x 8 behind 8 s.
    forwards_s = 3 + 2 * 3 + 2.3 + 1
    backwards_s = 3 + 2 * 8 + 5.3
    one_s = 0.75 + forwards_s + backwards_s + 5 + 0.125
    assert sharded_step_s() == pytest.approx(0.25 + 0.5 + 1 + 2 * one_s)


def test_sharded_layers_that_compute():
    # Gathers of 0.3 s and scatters of 0.5 s hide: behind the embedding, the layers, and the head.
    forwards_s = 0.5 + 2 * 2.03 + 2.03 + 1
    backwards_s = 2 + 2 * 4.58 + 4.58
    one_s = 0.75 + forwards_s + backwards_s + (0.9 + 0.0625) + 0.125
    found = sharded_step_s(layer_gather_s=0.3, layer_again_s=0.3, layer_scatter_s=0.5, embedding_s=(0.5, 0.9))
    assert found == pytest.approx(0.25 + 0.5 + 1 + 2 * one_s)


def test_parameters_that_stay_until_the_backward_are_gathered_once():
    forwards_s = 3 + 2 * 3 + 2.3 + 1
    backwards_s = 2 + 2 * 5 + 5
    one_s = 0.75 + forwards_s + backwards_s + 5 + 0.125
    assert sharded_step_s(zero=2) == pytest.approx(0.25 + 0.5 + 1 + 2 * one_s)


def test_layers_that_are_not_gathered_ahead_wait_and_slow_nothing():
    # Forward: 3 s of gather before 2 s of compute. Backward: 3 s before 4.5 s, which runs beside the scatter of 5 s.
    forwards_s = 3 + 2 * (3 + 2) + 2 + 1
    backwards_s = 3 + 2 * (3 + 5) + 4.5
    one_s = 0.75 + forwards_s + backwards_s + 5 + 0.125
    found = sharded_step_s(stack={"overlap_slowdown": 0.1, "prefetch_layers": 0})
    assert found == pytest.approx(0.25 + 0.5 + 1 + 2 * one_s)


def test_layers_whose_scatter_is_waited_for_as_well():
    # Gathered twice for the backward: 6 s before 4.5 s, and 5 s of scatter before the next layer.
    forwards_s = 3 + 2 * (3 + 2) + 2 + 1
    backwards_s = 6 + 2 * (6 + 5 + 4.5) + 4.5
    one_s = 0.75 + forwards_s + backwards_s + 5 + 0.125
    stack = {"overlap_slowdown": 0.1, "prefetch_layers": 0, "overlap_gradient_reduction": False}
    assert sharded_step_s(stack=stack, layer_again_s=6) == pytest.approx(0.25 + 0.5 + 1 + 2 * one_s)


def test_layers_gathered_tensor_by_tensor_by_hand():
    # Four tensors of a layer (query, key and value are one) on eight ranks: four gathers, each with two operations of
    # 6 us for each rank; with full recomputation the backward's gather comes twice.
    changed = {"tensor_gathers": True, "list_operations": 2.0, "host_launch_s": 6e-6}
    on = machine(stack=gpu_stack("fsdp-2023", **changed))
    found = step_costs(gpt(), training(), plan(data=8, zero=3, recompute="full"), on, ideal_node())
    unit, moved_s = found.layers[0].sharded, 2 * 7 / 8 * count_parameters(gpt()).layer / 100e9
    assert unit.gather.seconds == pytest.approx(moved_s + 4 * 2 * 8 * 6e-6)
    assert unit.gather.meetings == 4
    assert unit.again.seconds == pytest.approx(2 * unit.gather.seconds)


@pytest.mark.parametrize("lora", [None, Lora(4, ("query",))])
def test_what_fully_sharded_layers_move_by_hand(lora):
    # Eight ranks move 7/8 of everything at 100 GB/s: 2 bytes a parameter gathered, 4 bytes a gradient scattered. With
    # adapters a share of all parameters is trained, counted in the layers and in the root alike.
    model, on = gpt(), machine(stack=gpu_stack("fsdp-2023", gradient_bytes=4.0))
    count = count_parameters(model)
    shape = plan(data=8, zero=3)
    found = step_costs(model, training(lora=lora), shape, on, ideal_node())
    layer, root = found.layers[0].sharded, found.root
    assert layer.gather.seconds == pytest.approx(2 * 7 / 8 * count.layer / 100e9, rel=1e-9)
    assert root.gather.seconds == pytest.approx(2 * 7 / 8 * count.root / 100e9, rel=1e-9)
    assert layer.scatter.seconds / root.scatter.seconds == pytest.approx(count.layer / count.root)
    assert layer.prepare_s / root.prepare_s == pytest.approx(count.layer / count.root)
    if lora is None:
        assert root.scatter.seconds == pytest.approx(4 * 7 / 8 * count.root / 100e9, rel=1e-9)
    else:
        assert root.scatter.seconds < 0.5 * 4 * 7 / 8 * count.root / 100e9


def test_a_sum_over_groups_comes_with_the_layers_or_once_at_the_end():
    # 8 replicas in groups of 4: a quarter of every gradient is summed over two groups, 2 x 1/2 of its bytes each way.
    model, shape = gpt(), plan(data=8, zero=3, zero_group=4)
    count = count_parameters(model)

    def scatters(*, last: bool):
        stack = gpu_stack("fsdp-2023", gradient_bytes=4.0, sums_groups_last=last)
        found = step_costs(model, training(), shape, machine(stack=stack), ideal_node())
        return [found.layers[0].sharded.scatter.seconds, found.root.scatter.seconds]

    def by_hand(scattered, summed):
        return pytest.approx((3 / 4 * 4 * scattered + 4 / 4 * summed) / 100e9)

    assert scatters(last=False) == [by_hand(one, one) for one in (count.layer, count.root)]
    assert scatters(last=True) == [by_hand(count.layer, 0), by_hand(count.root, count.total)]


def test_only_who_divides_gradients_pays_for_it():
    def prepare_s(**stack):
        on = machine(stack=gpu_stack("fsdp-2023", gradient_cast_bytes=0.0, **stack))
        return step_costs(gpt(), training(), plan(data=8, zero=3), on, ideal_node()).root.prepare_s

    assert prepare_s() > 0
    assert prepare_s(divides_gradients=False) == 0


def test_stragglers_of_wafers_by_hand():
    # The largest of two standard normal values is 0.589 by Blom's formula: the quantile at (2 - 3/8) / (2 + 1/4).
    def costs(jitter):
        shape = WaferPlan(2, 1, 3)
        return wafer_costs(gpt(), training(6), shape, wafer(), wafer_stack(), Network(swarm(2)), jitter)

    busy_s = 3 * sum(sum(one.forward.values()) + sum(one.backward.values()) for one in costs(0.0).units)
    assert costs(0.1).straggler_s == pytest.approx(0.1 * 0.5895 * busy_s, rel=1e-3)


def test_the_mean_layer_by_hand():
    # Three layers of 1 and 2 s, one of 3 and 6 s.
    assert mean_layer([(1, 2), (3, 6)], [3, 1]) == [1.5, 3.0]
    assert tuple(mean_layer([(1, 2)], [5])) == (1, 2)


def test_two_copies_of_a_model_exchange_all_gradients_whatever_the_buckets():
    shape = plan(pipeline=2, schedule="dualpipe", micro_batches=8, layers_per_chunk=(2, 2))
    found = [
        step_costs(
            gpt(), training(8), shape, machine(stack=overlapping(gradient_bucket_bytes=size)), Network(cluster())
        )
        for size in (1e5, 1e12)
    ]
    assert found[0].buckets[0] > found[1].buckets[0]
    assert [one.seconds for one in found[0].shared] == pytest.approx([one.seconds for one in found[1].shared])
    # Both hold first and last layers alike: what they send each other takes as long.
    assert 0 < found[0].shared[0].seconds == pytest.approx(found[0].shared[1].seconds)
