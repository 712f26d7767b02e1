"""Networks that a step is run on again: ten times the rate, larger scale-up domains."""

import random

import numpy as np
import pytest
from builders import cluster, equipped, fixed, gpt, gpu, gpu_stack, point, swarm, training

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
        # The host, which touches every byte of LL, is as fast as before: 2 x 15 / 16 of bus bandwidth at 20.4 GB/s.
        by_host = slow.wave.protocol == "LL"
        expected = 2 * 15 / 16 * 1e9 / 20.4e9 if by_host else per_byte[0] / 10
        assert per_byte[1] == pytest.approx(expected, rel=1e-3 if by_host else 1e-6)


def test_a_domain_of_72_keeps_nodes_cards_and_fabric():
    topology = load_topology("dgx-a100-superpod", 144, "test")
    large = topology.with_domains_of(72)
    assert (large.domain, large.nodes, large.devices, large.sizes) == (72, 18, 144, topology.sizes)
    assert len(large.route(0, 71)) == 2  # up to the scale-up switch and down again
    assert len(topology.route(0, 71)) > 2
    # Between domains everything goes as it did.
    assert [link for _, link in large.route(0, 100)] == [link for _, link in topology.route(0, 100)]


@pytest.mark.parametrize("name", ["andromeda", "torus-2d", "dragonfly", "hgx-a100-node"])
def test_what_cannot_have_larger_domains_says_so(name):
    assert load_topology(name, 8 if name != "torus-2d" else 16, "test").with_domains_of(72) is None


def names_found(devices, plan, jitter=0.0, stack="megatron-2021"):
    scenario = point(gpt(), devices, plan, recipe=training(64), jitter=jitter)
    scenario = equipped(scenario, gpu(), gpu_stack(stack), cluster(devices))
    prepared, outcome = prepare(scenario), simulate(scenario)
    found = counterfactuals(prepared, outcome)
    assert found.get("free network", 0.0) <= found.get("network ten times faster", 0.0) <= outcome.step_time_s
    return set(found)


def test_what_changes_nothing_by_construction_is_left_out():
    network = {"free network", "network ten times faster"}
    assert names_found(1, fixed(recompute="none")) == set()
    assert names_found(8, fixed(recompute="none")) == network
    assert names_found(16, fixed(recompute="none")) == {*network, "NVLink domain of 72"}
    assert names_found(8, fixed(recompute="none"), jitter=0.1) == {*network, "no jitter"}
    assert names_found(8, fixed(recompute="full", pipeline=2)) == {*network, "no bubble", "unlimited memory"}
    assert swarm(4).with_domains_of(72) is None


SHELF = ("dgx-a100-superpod", "dgx-h100-superpod", "a100-cloud-800gbps", "megascale-a100", "dgx-b200-superpod")


def drawn(seed):
    """A few layers on a cluster of the shelf, with groups that do and do not fit domains of 72."""
    one = random.Random(seed)
    devices = one.choice([64, 80, 144, 256])
    tensor, pipeline = one.choice([(1, 1), (2, 1), (8, 1), (2, 2), (4, 4), (8, 4), (2, 8), (8, 8)])
    replicas, size = devices // tensor // pipeline, one.choice([1, 2])
    plan = fixed(tensor=tensor, pipeline=pipeline, data=replicas, micro_batch=size)
    recipe = training(replicas * size * one.choice([1, 4]), 1024)
    stack, topology = one.choice(["megatron-2021", "megatron-2022"]), one.choice(SHELF)
    model = gpt(8, 1024, 16, max_sequence=1024)
    return point(model, replicas * tensor * pipeline, plan, recipe=recipe, stack=stack, topology=topology)


@pytest.mark.parametrize("seed", range(16))
def test_larger_domains_are_never_slower(seed):
    scenario = drawn(seed)
    outcome = simulate(scenario)
    found = counterfactuals(prepare(scenario), outcome)
    assert found["NVLink domain of 72"] <= outcome.step_time_s * (1 + 1e-9)


def test_sends_over_80_devices_keep_their_rail_in_larger_domains():
    """In nodes and domains of 8, 80 devices back is the same rail; it is as well where nine nodes share a switch."""
    small = load_topology("dgx-a100-superpod", 256, "test")
    large = small.with_domains_of(72)
    now, before = (Network(topology).send_option(-80, None).s_per_byte for topology in (large, small))
    assert now == pytest.approx(before)
    # A group that fills its domain gains.
    times = [Network(topology).run("all_reduce", 4e9, Group(72)).seconds for topology in (large, small)]
    assert times[0] < times[1]
