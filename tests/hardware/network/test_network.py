"""Collectives on topologies: what a wave of groups shares, how times behave, and what the library chooses."""

import time

import numpy as np
import pytest
from fabrics import LAUNCH, NIC, NVLINK, TEXTBOOK, about, bus_bytes_per_s, cluster, node
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import Library, Protocol, load_library
from sim.errors import InputError
from sim.hardware.network import (
    COLLECTIVES,
    NOTHING,
    Communication,
    FreeNetwork,
    Group,
    Network,
    NetworkTable,
    bus_share,
)
from sim.hardware.topology import Link, load_topology
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.fat_tree import NodeFatTree, RailFatTree
from sim.hardware.topology.swarmx import SwarmxTree


def test_a_ring_in_one_node_by_hand():
    # 14 hops of two links of 0.5 us, 2 x 7/8 of the bytes at the rate of one NVLink port.
    expected = LAUNCH + 14e-6 + 2 * 7 / 8 * 1e9 / NVLINK
    assert node().run("all_reduce", 1e9, Group(8)).seconds == pytest.approx(expected)
    assert node().run("all_gather", 1e9, Group(8)).seconds == pytest.approx(LAUNCH + 7e-6 + 7 / 8 * 1e9 / NVLINK)


@pytest.mark.parametrize("size", [1.0, 1e9])
def test_one_rank_takes_exactly_no_time(size):
    network = cluster()
    for time_s in (
        network.run("all_reduce", size, Group(1)).seconds,
        network.run("all_gather", size, Group(1, 8)).seconds,
        network.run("reduce_scatter", size, Group(1)).seconds,
        network.run("broadcast", size, Group(1)).seconds,
    ):
        assert time_s == 0.0


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
    assert bus_bytes_per_s(cluster(family=family), group) == pytest.approx(expected)


def test_nvlink_limits_where_the_cards_are_faster():
    assert bus_bytes_per_s(cluster(nic=50e9), Group(512)) == pytest.approx(NVLINK)


def test_fewer_cards_are_shared_by_the_wave():
    assert bus_bytes_per_s(cluster(family=NodeFatTree, nics=2), Group(64, 8)) == pytest.approx(NIC / 4)
    assert bus_bytes_per_s(cluster(family=NodeFatTree, nics=2), Group(512)) == pytest.approx(2 * NIC)


def test_sends_share_the_cards():
    network = cluster()
    # Two cards and the leaf between them; to the next node on the same rail.
    assert network.send(1e6, 8, Group(4, 8)).seconds == pytest.approx(LAUNCH + 4e-6 + 1e6 / NIC)
    assert network.send(1e6, -8).seconds == pytest.approx(network.send(1e6, 8).seconds)
    # A pipeline inside a node never leaves it; a shift by one over all devices does.
    assert network.send(1e9, 1, Group(8)).seconds == pytest.approx(LAUNCH + 1e-6 + 1e9 / NVLINK)
    assert network.send(1e9, 1).seconds > 5 * network.send(1e9, 1, Group(8)).seconds


def test_a_broadcast_among_gpus_is_passed_on():
    assert node().run("broadcast", 1e9, Group(8)).seconds == pytest.approx(LAUNCH + 7e-6 + 1e9 / NVLINK)


def test_groups_must_fit_and_make_sense():
    with pytest.raises(InputError, match="needs 512 devices, but 64 are built"):
        cluster(64).run("all_reduce", 1.0, Group(64, 8))
    with pytest.raises(InputError, match="needs 65 devices"):
        cluster(64).send(1.0, 64)
    with pytest.raises(InputError, match="stays in no"):
        cluster(64).send(1.0, 3, Group(2, 1))
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(0)


@pytest.mark.parametrize("collective", ["all_reduce", "all_gather", "all_to_all"])
def test_the_library_takes_the_fastest_at_every_size(collective):
    network = cluster(64, library=load_library("nccl-2024"), in_switch_bytes_per_s=180e9)
    sizes = np.logspace(2, 11, 40)
    times = np.array([network.run(collective, size, Group(64)).seconds for size in sizes.tolist()])
    options = network.options(collective, Group(64))
    for size, time_s in zip(sizes.tolist(), times.tolist(), strict=True):
        assert time_s == pytest.approx(min(option.time_s(size) for option in options))
        assert network.fastest(collective, size, Group(64)).time_s(size) == pytest.approx(time_s)
    # More bytes take longer, and never gain on the line from nothing through where they are.
    assert np.all(np.diff(times) > 0)
    assert np.all(np.diff(np.diff(times) / np.diff(sizes)) <= 1e-12)
    assert options[0].wave.protocol == "LL" or collective == "all_to_all"


def test_a_library_can_be_held_to_some_algorithms():
    topology = cluster(64, library=TEXTBOOK).topology
    only = Network(topology, ["ring"])
    assert {option.wave.algorithm for option in only.options("all_reduce", Group(64))} == {"ring"}
    with pytest.raises(InputError, match="none of"):
        Network(topology, ["in-switch"]).options("all_reduce", Group(64))


