"""The mesh: which ranks form a group, in which order they lie over the devices, and that every device has one rank."""

import itertools

import numpy as np
import pytest
from builders import fixed, gpt, gpu_stack, parted, plan, point, run_on, training
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.hardware.network import Group
from sim.parallel.check import check_plan
from sim.parallel.mesh import RANK_ORDER, Mesh, check_rank_order
from sim.parallel.plan_block import PlanBlock

STAGES_INSIDE = "tp-cp-ep-pp-dp"
"""Pipelines of neighbours, and replicas a whole pipeline apart."""
AXES = ("tensor", "context", "expert", "data", "pipeline")
SHORT = dict(zip(("tp", "cp", "ep", "dp", "pp"), AXES, strict=True))
ORDERS = st.permutations(list(SHORT)).map("-".join)
DEGREES = st.sampled_from([1, 2, 3, 4])
MESHES = st.builds(Mesh, DEGREES, DEGREES, DEGREES, DEGREES, DEGREES, order=ORDERS)


def coordinates(mesh):
    """{axis: place on it} of every device, numbered innermost axis first, spelled out."""
    inner_first = [SHORT[name] for name in mesh.order.split("-")]
    places = itertools.product(*(range(getattr(mesh, axis)) for axis in reversed(inner_first)))
    return [dict(zip(reversed(inner_first), place, strict=True)) for place in places]


@given(MESHES, st.sampled_from(AXES))
def test_groups_are_the_ranks_that_differ_on_one_axis_alone(mesh, axis):
    ranks = coordinates(mesh)
    assert len(ranks) == mesh.devices == mesh.stage_devices * mesh.pipeline
    expected = {}
    for device, place in enumerate(ranks):
        expected.setdefault(tuple(place[other] for other in AXES if other != axis), []).append(device)
    members = mesh.group(axis).members(range(mesh.devices))
    assert sorted(members.tolist()) == sorted(expected.values())


