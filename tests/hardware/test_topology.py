"""Families of topologies: invariants of their graphs and routes."""

import pickle

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.hardware.families import (
    ExplicitGraph,
    FatTreeSizes,
    NodeFatTree,
    RailFatTree,
    SingleNode,
    SwarmxTree,
)
from sim.hardware.topology import About, Link

FAST, SLOW = Link("scale_up", 235e9, 1e-6), Link("nic", 24e9, 3e-6)


def about(devices: int) -> About:
    return About("test", "Test", "a100-80gb-sxm", devices)


def rail(devices: int, nics: int = 8, **sizes: float) -> RailFatTree:
    sizes = {"nodes_per_leaf": 4, "leaves_per_spine": 2, **sizes}
    return RailFatTree(about(devices), FatTreeSizes(8, nics, **sizes), FAST, SLOW, 5e-7)


def cloud(devices: int, nics: int = 8, **sizes: float) -> NodeFatTree:
    sizes = {"nodes_per_leaf": 4, "leaves_per_spine": 2, **sizes}
    return NodeFatTree(about(devices), FatTreeSizes(8, nics, **sizes), FAST, SLOW, 5e-7)


def kinds(topology, kind: str) -> list[str]:
    return [name for name, data in topology.graph.nodes(data=True) if data["kind"] == kind]


BUILDERS = {
    "star": lambda devices: SingleNode(about(min(devices, 8)), 8, FAST),
    "rail": rail,
    "rail, shared cards": lambda devices: rail(devices, nics=4),
    "cloud": cloud,
    "cloud, shared cards": lambda devices: cloud(devices, nics=2),
    "wafers": lambda devices: SwarmxTree(about(devices), 4, FAST),
}


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@given(devices=st.integers(1, 150), data=st.data())
def test_routes_lead_from_end_to_end_over_edges_of_the_graph(build, devices, data):
    topology = build(devices)
    ids = st.integers(0, topology.devices - 1)
    a, b = data.draw(ids), data.draw(ids)
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


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize("devices", [1, 8, 9, 64, 100, 150])
def test_every_graph_is_connected_and_holds_its_devices(build, devices):
    topology = build(devices)
    assert networkx.is_connected(topology.graph)
    assert len(kinds(topology, "device")) == topology.devices


def test_rail_fat_tree_counts():
    # 128 GPUs: 16 nodes, 4 units of 4 nodes, 8 rails; 2 spine groups a rail, one core.
    topology = rail(128)
    switches = kinds(topology, "switch")
    assert sum(name.startswith("nvswitch") for name in switches) == 16
    assert sum(name.startswith("leaf") for name in switches) == 4 * 8
    assert sum(name.startswith("spine") for name in switches) == 2 * 8
    assert "core" in switches
    degree = dict(topology.graph.degree())
    assert all(degree[name] == 2 for name in kinds(topology, "device"))
    assert all(degree[name] == 8 for name in switches if name.startswith("nvswitch"))
    assert all(degree[name] == 4 + 1 for name in switches if name.startswith("leaf"))
    assert all(degree[name] == 2 + 1 for name in switches if name.startswith("spine"))
    assert degree["core"] == 16


def test_small_clusters_have_no_spine_or_core():
    assert not [name for name in kinds(rail(32), "switch") if name.startswith(("spine", "core"))]
    assert "core" not in kinds(rail(64), "switch")


def test_a_non_blocking_leaf_has_as_much_above_as_below():
    graph = cloud(128).graph
    below = sum(graph.edges["leaf0.0", name]["bytes_per_s"] for name in graph["leaf0.0"] if name.startswith("gpu"))
    assert graph.edges["leaf0.0", "spine0.0"]["bytes_per_s"] == pytest.approx(below)
    halved = cloud(128, oversubscription=2.0).graph
    assert halved.edges["leaf0.0", "spine0.0"]["bytes_per_s"] == pytest.approx(below / 2)


def test_a_pair_in_one_node_uses_the_scale_up_switch_only():
    for topology in (rail(64), cloud(64)):
        assert [edge for edge, _ in topology.route(1, 6)] == [("gpu1", "nvswitch0"), ("nvswitch0", "gpu6")]


def test_another_rail_is_reached_through_the_senders_node():
    edges = [edge for edge, _ in rail(64).route(1, 8 + 6)]
    assert edges == [("gpu1", "nvswitch0"), ("nvswitch0", "gpu6"), ("gpu6", "leaf0.6"), ("leaf0.6", "gpu14")]


def test_fewer_cards_than_devices_are_shared():
    topology = cloud(64, nics=2)
    assert [edge for edge, _ in topology.route(3, 12)][:2] == [("gpu3", "nic0.0"), ("nic0.0", "leaf0.0")]
    assert topology.graph.degree("nic0.0") == 4 + 1


def test_wafers_hang_below_a_tree_with_a_store_on_top():
    topology = SwarmxTree(about(16), 4, FAST)
    assert topology.depth == 2
    assert kinds(topology, "store") == ["memoryx"]
    assert len(kinds(topology, "switch")) == 4 + 1
    assert topology.domain == 1
    assert [edge[1] for edge, _ in topology.route(0, 5)] == ["swarmx1.0", "swarmx2.0", "swarmx1.1", "wafer5"]
    assert SwarmxTree(about(1), 4, FAST).depth == 1


def test_an_explicit_graph_takes_the_path_of_least_latency():
    edges = [("gpu0", "s", SLOW), ("s", "gpu1", SLOW), ("gpu0", "t", FAST), ("t", "gpu1", FAST)]
    topology = ExplicitGraph(about(2), 1, ["gpu0", "gpu1"], edges)
    assert [edge for edge, _ in topology.route(1, 0)] == [("gpu1", "t"), ("t", "gpu0")]
    assert topology.route(1, 0)[0][1] == FAST


def test_a_disconnected_graph_is_refused():
    edges = [("gpu0", "s", SLOW), ("gpu1", "t", SLOW)]
    with pytest.raises(InputError, match="disconnected: no path from gpu0 to gpu1"):
        ExplicitGraph(about(2), 1, ["gpu0", "gpu1"], edges)


def test_a_device_that_does_not_exist_has_no_route():
    with pytest.raises(InputError, match=r"device 0 to device 64(.|\n)*0 to 63"):
        rail(64).route(0, 64)


def test_a_huge_cluster_costs_nothing_until_its_graph_is_asked_for():
    topology = rail(131072)
    assert topology.route(0, 131071)
    assert "graph" not in vars(topology)


def test_topologies_can_be_pickled():
    topology = rail(64)
    assert pickle.loads(pickle.dumps(topology)).route(0, 63) == topology.route(0, 63)
