"""Bytes and utilisation of link classes over a step, by hand and as the account that they have to be."""

import numpy as np
import pytest
from builders import cluster, fixed, gpt, gpu_stack, overlapping, point, run_on, swarm, training, wafer_stack

from sim.engine.clock import run
from sim.engine.program import COMPUTE, DATA, Actor, Instruction, Program
from sim.engine.trace import Trace
from sim.engine.transfers import Transfers, shared_links
from sim.engine.work import Work
from sim.hardware.network import Group, Network
from sim.outcome.links import LinkUse, link_use
from sim.parallel.memory import stage_parameters
from sim.workload.parameters import count_parameters


def sharded(devices, topology, model=None, **stack):
    scenario = point(model, devices, fixed(zero=3), recipe=training(4 * devices))
    return run_on(scenario, stack=gpu_stack("fsdp-2023", **stack), topology=topology)


def pipelined(topology, **stack):
    """Two stages of two nodes: sends, reductions and exchanges that share links."""
    plan = fixed(tensor=4, pipeline=2, data=4, micro_batch=1)
    scenario = point(gpt(8, 512, 8), 32, plan, recipe=training(32))
    return run_on(scenario, stack=overlapping(**stack), topology=topology)


OUTCOMES = {
    "fully sharded in a node": lambda: (sharded(8, cluster(8)), cluster(8)),
    "fully sharded over three tiers": lambda: (sharded(128, cluster(128)), cluster(128)),
    "fully sharded over narrow leaves": lambda: (sharded(64, cluster(64, over=4.0)), cluster(64, over=4.0)),
    "a pipeline": lambda: (pipelined(cluster(32)), cluster(32)),
    "a pipeline on slow cards": lambda: (pipelined(cluster(32, nic=1e9)), cluster(32, nic=1e9)),
    "a pipeline whose cards share a leaf": lambda: (pipelined(cluster(32, rails=False)), cluster(32, rails=False)),
    "wafers": lambda: (run_on(point(devices=16, stack="cerebras-r2"), topology=swarm(16)), swarm(16)),
}
every_outcome = pytest.mark.parametrize("make", OUTCOMES.values(), ids=OUTCOMES)


def by_class(outcome):
    return {one.link_class: one for one in outcome.links.classes}


def test_bytes_of_a_sharded_step_by_hand():
    # Per micro-batch the root is gathered once and every layer twice, at 2 bytes; all gradients leave at 4 bytes. Of
    # every byte each of eight ranks sends and receives 7/8, on a link of its own in each direction.
    model = gpt(4, 256)
    outcome = sharded(8, cluster(8), model, gradient_bytes=4.0, reduces_every_micro_batch=True)
    count = count_parameters(model)
    assert count.root + 4 * count.layer == count.total
    gathered = 2 * (count.root + 2 * 4 * count.layer)
    scattered = 4 * count.total
    found = by_class(outcome)
    expected = outcome.plan.micro_batches * 8 * 2 * 7 / 8 * (gathered + scattered)
    assert found["scale_up"].total_bytes == pytest.approx(expected)
    assert found["scale_up"].links == 16
    assert found["nic"].total_bytes == 0
    # All ports are busy alike: for all bytes of one of them at its rate.
    busy = expected / 16 / 200e9 / outcome.step_time_s
    assert found["scale_up"].busiest_utilisation == pytest.approx(busy, rel=1e-12)
    assert found["scale_up"].mean_utilisation == pytest.approx(busy, rel=1e-12)
    assert outcome.links.bottleneck == found["scale_up"]


