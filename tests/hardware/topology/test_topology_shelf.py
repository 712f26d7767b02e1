"""Every topology on the shelf, at its smallest and its largest."""

import re

import networkx
import numpy as np
import pytest

from sim.catalog import device_names, load_sources
from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.topology import NO_LINK, load_topology, shelf, topology_names
from sim.scenario.bounds import MOST_DEVICES

LARGEST = {
    "hgx-a100-node": 8,
    "hgx-h100-node": 8,
    "dgx-1-v100": 8,
    "dgx-a100-superpod": 4480,
    "dgx-h100-superpod": 16384,
    "a100-cloud-1600gbps": 32768,
    "a100-40gb-cloud-1600gbps": 32768,
    "cs-2-single": 1,
    "andromeda": 16,
}
SAMPLE = 400


def smallest_and_largest(name: str) -> tuple[int, int]:
    """How many devices a file can build, as it says itself when asked for too many."""
    with pytest.raises(InputError) as error:
        load_topology(name, MOST_DEVICES, "test")
    found = re.search(r"(\d+) to (\d+) devices", error.value.remedy)
    assert found, error.value
    return int(found[1]), int(found[2])


def test_the_shelf_holds_what_it_should():
    assert shelf("topologies").is_dir()
    assert set(LARGEST) <= set(topology_names())


@pytest.mark.parametrize("name", topology_names())
def test_every_file_builds_its_smallest_and_largest(name):
    smallest, largest = smallest_and_largest(name)
    assert largest == LARGEST.get(name, largest)
    assert load_topology(name, None, "test").devices == largest
    for devices in (smallest, largest):
        topology = load_topology(name, devices, "test")
        assert topology.devices == devices
        everybody = np.arange(devices)
        paths = topology.paths(everybody, np.roll(everybody, -1))
        assert (paths.latency_s > 0).all() == (devices > 1)
        assert topology.links.bytes_per_s.min() > 0
    for devices in (largest + 1, 0):
        with pytest.raises(InputError, match=rf"^(topologies/{name}\.toml|.*)\n  {devices} devices"):
            load_topology(name, devices, "test")


@pytest.mark.slow
@pytest.mark.parametrize("name", topology_names())
def test_every_graph_is_connected_and_holds_the_routes(name):
    smallest, largest = smallest_and_largest(name)
    topology = load_topology(name, max(smallest, min(largest, SAMPLE) // smallest * smallest), "test")
    assert topology.device in device_names()
    assert networkx.is_connected(topology.graph)
    for a in range(0, topology.devices, 7):
        for b in range(0, topology.devices, 11):
            route = topology.route(a, b)
            assert a == b or (route[0][0][0], route[-1][0][1]) == (topology.vertex(a), topology.vertex(b))
            assert all(topology.graph.has_edge(*edge) for edge, _ in route)


@pytest.mark.parametrize("name", topology_names())
def test_every_figure_has_a_source_that_is_listed(name):
    topology = load_topology(name, smallest_and_largest(name)[0], "test")
    for cited in topology.figures:
        assert cited.source == "" or cited.source in load_sources(), cited
    assert all(cited in topology.figures for cited in topology.about.library.figures)


def test_domains():
    assert load_topology("dgx-a100-superpod", 64, "test").domain == 8
    assert load_topology("andromeda", 16, "test").domain == 1


# Measured all-reduce bus bandwidths are 134, 85, 45 and 22.5 GB/s, with 22.5 a cable.
@pytest.mark.parametrize(("gpus", "rings"), [(8, 6), (4, 4), (3, 2), (2, 1)])
def test_a_dgx_1_has_as_many_rings_as_were_measured(gpus, rings):
    topology = load_topology("dgx-1-v100", 8, "test")
    assert len(topology.ring_orders(tuple(range(gpus)))) == rings


# As many rings as RCCL runs there, in models 71 and 72 of its list of nodes.
def test_four_dies_of_two_make_four_rings():
    topology = load_topology("mi250x-node", 8, "test")
    assert len(topology.ring_orders(tuple(range(8)))) == 4


@pytest.mark.parametrize(
    ("name", "devices", "size_bytes", "bus_bytes_per_s"),
    [
        # Measured, and what the efficiencies rest on: 312.9 of 448 GB/s (4 GiB), 513 of 525 (256 MB).
        ("mi300x-cluster", 8, 2**32, 312.9e9),
        ("gaudi3-cluster", 8, 2**32, 513.0e9),
        # Eight rings through every node: eight cards of 50 GB/s at 0.925 carry more than eight links of 64 at 0.698.
        ("mi300x-cluster", 64, 2**36, 8 * 0.698 * 64e9),
        # Seven rings on seven links.
        ("mi355x-cluster", 8, 2**36, 7 * 0.698 * 76.5e9),
    ],
)
def test_an_all_reduce_uses_all_links_of_a_mesh(name, devices, size_bytes, bus_bytes_per_s):
    network = Network(load_topology(name, devices, "test"))
    time_s = network.fastest("all_reduce", float(size_bytes), Group(devices)).time_s(float(size_bytes))
    assert 2 * (devices - 1) / devices * size_bytes / time_s == pytest.approx(bus_bytes_per_s, rel=0.02)


@pytest.mark.parametrize(("name", "gbps"), [("gb200-nvl72-superpod", 400), ("gb300-nvl72-superpod", 800)])
def test_racks_are_domains_of_72_or_of_the_64_that_a_job_uses(name, gbps):
    racks = load_topology(name, 144, "test")
    assert (racks.domain, racks.levels) == (72, (72,))
    used = load_topology(name, 256, "test", sizes={"devices_per_node": 64, "nics_per_node": 64})
    assert used.domain == 64
    for topology, first in ((racks, 72), (used, 64)):
        inside, across = topology.route(0, first - 1), topology.route(0, first)
        assert [link.link_class for _, link in inside] == ["scale_up", "scale_up"]
        assert [link.link_class for _, link in across] == ["nic", "nic"]
        assert across[0][1].bytes_per_s == pytest.approx(0.925 * gbps / 8 * 1e9)


def test_bytes_count_once_on_cards_that_devices_share():
    topology = load_topology("jean-zay", 64, "test")
    classes = [link.link_class for _, link in topology.route(1, 63)]
    assert classes == ["host", "nic", "fabric", "fabric", "nic", "host"]
    everybody = np.arange(64)
    links = topology.paths(everybody, np.roll(everybody, -8)).links
    numbers = topology.links.class_of[links[links != NO_LINK]]
    assert (numbers == topology.links.classes.index("nic")).sum() == 2 * 64


@pytest.mark.parametrize("name", ["dgx-h100-superpod", "a100-cloud-1600gbps"])
def test_the_largest_clusters_take_little_memory(name):
    largest = LARGEST[name]
    topology = load_topology(name, largest, "test")
    everybody = np.arange(largest)
    links = topology.paths(everybody, np.roll(everybody, -1)).links
    assert "graph" not in vars(topology)
    assert links.nbytes <= 128 * largest
    assert (links != NO_LINK).sum(axis=1).min() == 2
