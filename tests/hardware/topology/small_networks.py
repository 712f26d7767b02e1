"""Networks of every family, small enough to look at each link; and topology files as text."""

from __future__ import annotations

from sim.hardware.topology import About, Link, Topology
from sim.hardware.topology.dragonfly import Dragonfly, DragonflySizes
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.fat_tree import FatTreeSizes, NodeFatTree, RailFatTree, Routing
from sim.hardware.topology.mesh_fat_tree import MeshFatTree
from sim.hardware.topology.single_node import SingleNode
from sim.hardware.topology.swarmx import SwarmxTree
from sim.hardware.topology.torus import Torus

FAST, SLOW, LONG = Link("scale_up", 235e9, 1e-6), Link("nic", 24e9, 3e-6), Link("global", 10e9, 9e-6)
CABLE = Link("nvlink", 22.5e9, 2e-6)
# Cables of a DGX-1 with V100: six a GPU, one or two to each of four others.
CUBE_MESH = (
    "0-1 0-2 0-3 0-3 0-4 0-4 1-2 1-2 1-3 1-5 1-5 2-3 2-3 2-6 3-7 4-5 4-6 4-7 4-7 5-6 5-6 5-7 6-7 6-7".split()  # noqa: SIM905
)


def about(devices: int) -> About:
    return About("test", "Test", "a100-80gb-sxm", devices)


def _sizes(nics: int, over: dict[str, float]) -> FatTreeSizes:
    return FatTreeSizes(8, nics, **{"nodes_per_leaf": 4, "leaves_per_spine": 2, **over})  # type: ignore[arg-type]


def rail(devices: int, nics: int = 8, routing: Routing = "adaptive", **sizes: float) -> RailFatTree:
    return RailFatTree(about(devices), _sizes(nics, sizes), FAST, SLOW, 5e-7, routing)


def cloud(devices: int, nics: int = 8, routing: Routing = "adaptive", **sizes: float) -> NodeFatTree:
    return NodeFatTree(about(devices), _sizes(nics, sizes), FAST, SLOW, 5e-7, routing)


def mesh(devices: int, nics: int = 8, **sizes: float) -> MeshFatTree:
    return MeshFatTree(about(devices), _sizes(nics, sizes), Link("peer", 64e9, 1e-6), SLOW, 5e-7)


def torus(devices: int, *sizes: int) -> Torus:
    return Torus(about(devices), sizes, FAST)


def dragonfly(devices: int, nics: int = 4, routers: int = 3, largest: int | None = None, cables: int = 3) -> Dragonfly:
    """Nodes of four, two on a router; as large as its design allows unless `largest` says how many groups that has."""
    groups = largest or -(-devices // (8 * routers))
    return Dragonfly(about(devices), DragonflySizes(4, nics, 2, routers, groups, 2, cables), FAST, SLOW, SLOW, LONG)


def graph(devices: int, *cables: Cables) -> ExplicitGraph:
    return ExplicitGraph(about(devices), 1, [f"gpu{device}" for device in range(devices)], cables)


def cube_mesh() -> ExplicitGraph:
    """The eight GPUs of a DGX-1."""
    counts = {pair: CUBE_MESH.count(pair) for pair in CUBE_MESH}
    return graph(8, *(Cables(f"gpu{pair[0]}", f"gpu{pair[2]}", CABLE, count) for pair, count in counts.items()))


def diamonds(devices: int) -> ExplicitGraph:
    """Devices in a row, each joined to the next through two switches."""
    middles = [(device, side) for device in range(devices - 1) for side in "ab"]
    ups = [Cables(f"gpu{device}", f"{side}{device}", FAST) for device, side in middles]
    downs = [Cables(f"{side}{device}", f"gpu{device + 1}", SLOW) for device, side in middles]
    return graph(devices, *ups, *downs)


# Any number of devices from 1 on; where a family has fewer, or needs a multiple, the nearest that it can build.
BUILDERS = {
    "star": lambda devices: SingleNode(about(min(devices, 8)), 8, FAST),
    "rail": rail,
    "rail, shared cards": lambda devices: rail(devices, nics=4),
    "rail, one card": lambda devices: rail(devices, nics=1),
    "rail, hashed": lambda devices: rail(devices, routing="hashed"),
    "cloud": cloud,
    "cloud, shared cards": lambda devices: cloud(devices, nics=2),
    "cloud, hashed": lambda devices: cloud(devices, nics=2, routing="hashed", oversubscription=2.5),
    "mesh": mesh,
    "mesh, shared cards": lambda devices: mesh(devices, nics=4),
    "row": lambda devices: torus(devices, 150),
    "torus": lambda devices: torus(-(-devices // 5) * 5, 5, 30),
    "torus of twos": lambda devices: torus(-(-devices // 8) * 8, 2, 4, 20),
    "torus with a flat side": lambda devices: torus(-(-devices // 4) * 4, 4, 1, 40),
    "dragonfly": dragonfly,
    "dragonfly, shared cards": lambda devices: dragonfly(devices, nics=1),
    "dragonfly, lone routers": lambda devices: dragonfly(devices, routers=1),
    "dragonfly, few lanes": lambda devices: dragonfly(devices, routers=5),
    "dragonfly, small": lambda devices: dragonfly(devices, routers=4, largest=30, cables=1),
    "wafers": lambda devices: SwarmxTree(about(devices), 4, FAST),
    "cube mesh": lambda devices: cube_mesh(),
    "diamonds": lambda devices: diamonds(min(devices, 12)),
}


def kinds(topology: Topology, kind: str) -> list[str]:
    """Vertices of one kind."""
    return [name for name, data in topology.graph.nodes(data=True) if data["kind"] == kind]


def edges(topology: Topology, a: int, b: int) -> list[tuple[str, str]]:
    """What a message crosses, in order."""
    return [edge for edge, _ in topology.route(a, b)]


# --- Topology files as text


def figure(value: object) -> str:
    shown = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value
    return f'{{ value = {shown}, kind = "assumed", note = "for the test" }}'


def link_class(name: str, **parts: object) -> str:
    """A link class; a part that is None is left out."""
    parts = {"rate": "100 Gbit/s", "efficiency": 0.5, "latency": "2 us", **parts}
    lines = [f"{key} = {figure(value)}" for key, value in parts.items() if value is not None]
    return "\n".join([f"[link_class.{name}]", *lines, ""])


def head(family: str, *more: str) -> str:
    lines = ['title = "Mine"', f'family = "{family}"', 'device = "a100-80gb-sxm"', *more]
    return "\n".join([*lines, ""])


def table(name: str, **figures: object) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {figure(value)}" for key, value in figures.items()), ""])


def link(a: str, b: str, name: str = "cable", *more: str) -> str:
    return "\n".join(["[[link]]", f'a = "{a}"', f'b = "{b}"', f'class = "{name}"', *more, ""])


LIBRARY = 'library = "nccl-2024"'
TIMING = table("timing", collective_launch="20 us", send_launch="10 us")
FAT_TREE_SIZES = {
    "devices_per_node": 8, "nics_per_node": 8, "nodes_per_leaf": 4, "leaves_per_spine": 2, "largest_nodes": 100,
}  # fmt: skip
FABRIC = table("link_class.fabric", latency="1 us")
FAT_TREE = (
    head("rail-fat-tree", LIBRARY)
    + table("sizes", **FAT_TREE_SIZES)
    + link_class("scale_up")
    + link_class("nic")
    + FABRIC
    + TIMING
)