def test_bytes_of_tensor_groups_and_replicas_by_hand():
    # Tensor groups of eight fill the nodes, two replicas: two exchanges a layer each way, of 2 bytes x 128 tokens x
    # width, and the loss and embedding as in the formulas; gradients of an eighth of the model over the cards. None of
    # it hides inside a layer: what does is not among the exchanges.
    model = gpt(4, 512, 8)
    scenario = point(model, 16, fixed(tensor=8, data=2, micro_batch=1, recompute="none"), recipe=training(8))
    stack = gpu_stack(gradient_bytes=4.0, overlap_tensor_gradients=False)
    outcome = run_on(scenario, stack=stack, topology=cluster(16))
    hidden, statistics = 2 * 128 * 512, 4 * 128
    exchanged = (4 * 4 + 2) * hidden + 3 * statistics
    found = by_class(outcome)
    # Four micro-batches in each of two replicas; a ring of eight puts 2 x 7/8 of every byte on 16 links a node.
    assert found["scale_up"].total_bytes == pytest.approx(4 * 2 * 16 * 2 * 7 / 8 * exchanged)
    # A ring of two puts 2 x 1/2 on the way out of each of 16 cards, and on the way in.
    held = stage_parameters(model, outcome.plan, 0)
    assert found["nic"].total_bytes == pytest.approx(16 * 2 * 4 * held)


def test_wafers_use_every_link_of_their_tree():
    # Five systems: a link for each, for the two nodes above them, and from the node above those to the store. Weights
    # come down all of them twice a micro-batch, gradients go up once.
    model = gpt(4, 256)
    scenario = point(model, 5, recipe=training(20), stack="cerebras-r2")
    outcome = run_on(scenario, stack=wafer_stack(weight_bytes=4.0, gradient_bytes=2.0), topology=swarm(5))
    count = count_parameters(model)
    parameters = count.total + model.vocab * model.hidden  # the tied embedding comes again as the head
    (swarmx,) = outcome.links.classes
    assert (swarmx.link_class, swarmx.links) == ("swarmx", 2 * (5 + 2 + 1))
    assert swarmx.total_bytes == pytest.approx(outcome.plan.micro_batches * 8 * (2 * 4 + 2) * parameters)
    assert outcome.links.bottleneck == swarmx
    # Weights are four times the gradients' bytes, so the way down is the busier one.
    assert swarmx.busiest == "swarmx1.0 > wafer0"


@every_outcome
def test_no_link_is_busy_for_more_than_the_step(make):
    outcome, topology = make()
    assert sum(one.links for one in outcome.links.classes) == topology.links.count
    for one in outcome.links.classes:
        assert 0 <= one.mean_utilisation <= one.busiest_utilisation * (1 + 1e-12) <= 1 + 1e-9
        assert (one.total_bytes > 0) == (one.mean_utilisation > 0) == (one.busiest_utilisation > 0)


@every_outcome
@pytest.mark.parametrize("samples", [1, 7, 400])
def test_use_over_time_adds_up_to_the_same_bytes(make, samples):
    outcome, topology = make()
    edges, use = outcome.links.over_time(outcome.trace, samples)
    assert edges[0] == 0
    assert edges[-1] == outcome.step_time_s
    assert use.shape == (len(outcome.links.classes), samples)
    assert np.all(use >= 0)
    links = topology.links
    for index, one in enumerate(outcome.links.classes):
        could = float(np.sum(links.bytes_per_s[:-1][links.class_of == index]))
        assert np.sum(use[index] * np.diff(edges)) * could == pytest.approx(one.total_bytes, rel=1e-9)


@every_outcome
def test_the_bottleneck_is_the_class_of_the_busiest_link(make):
    outcome, _ = make()
    bottleneck = outcome.links.bottleneck
    assert bottleneck.busiest_utilisation == max(one.busiest_utilisation for one in outcome.links.classes)


@pytest.mark.parametrize(("nic", "expected"), [(1e9, "nic"), (1e12, "scale_up")])
def test_the_bottleneck_moves_with_the_rates(nic, expected):
    assert pipelined(cluster(32, nic=nic)).links.bottleneck.link_class == expected


