"""A stack that lays replicas out as whole pipelines: which devices and links a stage uses, and that all closes."""

import dataclasses
import itertools

import pytest
from builders import cluster, fixed, gpt, gpu_stack, machine, overlapping, plan, point, run_on, training

from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.gpu_program import gpu_program
from sim.engine.transfers import shared_links
from sim.hardware.network import Network, lattice
from sim.hardware.network.groups import numbers_of
from sim.outcome.ledger import close_ledger

USUAL, INSIDE = "tp-cp-ep-dp-pp", "tp-cp-ep-pp-dp"


def stepped(order, **over):
    """(plan, program, trace, network) of 64 devices: tensor 2, pipeline 4, data 8."""
    values = {"tensor": 2, "data": 8, "pipeline": 4, "micro_batches": 8, "layers_per_chunk": (2,) * 4, **over}
    shape, network, stack = plan(**values, rank_order=order), Network(cluster(64)), overlapping()
    recipe = training(shape.data * shape.micro_batches)
    costs = step_costs(gpt(8, 512, 8), recipe, shape, machine(stack=stack), network)
    program = gpu_program(shape, costs, stack)
    return shape, program, run(program, shared_links(program, network)), network


def flows(program, kind):
    """{actor: its flows of a kind}."""
    found = {}
    for actor, _, instruction in program.instructions():
        for one in instruction.transfers:
            if one.wave.wave.kind == kind:
                found.setdefault(actor.name, set()).add(one.wave)
    return found


def test_stages_share_no_device_and_leave_none_out():
    for order in (USUAL, INSIDE):
        shape, program, trace, _ = stepped(order)
        stages = [numbers_of(shape.mesh.devices_of([stage], range(8))).tolist() for stage in range(4)]
        assert sorted(itertools.chain(*stages)) == list(range(64))
        close_ledger(trace, 64)
        assert trace.multiplicity == {f"stage {stage}": 16 for stage in range(4)}
        # What a stage does moves bytes among its own devices.
        for stage, (name, found) in enumerate(sorted(flows(program, "all_reduce").items())):
            assert name == f"stage {stage}"
            assert {tuple(numbers_of(flow.devices)) for flow in found} == {tuple(stages[stage])}


def test_where_the_ranks_of_a_stage_lie_by_hand():
    # Two tensor ranks; the next stage is the pair behind; the next replica is a node of eight further on.
    shape, program, _, _ = stepped(INSIDE)
    assert shape.mesh.devices_of([1], range(8)) == lattice(2, [(2, 1), (8, 8)])
    actors = {actor.name: actor for actor in program.actors}
    first = actors["stage 1"]
    assert (first.first, first.rank_stride, first.replica_stride, first.multiplicity) == (2, 1, 8, 16)
    distances = {flow.wave.distance for found in flows(program, "send").values() for flow in found}
    # To the next stage and back, and the gradients of a shared embedding over all four.
    assert distances == {2, -2, 6, -6}


def reduction_links(network, program):
    """Links that reductions over all eight replicas use."""
    reductions = {
        flow for found in flows(program, "all_reduce").values() for flow in found if flow.wave.group.ranks == 8
    }
    assert reductions
    return {link for flow in reductions for link in network.usage(flow.wave, flow.devices)[0].tolist()}


def test_data_groups_use_other_links():
    # By default the replicas of a stage lie on two nodes of eight, four on each, and pass the links inside of them.
    # With whole pipelines side by side every replica has a node of its own: four stages of two ranks.
    usual, inside = (reduction_links(network, program) for _, program, _, network in (stepped(USUAL), stepped(INSIDE)))
    assert usual != inside
    assert usual - inside


def test_data_groups_apart_and_sends_near_take_other_times():
    by_order = {}
    for order in (USUAL, INSIDE):
        shape, network, stack = stepped(order)[0], Network(cluster(64)), overlapping()
        by_order[order] = step_costs(gpt(8, 512, 8), training(64), shape, machine(stack=stack), network)
    # Neighbouring stages inside a node send faster; replicas on nodes of their own reduce more slowly.
    assert by_order[INSIDE].sends[0].seconds < by_order[USUAL].sends[0].seconds
    assert by_order[INSIDE].reductions[0].seconds > by_order[USUAL].reductions[0].seconds
    # What tensor ranks exchange stays where it is.
    assert by_order[INSIDE].chunks == by_order[USUAL].chunks


@pytest.mark.parametrize("degrees", [{"tensor": 2, "pipeline": 4}, {"pipeline": 2}, {"tensor": 4}, {"pipeline": 8}])
@pytest.mark.parametrize("name", ["megatron-2022", "overlapping"])
def test_every_device_takes_as_long_as_the_one_that_stands_for_it(degrees, name):
    base = overlapping() if name == "overlapping" else gpu_stack(name)
    stack = dataclasses.replace(base, rank_order=INSIDE)
    scenario = point(gpt(8, 512, 8), 32, fixed(**degrees), recipe=training(64))
    full = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, resolution="full"))
    folded, found = run_on(scenario, stack=stack), run_on(full, stack=stack)
    assert folded.plan.rank_order == INSIDE
    assert found.step_time_s == pytest.approx(folded.step_time_s, rel=1e-9)
    assert found.ledger.device_seconds == pytest.approx(folded.ledger.device_seconds, rel=1e-9, abs=1e-9)


def test_one_order_is_the_other_where_there_is_no_pipeline_or_no_replica():
    for degrees in ({"tensor": 4}, {"tensor": 4, "pipeline": 8}):
        scenario = point(gpt(8, 512, 8), 32, fixed(**degrees), recipe=training(32))
        usual, inside = (run_on(scenario, stack=gpu_stack(rank_order=order)) for order in (USUAL, INSIDE))
        assert usual.step_time_s == inside.step_time_s
        assert usual.ledger.device_seconds == inside.ledger.device_seconds


def test_uneven_replicas_among_devices_with_gaps():
    _, program, trace, _ = stepped(INSIDE, replica_micro_batches=(8,) * 3 + (7,) * 5)
    close_ledger(trace, 64)
    covered = [device for actor in program.actors for device in _devices(actor)]
    assert sorted(covered) == list(range(64))


def _devices(actor):
    replicas = actor.multiplicity // actor.tensor
    return [
        actor.first + rank * actor.rank_stride + replica * actor.replica_stride
        for rank in range(actor.tensor)
        for replica in range(replicas)
    ]
