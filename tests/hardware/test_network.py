"""Collectives on topologies: what a wave of groups shares, and how times behave."""

import time

import numpy as np
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
from sim.hardware.network import Group, Network
from sim.hardware.topology import About, Link

NVLINK, NIC = 234e9, 24e9
LAUNCH = 2e-5


def cluster(devices=512, *, family=RailFatTree, nics=8, nvlink=NVLINK, nic=NIC, hop=1e-6, tree=None, over=1.0):
    about = About("test", "Test", "a100-80gb-sxm", devices, LAUNCH, LAUNCH, tree)
    sizes = FatTreeSizes(8, nics, 4, 2, over)
    return Network(family(about, sizes, Link("scale_up", nvlink, hop / 2), Link("nic", nic, 2 * hop), hop / 10))


def node(devices=8):
    about = About("node", "Node", "a100-80gb-sxm", devices, LAUNCH, LAUNCH)
    return Network(SingleNode(about, 8, Link("scale_up", NVLINK, 5e-7)))


def test_a_ring_in_one_node_by_hand():
    # 14 hops of two links of 0.5 us, 2 x 7/8 of the bytes at the rate of one NVLink port.
    expected = LAUNCH + 14e-6 + 2 * 7 / 8 * 1e9 / NVLINK
    assert node().all_reduce_s(1e9, Group(8)) == pytest.approx(expected)
    assert node().all_gather_s(1e9, Group(8)) == pytest.approx(LAUNCH + 7e-6 + 7 / 8 * 1e9 / NVLINK)


@pytest.mark.parametrize("size", [1.0, 1e9, np.array([1.0, 1e9])])
def test_one_rank_takes_exactly_no_time(size):
    network = cluster()
    for time_s in (
        network.all_reduce_s(size, Group(1)),
        network.all_gather_s(size, Group(1, 8)),
        network.reduce_scatter_s(size, Group(1)),
        network.broadcast_s(size, 1),
        network.send_s(size, 0),
    ):
        assert np.shape(time_s) == np.shape(size)
        assert np.all(time_s == 0.0)
    assert network.bus_bytes_per_s(Group(1)) == float("inf")


@pytest.mark.parametrize("family", [RailFatTree, NodeFatTree])
@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group(8), NVLINK),
        (Group(4, 2), NVLINK),
        (Group(64, 8), NIC),  # eight groups side by side, one card each
        (Group(8, 64), NIC),
        (Group(512), 8 * NIC),  # one group over all nodes: eight cards, less than one NVLink port
        (Group(16, 1), 8 * NIC),
        (Group(128, 4), 2 * NIC),
        (Group(256, 2), 4 * NIC),
        (Group(12), 4 * NIC),  # the second domain holds four of the twelve
    ],
)
def test_a_wave_shares_the_cards(family, group, expected):
    assert cluster(family=family).bus_bytes_per_s(group) == pytest.approx(expected)


def test_nvlink_limits_where_the_cards_are_faster():
    assert cluster(nic=50e9).bus_bytes_per_s(Group(512)) == pytest.approx(NVLINK)


def test_fewer_cards_are_shared_by_the_wave():
    assert cluster(family=NodeFatTree, nics=2).bus_bytes_per_s(Group(64, 8)) == pytest.approx(NIC / 4)
    assert cluster(family=NodeFatTree, nics=2).bus_bytes_per_s(Group(512)) == pytest.approx(2 * NIC)


def test_an_oversubscribed_fabric_slows_what_crosses_it():
    # Consecutive ranks 32 nodes apart: everything leaves its leaf, over half the bandwidth.
    assert cluster(over=2.0).bus_bytes_per_s(Group(2, 256)) == pytest.approx(NIC / 2)
    assert cluster(over=2.0).bus_bytes_per_s(Group(4, 8)) == pytest.approx(NIC)


@pytest.mark.parametrize("family", [RailFatTree, NodeFatTree])
@pytest.mark.parametrize(
    "group", [Group(8), Group(64, 8), Group(16, 64), Group(1024), Group(2, 512), Group(12), Group(5, 3)]
)
def test_the_window_stands_for_the_whole_cluster(family, group):
    # 1,024 devices are twice the window.
    windowed, whole = cluster(1024, family=family), cluster(1024, family=family)
    whole.topology.regular = False
    assert windowed.bus_bytes_per_s(group) == pytest.approx(whole.bus_bytes_per_s(group))
    assert windowed.all_gather_s(1e3, group) == pytest.approx(whole.all_gather_s(1e3, group), rel=0.01)


