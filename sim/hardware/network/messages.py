"""Who sends how much to whom: the messages of each algorithm, for all groups of one wave at once.

Legend: members (G, n) device numbers of G groups of n ranks; a weight is bytes of one message per byte of the
collective's size. Phases follow one another; the messages of one phase are under way together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sim.hardware.network.groups import Devices, numbers_of
from sim.hardware.topology import Numbers

_LARGEST_BATCH = 1 << 20
"""Messages that are put on the links in one go, so that all-to-all between thousands of devices stays small."""


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one weight. sources, targets: (m,) device numbers."""

    sources: Numbers
    targets: Numbers
    weight: float

    def both_ways(self) -> tuple[Messages, Messages]:
        """Half of every message, and half of it the other way: rings turn in both directions."""
        half = self.weight / 2
        return Messages(self.sources, self.targets, half), Messages(self.targets, self.sources, half)


Phase = list[Messages]


def _between(sources: Numbers, targets: Numbers, weight: float) -> Messages:
    return Messages(sources.reshape(-1), targets.reshape(-1), weight)


def ring(members: Numbers, counts: tuple[int, ...], *, zigzag: bool = False) -> Phase:
    """Once around the ring: every rank passes on all of it, over as many rings side by side as leave a domain.

    counts: (k,) how many of a group's ranks are in each domain that it spans, in order.
    Ring c enters a domain at its c-th member, goes once around the members and leaves through the one before; so every
    ring uses a network card of its own.
    zigzag: it goes to and fro instead, so that where members are joined directly no two rings take the same link in the
    same direction (an odd number of members: half of a ring's bytes go the other way, and make up for it).
    Source: Williams 1949, Experimental designs balanced for the estimation of residual effects, for the zigzag; RCCL's
    own rings through a fully connected node are of this kind (ROCm/rccl, src/graph/rome_models.cc, gfx942).
    """
    ranks, width = members.shape[1], max(counts) if len(counts) > 1 else 1
    count = np.repeat(counts, counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    local = np.arange(ranks) - first
    if zigzag:
        local = np.where(local % 2, (local + 1) // 2, -(local // 2))
    orders = [first + (local + channel) % count for channel in range(width)]
    hops = np.concatenate([order * ranks + np.roll(order, -1) for order in orders])
    pairs, times = np.unique(hops, return_counts=True)
    return [
        _between(members[:, pairs[times == one] // ranks], members[:, pairs[times == one] % ranks], one / width)
        for one in np.unique(times).tolist()
    ]


def parents(count: int) -> Numbers:
    """(count,) parent of every node of a binary tree over 0 .. count - 1 in order; the root, 0, is its own.

    Even nodes are its inner ones, so that in the mirrored (or shifted) tree every node is inner at most once.
    Source: Sanders, Speck, Traeff, Two-tree algorithms, Parallel Computing 35(12), 2009, section 3.
    """
    node = np.arange(count, dtype=np.int64)
    bit = node & -node
    up = (node ^ bit) | (bit << 1)
    up = np.where(up >= count, node ^ bit, up)
    up[0] = 0
    return up


def chain(members: Numbers) -> Phase:
    """Up and down a chain over the members of every domain, one chain from each member on.

    members: (..., w). Chain c ends at the c-th member, so a link between neighbours carries all chains but one, (w - 1)
    / w of the bytes each way.
    """
    width = members.shape[-1]
    if width == 1:
        return []
    beside, share = np.roll(members, -1, axis=-1), (width - 1) / width
    return [_between(members, beside, share), _between(beside, members, share)]


def heads(members: Numbers, counts: tuple[int, ...]) -> Numbers:
    """(G, k, w) the member of each of k domains that heads chain c of w; where a domain has fewer, they take turns."""
    width = max(counts)
    firsts = np.cumsum(counts) - counts
    return members[:, firsts[:, None] + np.arange(width) % np.array(counts)[:, None]]


def chains(members: Numbers, counts: tuple[int, ...]) -> Phase:
    """The chains of every domain, domains with equally many members together. counts: as for ring()."""
    firsts, sizes = np.cumsum(counts) - counts, np.array(counts)
    return [
        message
        for size in np.unique(sizes).tolist()
        for message in chain(members[:, firsts[sizes == size][:, None] + np.arange(size)])
    ]


def two_trees(members: Numbers) -> Phase:
    """Up and down two trees over the domains, half of the bytes each.

    members: (G, k, w) heads of w chains in k domains. The c-th heads of all domains carry 1 / w of the bytes.
    """
    _, domains, width = members.shape
    tree, child = parents(domains)[1:], np.arange(1, domains)
    # The second tree is the first one mirrored, or shifted by one where mirroring keeps even nodes even.
    second = ((child + 1) % domains, (tree + 1) % domains) if domains % 2 else (domains - 1 - child, domains - 1 - tree)
    phase: Phase = []
    for low, high in ((child, tree), second):
        lower, upper = members[:, low], members[:, high]
        phase += [_between(lower, upper, 0.5 / width), _between(upper, lower, 0.5 / width)]
    return phase


def in_switch(members: Numbers) -> Phase:
    """Reduction and multicast inside the scale-up switch: everything up once, every rank's share down and up again.

    members: (..., w). The messages between neighbours stand for what crosses each device's port.
    """
    width = members.shape[-1]
    return [_between(members, np.roll(members, -1, axis=-1), 1 + 1 / width)]


def halving(members: Numbers) -> list[Phase]:
    """Recursive halving (a reduce-scatter): with the rank 2^k away, 2^k / n of the bytes, k downwards.

    Reversed, it is recursive doubling (an all-gather). For powers of two.
    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, 2005, sec. 4.
    """
    ranks = members.shape[1]
    distances = [1 << power for power in reversed(range(ranks.bit_length() - 1))]
    index = np.arange(ranks)
    return [[_between(members, members[:, index ^ distance], distance / ranks)] for distance in distances]


def level_rings(members: Numbers, sizes: tuple[int, ...], start: int = 0, share: float = 1.0) -> list[Phase]:
    """Rings level by level, each over its share of the bytes, in both directions at once.

    sizes: members of a group at each level, innermost first. start: the level to begin with; the others follow in turn.
    share: of the bytes. A phase is one way (a reduce-scatter); reversed, an all-gather.
    Source: Cho et al., BlueConnect, MLSys 2019, section 3.
    """
    shaped = members.reshape(members.shape[0], *reversed(sizes))
    phases: list[Phase] = []
    for turn in range(len(sizes)):
        level = (start + turn) % len(sizes)
        size = sizes[level]
        beside = np.roll(shaped, -1, axis=len(sizes) - level)
        weight = share * (size - 1) / size / 2
        phases.append([_between(shaped, beside, weight), _between(beside, shaped, weight)])
        share /= size
    return phases


def rings_at_once(members: Numbers, sizes: tuple[int, ...]) -> list[Phase]:
    """Rings in all dimensions at once: as many parts of the bytes as dimensions, each beginning with another one.

    Source: Jain and Sabharwal, Optimal bucket algorithms for large MPI collectives on torus interconnects, ICS 2010.
    """
    parts = [level_rings(members, sizes, start, 1 / len(sizes)) for start in range(len(sizes))]
    return [[message for part in parts for message in part[turn]] for turn in range(len(sizes))]


def pairwise(members: Numbers) -> Iterator[Messages]:
    """Every rank sends 1 / n of its bytes to every other, all at once; in batches of bounded size."""
    ranks = members.shape[1]
    batch = max(1, _LARGEST_BATCH // members.size)
    for first in range(1, ranks, batch):
        distances = range(first, min(ranks, first + batch))
        targets = np.concatenate([np.roll(members, -distance, axis=1).reshape(-1) for distance in distances])
        yield Messages(np.tile(members.reshape(-1), len(distances)), targets, 1 / ranks)


def sends(devices: Devices, distance: int, count: int, within: Numbers | None) -> Messages:
    """Every device sends to the one `distance` further on, if that exists.

    count: how many devices there are. within: (G, n) members of groups that a message must not leave, or None.
    """
    sources = numbers_of(devices)
    targets = sources + distance
    exist = (targets >= 0) & (targets < count)
    sources, targets = sources[exist], targets[exist]
    if within is not None:
        group_of = np.full(count, -1, dtype=np.int64)
        group_of[within.reshape(-1)] = np.repeat(np.arange(within.shape[0]), within.shape[1])
        together = (group_of[sources] == group_of[targets]) & (group_of[sources] >= 0)
        sources, targets = sources[together], targets[together]
    return Messages(sources, targets, 1.0)
