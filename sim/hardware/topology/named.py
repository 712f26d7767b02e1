"""Builds the topology that a command names, with the sizes and the number of devices that the command line gives."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology

DEVICES_OPTION = "--devices"


def one_domain(name: str, devices: int | None, where: str, assignments: Sequence[str] = ()) -> Topology:
    """Build a topology; the number of devices may be left out where all of them are one scale-up domain.

    name, where: as for load_topology. assignments: sizes such as "oversubscription=4".
    Raises InputError for a number left out where there are several, and what load_topology raises.
    """
    topology = largest(name, devices, where, assignments)
    if devices is None and topology.devices > topology.domain:
        raise InputError(
            DEVICES_OPTION,
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
    return load_topology(name, devices, where, sizes=sizes, sizes_where="--size", devices_where=DEVICES_OPTION)


def changed_sizes(assignments: Sequence[str], where: str) -> dict[str, float]:
    """Sizes of a topology from texts such as "oversubscription=4".

    Raises InputError for a text of another shape.
    """
    sizes: dict[str, float] = {}
    for text in assignments:
        key, _, number = text.partition("=")
        is_number = re.fullmatch(r"\s*\d+(\.\d+)?([eE]\+?\d+)?\s*", number) and math.isfinite(float(number))
        if not key.strip() or not is_number:
            raise InputError(where, f"'{text}' is not KEY=NUMBER", "write for example oversubscription=4")
        sizes[key.strip()] = float(number)
    return sizes
