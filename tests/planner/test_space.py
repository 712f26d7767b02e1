"""The space of plans: all of them legal, none twice, and none of those that it promises missing."""

import dataclasses
import itertools

import pytest
from builders import fixed, gpt, gpu_stack, point, training

from sim.errors import InputError
from sim.parallel.check import check_plan
from sim.parallel.cuts import balanced_cut, cuts_well
from sim.parallel.schedules import SCHEDULES
from sim.planner.space import legal_plans, plan_at, plans_with_fewer_replicas, recomputations, tensor_degrees

STACKS = ["megatron-2021", "megatron-2022", "fsdp-2023"]
EVERY = gpu_stack("megatron-core-2024", schedules=tuple(SCHEDULES))
"""Runs every schedule."""


def space(layers, devices, batch, stack, heads=4, **model):
    scenario = point(gpt(layers, 64 * heads, heads, **model), devices, None, recipe=training(batch))
    return scenario, gpu_stack(stack) if isinstance(stack, str) else stack


def plans(scenario, stack, kind=legal_plans):
    return [plan_at(scenario, stack, block, row) for block in kind(scenario, stack) for row in range(len(block))]


def requests(scenario, stack):
    """Every request of small numbers that the space says it holds, whether legal or not."""
    model, batch, devices = scenario.model, scenario.training.global_batch, scenario.system.devices
    degrees = itertools.product(
        range(1, devices + 1), range(1, devices + 1), range(1, devices + 1), range(1, batch + 1), range(1, 7)
    )
    switches = list(itertools.product(stack.zero_stages, (False, True), recomputations(stack), stack.schedules))
    for tensor, pipeline, data, micro_batch, virtual in degrees:
        chunks = pipeline * virtual
        if (
            tensor * pipeline * data > devices
            or not cuts_well(model.layers, pipeline, virtual)
            or batch % (data * micro_batch)
        ):
            continue
        cut = balanced_cut(model.layers, chunks)
        for zero, shared, recompute, schedule in switches:
            # What changes nothing is counted once.
            if (data == 1 and zero != stack.default_zero_stage) or (shared and tensor == 1):
                continue
            if schedule != "1f1b" and pipeline == 1:
                continue
            yield fixed(
                tensor=tensor, pipeline=pipeline, data=data, micro_batch=micro_batch, virtual_stages=virtual, zero=zero,
                sequence_parallel=shared, recompute=recompute, schedule=schedule,
                layers_per_stage=cut if len(set(cut)) > 1 else None,
            )  # fmt: skip


@pytest.mark.parametrize("stack", [*STACKS, EVERY])
@pytest.mark.parametrize(("layers", "devices", "batch"), [(6, 6, 8), (4, 8, 12)])
def test_it_holds_what_it_says_and_nothing_twice(layers, devices, batch, stack):
    scenario, software = space(layers, devices, batch, stack)
    whole, fewer = plans(scenario, software), plans(scenario, software, plans_with_fewer_replicas)
    found = [dataclasses.replace(plan, chosen_by="user") for plan in whole + fewer]
    assert len(set(found)) == len(found)
    expected = set()
    for request in requests(scenario, software):
        used = dataclasses.replace(scenario.system, devices=request.tensor * request.pipeline * request.data)
        try:
            expected.add(check_plan(request, dataclasses.replace(scenario, system=used), software))
        except InputError:
            continue
    assert {plan for plan in found if not plan.replica_micro_batches} == expected


def test_replicas_are_as_many_as_there_are_devices_for():
    scenario, stack = space(4, 7, 12, "megatron-2022")
    for plan in plans(scenario, stack):
        more = [data for data in (1, 2, 3, 4, 6, 12) if data > plan.data]
        if plan.replica_micro_batches:
            # Not a divisor of the batch, and no room for one replica more.
            assert 12 % plan.data
            assert (plan.data + 1) * plan.tensor * plan.pipeline > 7 or (plan.data + 1) * plan.micro_batch > 12
            assert sum(plan.replica_micro_batches) * plan.micro_batch == 12
        else:
            assert plan.data * plan.micro_batch * plan.micro_batches == 12
            assert not more or more[0] * plan.tensor * plan.pipeline > 7
    for plan in plans(scenario, stack, plans_with_fewer_replicas):
        assert any(data * plan.tensor * plan.pipeline <= 7 for data in (1, 2, 3, 4, 6, 12) if data > plan.data)


def test_uneven_replicas_run_a_schedule_only_where_it_allows_all_their_counts():
    # DualPipe needs even numbers of micro-batches, and of two neighbouring numbers one is odd.
    for batch in (16, 26):
        scenario, stack = space(4, 7, batch, EVERY)
        found = [plan for plan in plans(scenario, stack) if plan.replica_micro_batches]
        assert {plan.schedule for plan in found} == {"1f1b", "gpipe", "zb-h1", "zb-h2"}
        for plan in found:
            for count in plan.replica_micro_batches:
                assert plan.pipelining.allows(plan.pipeline, plan.virtual_stages, count)


def test_stacks_have_their_switches():
    scenario, stack = space(4, 8, 8, "fsdp-2023")
    assert {(plan.tensor, plan.pipeline) for plan in plans(scenario, stack)} == {(1, 1)}
    assert {plan.zero for plan in plans(scenario, stack)} == {0, 2, 3}
    scenario, stack = space(4, 8, 8, "megatron-2021")
    assert {(plan.zero, plan.sequence_parallel) for plan in plans(scenario, stack)} == {(0, False)}
    # A fused attention keeps no scores, so selective recomputation of them would be "none" again.
    assert recomputations(gpu_stack("megatron-core-2024")) == ("none", "full")
    assert recomputations(gpu_stack("megatron-2022")) == ("none", "selective", "full")
    # A layer in a graph of its own is not run twice.
    in_graphs = dataclasses.replace(gpu_stack("megatron-2022"), cuda_graph="layer")
    assert recomputations(in_graphs) == ("none", "selective")


def test_tensor_degrees_divide_heads_and_go_into_or_around_the_key_heads():
    grouped = gpt(4, 768, 12, kv_heads=4)
    # 3 and 6 neither divide 4 key heads nor are divided by them.
    assert tensor_degrees(grouped, 64) == [1, 2, 4, 12]
    assert tensor_degrees(grouped, 3) == [1, 2]


def test_fewer_replicas_on_enough_devices():
    scenario, stack = space(4, 7, 12, "megatron-2022")
    every = plans(scenario, stack, plans_with_fewer_replicas)
    some = plans(scenario, stack, lambda *given: plans_with_fewer_replicas(*given, least_devices=3.5))
    assert some == [plan for plan in every if plan.devices >= 4]
