"""Fat trees: tiers, rails, shared cards, oversubscription, and what hashed routing changes."""

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import FAST, SLOW, cloud, edges, kinds, rail

from sim.hardware.topology import NO_LINK


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
    assert graph.edges["spine0.0", "core"]["bytes_per_s"] == pytest.approx(2 * below)
    halved = cloud(128, oversubscription=2.0).graph
    assert halved.edges["leaf0.0", "spine0.0"]["bytes_per_s"] == pytest.approx(below / 2)


def test_a_pair_in_one_node_uses_the_scale_up_switch_only():
    for topology in (rail(64), cloud(64)):
        assert edges(topology, 1, 6) == [("gpu1", "nvswitch0"), ("nvswitch0", "gpu6")]


def test_another_rail_is_reached_through_the_senders_node():
    assert edges(rail(64), 1, 8 + 6) == [
        ("gpu1", "nvswitch0"), ("nvswitch0", "gpu6"), ("gpu6", "leaf0.6"), ("leaf0.6", "gpu14"),
    ]  # fmt: skip


def test_a_partly_built_node_changes_rails_at_the_receiver():
    # The last node has gpu8 and gpu9 only, so rail 6 is out of its reach.
    assert edges(rail(10), 9, 6) == [
        ("gpu9", "leaf0.1"), ("leaf0.1", "gpu1"), ("gpu1", "nvswitch0"), ("nvswitch0", "gpu6"),
    ]  # fmt: skip


def test_messages_turn_at_the_first_switch_in_common():
    topology = rail(128)
    assert [edge[1] for edge in edges(topology, 0, 24)] == ["leaf0.0", "gpu24"]
    assert [edge[1] for edge in edges(topology, 0, 32)] == ["leaf0.0", "spine0.0", "leaf1.0", "gpu32"]
    across = ["leaf0.0", "spine0.0", "core", "spine1.0", "leaf3.0", "gpu120"]
    assert [edge[1] for edge in edges(topology, 0, 120)] == across


def test_fewer_cards_than_devices_are_shared():
    topology = cloud(64, nics=2)
    assert edges(topology, 3, 12)[:2] == [("gpu3", "nic0.0"), ("nic0.0", "leaf0.0")]
    assert topology.graph.degree("nic0.0") == 4 + 1
    ways = topology.route(3, 12)
    assert [link.latency_s for _, link in ways] == [0.0, SLOW.latency_s, SLOW.latency_s, 0.0]


def test_cards_of_devices_that_are_not_built_are_not_built():
    # Of the second node there are gpu8 to gpu12, on two of its four cards (two devices each) and on the third.
    cards = [name for name in cloud(13, nics=4).graph if name.startswith("nic1")]
    assert cards == ["nic1.0", "nic1.1", "nic1.2"]


@given(seed=st.integers(0, 1000), devices=st.integers(2, 40).map(lambda nodes: 8 * nodes))
def test_pairs_on_different_rails_share_no_link(seed, devices):
    topology = rail(devices)
    order = np.random.default_rng(seed).permutation(devices // 8)
    sources = np.arange(devices)
    targets = order[sources // 8] * 8 + sources % 8
    links = topology.paths(sources, targets).links
    crossed = [set(links[sources % 8 == one].ravel().tolist()) - {NO_LINK} for one in range(8)]
    assert len(set().union(*crossed)) == sum(map(len, crossed))


@pytest.mark.parametrize("build", [rail, cloud])
def test_hashed_routing_has_the_same_capacity_on_separate_cables(build):
    merged, hashed = build(128), build(128, routing="hashed")
    # A leaf has a cable upwards for each of the cards below it: as fast as a card.
    assert hashed.cables == (4 if build is rail else 32)
    assert hashed.leaf_up.bytes_per_s == pytest.approx(SLOW.bytes_per_s)
    for leaf in ("leaf0.0", "leaf3.0"):
        above = [
            sum(data["bytes_per_s"] for _, name, data in one.graph.edges(leaf, data=True) if name.startswith("spine"))
            for one in (merged, hashed)
        ]
        assert above[1] == pytest.approx(above[0])
    assert sum(hashed.graph.edges["core", name]["bytes_per_s"] for name in hashed.graph["core"]) == pytest.approx(
        sum(merged.graph.edges["core", name]["bytes_per_s"] for name in merged.graph["core"])
    )


def test_oversubscription_takes_cables_away():
    assert cloud(128, routing="hashed", oversubscription=4.0).cables == 8
    assert cloud(128, routing="hashed", oversubscription=1000.0).cables == 1


def test_a_hash_keeps_a_pair_to_one_cable_and_spreads_the_pairs():
    topology = cloud(256, routing="hashed")
    sources = np.arange(128)
    paths = topology.paths(sources, sources + 128)
    again = cloud(256, routing="hashed").paths(sources, sources + 128)
    assert (paths.links == again.links).all()
    leaf_links = paths.links[:, 3].tolist()
    busy = {number: leaf_links.count(number) for number in leaf_links}
    # 32 pairs leave each of four leaves over 32 cables: some meet, some cables are idle, all within reason.
    assert 4 * 12 <= len(busy) < 4 * 32
    assert 2 <= max(busy.values()) <= 8


def test_hashed_routing_turns_where_adaptive_does():
    for a, b in [(0, 9), (0, 40), (3, 127), (17, 100)]:
        plain, hashed = rail(128).route(a, b), rail(128, routing="hashed").route(a, b)
        assert [link.link_class for _, link in plain] == [link.link_class for _, link in hashed]
        assert [edge[0].count(".") for edge, _ in plain][:1] == [edge[0].count(".") for edge, _ in hashed][:1]


def test_parts_of_a_fat_tree():
    topology = rail(128)
    assert (topology.domain, topology.levels, topology.nodes) == (8, (8,), 16)
    assert (topology.scale_up, topology.nic, topology.rails) == (FAST, SLOW, 8)
    assert networkx.diameter(topology.graph) <= 8
