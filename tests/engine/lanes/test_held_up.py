"""Who held everyone up: one culprit at a time, wherever it is, is the one that is named."""

import pytest

from sim.catalog import Slow, SlowPlace, Stalls, Variation
from sim.cost.step import step_costs
from sim.engine.clock import run
from sim.engine.lanes import NETWORK, NOBODY, STALLS, WORK, Culprit, order_of, run_lanes
from sim.engine.lanes.draws import lasting
from sim.engine.pipeline_program import pipeline_program
from sim.engine.transfers import shared_links
from sim.hardware.network import Network
from tests.builders import cluster, gpt, gpu_stack, machine, plan, training
from tests.engine.lanes.by_hand import replicas
from tests.engine.lanes.random_programs import random_case


def culprits(order, variation, devices, steps=5, domain=8):
    return run_lanes(order, variation, 0, steps, devices, domain).culprits


def test_nobody_where_all_are_alike():
    assert culprits(replicas(4), Variation(), 4) == {NOBODY: 5}


@pytest.mark.parametrize("number", [0, 1, 3, 4, 6, 12, 13])
def test_the_only_slow_device_is_named_wherever_it_is(number):
    case = random_case(number)
    for device in range(0, case.devices, 3):
        found = culprits(
            case.order, Variation(slow=(SlowPlace(3.0, device=device),)), case.devices, 1, case.topology.domain
        )
        assert found == {Culprit("device", device): 1}, case.name


def test_the_slower_of_two_is_named():
    variation = Variation(slow=(SlowPlace(0.1, device=2), SlowPlace(0.2, device=5)))
    assert culprits(replicas(4, tensor=2, meetings=4), variation, 8) == {Culprit("device", 5): 5}


def test_a_stall_is_its_devices():
    # One stall in most steps, of one of 64 devices: another one each time.
    found = culprits(replicas(64), Variation(stalls=Stalls(3600 / 64 * 3, 0.1)), 64, 60)
    assert sum(found.values()) == 60
    assert len(found) > 30


@pytest.mark.parametrize("number", [2, 8, 14])
def test_the_network_where_only_it_varies(number):
    case = random_case(number)
    found = run_lanes(case.order, Variation(network_noise=0.3), 0, 4, case.devices, 1)
    assert found.culprits == {NETWORK: 4}
    assert found.late_s[STALLS] == 0 == pytest.approx(found.late_s[WORK], abs=1e-15)
    beyond_s = found.step_times_s.mean() - case.trace.step_time_s
    assert 0 < beyond_s <= sum(found.late_s.values()) * (1 + 1e-9)


@pytest.mark.parametrize("number", [2, 5, 8, 14])
def test_a_slow_link_is_its_devices(number):
    case = random_case(number)
    slow = Variation(slow_links=Slow(0.3, 5.0))
    always = lasting(slow, 1, case.devices, case.topology.domain)
    (one,) = run_lanes(case.order, slow, 1, 1, case.devices, 1).culprits
    assert one.by == "device"
    assert always.link_delays[one.number] > 0


def test_links_that_are_all_as_slow_are_the_network():
    case = random_case(8)
    assert culprits(case.order, Variation(slow_links=Slow(1.0, 5.0)), case.devices, 1, 1) == {NETWORK: 1}


def test_a_slow_node_is_named_and_not_one_of_its_devices():
    for variation in (Variation(slow=(SlowPlace(0.3, node=2),)), Variation(slow_nodes=Slow(0.2, 0.3))):
        found = culprits(replicas(8, tensor=4, meetings=4), variation, 32)
        always = lasting(variation, 0, 32, 8)
        ((by, number),) = found
        assert (by, number in always.slow_nodes) == ("node", True)


def test_exchanges_across_nodes_are_the_networks_fault_not_the_ranks():
    # A tensor group of sixteen on nodes of eight: every exchange leaves its node.
    network = Network(cluster(32))
    shape = plan(tensor=16, data=2, micro_batches=2)
    costs = step_costs(gpt(4, 512, 16), training(4), shape, machine(), network)
    program = pipeline_program(shape, costs, gpu_stack())
    order = order_of(program, run(program, shared_links(program, network)), 8)
    noisy = run_lanes(order, Variation(network_noise=0.3), 0, 4, 32, 8)
    assert noisy.culprits == {NETWORK: 4}
    assert set(noisy.late_s) >= {"tensor_comm"}
    slow = Variation(slow_links=Slow(0.1, 1.0))
    delays = lasting(slow, 0, 32, 8).link_delays
    (one,) = run_lanes(order, slow, 0, 1, 32, 8).culprits
    assert (one.by, delays[one.number] > 0) == ("device", True)


@pytest.mark.slow
def test_of_a_slow_device_and_a_slow_network_each_has_its_share():
    order = replicas(4)
    both = Variation(slow=(SlowPlace(0.1, device=1),), stalls=Stalls(3600 * 50, 0.01))
    found = run_lanes(order, both, 0, 400, 4, 8)
    beyond_s = found.step_times_s.mean() - 1.25
    assert sum(found.late_s.values()) == pytest.approx(beyond_s)
    assert 0 < found.late_s[WORK] <= 0.1
    assert found.late_s[STALLS] > 0.3
