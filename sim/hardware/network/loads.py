"""What messages do to links: bytes on every link, and how long the fullest of them is busy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sim.hardware.network.messages import Messages
from sim.hardware.topology import NO_LINK, Numbers, Paths, Topology

_LARGEST_HELD = 1 << 17
"""Messages from which on those that have come are put on the links, so that many of them stay small in memory."""
Loads = NDArray[np.float64]
"""(L,) bytes on every link for each byte of a collective's size."""


def message_loads(topology: Topology, messages: Iterable[Messages]) -> Loads:
    """Put messages on the links of their paths, split where paths split."""
    loads = np.zeros(topology.links.count)
    waiting: dict[float, list[Messages]] = {}
    held = 0
    for one in messages:
        waiting.setdefault(one.weight, []).append(one)
        held += len(one.sources)
        if held > _LARGEST_HELD:
            loads, waiting, held = loads + _together(topology, waiting), {}, 0
    return loads + _together(topology, waiting)


def _together(topology: Topology, waiting: Mapping[float, Sequence[Messages]]) -> Loads:
    """Loads of messages by their weight; paths of few messages take as long to find as those of many."""
    loads = np.zeros(topology.links.count)
    for weight, some in waiting.items():
        sources = np.concatenate([one.sources for one in some])
        targets = np.concatenate([one.targets for one in some])
        if len(sources):
            loads += weight * path_loads(topology, topology.paths(sources, targets))
    return loads


def path_loads(topology: Topology, paths: Paths) -> Loads:
    """Loads of one byte on each of some paths."""
    # Counted from one on, so that nothing has to be sorted out: NO_LINK comes first, and is left out at the end.
    weights = None if paths.shares is None else paths.shares.reshape(-1)
    counts = np.bincount(paths.links.reshape(-1) - NO_LINK, weights, minlength=topology.links.count + 1)
    return counts[1:].astype(np.float64)


def reduction_loads(topology: Topology, members: Numbers, weight: float) -> Loads:
    """Loads of a reduction inside the fabric: each link of the tree that joins a group carries its bytes once each way.

    members: (G, n). The tree is what the paths between the first member and the others cover.
    """
    loads = np.zeros(topology.links.count)
    ranks = members.shape[1]
    first = np.repeat(members[:, 0], ranks - 1)
    others = members[:, 1:].reshape(-1)
    groups = np.repeat(np.arange(len(members)), ranks - 1)
    for sources, targets in ((others, first), (first, others)):
        paths = topology.paths(sources, targets)
        used = paths.links != NO_LINK
        group = np.broadcast_to(groups[:, None], paths.links.shape)[used]
        once = np.unique(group * np.int64(topology.links.count) + paths.links[used])
        loads += weight * np.bincount(once % topology.links.count, minlength=len(loads))
    return loads


def busiest_s_per_byte(topology: Topology, loads: Loads) -> float:
    """Seconds that the most loaded link is busy for each byte of the collective's size."""
    return float(np.max(loads / topology.links.bytes_per_s[:-1], initial=0.0))