@given(
    st.floats(1, 1e11),
    st.sampled_from([Group(8), Group(64), Group(8, 8), Group(16, 4), Group(12), Group(5, 3)]),
    st.floats(1, 8),
)
def test_more_bandwidth_or_less_latency_is_never_slower(size, group, factor):
    base = cluster(64, library=TEXTBOOK)
    for better in (
        cluster(64, library=TEXTBOOK, nvlink=NVLINK * factor),
        cluster(64, library=TEXTBOOK, nic=NIC * factor),
        cluster(64, library=TEXTBOOK, hop=1e-6 / factor),
    ):
        tolerance = 1 + 1e-12
        assert better.run("all_reduce", size, group).seconds <= base.run("all_reduce", size, group).seconds * tolerance
        assert better.run("all_gather", size, group).seconds <= base.run("all_gather", size, group).seconds * tolerance
        assert better.send(size, group.stride).seconds <= base.send(size, group.stride).seconds * tolerance


def test_times_broadcast_over_sizes():
    network, sizes = cluster(library=TEXTBOOK), np.array([1e3, 1e6, 1e9])
    for collective in COLLECTIVES:
        for option in network.options(collective, Group(64, 8)):
            assert list(option.time_s(sizes)) == [pytest.approx(option.time_s(size)) for size in sizes.tolist()]


def test_wafers_broadcast_at_line_rate():
    link = Link("swarmx", 150e9, 5e-6)
    network = Network(SwarmxTree(about(16), 4, link))
    assert network.run("broadcast", 150e9, Group(16)).seconds == pytest.approx(LAUNCH + 1 + 3 * 5e-6)
    alone = Network(SwarmxTree(about(1), 4, link))
    assert alone.stream("broadcast", 150e9, 1).seconds == pytest.approx(LAUNCH + 1 + 2 * 5e-6)


def test_what_streams_from_a_store_goes_down_and_what_is_reduced_goes_up():
    network = Network(SwarmxTree(about(16), 4, Link("swarmx", 150e9, 5e-6)))
    used = []
    for kind in ("broadcast", "reduce"):
        communication = network.stream(kind, 150e9, 16)
        assert communication.seconds == pytest.approx(network.run("broadcast", 150e9, Group(16)).seconds)
        ((wave, moving_s),) = communication.moving_s.items()
        assert moving_s == pytest.approx(1.0)
        links, shares = network.usage(wave, range(16))
        assert len(links) == 16 + 4 + 1
        assert shares == pytest.approx(np.ones(21))
        used.append(set(links.tolist()))
    assert not used[0] & used[1]
    with pytest.raises(InputError, match="no store"):
        cluster(64).stream("broadcast", 1.0, 64)


