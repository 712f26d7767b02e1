"""The structure of what a system says of its hardware: sizes, and changes of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from sim.scenario.table import Count, Table


@dataclass(frozen=True, slots=True)
class SizesTable(Table):
    """[system.sizes]: sizes of the topology to use instead of its file's."""

    devices_per_node: Count | None = None
    devices_per_socket: Count | None = None
    nics_per_node: Count | None = None
    nodes_per_leaf: Count | None = None
    leaves_per_spine: Count | None = None
    largest_nodes: Count | None = None
    oversubscription: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    x: Count | None = None
    y: Count | None = None
    z: Count | None = None
    nodes_per_switch: Count | None = None
    switches_per_group: Count | None = None
    largest_groups: Count | None = None
    local_links: Count | None = None
    global_links: Count | None = None
    fan_out: Count | None = None
    largest_systems: Count | None = None
    domain: Count | None = None


@dataclass(frozen=True, slots=True)
class NetworkChange(Table):
    """[system.network]: every link and hop of the topology at so many times its rate or latency."""

    rate_times: Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)] = 1.0
    latency_times: Annotated[float, Field(ge=0, le=1e3, allow_inf_nan=False)] = 1.0
