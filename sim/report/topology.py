"""`scaletax draw`: what a topology is made of, in figures, and what its devices can send through it."""

from __future__ import annotations

from collections import Counter

from sim.hardware.network import Network
from sim.hardware.topology import Topology
from sim.hardware.topology.parts import LinkRow, link_rows
from sim.page.blocks import Block, Column, Said, table, words
from sim.page.numbers import counted, few, gigabytes_per_s, latency, number, whole

_MOST_SOURCES = 4
_COLUMNS: tuple[Column[LinkRow], ...] = (
    words("links", lambda row: row.link.link_class, key=True),
    words("between", lambda row: ", ".join(row.between)),
    Column("GB/s each way", lambda row: gigabytes_per_s(row.link.bytes_per_s)),
    Column("latency", lambda row: latency(row.link.latency_s)),
    Column("full duplex", lambda row: whole(row.count)),
)


def topology_screen(topology: Topology) -> list[Block]:
    """Its devices, its links, and how its figures are known."""
    domains = -(-topology.devices // topology.domain)
    split = topology.domain > 1 and domains > 1
    shape = f" in {domains:,} scale-up domains of {topology.domain:,}" if split else ""
    library, rates = topology.about.library, _rates(topology)
    return [
        Said(f"{topology.title} ({topology.name})"),
        Said(f"{topology.devices:,} x {topology.device}{shape}", "answer"),
        *([Said(rates, "answer")] if rates else []),
        Said(f"library {library.name}: {library.title}"),
        table(link_rows(topology), _COLUMNS),
        *([Said(_known(topology))] if topology.figures else []),
    ]


def _rates(topology: Topology) -> str:
    """What every device can send at once with all others: to the next scale-up domain, and half the machine away.

    Wafers send nothing to each other: what the store sends to all of them.
    """
    tree = topology.broadcast_tree(topology.devices)
    if tree is not None:
        whom = "every wafer at once" if topology.devices > 1 else "the wafer"
        rate = gigabytes_per_s(tree[1].bytes_per_s)
        return f"From the store to {whom}, each receiving the same: {rate} GB/s; sums on the way back as fast."
    half = topology.devices // 2
    if half == 0:
        return ""
    network = Network(topology)
    far = _rate_bytes_per_s(network, half)
    if topology.domain >= topology.devices or topology.domain == half:
        return f"All devices at once, each to the one half the machine away: {gigabytes_per_s(far)} GB/s each."
    near = _rate_bytes_per_s(network, topology.domain)
    text = (
        f"All devices at once: {gigabytes_per_s(near)} GB/s from each to the next scale-up domain,"
        f" {gigabytes_per_s(far)} GB/s from each to the device half the machine away"
    )
    return f"{text} ({number(near / far)} : 1)." if far < 0.99 * near else f"{text}."


def _rate_bytes_per_s(network: Network, distance: int) -> float:
    """Rate of each device's message when all send over one distance."""
    return 1 / sum(network.send(1.0, distance).moving_s.values())


def _known(topology: Topology) -> str:
    """How the figures behind this are known, and where the link rates come from."""
    kinds = Counter(figure.kind for figure in topology.figures)
    sources = [rate.source for rate in topology.about.link_rates.values() if rate.source]
    named = f"; link rates from {few(list(dict.fromkeys(sources)), _MOST_SOURCES)}" if sources else ""
    known = few([f"{count} {kind}" for kind, count in kinds.most_common()], len(kinds))
    return f"Trust: {counted(len(topology.figures), 'figure')}: {known}{named}."
