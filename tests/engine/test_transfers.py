"""From communication to transfers: flows as keys, what a program repeats, and which flows share links."""

import copy
import os
import pickle
import subprocess
import sys

import pytest
from builders import cluster, free_costs, gpt, machine, overlapping, plan, training
from hypothesis import given
from hypothesis import strategies as st

from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import COMPUTE, DATA, Actor, Instruction, Program, Transfer
from sim.engine.transfers import Flow, Transfers, repeated, shared_links
from sim.engine.work import Work
from sim.hardware.network import NOTHING, Communication, Group, Network, Wave

NIC = 20e9
NETWORK = Network(cluster(32, nic=NIC, hop=0.0, launch=0.0))
"""Four nodes of eight; a card a device."""
RAILS, TENSOR, STAGES = Group(2, 8), Group(8), Group(2, 16)
"""Data groups over two nodes, tensor groups inside one, pipelines of two stages of two nodes each."""

waves = st.builds(
    Wave, st.sampled_from(["send", "all_reduce"]), st.none() | st.builds(Group, st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["ring", "direct"]), st.sampled_from(["", "LL"]), st.integers(-9, 9),
)  # fmt: skip
devices = st.builds(range, st.integers(0, 3), st.integers(4, 8))


@given(waves, devices, waves, devices)
def test_flows_are_equal_by_value(wave, some, other, others):
    one, same = Flow(wave, some, DATA), Flow(copy.deepcopy(wave), range(some.start, some.stop), DATA)
    assert one == same
    assert hash(one) == hash(same)
    assert (one == Flow(other, others, DATA)) == ((wave, some) == (other, others))
    assert one != (wave, some)


