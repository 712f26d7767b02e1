"""Wafers below a tree with a store on top."""

import pytest
from small_networks import FAST, about, edges, kinds

from sim.hardware.topology.swarmx import SwarmxTree


def test_wafers_hang_below_a_tree_with_a_store_on_top():
    topology = SwarmxTree(about(16), 4, FAST)
    assert topology.depth == 2
    assert kinds(topology, "store") == ["memoryx"]
    assert len(kinds(topology, "switch")) == 4 + 1
    assert topology.domain == 1
    assert [edge[1] for edge in edges(topology, 0, 5)] == ["swarmx1.0", "swarmx2.0", "swarmx1.1", "wafer5"]
    assert [edge[1] for edge in edges(topology, 0, 3)] == ["swarmx1.0", "wafer3"]
    assert SwarmxTree(about(1), 4, FAST).depth == 1


@pytest.mark.parametrize(("devices", "links"), [(1, 2), (4, 2), (5, 3), (16, 3), (17, 4)])
def test_the_store_is_as_far_away_as_the_tree_is_deep(devices, links):
    assert SwarmxTree(about(64), 4, FAST).broadcast_tree(devices) == (links, FAST)


def test_a_broadcast_crosses_every_link_of_the_tree_once_towards_the_wafers():
    topology = SwarmxTree(about(16), 4, FAST)
    inwards = [topology.links.ends(number) for number in topology.store_links(16, inwards=True).tolist()]
    outwards = [topology.links.ends(number) for number in topology.store_links(16, inwards=False).tolist()]
    assert len(inwards) == len(set(inwards)) == topology.graph.number_of_edges()
    assert ("memoryx", "swarmx2.0") in inwards
    assert ("swarmx1.3", "wafer15") in inwards
    assert {(b, a) for a, b in inwards} == set(outwards)
