"""Small fabrics whose times can be worked out by hand."""

from __future__ import annotations

from typing import Any

from sim.catalog import PLAIN_LIBRARY, Library, load_library
from sim.hardware.network import Group, Network
from sim.hardware.network.loads import busiest_s_per_byte
from sim.hardware.topology import About, Link
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.fat_tree import FatTree, FatTreeSizes, RailFatTree
from sim.hardware.topology.single_node import SingleNode

NVLINK, NIC = 234e9, 24e9
LAUNCH = 2e-5
TEXTBOOK = load_library("textbook")


def about(devices: int, library: Library = PLAIN_LIBRARY, **more: Any) -> About:
    return About("test", "Test", "a100-80gb-sxm", devices, library, LAUNCH, LAUNCH, **more)


def fabric(
    devices: int = 512,
    family: type[FatTree] = RailFatTree,
    *,
    nics: int = 8,
    nvlink: float = NVLINK,
    nic: float = NIC,
    hop: float = 1e-6,
    over: float = 1.0,
    library: Library = PLAIN_LIBRARY,
    **more: Any,
) -> FatTree:
    """Nodes of eight, four to a leaf, two leaves to a spine."""
    sizes = FatTreeSizes(8, nics, 4, 2, over)
    links = Link("scale_up", nvlink, hop / 2), Link("nic", nic, 2 * hop)
    return family(about(devices, library, **more), sizes, *links, hop / 10)


def cluster(*args: Any, **over: Any) -> Network:
    return Network(fabric(*args, **over))


def node(devices: int = 8, library: Library = PLAIN_LIBRARY, **more: Any) -> Network:
    return Network(SingleNode(about(devices, library, **more), 8, Link("scale_up", NVLINK, 5e-7)))


def ring_of(devices: int, rate: float = 50e9, hop: float = 1e-6, library: Library = PLAIN_LIBRARY) -> Network:
    """Devices in a circle, each joined to the next."""
    link, names = Link("wire", rate, hop), [f"gpu{device}" for device in range(devices)]
    cables = [Cables(names[one], names[(one + 1) % devices], link) for one in range(devices)]
    return Network(ExplicitGraph(about(devices, library), 1, names, cables))


def bus_bytes_per_s(network: Network, group: Group) -> float:
    """Rate at which each rank of every group can pass bytes around a ring: what the fullest link allows."""
    ring = next(option for option in network.options("all_gather", group) if option.wave.algorithm == "ring")
    return (group.ranks - 1) / group.ranks / busiest_s_per_byte(network.topology, network.loads(ring.wave))