@given(waves, devices)
def test_a_flow_survives_being_sent(wave, some):
    flow = Flow(wave, some, DATA)
    arrived = pickle.loads(pickle.dumps(flow))
    assert {flow: 1}[arrived] == 1


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_flow_of_a_process_with_other_hashes_is_the_same_key(seed):
    source = (
        "import pickle, sys; from sim.engine.transfers import Flow; from sim.hardware.network import Group, Wave;"
        "flow = Flow(Wave('all_reduce', Group(2, 8), 'ring', 'LL'), range(8), 'data');"
        "sys.stdout.buffer.write(pickle.dumps({flow: hash(flow)}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    made = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, check=True).stdout
    flow = Flow(Wave("all_reduce", RAILS, "ring", "LL"), range(8), "data")
    (hash_there,) = (found := pickle.loads(made)).values()
    assert found == {flow: hash_there}
    assert found[flow] == hash_there != hash(flow)


def test_transfers_are_made_once_for_what_is_repeated():
    transfers = Transfers(range(16, 32))
    reduction = NETWORK.run("all_reduce", 1e9, RAILS)
    made = transfers.of(DATA, "data_comm", reduction)
    assert transfers.of(DATA, "data_comm", reduction) is made
    ((wave, moving_s),) = reduction.moving_s.items()
    assert made == (Transfer(Flow(wave, range(16, 32), DATA), "data_comm", moving_s, reduction.moved_bytes[wave]),)
    # The same seconds on another line, or of other devices, are other transfers.
    assert [one.line for one in transfers.of(DATA, "pipeline_comm", reduction)] == ["pipeline_comm"]
    assert Transfers(range(16)).of(DATA, "data_comm", reduction) != made
    assert transfers.of(DATA, "data_comm", NOTHING) == transfers.of(DATA, "data_comm", Communication(3.0)) == ()


def test_communications_that_only_look_alike_are_told_apart():
    # Every one of them may be garbage before the next is made, at the same place in memory.
    transfers = Transfers(range(16))
    for size in range(1, 200):
        reduction = NETWORK.run("all_reduce", float(size), RAILS)
        ((_, moving_s),) = reduction.moving_s.items()
        assert [one.seconds for one in transfers.of(DATA, "data_comm", reduction)] == [moving_s]


@given(st.lists(st.sampled_from([0, 1, 2]), max_size=20))
def test_repeated_adds_up_flow_by_flow(order):
    transfers = Transfers(range(16))
    both = NETWORK.run("reduce_scatter", 1e9, RAILS) + NETWORK.run("all_gather", 1e9, RAILS)
    kinds = [transfers.of(DATA, "data_comm", one) for one in (both, NETWORK.run("all_gather", 3e9, RAILS), NOTHING)]
    found = repeated(kinds[index] for index in order)
    expected = {}
    for index in order:
        for one in kinds[index]:
            seconds, size_bytes = expected.get(one.wave, (0.0, 0.0))
            expected[one.wave] = seconds + one.seconds, size_bytes + one.size_bytes
    assert set(found) == set(expected)
    assert all(tuple(found[flow]) == pytest.approx(expected[flow]) for flow in found)


def doing(*communications, some=range(32)):
    """Instructions that communicate, one after the other."""
    return [
        Instruction(Work("x"), {"data_comm": one.seconds}, (), None, Transfers(some).of(DATA, "data_comm", one))
        for one in communications
    ]


def contested(*streams, network=NETWORK):
    """Whether each flow of each stream is contested: streams of one actor are lists of instructions."""
    program = Program([Actor("a", 32, {str(index): stream for index, stream in enumerate(streams)})])
    links = shared_links(program, network)
    return [[links.contested(one.wave) for step in stream for one in step.transfers] for stream in streams]


REDUCTION, SEND = NETWORK.run("all_reduce", 1e9, RAILS), NETWORK.send(1e9, 16, STAGES)
EXCHANGE = NETWORK.run("all_reduce", 1e9, TENSOR)


def test_what_one_stream_does_is_never_contested():
    # A reduction and a send over the same cards, one after the other.
    assert contested(doing(REDUCTION, SEND)) == [[False, False]]


def test_two_streams_on_the_same_cards_compete():
    assert contested(doing(REDUCTION), doing(SEND)) == [[True], [True]]
    # Whatever comes before or after on the same streams.
    assert contested(doing(EXCHANGE, REDUCTION), doing(SEND)) == [[False, True], [True]]


def test_tensor_groups_in_nodes_and_data_groups_on_rails_do_not_compete():
    assert contested(doing(EXCHANGE), doing(REDUCTION)) == [[False], [False]]


def test_tensor_groups_and_data_groups_inside_a_node_do():
    inside = NETWORK.run("all_reduce", 1e9, Group(2, 4))
    assert contested(doing(NETWORK.run("all_reduce", 1e9, Group(4))), doing(inside)) == [[True], [True]]


def test_devices_apart_do_not_compete():
    # Reductions of two stages of two nodes each, over the same waves.
    assert contested(doing(REDUCTION, some=range(16)), doing(REDUCTION, some=range(16, 32))) == [[False], [False]]
    # What the first stage sends leaves through its own cards and arrives at those of the second.
    forward, back = SEND, NETWORK.send(1e9, -16, STAGES)
    assert contested(doing(forward, some=range(16)), doing(back, some=range(16, 32))) == [[False], [False]]
    assert contested(doing(forward, some=range(16)), doing(REDUCTION, some=range(16, 32))) == [[True], [True]]


def test_links_with_room_for_both_are_not_contested():
    # NVLink of half a card's rate limits a ring with four ranks in each node: all of its bytes pass each port, the
    # quarter that leaves the node on its way to the card of the next rail, so a card is busy for an eighth of the time.
    # A leaf with a quarter of the rate of its cards limits a send to the other leaf, which never touches NVLink.
    network = Network(cluster(64, nic=NIC, nvlink=NIC / 2, over=4.0, hop=0.0, launch=0.0))
    ring, send = network.run("all_gather", 1e9, Group(16, 2)), network.send(1e9, 32, Group(2, 32))
    links, used = network.topology.links, []
    for communication in (ring, send):
        (wave,) = communication.moving_s
        numbers, shares = network.usage(wave, range(64))
        used.append(shares[links.class_of[numbers] == links.classes.index("nic")])
    assert used[0] == pytest.approx(1 / 8)
    assert used[1] == pytest.approx(1 / 4)
    assert contested(doing(ring, some=range(64)), doing(send, some=range(64)), network=network) == [[False], [False]]


def seconds_of(communication):
    return sum(communication.moving_s.values())


def test_two_on_the_same_cards_take_turns():
    # Two nodes; a ring of two puts as much on every card as a send: each goes at half its pace. 0.05 s alone, 0.1 s
    # together; the longer send is alone for its last 0.05 s.
    network = Network(cluster(16, nic=NIC, hop=0.0, launch=0.0))
    reduction, send = network.run("all_reduce", 1e9, RAILS), network.send(2e9, 8, RAILS)
    assert (seconds_of(reduction), seconds_of(send)) == (pytest.approx(0.05), pytest.approx(0.1))
    streams = {DATA: doing(reduction, some=range(16)), "pipeline send": doing(send, some=range(8))}
    program = Program([Actor("a", 16, {**streams, COMPUTE: [Instruction(Work("x"), {"useful": 0.01})]})])
    alone, together = run(program), run(program, shared_links(program, network))
    assert alone.step_time_s == pytest.approx(0.1)
    assert together.step_time_s == pytest.approx(0.15)
    (span,) = together.spans_of("a", DATA)
    assert (span.start_s, span.end_s) == (0.0, pytest.approx(0.1))
    assert span.parts == {"data_comm": pytest.approx(0.1)}


def pipelined(shape, stack, **model):
    """(program, links, contested flows) of a small model on the four nodes."""
    recipe = training(shape.data * shape.micro_batch * shape.micro_batches)
    costs = step_costs(gpt(hidden=512, heads=8, **model), recipe, shape, machine(stack=stack), NETWORK)
    program = pipeline_program(shape, costs, stack)
    links = shared_links(program, NETWORK)
    flows = {one.wave for _, _, instruction in program.instructions() for one in instruction.transfers}
    return program, links, {flow for flow in flows if links.contested(flow)}


def test_a_reduction_beside_a_send_is_slowed():
    # Two stages of two nodes: reductions over the nodes of a stage, sends to the other stage, over the same cards.
    stack = overlapping(overlap_slowdown=0.0, gradient_bucket_bytes=1e5, scatter_pipeline_send=False)
    program, links, flows = pipelined(plan(tensor=8, data=2, pipeline=2, micro_batches=4), stack)
    assert {flow.wave.kind for flow in flows} == {"send", "all_reduce"}
    assert not any(flow.wave.group == TENSOR for flow in flows)
    assert run(program, links).step_time_s > run(program).step_time_s


def test_gathers_of_scattered_sends_compete_with_the_exchanges_of_compute():
    # Every tensor rank sends its share; what arrives is gathered over NVLink while the next micro-batch exchanges.
    shape = plan(tensor=8, pipeline=2, micro_batches=4)
    _, _, flows = pipelined(shape, overlapping(scatter_pipeline_send=True), tied_embeddings=False)
    assert {(flow.wave.kind, flow.wave.group) for flow in flows} == {("all_gather", TENSOR), ("all_reduce", TENSOR)}


def test_a_program_that_sends_nothing_shares_nothing():
    shape = plan()
    program = pipeline_program(shape, free_costs(shape), overlapping())
    links = shared_links(program, NETWORK)
    assert not links.contested("anything")
    assert links.paces(["anything"]) == {"anything": 1.0}


def test_the_same_wave_on_two_streams_shares_its_links():
    # Two gathers of the same groups at once, on two streams of one actor: each takes twice as long.
    actor = Actor("all", 32)
    transfers = Transfers(range(32))
    gather = NETWORK.run("all_gather", 3e9, RAILS)
    for stream in (DATA, "other comm"):
        moved = transfers.of(stream, "data_comm", gather)
        actor.add(stream, Instruction(Work("gather"), {"data_comm": gather.seconds}, (), None, moved))
    program = Program([actor])
    alone_s = run(program).step_time_s
    assert run(program, shared_links(program, NETWORK)).step_time_s == pytest.approx(2 * alone_s)


def test_flows_of_different_parts_share_no_links():
    # Twice the same transfers at the same time, on the cards of one network or on those of two.
    def program(second):
        actors = [Actor("first", 16), Actor("second", 16)]
        for actor, part, stream in zip(actors, (0, second), (DATA, COMPUTE), strict=True):
            reduction = NETWORK.run("all_reduce", 1e9, RAILS)
            moved = Transfers(range(16), part).of(stream, "data_comm", reduction)
            actor.add(stream, Instruction(Work("reduce"), {"data_comm": reduction.seconds}, transfers=moved))
        return Program(actors)

    alone_s = NETWORK.run("all_reduce", 1e9, RAILS).seconds
    together, apart = program(0), program(1)
    assert run(together, shared_links(together, NETWORK)).step_time_s == pytest.approx(2 * alone_s)
    assert run(apart, shared_links(apart, NETWORK, NETWORK)).step_time_s == alone_s
    flows = [one.wave for _, _, instruction in apart.instructions() for one in instruction.transfers]
    assert len(set(flows)) == 2
    assert not any(shared_links(apart, NETWORK, NETWORK).contested(flow) for flow in flows)