def test_the_busiest_link_is_named_in_the_direction_of_travel():
    # Only the first of two nodes sends.
    network = Network(cluster(16))
    send = network.send(1e9, 8, Group(2, 8))
    trace = traced([Instruction(Work("x"), {"pipeline_comm": send.seconds}, (), None, moved(send, range(8)))], network)
    use = link_use(trace, network)
    assert use.bottleneck.busiest == "gpu0 > leaf0.0"
    # Eight cards out and eight in of 32 directions.
    assert use.bottleneck.total_bytes == pytest.approx(16 * 1e9)
    assert use.bottleneck.mean_utilisation == pytest.approx(use.bottleneck.busiest_utilisation / 2)


def moved(communication, devices):
    return Transfers(devices).of(DATA, "data_comm", communication)


def traced(instructions, network):
    actor = Actor("a", 16, {COMPUTE: [Instruction(Work("x"), {"useful": 1.0})], DATA: instructions})
    program = Program([actor])
    return run(program, shared_links(program, network))


def test_a_transfer_is_spread_over_its_instruction():
    # All-reduce over two nodes: 0.5 s of 0.8 s moves bytes; then nothing until 1 s.
    network = Network(cluster(16, nic=20e9, hop=0.0, launch=0.3))
    reduction = network.run("all_reduce", 10e9, Group(2, 8))
    assert reduction.seconds == pytest.approx(0.8)
    trace = traced(
        [Instruction(Work("x"), {"data_comm": reduction.seconds}, (), None, moved(reduction, range(16)))], network
    )
    use = link_use(trace, network)
    edges, over_time = use.over_time(trace, 10)
    nic = [one.link_class for one in use.classes].index("nic")
    assert edges == pytest.approx(np.arange(11) / 10)
    assert over_time[nic] == pytest.approx([0.5 / 0.8] * 8 + [0.0] * 2)
    assert over_time[1 - nic] == pytest.approx(np.zeros(10))


def test_nothing_sent_is_no_bottleneck():
    network = Network(cluster(8))
    use = link_use(traced([], network), network)
    assert use.bottleneck is None
    assert [one.total_bytes for one in use.classes] == [0, 0]
    assert run_on(point(devices=1, plan=fixed()), topology=cluster(1)).links.bottleneck is None


def test_use_is_compared_by_its_classes():
    one, other = LinkUse((), {}), LinkUse((), {"x": np.zeros(2)})
    assert one == other
    assert "x" not in repr(other)
    assert one.over_time(Trace(1.0), 4)[1].shape == (0, 4)


def reduces(network, part):
    """One reduction on the cards of two nodes, as an actor."""
    reduction = network.run("all_reduce", 1e9, Group(2, 8))
    moved = Transfers(range(16), part).of(DATA, "data_comm", reduction)
    actor = Actor(f"stage {part}", 16)
    actor.add(DATA, Instruction(Work("reduce"), {"data_comm": reduction.seconds}, transfers=moved))
    return actor


def test_each_part_has_classes_of_its_own():
    networks = [Network(cluster(16)), Network(cluster(16, nic=5e9))]
    program = Program([reduces(network, part) for part, network in enumerate(networks)])
    both = link_use(run(program, shared_links(program, *networks)), *networks)
    names = networks[0].topology.links.classes
    assert [one.label for one in both.classes] == [f"{name} of part {part}, Test" for part in (1, 2) for name in names]
    # Four times as long on cards of a quarter of the rate: the same bytes, busy for a quarter of the step or all of it.
    first, second = (one for one in both.classes if one.link_class == "nic")
    assert first.total_bytes == pytest.approx(second.total_bytes)
    assert first.busiest_utilisation == pytest.approx(second.busiest_utilisation / 4, rel=1e-3)
    alone = link_use(run(Program([reduces(networks[1], 0)])), networks[1])
    assert [one.label for one in alone.classes] == list(names)
    assert alone.classes[1].total_bytes == pytest.approx(second.total_bytes)