def test_explicit_graphs_share_what_they_share():
    # Four devices on one bus of two switches: half of each ring crosses the middle, once each way.
    port, middle = Link("port", 100e9, 1e-6), Link("middle", 20e9, 1e-6)
    cables = [Cables(f"gpu{device}", "ab"[device // 2], port) for device in range(4)] + [Cables("a", "b", middle)]
    network = Network(ExplicitGraph(about(4), 1, [f"gpu{i}" for i in range(4)], cables))
    assert bus_bytes_per_s(network, Group(4)) == pytest.approx(20e9)
    assert bus_bytes_per_s(network, Group(2)) == pytest.approx(100e9)
    assert bus_bytes_per_s(network, Group(2, 2)) == pytest.approx(10e9)


@pytest.mark.parametrize("family", [RailFatTree, NodeFatTree])
def test_the_usage_of_a_wave_is_full_on_its_busiest_link(family):
    network = cluster(512, family)
    for group in (Group(8), Group(64, 8), Group(512), Group(8, 64)):
        ((wave, _),) = network.run("all_reduce", 1e9, group).moving_s.items()
        links, shares = network.usage(wave, range(512))
        assert shares.max() == pytest.approx(1.0)
        bytes_moved = (
            shares * network.topology.links.bytes_per_s[links] * network.run("all_reduce", 1e9, group).moving_s[wave]
        )
        assert bytes_moved.sum() == pytest.approx(network.loads(wave).sum() * 1e9)


def test_communications_add_up():
    network = cluster(64)
    one, other = network.run("all_reduce", 1e9, Group(8)), network.send(1e6, 8)
    both = (one + other) * 2
    assert both.seconds == pytest.approx(2 * (one.seconds + other.seconds))
    assert both.moving_s.keys() == one.moving_s.keys() | other.moving_s.keys()
    assert (one + NOTHING) == one
    assert network.run("all_reduce", 1e9, Group(1)) == NOTHING == Communication()
    assert network.send(1e6, 0) == NOTHING


def test_bus_bandwidth_is_what_a_perfect_link_would_carry():
    assert bus_share("all_reduce", 8) == 2 * 7 / 8
    assert bus_share("all_gather", 8) == bus_share("all_to_all", 8) == 7 / 8
    assert bus_share("broadcast", 8) == 1.0
    network = cluster(512)
    rate = bus_share("all_reduce", 512) * 1e12 / network.run("all_reduce", 1e12, Group(512)).seconds
    assert rate == pytest.approx(bus_bytes_per_s(network, Group(512)), rel=1e-3)


def test_a_free_network_takes_no_time():
    free = FreeNetwork(cluster(64).topology)
    assert free.run("all_reduce", 1e9, Group(64)) == NOTHING == free.send(1e9, 8)
    assert free.run("broadcast", 1e9, Group(64)).seconds == 0.0


def test_a_cluster_of_131072_is_quick_and_its_graph_never_built():
    start = time.perf_counter()
    network = Network(load_topology("leaf-spine", 8192, "test"))
    network.run("all_reduce", 1e9, Group(8192))
    assert time.perf_counter() - start < 5
    assert "graph" not in vars(network.topology)


def passing(**costs: float) -> Library:
    """A library whose rings have no latency of their own, but for what is given."""
    protocol = Protocol(0.0, 0.0, 0.0, 1.0, **costs)
    offered = {**dict.fromkeys(("all_gather", "broadcast"), ("ring",)), "all_reduce": ("tree",)}
    return Library("test", "Test", offered, {name: {"plain": protocol} for name in ("ring", "tree")})


@pytest.mark.parametrize("size", [1e6, 16e6, 1e9])
def test_what_passes_along_a_ring_waits_for_a_chunk_at_every_node(size):
    # 8 nodes of 8, a card each GPU: eight cards carry a chunk of 2 MB each, 16 MB of the size. 63 / 64 of the way
    # around, 8 hops between nodes, each as long as those 16 MB (or all of a smaller size) take at 8 x 24 GB/s.
    network = cluster(64, hop=0.0, library=passing(card_chunk_bytes=2e6))
    waits = 63 / 64 * 8 * min(size, 16e6)
    found = network.run("broadcast", size, Group(64))
    assert found.seconds == pytest.approx(LAUNCH + (size + waits) / (8 * NIC))
    table = NetworkTable(network).run("broadcast", np.array([size]), Group(np.array([64]), np.array([1])))
    assert table.seconds[0] == pytest.approx(found.seconds)
    # What every rank has a share of does not wait: all links carry chunks at once.
    assert network.run("all_gather", size, Group(64)).seconds == pytest.approx(LAUNCH + 63 / 64 * size / (8 * NIC))


def test_groups_that_share_a_card_wait_for_each_other():
    # Four cards for eight GPUs: two groups of every other GPU have all four cards each, half the rate of each.
    network = cluster(64, hop=0.0, nics=4, library=passing(card_chunk_bytes=2e6))
    found = network.run("broadcast", 1e9, Group(32, 2)).seconds
    assert found == pytest.approx(LAUNCH + (1e9 + 31 / 32 * 8 * 8e6) / (2 * NIC))


def test_a_ring_between_nodes_is_no_faster_than_the_host_posts():
    # Three posts of 2 us: the 56 hops inside of 64 take 6 us, and those between nodes what they take.
    slow = cluster(64, hop=0.0, library=passing(host_posts=3.0), host_post_s=2e-6)
    assert slow.run("all_gather", 1e-9, Group(64)).seconds == pytest.approx(LAUNCH + 63 / 64 * 56 * 6e-6)
    assert slow.run("all_gather", 1e-9, Group(8)).seconds == pytest.approx(LAUNCH)


@pytest.mark.parametrize("size", [1e6, 1e9])
def test_levels_of_a_tree_wait_for_chunks_too(size):
    # 8 nodes of 8: three levels up and three down, each after 2 MB at a card of 24 GB/s, or an eighth of a small size.
    # A card carries 2 / 8 of the bytes.
    found = cluster(64, hop=0.0, library=passing(card_chunk_bytes=2e6)).run("all_reduce", size, Group(64))
    assert found.seconds == pytest.approx(LAUNCH + (6 * min(2e6, size / 8) + 2 / 8 * size) / NIC)


def test_what_the_host_touches_is_as_fast_as_the_host():
    # 10 GB/s of bus bandwidth between nodes: 2 x 63 / 64 of a gigabyte takes 0.197 s; inside a node it does not count.
    slow = cluster(64, hop=0.0, library=passing(network_bus_bytes_per_s=10e9))
    assert slow.run("all_reduce", 1e9, Group(64)).seconds == pytest.approx(LAUNCH + 2 * 63 / 64 * 0.1)
    assert slow.run("all_gather", 1e9, Group(8)).seconds == pytest.approx(LAUNCH + 7 / 8 * 1e9 / NVLINK)
