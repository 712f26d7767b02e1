"""Dragonflies: groups, lanes between them, minimal routes."""

import itertools
from collections import Counter

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import LONG, SLOW, dragonfly, edges, kinds

from sim.hardware.topology import NO_LINK, load_topology

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


def lanes(topology) -> list[tuple[str, str]]:
    """(router, router) that each link between groups joins, as written in the graph."""
    return [(a, b) for a, b, data in topology.graph.edges(data=True) if data["link_class"] == "global"]


def group_of(router: str) -> int:
    return int(router[len("router") :].split(".")[0])


def everybody_to_everybody(topology) -> np.ndarray:
    """(links,) messages on every link when each device sends one to each."""
    sources, targets = np.divmod(np.arange(topology.devices**2), topology.devices)
    links = topology.paths(sources, targets).links
    return np.bincount(links[links != NO_LINK], minlength=topology.links.count)


@given(groups=st.integers(2, 12), count=st.integers(1, 5), cables=st.integers(1, 7))
def test_every_two_groups_are_joined_by_lanes_that_are_spread_evenly(groups, count, cables):
    topology = dragonfly(groups * count * 8, routers=count, cables=cables)
    wide = min(count, cables)
    assert topology.lanes == wide
    joined = Counter(tuple(sorted(map(group_of, lane))) for lane in lanes(topology))
    assert joined == dict.fromkeys(itertools.combinations(range(groups), 2), wide)
    ends = Counter(end for lane in lanes(topology) for end in lane)
    for group in range(groups):
        held = [ends[f"router{group}.{router}"] for router in range(count)]
        assert max(held) - min(held) <= 1
        assert sum(held) == (groups - 1) * wide


@given(groups=st.integers(2, 12), count=st.integers(1, 5))
def test_a_group_keeps_its_global_cables_however_many_groups_are_built(groups, count):
    topology = dragonfly(groups * count * 8, routers=count, largest=12)
    rates = [data["bytes_per_s"] for _, _, data in topology.graph.edges(data=True) if data["link_class"] == "global"]
    assert sum(rates) == pytest.approx(groups / 2 * 11 * 3 * LONG.bytes_per_s)
    assert max(rates) == pytest.approx(min(rates))


# Without a lane: no router, a few of those of either group, most of them, all but one.
@pytest.mark.parametrize(("routers", "cables"), [(4, 4), (5, 4), (6, 2), (6, 4), (7, 4), (5, 1), (7, 6)])
def test_all_to_all_loads_the_lanes_of_two_groups_evenly(routers, cables):
    topology = dragonfly(3 * routers * 8, routers=routers, cables=cables)
    classes = topology.links.class_of == topology.links.classes.index("global")
    loads = everybody_to_everybody(topology)[classes]
    # Eight devices on a router: as even as whole pairs of routers can be.
    assert loads.max() - loads.min() <= 8 * 8
    assert loads.sum() == 3 * 2 * (8 * routers) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("devices", [512, 1024, 2048])
def test_all_to_all_is_never_faster_in_a_larger_machine(devices):
    rates = []
    for built in (devices // 2, devices):
        topology = load_topology("dragonfly", built, "test")
        busiest_s = (everybody_to_everybody(topology) / topology.links.bytes_per_s[:-1]).max()
        rates.append((built - 1) / busiest_s)
    assert rates[0] / 2 < rates[1] < rates[0]


def test_parallel_cables_are_merged():
    graph = dragonfly(4 * GROUP, cables=6).graph
    assert graph.edges["router0.0", "router0.1"]["bytes_per_s"] == pytest.approx(2 * SLOW.bytes_per_s)
    lane = next(data for _, _, data in graph.edges(data=True) if data["link_class"] == "global")
    assert lane["bytes_per_s"] == pytest.approx(6 / 3 * LONG.bytes_per_s)
    assert lane["latency_s"] == LONG.latency_s


def test_messages_stay_as_low_as_they_can():
    topology = dragonfly(4 * GROUP)
    assert edges(topology, 0, 3) == [("gpu0", "nvswitch0"), ("nvswitch0", "gpu3")]
    assert edges(topology, 0, 4) == [("gpu0", "router0.0"), ("router0.0", "gpu4")]
    assert [edge[1] for edge in edges(topology, 0, 8)] == ["router0.0", "router0.1", "gpu8"]


def between_routers(topology, a: int, b: int) -> list[str]:
    return [edge[1] for edge in edges(topology, a, b)][:-1]


def test_a_message_takes_the_lane_of_its_own_router_else_that_of_its_target():
    # One lane a pair: of four groups, group 0 reaches 1, 2, 3 from its routers 0, 1, 2; group 2 reaches 0 from its 1.
    topology = dragonfly(4 * GROUP, cables=1)
    far = 2 * GROUP
    assert between_routers(topology, 0, far) == ["router0.0", "router0.1", "router2.1", "router2.0"]
    assert between_routers(topology, 8, far + 8) == ["router0.1", "router2.1"]
    # Two lanes between two groups of three routers: at the routers 0 and 1 of both, and none at router 2.
    two = dragonfly(2 * GROUP, cables=2)
    assert between_routers(two, 8, GROUP) == ["router0.1", "router1.1", "router1.0"]
    assert between_routers(two, 16, GROUP + 8) == ["router0.2", "router0.1", "router1.1"]
    assert len(between_routers(two, 16, GROUP + 16)) == 4


def test_cards_are_shared_where_there_are_fewer():
    topology = dragonfly(GROUP, nics=2)
    assert edges(topology, 1, 6)[:2] == [("gpu1", "nic0.0"), ("nic0.0", "router0.0")]
    assert topology.graph.degree("nic0.0") == 3
    classes = {link.link_class for _, link in topology.route(1, 6)}
    assert classes == {"host", "nic"}


def test_a_lone_group_has_only_the_routers_that_it_needs():
    assert routers(dragonfly(9)) == ["router0.0", "router0.1"]
    assert len(routers(dragonfly(GROUP + 1))) == 6
    assert {data["link_class"] for _, _, data in dragonfly(GROUP).graph.edges(data=True)} == {"scale_up", "nic"}


def test_sizes_for_collectives_are_those_of_a_node():
    topology = dragonfly(100)
    assert (topology.domain, topology.levels) == (4, (4,))


def test_many_pairs_at_once():
    topology = dragonfly(1000, cables=1)
    devices = np.arange(1000)
    paths = topology.paths(devices, np.roll(devices, -137))
    assert paths.links.shape == (1000, 7)
    assert paths.latency_s.max() == pytest.approx(2 * SLOW.latency_s + 2 * SLOW.latency_s + LONG.latency_s)
