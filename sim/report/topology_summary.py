"""What a topology is made of, in figures: its links class by class, and what devices can send through them."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass

from sim.hardware.network import Network
from sim.hardware.topology import Link, Topology
from sim.hardware.topology.vertex_names import kind_of
from sim.page.borders import ascii_only
from sim.page.numbers import latency
from sim.report.layout import flush, table, wrapped

_HEADERS = ("links", "between", "GB/s\neach way", "latency", "full\nduplex")
_MOST_SOURCES = 4


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


def topology_summary(topology: Topology) -> str:
    """Return the report as plain text: ASCII only, narrow enough for a terminal."""
    parts = [_headline(topology), _table(topology), _rates(topology), _known(topology)]
    return ascii_only("\n\n".join(part for part in parts if part)) + "\n"


def _headline(topology: Topology) -> str:
    domains = -(-topology.devices // topology.domain)
    shape = f" in {domains:,} scale-up domains of {topology.domain:,}" if topology.domain > 1 and domains > 1 else ""
    library = topology.about.library
    return "\n".join(
        [
            f"{topology.title} ({topology.name})",
            f"{topology.devices:,} x {topology.device}{shape}",
            wrapped(f"library {library.name}: {library.title}"),
        ]
    )


def _table(topology: Topology) -> str:
    rows = [
        (
            row.link.link_class,
            textwrap.fill(", ".join(row.between), 44),
            f"{row.link.bytes_per_s / 1e9:,.1f}",
            latency(row.link.latency_s),
            f"{row.count:,}",
        )
        for row in link_rows(topology)
    ]
    return flush(table(rows, "llr", _HEADERS))


def _rates(topology: Topology) -> str:
    """What every device can send at once with all others: to the next scale-up domain, and half the machine away.

    Wafers send nothing to each other: what the store sends to all of them.
    """
    tree = topology.broadcast_tree(topology.devices)
    if tree is not None:
        whom = "every wafer at once" if topology.devices > 1 else "the wafer"
        rate = f"{tree[1].bytes_per_s / 1e9:,.1f} GB/s"
        return wrapped(f"From the store to {whom}, each receiving the same: {rate}; sums on the way back as fast.")
    half = topology.devices // 2
    if half == 0:
        return ""
    network = Network(topology)
    far = _rate_bytes_per_s(network, half)
    if topology.domain >= topology.devices or topology.domain == half:
        return wrapped(f"All devices at once, each to the one half the machine away: {far / 1e9:,.1f} GB/s each.")
    near = _rate_bytes_per_s(network, topology.domain)
    text = (
        f"All devices at once: {near / 1e9:,.1f} GB/s from each to the next scale-up domain, {far / 1e9:,.1f} GB/s from"
        " each to the device half the machine away"
    )
    return wrapped(f"{text} ({near / far:.3g} : 1)." if far < 0.99 * near else f"{text}.")


def _rate_bytes_per_s(network: Network, distance: int) -> float:
    """Rate of each device's message when all send over one distance."""
    return 1 / sum(network.send(1.0, distance).moving_s.values())


def _known(topology: Topology) -> str:
    """How the figures behind this are known, and where the link rates come from."""
    kinds = Counter(figure.kind for figure in topology.figures)
    sources = list(dict.fromkeys(rate.source for rate in topology.about.link_rates.values()))
    named = ", ".join(source for source in sources[:_MOST_SOURCES] if source)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return wrapped(f"Figures: {counted}" + (f"; link rates from {named}." if named else ".")) if kinds else ""
