"""What holds for the paths and graphs of every family."""

import pickle
from collections import defaultdict

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import BUILDERS, FAST, about, cube_mesh, kinds, rail

from sim.errors import InputError
from sim.hardware.topology import NO_LINK, Topology
from sim.hardware.topology.single_node import SingleNode

every_family = pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)


def draw_pair(topology: Topology, data) -> tuple[int, int]:
    ids = st.integers(0, topology.devices - 1)
    return data.draw(ids), data.draw(ids)


@every_family
@given(devices=st.integers(1, 150), data=st.data())
def test_routes_lead_from_end_to_end_over_edges_of_the_graph(build, devices, data):
    topology = build(devices)
    a, b = draw_pair(topology, data)
    route = topology.route(a, b)
    if a == b:
        assert route == ()
        return
    assert route[0][0][0] == topology.vertex(a)
    assert route[-1][0][1] == topology.vertex(b)
    for (_, here), (there, _) in zip([e for e, _ in route], [e for e, _ in route][1:], strict=False):
        assert here == there
    for edge, link in route:
        assert topology.graph.edges[edge] == {
            "link_class": link.link_class,
            "bytes_per_s": link.bytes_per_s,
            "latency_s": link.latency_s,
        }
    assert len({edge for edge, _ in route}) == len(route)


@every_family
@given(devices=st.integers(1, 150), data=st.data())
def test_paths_of_many_pairs_are_those_of_each(build, devices, data):
    topology = build(devices)
    pairs = [draw_pair(topology, data) for _ in range(5)]
    paths = topology.paths(*np.array(pairs).T)
    assert paths.links.shape[0] == len(paths.latency_s) == len(pairs)
    for row, (a, b) in enumerate(pairs):
        route = topology.route(a, b)
        assert paths.latency_s[row] == pytest.approx(sum(link.latency_s for _, link in route))
        if paths.shares is None:
            numbers = [number for number in paths.links[row].tolist() if number != NO_LINK]
            assert [topology.links.ends(number) for number in numbers] == [edge for edge, _ in route]
        else:
            assert paths.shares.shape == paths.links.shape
            assert not paths.shares[row][paths.links[row] == NO_LINK].any()


@every_family
@given(devices=st.integers(1, 150), data=st.data())
def test_every_message_leaves_its_source_once_and_arrives_once(build, devices, data):
    topology = build(devices)
    a, b = draw_pair(topology, data)
    paths = topology.paths(np.array([a]), np.array([b]))
    used = paths.links[0] != NO_LINK
    shares = np.ones(used.sum()) if paths.shares is None else paths.shares[0][used]
    balance: dict[str, float] = defaultdict(float)
    for number, share in zip(paths.links[0][used].tolist(), shares.tolist(), strict=True):
        start, end = topology.links.ends(number)
        assert 0 < share <= 1 + 1e-12
        balance[start] -= share
        balance[end] += share
    expected = {topology.vertex(a): -1.0, topology.vertex(b): 1.0} if a != b else {}
    assert dict(balance) == pytest.approx({vertex: expected.get(vertex, 0.0) for vertex in balance}, abs=1e-12)


@every_family
@given(devices=st.integers(1, 150), data=st.data())
def test_both_directions_take_equally_long(build, devices, data):
    topology = build(devices)
    a, b = draw_pair(topology, data)
    there, back = topology.paths(np.array([a, b]), np.array([b, a])).latency_s
    assert there == pytest.approx(back)


@every_family
@pytest.mark.parametrize("devices", [1, 8, 9, 64, 100, 150])
def test_every_graph_is_connected_and_holds_its_devices(build, devices):
    topology = build(devices)
    assert networkx.is_connected(topology.graph)
    assert kinds(topology, "device") == [topology.vertex(device) for device in range(topology.devices)]


@every_family
@pytest.mark.parametrize("devices", [1, 9, 64])
def test_the_table_numbers_both_directions_of_every_edge(build, devices):
    topology = build(devices)
    links = topology.links
    ends = [links.ends(number) for number in range(links.count)]
    assert len(set(ends)) == links.count == 2 * topology.graph.number_of_edges()
    assert {(b, a) for a, b in ends} == set(ends)
    assert len(links.bytes_per_s) == len(links.latency_s) == links.count + 1
    assert len(links.class_of) == links.count
    for number in range(links.count):
        link = links.link(number)
        assert (link.bytes_per_s, link.latency_s) == (links.bytes_per_s[number], links.latency_s[number])
        assert link.link_class == links.classes[links.class_of[number]]
    assert (links.bytes_per_s[NO_LINK], links.latency_s[NO_LINK]) == (np.inf, 0.0)


@every_family
def test_topologies_can_be_pickled(build):
    topology = build(40)
    last = topology.devices - 1
    route = topology.route(0, last)
    copy = pickle.loads(pickle.dumps(topology))
    assert copy.route(0, last) == route
    assert networkx.utils.graphs_equal(copy.graph, topology.graph)


@every_family
def test_devices_that_do_not_exist_have_no_paths(build):
    topology = build(20)
    beyond = topology.devices
    with pytest.raises(InputError, match=rf"device 0 to device {beyond}(.|\n)*devices are 0 to {beyond - 1}$"):
        topology.paths(np.array([0, 0]), np.array([beyond - 1, beyond]))
    with pytest.raises(InputError, match="device -1 to device 0"):
        topology.route(-1, 0)
    with pytest.raises(InputError, match=f"device {beyond} to device {beyond}"):
        topology.route(beyond, beyond)


@every_family
def test_no_pairs_have_no_paths(build):
    none = np.zeros(0, dtype=np.int64)
    paths = build(20).paths(none, none)
    assert (paths.links.shape[0], len(paths.latency_s)) == (0, 0)


@every_family
def test_a_message_to_oneself_crosses_nothing(build):
    topology = build(20)
    last = topology.devices - 1
    paths = topology.paths(np.array([last, 0]), np.array([last, last]))
    assert (paths.links[0] == NO_LINK).all()
    assert paths.latency_s[0] == 0
    assert paths.latency_s[1] > 0


def test_one_node_is_a_star():
    topology = SingleNode(about(5), 8, FAST)
    assert (topology.domain, topology.levels) == (8, (8,))
    assert sorted(topology.graph.edges) == [(f"gpu{device}", "nvswitch0") for device in range(5)]
    assert topology.route(4, 1) == ((("gpu4", "nvswitch0"), FAST), (("nvswitch0", "gpu1"), FAST))


def test_only_devices_that_are_joined_directly_have_an_order_of_their_own():
    for name, build in BUILDERS.items():
        assert (build(16).ring_orders((0, 1, 2, 3)) is None) == ("mesh" not in name), name
    assert cube_mesh().ring_orders((0, 1)) == [(1.0, (0, 1))]


def test_a_huge_cluster_costs_nothing_until_its_graph_is_asked_for():
    topology = rail(131_072)
    devices = np.arange(topology.devices)
    assert topology.paths(devices, np.roll(devices, -1)).latency_s.min() > 0
    assert "graph" not in vars(topology)
