"""What a topology is made of: its links class by class, and the roles of its vertices."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sim.hardware.topology.links import Link
from sim.hardware.topology.topology import Topology
from sim.hardware.topology.vertex_names import kind_of


@dataclass(frozen=True, slots=True)
class LinkRow:
    """All links that are alike.

    between: kinds of vertices that they join, for example ("gpu - leaf",). count: full-duplex links, parallel ones
    that act as one counted once.
    """

    link: Link
    between: tuple[str, ...]
    count: int


def roles(topology: Topology) -> dict[str, str]:
    """Vertex -> "device", "switch" or "store", for every vertex of a topology's graph."""
    return {name: str(vertex["kind"]) for name, vertex in topology.graph.nodes.items()}


def link_rows(topology: Topology) -> list[LinkRow]:
    """The links of a topology, class by class, in the order in which they were laid."""
    counts: Counter[Link] = Counter()
    between: dict[Link, dict[str, None]] = {}
    for a, b, link in topology.graph.edges.data():
        alike = Link(link["link_class"], link["bytes_per_s"], link["latency_s"])
        counts[alike] += 1
        joined = between.setdefault(alike, {})
        if f"{kind_of(b)} - {kind_of(a)}" not in joined:
            joined[f"{kind_of(a)} - {kind_of(b)}"] = None
    classes = topology.links.classes
    ordered = sorted(counts, key=lambda link: classes.index(link.link_class))
    return [LinkRow(link, tuple(between[link]), counts[link]) for link in ordered]
