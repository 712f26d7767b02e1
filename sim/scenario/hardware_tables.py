"""[system.sizes], [system.network] and [[system.part]]: which hardware a system has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import Field

from sim.scenario.offers import OWN_FILE, OneOf
from sim.scenario.shelf import topology_names
from sim.scenario.table import Count, ReadAs, Table, Text, like, only_given


@dataclass(frozen=True, slots=True)
class SizesTable(Table):
    """[system.sizes]: sizes of the topology to use instead of its file's."""

    devices_per_node: Count | None = None
    """Devices in a node."""
    devices_per_socket: Count | None = None
    """Devices on one socket of a node without a scale-up switch."""
    nics_per_node: Count | None = None
    """Network cards of a node."""
    nodes_per_leaf: Count | None = None
    """Nodes on one leaf switch of each rail."""
    leaves_per_spine: Count | None = None
    """Groups of nodes that one set of spine switches joins."""
    largest_nodes: Count | None = None
    """Nodes of the largest cluster of this design."""
    oversubscription: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """Rate into the leaf switches over the rate out of them."""
    x: Count | None = None
    """Devices along the first dimension of a torus."""
    y: Count | None = None
    """Devices along the second dimension of a torus."""
    z: Count | None = None
    """Devices along the third dimension of a torus."""
    slices: Count | None = None
    """Slices of TPUs, which the data centre's network joins; by default as few as hold the devices."""
    dimensions: Count | None = None
    """Dimensions of the torus of a slice."""
    wraps_at: Count | None = None
    """Rows of a slice are closed where their length is a multiple of it."""
    largest_slice: Count | None = None
    """Devices of the largest slice of this design."""
    most_slices: Count | None = None
    """Slices that run one job at most."""
    nodes_per_switch: Count | None = None
    """Nodes whose network cards end on the same router of a dragonfly."""
    switches_per_group: Count | None = None
    """Routers of a group of a dragonfly."""
    largest_groups: Count | None = None
    """Groups of the largest dragonfly of this design."""
    local_links: Count | None = None
    """Cables between two routers of a group of a dragonfly."""
    global_links: Count | None = None
    """Cables between two groups of the largest dragonfly."""
    fan_out: Count | None = None
    """Branches of a node of a SwarmX tree."""
    largest_systems: Count | None = None
    """Systems of the largest SwarmX tree."""
    domain: Count | None = None
    """Devices of one scale-up domain of a graph."""


@dataclass(frozen=True, slots=True)
class NetworkChange(Table):
    """[system.network]: every link and hop of the topology at so many times its rate or latency."""

    rate_times: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = 1.0
    """Rates of all links, over those of the topology."""
    latency_times: Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)] = 1.0
    """Latencies of all links and hops, over those of the topology."""


class Named(Protocol):
    """An object of one's own in place of a name."""

    @property
    def name(self) -> str: ...


def name_of(given: str | Named) -> str:
    """The name of what is given by its name or path, or as an object."""
    return given if isinstance(given, str) else given.name


Sizes = Annotated[Mapping[str, float], only_given(SizesTable)]
TopologyName = Annotated[
    Any,
    ReadAs(Text, write=lambda topology: name_of(topology) or None),
    OneOf(topology_names, OWN_FILE),
    like('"dgx-a100-superpod"', '"my-topology.toml"'),
]
Devices = Annotated[Count, like("64")]


@dataclass(frozen=True, slots=True)
class Part(Table):
    """One [[system.part]]: hardware of one kind, on which consecutive stages of a pipeline run."""

    topology: TopologyName
    """Name on the shelf, or a path ending in .toml."""
    devices: Devices
    """How many of this kind."""
    sizes: Sizes = field(default_factory=dict)
    """Sizes of the topology to use instead of its file's."""
