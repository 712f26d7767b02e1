"""How the file of each family of topologies is read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

from sim.errors import InputError, unknown_name
from sim.hardware.topology.dragonfly import Dragonfly, DragonflySizes
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.fat_tree import FatTree, FatTreeSizes, NodeFatTree, RailFatTree, Routing
from sim.hardware.topology.figures_file import FiguresFile
from sim.hardware.topology.graph_file import read_graph
from sim.hardware.topology.mesh_fat_tree import MeshFatTree
from sim.hardware.topology.single_node import SingleNode
from sim.hardware.topology.slices import SliceSizes, TorusSlices, slice_shape, slices_of
from sim.hardware.topology.swarmx import SwarmxTree
from sim.hardware.topology.topology import Topology
from sim.hardware.topology.torus import Torus

_NODE = ("devices_per_node", "nics_per_node")
LARGEST_PCIE_NODE = 64
"""Devices; every two sockets are joined one by one."""
_ROUTINGS: dict[str, Routing] = {"adaptive": "adaptive", "hashed": "hashed"}


@dataclass(frozen=True, slots=True)
class Family:
    """How to read a file: the keys beside those that every file has, and those of them that it must have."""

    read: Callable[[FiguresFile], Topology]
    keys: tuple[str, ...] = ("library",)
    required: tuple[str, ...] = ("library",)


def _single_node(file: FiguresFile) -> Topology:
    sizes = file.sizes("devices_per_node")
    file.fits(sizes["devices_per_node"], *sizes)
    file.link_classes("scale_up")
    scale_up = file.scale_up()
    return SingleNode(file.about(), sizes["devices_per_node"], scale_up)


def _pcie_node(file: FiguresFile) -> Topology:
    """One host whose devices have PCIe alone, each its own way to a socket, and bridges between neighbours if any.

    A bridge joins two neighbours, or every two of devices_per_bridge.
    """
    sizes = file.sizes("devices_per_node", "devices_per_socket", optional=("devices_per_bridge",))
    devices, per_socket = sizes["devices_per_node"], sizes["devices_per_socket"]
    if devices > LARGEST_PCIE_NODE:
        place = file.size_place("devices_per_node")
        raise InputError(place, f"{devices} devices on PCIe", f"write at most {LARGEST_PCIE_NODE}")
    file.fits(devices, "devices_per_node")
    joined = sizes.get("devices_per_bridge", 2)
    own = ("pcie", "socket")
    bridged = "bridge" in file.table("link_class", allowed=(*own, "bridge"), required=own)
    pcie, socket = file.link("pcie"), file.link("socket")
    names = [f"gpu{device}" for device in range(devices)]
    sockets = [f"socket{number}" for number in range(-(-devices // per_socket))]
    cables = [Cables(name, sockets[device // per_socket], pcie) for device, name in enumerate(names)]
    cables += [Cables(*pair, socket) for pair in itertools.combinations(sockets, 2)]
    if bridged:
        bridge = file.link("bridge")
        groups = [names[first : first + joined] for first in range(0, devices, joined)]
        cables += [Cables(*pair, bridge) for group in groups for pair in itertools.combinations(group, 2)]
    return ExplicitGraph(file.about(), devices, names, cables, file.where)


def _fat_tree(build: type[FatTree]) -> Callable[[FiguresFile], Topology]:
    def read(file: FiguresFile) -> Topology:
        sizes = file.sizes(
            *_NODE, "nodes_per_leaf", "leaves_per_spine", "largest_nodes", optional=("oversubscription",)
        )
        file.fits(sizes.pop("largest_nodes") * sizes["devices_per_node"], "largest_nodes", "devices_per_node")
        _check_cards(file, sizes)
        routing = str(file.raw.get("routing", "adaptive"))
        if routing not in _ROUTINGS:
            raise unknown_name(f"{file.where}: routing", "routing", routing, _ROUTINGS)
        inside = "peer" if build is MeshFatTree else "scale_up"
        file.link_classes(inside, "nic", "fabric")
        inner = file.link(inside) if build is MeshFatTree else file.scale_up()
        links = inner, file.link("nic"), file.fabric_latency_s()
        return build(file.about(), FatTreeSizes(**sizes), *links, _ROUTINGS[routing])

    return read


def _torus(file: FiguresFile) -> Topology:
    sizes = file.sizes("x", "y", optional=("z",))
    place, _ = file.blamed(*sizes)
    if file.devices is None:
        file.fits(math.prod(sizes.values()))
    file.link_classes("torus")
    link = file.link("torus")
    return Torus(file.about(), tuple(sizes.values()), link, file.devices_asked or place, place)


def _torus_slices(file: FiguresFile) -> Topology:
    """Slices whose shape is given, or follows from how many devices are built, in as few slices as hold them."""
    keys = ("dimensions", "wraps_at", "largest_slice", "most_slices")
    raw = file.sizes(*keys, optional=("x", "y", "z", "slices"))
    sizes = SliceSizes(**{key: raw[key] for key in keys})
    file.fits(sizes.largest_slice * sizes.most_slices, "largest_slice", "most_slices")
    devices, place = file.devices or 0, file.devices_asked or file.blamed(*raw)[0]
    axes = ("x", "y", "z")[: sizes.dimensions]
    given = [raw[axis] for axis in ("x", "y", "z") if axis in raw]
    if given and [axis for axis in ("x", "y", "z") if axis in raw] != list(axes):
        problem = f"a slice has {sizes.dimensions} dimensions, and its shape is given in {len(given)}"
        raise InputError(file.blamed("x", "y", "z")[0], problem, f"give {', '.join(axes)}, or none of them")
    asked = raw.get("slices")
    if given:
        shape = tuple(given)
        if devices % math.prod(shape) or asked not in (None, devices // math.prod(shape)):
            words = " x ".join(map(str, shape)) + (f", {asked} of them" if asked else "")
            problem = f"{devices} devices do not make slices of {words}"
            raise InputError(place, problem, f"use a multiple of {math.prod(shape)} devices, or leave the shape out")
        slices_of(devices, devices // math.prod(shape), sizes, place)
    else:
        shape = slice_shape(devices // slices_of(devices, asked, sizes, place), sizes)
    file.link_classes("torus", "dcn")
    links = file.link("torus"), file.link("dcn")
    return TorusSlices(file.about(), shape, sizes.wraps_at, *links)


def _dragonfly(file: FiguresFile) -> Topology:
    sizes = file.sizes(
        *_NODE, "nodes_per_switch", "switches_per_group", "largest_groups", "local_links", "global_links"
    )
    nodes = sizes["largest_groups"] * sizes["switches_per_group"] * sizes["nodes_per_switch"]
    file.fits(nodes * sizes["devices_per_node"], *_NODE, "nodes_per_switch", "switches_per_group", "largest_groups")
    _check_cards(file, sizes)
    file.link_classes("scale_up", "nic", "local", "global")
    links = file.scale_up(), file.link("nic"), file.link("local"), file.link("global")
    return Dragonfly(file.about(), DragonflySizes(**sizes), *links)


def _swarmx(file: FiguresFile) -> Topology:
    sizes = file.sizes("fan_out", "largest_systems")
    file.fits(sizes["largest_systems"], "largest_systems")
    if sizes["fan_out"] < 2:
        raise InputError(file.size_place("fan_out"), "a tree needs a fan-out of at least 2", "write 4")
    file.link_classes("swarmx")
    link = file.link("swarmx")
    return SwarmxTree(file.about(launches=False), sizes["fan_out"], link)


def _check_cards(file: FiguresFile, sizes: dict[str, int]) -> None:
    if sizes["nics_per_node"] > sizes["devices_per_node"]:
        raise InputError(
            file.size_place(next((key for key in _NODE if key in file.overrides), "nics_per_node")),
            f"{sizes['nics_per_node']} cards for {sizes['devices_per_node']} devices",
            "set nics_per_node as well; cards that share a device are one of their summed rate",
        )


FAMILIES: dict[str, Family] = {
    "single-node": Family(_single_node),
    "pcie-node": Family(_pcie_node),
    "rail-fat-tree": Family(_fat_tree(RailFatTree), ("library", "routing")),
    "node-fat-tree": Family(_fat_tree(NodeFatTree), ("library", "routing")),
    "mesh-fat-tree": Family(_fat_tree(MeshFatTree), ("library", "routing")),
    "torus": Family(_torus),
    "torus-slices": Family(_torus_slices),
    "dragonfly": Family(_dragonfly),
    "swarmx-tree": Family(_swarmx, required=()),
    "graph": Family(read_graph, ("library", "link", "graph_file", "devices"), required=()),
}
