"""Nodes whose devices are joined each to each: links, bisection, and what collectives make of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from small_networks import FABRIC, FAT_TREE_SIZES, LIBRARY, TIMING, edges, head, link_class, mesh, table

from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.network.algorithm import Shape
from sim.hardware.network.loads import busiest_s_per_byte
from sim.hardware.network.rings import Direct
from sim.hardware.topology import NO_LINK, load_topology

PEER, NIC = 64e9, 24e9


def ring_bytes_per_s(devices: int, group: Group) -> float:
    """What each rank passes on around a ring a second, all groups at once."""
    network = Network(mesh(devices), ["ring"])
    (option,) = network.options("all_gather", group)
    return (group.ranks - 1) / group.ranks / busiest_s_per_byte(network.topology, network.loads(option.wave))


def direct_bytes_per_s(devices: int, group: Group) -> float:
    """The same where every rank sends straight to all others of its node."""
    topology = mesh(devices)
    (loads,) = Direct().phases(Shape(topology, group, range(devices)))
    return (group.ranks - 1) / group.ranks / busiest_s_per_byte(topology, loads)


def test_a_node_of_eight_has_28_links_and_one_between_every_two() -> None:
    node = mesh(8)
    assert (node.links.class_of == node.links.classes.index("peer")).sum() == 2 * 28
    pairs = list(itertools.permutations(range(8), 2))
    assert all(edges(node, a, b) == [(f"gpu{a}", f"gpu{b}")] for a, b in pairs)
    paths = node.paths(*np.array(pairs).T)
    assert len(set(paths.links[paths.links != NO_LINK].tolist())) == 56


def test_half_of_a_node_faces_the_other_over_sixteen_links() -> None:
    # Four devices, four links each across: 16 x 64 GB/s, not 4 x 448.
    node = mesh(8)
    across = {node.links.ends(number) for number in range(node.links.count)}
    cut = [(a, b) for a, b in across if a in {"gpu0", "gpu1", "gpu2", "gpu3"} and b in {"gpu4", "gpu5", "gpu6", "gpu7"}]
    assert len(cut) == 16


def test_a_part_of_a_node_and_a_part_of_a_cluster_can_be_built() -> None:
    assert mesh(3).links.count == 2 * 3 + 2 * 3
    assert edges(mesh(11), 8, 10) == [("gpu8", "gpu10")]
    assert [edge[1] for edge in edges(mesh(11), 0, 10)] == ["leaf0.0", "gpu10"]


# Rings without a link in common: Tillson 1980 has n - 1 of them over n devices, but for 4 and 6.
@pytest.mark.parametrize(("ranks", "rings"), [(8, 7), (7, 6), (5, 4), (4, 2), (3, 2), (2, 1)])
def test_rings_in_a_node_take_all_links_that_they_can(ranks: int, rings: int) -> None:
    assert ring_bytes_per_s(8, Group(ranks)) == pytest.approx(rings * PEER)


def test_a_peer_alone_sees_one_link() -> None:
    assert ring_bytes_per_s(8, Group(2)) == pytest.approx(PEER)
    assert ring_bytes_per_s(8, Group(2, 4)) == pytest.approx(PEER)


@pytest.mark.parametrize(
    ("group", "rate"),
    [
        # Eight rings leave every node, each over a card of its own; the links inside would carry 8 x 64.
        (Group(16), 8 * NIC),
        (Group(64), 8 * NIC),
        # Four of each node, so four cards; and one of each.
        (Group(32, 2), 4 * NIC),
        (Group(8, 8), NIC),
    ],
)
def test_rings_through_nodes_are_as_fast_as_their_cards(group: Group, rate: float) -> None:
    assert ring_bytes_per_s(64, group) == pytest.approx(rate)


@pytest.mark.parametrize("ranks", range(2, 9))
def test_straight_to_every_peer_uses_every_link(ranks: int) -> None:
    assert direct_bytes_per_s(8, Group(ranks)) == pytest.approx((ranks - 1) * PEER)


def test_between_nodes_each_card_carries_its_like() -> None:
    # 1/8 of the bytes on each link inside; 7/8 of 1/8 out of each card, which is the slower.
    assert direct_bytes_per_s(64, Group(64)) == pytest.approx(63 / 64 * 8 * 8 / 7 * NIC)
    assert not Direct().applies(Shape(mesh(24), Group(12), range(24)))


def test_a_chain_is_a_hop_inside_and_one_for_each_further_node() -> None:
    shape = Shape(mesh(64), Group(64), range(64))
    hops = Direct().hops(shape)
    assert (hops.scale_up, hops.network) == (1, 7)


def test_no_switch_can_be_put_in_its_place() -> None:
    assert mesh(64).with_domains_of(16) is None


def test_a_file_has_links_to_peers_instead_of_to_a_switch(tmp_path: Path) -> None:
    text = head("mesh-fat-tree", LIBRARY) + table("sizes", **FAT_TREE_SIZES) + link_class("nic") + FABRIC + TIMING

    def load(more: str) -> None:
        (tmp_path / "mine.toml").write_text(text + more, encoding="utf-8")
        assert load_topology("mine.toml", 16, "test", tmp_path).links.classes == ("peer", "nic")

    load(link_class("peer"))
    with pytest.raises(InputError, match=r"missing: peer|'scale_up'"):
        load(link_class("scale_up"))
    # Nothing adds on the way from one device to another.
    with pytest.raises(InputError, match="reduction_efficiency"):
        load(link_class("peer", reduction_efficiency=0.5))