def test_the_library_chooses_by_size():
    plain, with_tree = cluster(), cluster(tree=1e-5)
    group = Group(512)
    ring_only = LAUNCH + 2 * 511 / 512 * 1e3 / (8 * NIC)
    assert plain.all_reduce_s(1e3, group) > with_tree.all_reduce_s(1e3, group) > ring_only
    assert with_tree.all_reduce_s(1e11, group) == pytest.approx(plain.all_reduce_s(1e11, group), rel=1e-3)
    # Two levels save hops: 2 x 7 inside and 2 x 63 across instead of 2 x 511 around.
    hops_s = plain.all_reduce_s(0.0, group) - LAUNCH
    assert hops_s < plain.all_gather_s(0.0, group) - LAUNCH


@given(
    st.floats(1, 1e11),
    st.sampled_from([Group(8), Group(64), Group(8, 8), Group(16, 4), Group(12), Group(5, 3)]),
    st.floats(1, 8),
)
def test_more_bandwidth_or_less_latency_is_never_slower(size, group, factor):
    base = cluster(64, tree=1e-5)
    for better in (
        cluster(64, tree=1e-5, nvlink=NVLINK * factor),
        cluster(64, tree=1e-5, nic=NIC * factor),
        cluster(64, tree=1e-5, hop=1e-6 / factor),
        cluster(64, tree=1e-5 / factor),
    ):
        tolerance = 1 + 1e-12
        assert better.all_reduce_s(size, group) <= base.all_reduce_s(size, group) * tolerance
        assert better.all_gather_s(size, group) <= base.all_gather_s(size, group) * tolerance
        assert better.send_s(size, group.stride) <= base.send_s(size, group.stride) * tolerance


def test_times_broadcast_over_sizes():
    network, sizes = cluster(tree=1e-5), np.array([1e3, 1e6, 1e9])
    for call in (network.all_reduce_s, network.all_gather_s, network.reduce_scatter_s):
        times = call(sizes, Group(64, 8))
        assert times.shape == (3,)
        assert list(times) == [pytest.approx(call(size, Group(64, 8))) for size in sizes]
    assert network.send_s(sizes, 8).shape == network.broadcast_s(sizes, 16).shape == (3,)


def test_sends_share_the_cards():
    network = cluster()
    # Two cards and the leaf between them; to the next node on the same rail.
    assert network.send_s(1e6, 8, Group(4, 8)) == pytest.approx(LAUNCH + 4e-6 + 1e6 / NIC)
    assert network.send_s(1e6, -8) == network.send_s(1e6, 8)
    # A pipeline inside a node never leaves it; a shift by one over all devices does.
    assert network.send_s(1e9, 1, Group(8)) == pytest.approx(LAUNCH + 1e-6 + 1e9 / NVLINK)
    assert network.send_s(1e9, 1) > 5 * network.send_s(1e9, 1, Group(8))


def test_wafers_broadcast_at_line_rate():
    link = Link("swarmx", 150e9, 5e-6)
    network = Network(SwarmxTree(About("w", "W", "cs-2", 16), 4, link))
    assert network.broadcast_s(150e9, 16) == pytest.approx(1 + 3 * 5e-6)
    assert network.reduce_s(150e9, 16) == network.broadcast_s(150e9, 16)
    alone = Network(SwarmxTree(About("w", "W", "cs-2", 1), 4, link))
    assert alone.broadcast_s(150e9, 1) == pytest.approx(1 + 2 * 5e-6)


def test_a_broadcast_among_gpus_is_passed_on():
    assert node().broadcast_s(1e9, 8) == pytest.approx(LAUNCH + 7e-6 + 1e9 / NVLINK)


def test_explicit_graphs_are_loaded_in_full():
    # Four devices on one bus of two switches: half of each ring crosses the middle, once each way.
    port, middle = Link("port", 100e9, 1e-6), Link("middle", 20e9, 1e-6)
    edges = [
        ("gpu0", "a", port),
        ("gpu1", "a", port),
        ("gpu2", "b", port),
        ("gpu3", "b", port),
        ("a", "b", middle),
    ]
    network = Network(ExplicitGraph(About("bus", "Bus", "d", 4), 1, [f"gpu{i}" for i in range(4)], edges))
    assert network.bus_bytes_per_s(Group(4)) == pytest.approx(20e9)
    assert network.bus_bytes_per_s(Group(2)) == pytest.approx(100e9)
    assert network.bus_bytes_per_s(Group(2, 2)) == pytest.approx(10e9)


def test_a_cluster_of_131072_is_quick_and_never_built():
    network = cluster(131072, tree=1e-5)
    start = time.perf_counter()
    network.all_reduce_s(1e9, Group(2048, 64))
    assert time.perf_counter() - start < 0.1
    assert "graph" not in vars(network.topology)


def test_groups_must_fit_and_make_sense():
    with pytest.raises(InputError, match="needs 512 devices, but 64 are built"):
        cluster(64).all_reduce_s(1.0, Group(64, 8))
    with pytest.raises(InputError, match="needs 65 devices"):
        cluster(64).send_s(1.0, 64)
    with pytest.raises(InputError, match="stays in no"):
        cluster(64).send_s(1.0, 3, Group(2, 1))
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(0)
