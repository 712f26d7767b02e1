"""Algorithms: times that can be worked out by hand, and invariants that hold on any fabric."""

import math

import numpy as np
import pytest
from fabrics import LAUNCH, NIC, NVLINK, TEXTBOOK, about, bus_bytes_per_s, cluster, fabric, node, ring_of
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import load_library
from sim.hardware.network import COLLECTIVES, Group, Network
from sim.hardware.network.algorithms import ALGORITHMS
from sim.hardware.topology import Link, load_topology
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.fat_tree import NodeFatTree, RailFatTree
from sim.hardware.topology.torus import Torus

NCCL = load_library("nccl-2024")
SWITCH = 180e9


def lines(network, collective, group):
    """Algorithm -> (seconds of latency beyond the launch, bytes/s)."""
    return {
        option.wave.algorithm: (option.latency_s - LAUNCH, 1 / option.s_per_byte)
        for option in network.options(collective, group)
    }


@given(st.integers(3, 24), st.floats(1, 1e11))
def test_a_ring_on_a_ring_is_the_closed_form(ranks, size):
    network = ring_of(ranks)
    # Two rings, one each way round, carry half of the bytes each.
    hops, moved = 2 * (ranks - 1), 2 * (ranks - 1) / ranks * size
    expected = LAUNCH + hops * 1e-6 + moved / 2 / 50e9
    assert network.run("all_reduce", size, Group(ranks)).seconds == pytest.approx(expected, rel=1e-9)
    gathered_s = network.run("all_gather", size, Group(ranks)).seconds
    assert gathered_s == pytest.approx(LAUNCH + (expected - LAUNCH) / 2, rel=1e-9)


def test_the_tree_by_hand():
    # 8 nodes, one rank in each: 3 levels up and down, every hop two cards and a leaf switch or two and a spine.
    network = cluster(64, library=TEXTBOOK)
    latency_s, rate = lines(network, "all_reduce", Group(8, 8))["tree"]
    assert latency_s == pytest.approx(2 * 3 * (2 * 2e-6 + 2e-7))
    # A card sends half the bytes up each tree and, where it is an inner node, twice half of them down one.
    assert rate == pytest.approx(NIC / 2)


def test_halving_and_doubling_by_hand():
    # 8 ranks on one switch: 3 exchanges each way, over two links of 0.5 us.
    latency_s, rate = lines(node(library=TEXTBOOK), "all_reduce", Group(8))["halving and doubling"]
    assert latency_s == pytest.approx(6 * 1e-6)
    assert rate == pytest.approx(NVLINK / (2 * 7 / 8))
    assert "halving and doubling" not in lines(node(6, library=TEXTBOOK), "all_reduce", Group(6))


def test_level_by_level_by_hand():
    # Inside 8 ranks, half the bytes each way round; across 8 nodes an eighth of them, on a card for each rank.
    latency_s, rate = lines(cluster(64, library=TEXTBOOK), "all_reduce", Group(64))["level by level"]
    inside = 7 / 8 / NVLINK
    across = 7 / 8 / 8 / NIC
    assert 1 / rate == pytest.approx(2 * (inside + across))
    assert latency_s == pytest.approx(2 * (7 * 1e-6 + 7 * (2 * 2e-6 + 0) + 2 * 2e-7), rel=0.1)


@pytest.mark.parametrize("ranks", [4, 6, 8])
def test_reduction_inside_the_switch_by_hand(ranks):
    # Everything up and one's share of the sum again: (1 + 1 / n) bytes a byte, at what the switch does.
    network = node(ranks, library=NCCL, in_switch_bytes_per_s=SWITCH)
    latency_s, rate = lines(network, "all_reduce", Group(ranks))["in-switch"]
    assert rate == pytest.approx(SWITCH / (1 + 1 / ranks))
    assert latency_s == pytest.approx(23e-6 + 2e-6)


