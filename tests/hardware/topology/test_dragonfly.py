"""Dragonflies: groups, gates between them, minimal routes."""

import itertools
from collections import Counter

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import LONG, SLOW, dragonfly, edges, kinds

# With two nodes of four devices on a router and three routers a group, a group has 24 devices.
GROUP = 24


def routers(topology) -> list[str]:
    return [name for name in kinds(topology, "switch") if name.startswith("router")]


@given(devices=st.integers(1, 400), count=st.integers(1, 5), data=st.data())
def test_routes_cross_at_most_three_links_between_routers(devices, count, data):
    topology = dragonfly(devices, routers=count)
    ids = st.integers(0, devices - 1)
    a, b = data.draw(ids), data.draw(ids)
    between = [link for (start, end), link in topology.route(a, b) if start[:6] == end[:6] == "router"]
    assert len(between) <= 3
    assert [link.link_class for link in between].count("global") == int(a // (8 * count) != b // (8 * count))
    graph = topology.graph.subgraph(routers(topology))
    assert not len(graph) or networkx.diameter(graph) <= 3


@given(groups=st.integers(2, 12), count=st.integers(1, 5))
def test_every_two_groups_are_joined_once_and_bundles_are_spread_evenly(groups, count):
    topology = dragonfly(groups * count * 8, routers=count)
    bundles = [(a, b) for a, b, data in topology.graph.edges(data=True) if data["link_class"] == "global"]
    joined = [tuple(sorted(int(end[6:].split(".")[0]) for end in bundle)) for bundle in bundles]
    assert sorted(joined) == list(itertools.combinations(range(groups), 2))
    ends = Counter(end for bundle in bundles for end in bundle)
    for group in range(groups):
        held = [ends[f"router{group}.{router}"] for router in range(count)]
        assert max(held) - min(held) <= 1
        assert sum(held) == groups - 1


def test_parallel_cables_are_merged():
    graph = dragonfly(4 * GROUP).graph
    assert graph.edges["router0.0", "router0.1"]["bytes_per_s"] == pytest.approx(2 * SLOW.bytes_per_s)
    bundle = next(data for _, _, data in graph.edges(data=True) if data["link_class"] == "global")
    assert bundle["bytes_per_s"] == pytest.approx(3 * LONG.bytes_per_s)
    assert bundle["latency_s"] == LONG.latency_s


def test_messages_stay_as_low_as_they_can():
    topology = dragonfly(4 * GROUP)
    assert edges(topology, 0, 3) == [("gpu0", "nvswitch0"), ("nvswitch0", "gpu3")]
    assert edges(topology, 0, 4) == [("gpu0", "router0.0"), ("router0.0", "gpu4")]
    assert [edge[1] for edge in edges(topology, 0, 8)] == ["router0.0", "router0.1", "gpu8"]


def test_the_way_to_another_group_leads_through_its_gate():
    # Of four groups, group 0 reaches 1, 2, 3 from its routers 0, 1, 2; group 2 reaches 0 from its router 1.
    topology = dragonfly(4 * GROUP)
    far = 2 * GROUP
    assert [edge[1] for edge in edges(topology, 0, far)] == [
        "router0.0",
        "router0.1",
        "router2.1",
        "router2.0",
        "gpu48",
    ]
    assert [edge[1] for edge in edges(topology, 8, far + 8)] == ["router0.1", "router2.1", "gpu56"]


def test_cards_are_shared_where_there_are_fewer():
    topology = dragonfly(GROUP, nics=2)
    assert edges(topology, 1, 6)[:2] == [("gpu1", "nic0.0"), ("nic0.0", "router0.0")]
    assert topology.graph.degree("nic0.0") == 3


def test_a_lone_group_has_only_the_routers_that_it_needs():
    assert routers(dragonfly(9)) == ["router0.0", "router0.1"]
    assert len(routers(dragonfly(GROUP + 1))) == 6
    assert {data["link_class"] for _, _, data in dragonfly(GROUP).graph.edges(data=True)} == {"scale_up", "nic"}


def test_sizes_for_collectives_are_those_of_a_node():
    topology = dragonfly(100)
    assert (topology.domain, topology.levels) == (4, (4,))


def test_many_pairs_at_once():
    topology = dragonfly(1000)
    devices = np.arange(1000)
    paths = topology.paths(devices, np.roll(devices, -137))
    assert paths.links.shape == (1000, 7)
    assert paths.latency_s.max() == pytest.approx(2 * SLOW.latency_s + 2 * SLOW.latency_s + LONG.latency_s)
