"""Builds the topology that a command names, with the sizes and the number of devices that the command line gives."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology, shelf
from sim.report.topology_summary import roles

# The sizes of each family whose product is the largest number of devices; family "graph" lists its devices instead.
_FACTORS = {
    "single-node": ("devices_per_node",),
    "rail-fat-tree": ("devices_per_node", "largest_nodes"),
    "node-fat-tree": ("devices_per_node", "largest_nodes"),
    "dragonfly": ("devices_per_node", "nodes_per_switch", "switches_per_group", "largest_groups"),
    "torus": ("x", "y", "z"),
    "swarmx-tree": ("largest_systems",),
}


def one_domain(name: str, devices: int | None, where: str, assignments: Sequence[str] = ()) -> Topology:
    """Build a topology; the number of devices may be left out where all of them are one scale-up domain.

    name, where: as for load_topology. assignments: sizes such as "oversubscription=4".
    Raises InputError for a number left out where there are several, and what load_topology raises.
    """
    topology = largest(name, devices, where, assignments)
    if devices is None and topology.devices > topology.domain:
        raise InputError(
            "--devices",
            f"topology '{topology.name}' has up to {topology.devices:,} devices, in scale-up domains of"
            f" {topology.domain:,}",
            f"say how many are built, for example --devices {2 * topology.domain}",
        )
    return topology


def largest(name: str, devices: int | None, where: str, assignments: Sequence[str] = ()) -> Topology:
    """Build a topology; as large as its file allows where the number of devices is left out.

    Raises what load_topology raises.
    """
    sizes = changed_sizes(assignments, "--size")
    count = _largest_devices(name, where, sizes) if devices is None else devices
    return load_topology(name, count, where, sizes=sizes)


def changed_sizes(assignments: Sequence[str], where: str) -> dict[str, float]:
    """Sizes of a topology from texts such as "oversubscription=4".

    Raises InputError for a text of another shape.
    """
    sizes: dict[str, float] = {}
    for text in assignments:
        key, _, number = text.partition("=")
        if not key.strip() or not re.fullmatch(r"\s*\d+(\.\d+)?\s*", number):
            raise InputError(where, f"'{text}' is not KEY=NUMBER", "write for example oversubscription=4")
        sizes[key.strip()] = float(number)
    return sizes


def _largest_devices(name: str, where: str, sizes: Mapping[str, float]) -> int:
    """How many devices a file allows; 1 for a file that cannot be used, which load_topology then explains."""
    path = Path(name) if name.endswith(".toml") else shelf("topologies") / f"{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 1
    if raw.get("family") not in _FACTORS:
        return list(roles(load_topology(name, 1, where, sizes=sizes)).values()).count("device")
    written = raw.get("sizes", {})
    factors = [
        _value(sizes.get(key, written.get(key))) for key in _FACTORS[raw["family"]] if key in {**written, **sizes}
    ]
    return max(1, int(math.prod(factors)))


def _value(entry: Any) -> float:
    """The number of one size as a file or a command line gives it."""
    number = entry.get("value") if isinstance(entry, Mapping) else entry
    return number if isinstance(number, (int, float)) else 1
