"""Which topology a row ran on, and what of its cluster the row states: devices of a node, network of a device."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.units import link_rate
from sim.validation.conventions import Place
from sim.validation.table import Row

_SAME = 0.01
"""Rates that differ by less are the same, printed differently."""
_BITS_PER_GIGABYTE = 8.0
_GIGA = 1e9


@dataclass(frozen=True, slots=True)
class Cluster:
    """A topology from the shelf with as much of it changed as the row states.

    sizes: of the topology, to use instead of its file's. assumed: in words, where the row is silent or says otherwise.
    """

    topology: str
    sizes: Mapping[str, float] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shelved:
    """What a topology file says of its nodes; None where it has no such thing.

    Rates are Gbit/s of a network card and GB/s of a device inside the node.
    """

    devices_per_node: int | None
    cards: int | None
    card_gbps: float | None
    inside_gbytes: float | None


def cluster_of(row: Row, place: Place | None, own: str | None) -> Cluster:
    """The cluster of a row. place: the topologies of its device; own: the one that its source names.

    Raises InputError where the shelf has none.
    """
    devices = row.n_gpus or 1
    name = own or _on_the_shelf(row, place, devices)
    shelved = _shelved(name)
    if shelved.devices_per_node is None:
        return Cluster(name)
    racks = place is not None and place.is_one_domain
    part = _used(place, devices)
    per_node = part or (None if racks else row.gpus_per_node) or shelved.devices_per_node
    assumed = _inside(row, name, shelved)
    sizes: dict[str, float] = {}
    if devices > min(per_node, shelved.devices_per_node) and per_node != shelved.devices_per_node:
        sizes["devices_per_node"] = per_node
        whole = f"{part} of the {shelved.devices_per_node} GPUs of a rack, as jobs of multiples of {part} are laid out"
        assumed.append(whole if part else f"nodes of {per_node} as stated, else as in topology {name}")
    if devices > per_node and shelved.cards and shelved.card_gbps:
        cards, words = _network(row, name, shelved, per_node)
        if cards != shelved.cards:
            sizes["nics_per_node"] = cards
        assumed += words
    return Cluster(name, sizes, tuple(assumed))


def _used(place: Place | None, devices: int) -> int:
    """Devices of each rack that a job of several takes where that is a part of it, else 0."""
    if place is None or devices <= place.devices_per_node or not place.used or devices % place.used:
        return 0
    return place.used


def _on_the_shelf(row: Row, place: Place | None, devices: int) -> str:
    if place is None:
        raise InputError(row.id, f"there is no topology of '{row.gpu}' on the shelf")
    per_node = place.devices_per_node if place.is_one_domain else row.gpus_per_node or place.devices_per_node
    if devices <= per_node:
        return place.node
    if place.cluster is None:
        raise InputError(row.id, f"there is no topology of more than {place.devices_per_node} '{row.gpu}' on the shelf")
    return place.larger if place.larger and devices > place.devices_per_cluster else place.cluster


def _inside(row: Row, name: str, shelved: _Shelved) -> list[str]:
    """What to say of the links inside the node: nothing where the row agrees or is silent."""
    stated, own = row.intra_node_GBps_per_gpu, shelved.inside_gbytes
    if not stated or not own or (row.n_gpus or 1) == 1 or abs(own / stated - 1) <= _SAME:
        return []
    return [f"links inside the node: {own:g} GB/s per GPU as in topology {name}, the source says {stated:g}"]


def _network(row: Row, name: str, shelved: _Shelved, per_node: int) -> tuple[int, list[str]]:
    """Network cards of a node that come nearest to the stated rate per GPU, and what to say of it."""
    assert shelved.cards is not None
    assert shelved.card_gbps is not None
    assert shelved.devices_per_node is not None
    own = shelved.cards * shelved.card_gbps / shelved.devices_per_node
    wanted = row.inter_node_Gbps_per_gpu or own
    cards = min(max(1, round(wanted * per_node / shelved.card_gbps)), per_node)
    reached = cards * shelved.card_gbps / per_node
    if abs(reached / wanted - 1) > _SAME:
        said = "the source says" if row.inter_node_Gbps_per_gpu else "which has"
        return cards, [f"network: {reached:g} Gbit/s per GPU as in topology {name}, {said} {wanted:g}"]
    if not row.inter_node_Gbps_per_gpu:
        return cards, [f"network: {reached:g} Gbit/s per GPU, topology {name}"]
    if abs(own / wanted - 1) <= _SAME:
        return cards, [f"topology {name}"]
    return cards, [f"topology {name} with nics_per_node {cards}, which is the stated {reached:g} Gbit/s per GPU"]


@functools.cache
def _shelved(name: str) -> _Shelved:
    topology = load_topology(name, 1, name)
    said = {figure.name: figure.value for figure in topology.figures}
    rates = topology.about.link_rates

    def gbps(link_class: str) -> float | None:
        if link_class not in rates:
            return None
        return link_rate(rates[link_class].value, name) * _BITS_PER_GIGABYTE / _GIGA

    inside = gbps("scale_up")
    return _Shelved(
        said.get("sizes.devices_per_node"),
        said.get("sizes.nics_per_node"),
        gbps("nic"),
        None if inside is None else inside / _BITS_PER_GIGABYTE,
    )