@given(MESHES, st.sampled_from(AXES), st.data())
def test_an_axis_is_split_into_neighbours_and_those_in_the_same_place(mesh, axis, data):
    degree = getattr(mesh, axis)
    part = data.draw(st.sampled_from([one for one in (1, 2, 3, 4) if degree % one == 0]))
    inside, across = (group.members(range(mesh.devices)) for group in mesh.split_group(axis, part))
    whole = mesh.group(axis).members(range(mesh.devices)).reshape(-1, degree // part, part)
    assert sorted(inside.tolist()) == sorted(whole.reshape(-1, part).tolist())
    assert sorted(across.tolist()) == sorted(whole.transpose(0, 2, 1).reshape(-1, degree // part).tolist())


@given(MESHES, st.data())
def test_devices_of_stages_and_replicas(mesh, data):
    first, after = sorted(data.draw(st.tuples(*(st.integers(0, mesh.pipeline),) * 2)))
    stages = range(first, after) or range(1)
    first, after = sorted(data.draw(st.tuples(*(st.integers(0, mesh.data),) * 2)))
    replicas = range(first, after) or range(1)
    expected = [
        device
        for device, place in enumerate(coordinates(mesh))
        if place["pipeline"] in stages and place["data"] in replicas
    ]
    # All experts' ranks of a stage: they share the ranks of its replicas.
    found = mesh.devices_of(stages, replicas)
    numbers = np.asarray(found if isinstance(found, range) else found.numbers)
    assert sorted(numbers.tolist()) == expected
    assert len(found) == len(expected)
    # The same devices are equal by value, as what is repeated is looked up by them.
    assert found == mesh.devices_of(stages, replicas)
    assert hash(found) == hash(mesh.devices_of(stages, replicas))


@given(st.sampled_from([RANK_ORDER, STAGES_INSIDE]), DEGREES, DEGREES, DEGREES)
def test_every_device_is_in_one_stage_and_in_one_replica(order, tensor, data, pipeline):
    mesh = Mesh(tensor, data, pipeline, order=order)

    def numbers(stages, replicas):
        found = mesh.devices_of(stages, replicas)
        return list(found if isinstance(found, range) else found.numbers)

    by_stage = [numbers([stage], range(data)) for stage in range(pipeline)]
    by_replica = [numbers(range(pipeline), [replica]) for replica in range(data)]
    for parts in (by_stage, by_replica):
        assert sorted(itertools.chain(*parts)) == list(range(mesh.devices))


def test_both_orders_by_hand():
    # Tensor 4, data 8, pipeline 2.
    usual, inside = Mesh(4, 8, 2), Mesh(4, 8, 2, order=STAGES_INSIDE)
    assert usual.order == RANK_ORDER == "tp-cp-ep-dp-pp"
    assert [usual.group(axis) for axis in ("tensor", "data", "pipeline")] == [Group(4), Group(8, 4), Group(2, 32)]
    assert [inside.group(axis) for axis in ("tensor", "data", "pipeline")] == [Group(4), Group(8, 8), Group(2, 4)]
    assert usual.devices == inside.devices == 64
    assert usual.stage_devices == inside.stage_devices == 32
    assert usual.devices_of([1], range(8)) == range(32, 64)
    assert inside.devices_of(range(2), [3]) == range(24, 32)
    # The second stage: 4 of every 8 devices.
    second = inside.devices_of([1], range(8))
    assert second.numbers.tolist() == [8 * replica + 4 + rank for replica in range(8) for rank in range(4)]


def test_experts_share_the_ranks_of_context_and_data():
    # Context 2, data 8: 16 ranks, of which 4 hold different experts.
    dense = Mesh(4, 8, 2, context=2)
    sparse = dense.with_experts(4)
    assert (sparse.context, sparse.expert, sparse.data) == (1, 4, 4)
    assert (sparse.devices, sparse.stage_devices) == (dense.devices, dense.stage_devices)
    assert sparse.group("expert") == Group(4, 4)
    assert sparse.group("data") == Group(4, 16)
    assert sparse.group("pipeline") == dense.group("pipeline")
    # As the docstring has it, without context.
    by_hand = Mesh(4, 8, 2).with_experts(2)
    assert (by_hand.group("expert"), by_hand.group("data")) == (Group(2, 4), Group(4, 8))


@given(ORDERS, st.lists(st.tuples(*(st.integers(1, 4),) * 3), min_size=1, max_size=5))
def test_many_meshes_at_once(order, degrees):
    tensor, data, pipeline = np.array(degrees).T
    together = Mesh(tensor, data, pipeline, order=order)
    for row, each in enumerate(degrees):
        alone = Mesh(*each, order=order)
        for axis in ("tensor", "data", "pipeline"):
            assert np.broadcast_to(together.stride(axis), len(degrees))[row] == alone.stride(axis)
        assert together.devices[row] == alone.devices


@pytest.mark.parametrize("order", ["", "tp", "tp-cp-ep-dp", "tp-tp-cp-ep-dp-pp", "tp-cp-ep-dp-xp", "tp cp ep dp pp"])
def test_orders_that_do_not_name_every_axis_once(order):
    with pytest.raises(InputError, match="rank_order") as caught:
        check_rank_order(order, "here")
    assert caught.value.where == "here"
    assert "tp, cp, ep, dp, pp" in caught.value.remedy


@given(ORDERS)
def test_any_order_of_all_axes_is_one(order):
    check_rank_order(order, "here")


def test_plans_lie_as_their_stack_lays_out_ranks():
    scenario = point(gpt(8, 256, 8), 64, fixed(tensor=4, pipeline=2), recipe=training(64))
    stack = gpu_stack(rank_order=STAGES_INSIDE)
    found = check_plan(scenario.system.plan, scenario, stack)
    assert (found.rank_order, found.mesh) == (STAGES_INSIDE, Mesh(4, 8, 2, order=STAGES_INSIDE))
    assert check_plan(scenario.system.plan, scenario, gpu_stack()).mesh == Mesh(4, 8, 2)
    one = [np.array([value]) for value in (4, 2, 8, 1, 1, 8)]
    block = PlanBlock(8, *one, 0, True, "none", "1f1b", STAGES_INSIDE)
    assert [int(block.mesh.group(axis).stride[0]) for axis in ("data", "pipeline")] == [8, 4]
    with pytest.raises(InputError, match="rank_order 'tp-dp-pp'"):
        run_on(scenario, stack=gpu_stack(rank_order="tp-dp-pp"))


def test_parts_of_a_system_need_stages_that_lie_together():
    scenario = parted((32, 32), fixed(tensor=4, pipeline=2), recipe=training(64))
    with pytest.raises(InputError, match="no neighbours"):
        check_plan(scenario.system.plan, scenario, gpu_stack(rank_order=STAGES_INSIDE))


def test_a_plan_has_a_mesh():
    assert plan(tensor=2, data=4, pipeline=2).mesh == Mesh(2, 4, 2)
    assert plan(tensor=2, data=4, pipeline=2).devices == 16


@pytest.mark.parametrize("axis", AXES)
def test_a_degree_that_nobody_gives_is_one(axis):
    assert getattr(Mesh(), axis) == 1
    assert Mesh(**{axis: 3}).devices == 3