def test_reduction_inside_the_fabric_halves_what_a_card_sends():
    with_it = cluster(64, library=NCCL, fabric_reduces=True)
    without = cluster(64, library=NCCL)
    share = NCCL.protocols["in-fabric"]["Simple"].bandwidth_share
    assert lines(with_it, "all_reduce", Group(8, 8))["in-fabric"][1] == pytest.approx(share * NIC)
    assert lines(without, "all_reduce", Group(8, 8))["ring"][1] == pytest.approx(NIC / (2 * 7 / 8))
    assert "in-fabric" not in lines(without, "all_reduce", Group(8, 8))


def test_all_to_all_by_hand():
    # 64 ranks, 56 of them in other nodes: 56/64 of the bytes through each card.
    latency_s, rate = lines(cluster(64, NodeFatTree), "all_to_all", Group(64))["pairwise"]
    assert rate == pytest.approx(NIC / (56 / 64))
    assert latency_s == pytest.approx(2 * 2e-6 + 2 * 1e-7)  # two cards, and a leaf up and down again


@pytest.mark.parametrize("factor", [2.0, 3.0, 8.0])
@pytest.mark.parametrize("collective", COLLECTIVES)
def test_oversubscription_slows_what_crosses_by_its_factor(collective, factor):
    # Ranks 32 nodes apart: every message leaves its leaf.
    free, over = (cluster(512, NodeFatTree, over=one).options(collective, Group(2, 256)) for one in (1.0, factor))
    assert over[0].s_per_byte == pytest.approx(factor * free[0].s_per_byte, rel=1e-12)
    near, far = (cluster(512, NodeFatTree, over=one).options(collective, Group(4, 8)) for one in (1.0, factor))
    assert near[0].s_per_byte == far[0].s_per_byte


def test_a_tensor_group_across_nodes_costs_what_its_cards_allow():
    inside, across = cluster(64).run("all_reduce", 1e9, Group(2)), cluster(64).run("all_reduce", 1e9, Group(2, 8))
    assert sum(inside.moving_s.values()) == pytest.approx(1e9 / NVLINK)
    assert sum(across.moving_s.values()) == pytest.approx(1e9 / NIC)


def test_latency_grows_with_the_ring_and_with_the_logarithm_of_the_tree():
    ranks = [64, 512, 4096]
    networks = [cluster(count, library=load_library("nccl-2021")) for count in ranks]
    each = list(zip(networks, ranks, strict=True))
    gathers = [network.options("all_gather", Group(count))[0].latency_s - LAUNCH for network, count in each]
    assert gathers[2] == pytest.approx(8 * gathers[1], rel=0.05)
    trees = [
        next(o.latency_s for o in network.options("all_reduce", Group(count)) if o.wave.algorithm == "tree")
        for network, count in each
    ]
    assert trees[2] - trees[1] == pytest.approx(trees[1] - trees[0], rel=0.1)


@pytest.mark.parametrize("name", ["dgx-h100-superpod", "torus-3d", "dragonfly", "dgx-1-v100", "leaf-spine"])
@settings(deadline=None, max_examples=15)
@given(st.sampled_from([Group(2), Group(4), Group(8), Group(2, 4), Group(3), Group(5), Group(64), Group(16, 4)]))
def test_every_algorithm_runs_or_says_that_it_does_not_apply(name, group):
    devices = {"dgx-1-v100": 8, "torus-3d": 64}.get(name, 128)
    if group.block > devices:
        return
    network = Network(load_topology(name, devices, "test"))
    for collective in COLLECTIVES:
        options = network.options(collective, group)
        assert options
        for option in options:
            assert option.latency_s > 0
            assert 0 < option.s_per_byte < math.inf
            loads = network.loads(option.wave)
            # No algorithm is faster than its busiest link.
            assert option.s_per_byte >= np.max(loads / network.topology.links.bytes_per_s[:-1]) * (1 - 1e-12)


