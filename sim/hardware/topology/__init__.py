"""Networks as graphs: families of topologies, their links, and the paths that messages take."""

from sim.hardware.topology.file import load_topology, shelf, topology_names
from sim.hardware.topology.host_share import HostShare, HostWay
from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, LinkTable, Numbers
from sim.hardware.topology.topology import About, Paths, Route, Storage, Topology

__all__ = [
    "NO_LINK",
    "About",
    "EdgeKey",
    "HostShare",
    "HostWay",
    "Link",
    "LinkTable",
    "Numbers",
    "Paths",
    "Route",
    "Storage",
    "Topology",
    "load_topology",
    "shelf",
    "topology_names",
]
