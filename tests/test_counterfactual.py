"""Networks that a step is run on again: ten times the rate, larger scale-up domains."""

import numpy as np
import pytest
from builders import cluster, fixed, gpt, gpu, gpu_stack, hardware, point, swarm, training

from sim.counterfactual import counterfactuals
from sim.hardware.network import Group, Network
from sim.hardware.topology import load_topology
from sim.simulate import prepare, simulate


@pytest.mark.parametrize("name", ["dgx-a100-superpod", "hgx-a100-node", "dragonfly", "torus-2d", "andromeda"])
def test_ten_times_the_rate_is_a_network_of_its_own(name):
    topology = load_topology(name, 8 if name != "torus-2d" else 16, "test")
    before = topology.links.bytes_per_s.copy()
    assert topology.graph.number_of_edges()
    faster = topology.with_rates_times(10.0)
    assert faster.links.bytes_per_s[:-1] == pytest.approx(10 * before[:-1])
    assert np.array_equal(faster.links.latency_s, topology.links.latency_s)
    assert np.array_equal(topology.links.bytes_per_s, before)
    first = next(iter(topology.graph.edges))
    assert faster.graph.edges[first]["bytes_per_s"] == pytest.approx(10 * topology.graph.edges[first]["bytes_per_s"])


def test_a_collective_keeps_its_latency_and_a_tenth_of_its_seconds_for_every_byte():
    topology = load_topology("dgx-h100-superpod", 16, "test")
    own = Network(topology).options("all_reduce", Group(16))
    fast = Network(topology.with_rates_times(10.0)).options("all_reduce", Group(16))
    for slow, quick in zip(own, fast, strict=True):
        assert quick.time_s(0.0) == pytest.approx(slow.time_s(0.0))
        per_byte = (slow.time_s(1e9) - slow.time_s(0.0), quick.time_s(1e9) - quick.time_s(0.0))
        assert per_byte[1] == pytest.approx(per_byte[0] / 10)


def test_a_domain_of_72_keeps_links_cards_and_the_size_of_a_unit():
    topology = load_topology("dgx-a100-superpod", 144, "test")
    large = topology.with_domains_of(72)
    assert (large.domain, large.nodes, large.devices) == (72, 2, 144)
    assert large.sizes.nics_per_node * 8 == topology.sizes.nics_per_node * 72
    assert (large.scale_up, large.nic) == (topology.scale_up, topology.nic)
    assert len(large.route(0, 71)) == 2  # up to the scale-up switch and down again
    assert len(topology.route(0, 71)) > 2


@pytest.mark.parametrize("name", ["andromeda", "torus-2d", "dragonfly", "hgx-a100-node"])
def test_what_cannot_have_larger_domains_says_so(name):
    assert load_topology(name, 8 if name != "torus-2d" else 16, "test").with_domains_of(72) is None


def test_the_names_that_are_found():
    scenario = point(gpt(), 16, fixed(), recipe=training(64))
    with hardware(gpu(), gpu_stack("fsdp-2023"), cluster(16)):
        prepared, outcome = prepare(scenario), simulate(scenario)
        found = counterfactuals(prepared, outcome)
    assert list(found)[:3] == ["free network", "network ten times faster", "NVLink domain of 72"]
    assert found["free network"] <= found["network ten times faster"] <= outcome.step_time_s
    assert swarm(4).with_domains_of(72) is None


def test_sends_that_change_rails_can_be_slower_in_larger_domains():
    """80 devices back is the same rail in nodes of 8; in domains of 72 it is another, and two messages share a card."""
    small = load_topology("dgx-a100-superpod", 256, "test")
    large = small.with_domains_of(72)
    slow, usual = (Network(topology).send_option(-80, None).s_per_byte for topology in (large, small))
    assert slow == pytest.approx(2 * usual)
    # A group that fills its domain gains.
    times = [Network(topology).collective_s("all_reduce", 4e9, Group(72)) for topology in (large, small)]
    assert times[0] < times[1]
