"""Loads: bytes are conserved on their way, and fabrics differ in where they put them."""

import numpy as np
import pytest
from fabrics import fabric, ring_of
from hypothesis import given
from hypothesis import strategies as st

from sim.hardware.network.groups import Group
from sim.hardware.network.loads import busiest_s_per_byte, message_loads, reduction_loads
from sim.hardware.network.messages import Messages
from sim.hardware.topology import NO_LINK, load_topology
from sim.hardware.topology.fat_tree import NodeFatTree, RailFatTree

PAIRS = st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63), st.floats(0.01, 10)), min_size=1, max_size=20)


@pytest.mark.parametrize("family", [RailFatTree, NodeFatTree])
@given(PAIRS)
def test_every_link_of_a_path_carries_all_of_a_message(family, pairs):
    topology = fabric(64, family)
    pairs = [(a, b, weight) for a, b, weight in pairs if a != b]
    messages = [Messages(np.array([a]), np.array([b]), weight) for a, b, weight in pairs]
    expected = sum(weight * len(topology.route(a, b)) for a, b, weight in pairs)
    assert message_loads(topology, messages).sum() == pytest.approx(expected)


@given(PAIRS)
def test_bytes_are_conserved_at_every_vertex(pairs):
    topology = load_topology("dgx-1-v100", 8, "test")
    pairs = [(a % 8, b % 8, weight) for a, b, weight in pairs if a % 8 != b % 8]
    loads = message_loads(topology, [Messages(np.array([a]), np.array([b]), weight) for a, b, weight in pairs])
    balance = dict.fromkeys(topology.graph, 0.0)
    for number, load in enumerate(loads):
        start, end = topology.links.ends(number)
        balance[start] += load
        balance[end] -= load
    for a, b, weight in pairs:
        balance[topology.vertex(a)] -= weight
        balance[topology.vertex(b)] += weight
    assert list(balance.values()) == pytest.approx([0.0] * len(balance), abs=1e-9)


def test_two_fabrics_put_the_same_traffic_on_different_links():
    # A tensor group across two nodes: on rails it first changes rail inside the node, in a cloud it does not.
    members = Group(2, 9).members(range(18))
    messages = [Messages(members[:, 0], members[:, 1], 1.0)]
    rails, cloud = (message_loads(fabric(64, family), messages) for family in (RailFatTree, NodeFatTree))
    assert rails.sum() != cloud.sum()


def test_groups_on_rails_share_no_link():
    topology = fabric(512, RailFatTree)
    members = Group(64, 8).members(range(512))
    used = [
        {link for link in topology.paths(group, np.roll(group, -1)).links.reshape(-1).tolist() if link != NO_LINK}
        for group in members
    ]
    assert len(used) == 8
    assert all(not one & other for index, one in enumerate(used) for other in used[:index])


def test_a_reduction_in_the_fabric_crosses_every_link_once():
    topology = fabric(512, RailFatTree)
    members = Group(64, 8).members(range(512))
    loads = reduction_loads(topology, members, 1.0)
    assert set(np.unique(loads)) == {0.0, 1.0}
    # Every card up and down, and every leaf and spine above it.
    assert loads.sum() == topology.links.count - 2 * 512


def test_the_busiest_link_sets_the_pace():
    topology = ring_of(4, rate=50e9).topology
    loads = message_loads(topology, [Messages(np.array([0, 0]), np.array([1, 1]), 1.0)])
    assert busiest_s_per_byte(topology, loads) == pytest.approx(2 / 50e9)
    assert busiest_s_per_byte(topology, np.zeros(topology.links.count)) == 0.0