def test_the_libraries_name_algorithms_that_exist():
    for library in (NCCL, TEXTBOOK, load_library("nccl-2021")):
        for collective in COLLECTIVES:
            for name in library.algorithms[collective]:
                assert name in ALGORITHMS[collective]
                assert library.protocols[name]


def test_direct_cables_make_rings_of_their_own():
    # Eight V100 with six cables each make six rings at once; four of them four, three two, two one.
    cable = 22.5e9
    for ranks, rings in ((8, 6), (4, 4), (3, 2), (2, 1)):
        network = Network(load_topology("dgx-1-v100", ranks, "test"))
        assert bus_bytes_per_s(network, Group(ranks)) == pytest.approx(rings * cable)


@pytest.mark.parametrize("family", [RailFatTree, NodeFatTree])
def test_some_devices_make_a_part_of_the_whole(family):
    network = Network(fabric(512, family, library=TEXTBOOK))
    for collective in ("all_reduce", "all_gather", "all_to_all"):
        for option in network.options(collective, Group(8, 8)):
            parts = [network.loads(option.wave, range(start, start + 64)) for start in range(0, 512, 64)]
            assert sum(parts) == pytest.approx(network.loads(option.wave))


def test_a_last_node_that_is_not_full_keeps_the_tree():
    full, more = (cluster(count, library=NCCL).run("all_reduce", 1e4, Group(count)).seconds for count in (256, 257))
    assert more < 1.5 * full
    # One card of the last node carries what eight carry elsewhere.
    rates = [lines(cluster(count, library=TEXTBOOK), "all_reduce", Group(count))["tree"][1] for count in (64, 65)]
    assert rates[1] == pytest.approx(NIC / 2, rel=0.6)
    assert rates[1] < rates[0]


def test_the_group_that_lies_worst_sets_the_latency():
    # Ranks 0-5 are in one node; 6-11 are in two, and so are 12-17.
    network = cluster(24, NodeFatTree, library=load_library("nccl-2021"))
    protocol = network.topology.about.library.protocols["ring"]["LL"]
    option = next(o for o in network.options("all_gather", Group(6)) if o.wave.protocol == "LL")
    # Once around, but for the last of six hops: four inside and two between nodes.
    hops_s = 5 / 6 * (4 * (protocol.scale_up_hop_s + 1e-6) + 2 * (protocol.network_hop_s + 4e-6))
    assert option.latency_s == pytest.approx(LAUNCH + protocol.base_s + hops_s)
    # Rings of groups that cross use all cards of their members on the side that has fewest: two.
    assert bus_bytes_per_s(network, Group(6)) == pytest.approx(2 * NIC)


def test_groups_without_cables_of_their_own_go_over_the_switch():
    # gpu0 and gpu1 have four cables of 10 GB/s, gpu2 and gpu3 a switch port of 1 GB/s each, whichever pair is first.
    cable, port = Link("cable", 10e9, 1e-6), Link("port", 1e9, 1e-6)
    for one in (0, 2):
        cables = [Cables(f"gpu{one}", f"gpu{one + 1}", cable, 4)]
        cables += [Cables(f"gpu{device}", "switch", port) for device in range(4)]
        network = Network(ExplicitGraph(about(4), 1, [f"gpu{device}" for device in range(4)], cables))
        assert bus_bytes_per_s(network, Group(2)) == pytest.approx(1e9)


def test_all_dimensions_of_a_torus_at_once_by_hand():
    # 4 x 4 at 50 GB/s: half of the bytes begin in each dimension, 3/4 of them there and 3/16 in the other, both ways.
    network = Network(Torus(about(16, TEXTBOOK), (4, 4), Link("torus", 50e9, 1e-6)))
    latency_s, rate = lines(network, "all_gather", Group(16))["all dimensions at once"]
    assert 1 / rate == pytest.approx((3 / 4 + 3 / 16) / 2 / 2 / 50e9)
    assert latency_s == pytest.approx(6e-6)
    sequential = lines(network, "all_gather", Group(16))["level by level"][1]
    assert rate == pytest.approx(2 * sequential)
