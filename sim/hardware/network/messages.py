"""Who sends how much to whom: the messages of each algorithm, for all groups of one wave at once.

Legend: members (G, n) device numbers of G groups of n ranks; a weight is bytes of one message per byte of the
collective's size. Phases follow one another; the messages of one phase are under way together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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


def ring(members: Numbers, domains: Numbers, width: int) -> Phase:
    """Once around the ring: every rank passes on all of it, over as many rings side by side as leave a domain.

    domains: (G, n) scale-up domain of each member. width: rings side by side (members of a full domain).
    Ring c enters a domain at its c-th member, goes once around the members and leaves through the one before; so every
    ring uses a network card of its own.
    """
    ranks = members.shape[1]
    starts = np.ones_like(members, dtype=bool)
    starts[:, 1:] = domains[:, 1:] != domains[:, :-1]
    index = np.broadcast_to(np.arange(ranks), members.shape)
    first = np.maximum.accumulate(np.where(starts, index, 0), axis=1)
    ends = np.ones_like(starts)
    ends[:, :-1] = starts[:, 1:]
    last = np.minimum.accumulate(np.where(ends, index, ranks - 1)[:, ::-1], axis=1)[:, ::-1]
    count = last - first + 1
    if np.all(count == ranks):
        return [_between(members, np.roll(members, -1, axis=1), 1.0)]
    after = (last + 1) % ranks
    after_count = np.take_along_axis(count, after, axis=1)
    even = np.all(count == width) and ranks % width == 0
    phase: Phase = []
    if even and width > 1:
        inside = first + (index - first + 1) % count
        phase.append(_between(members, np.take_along_axis(members, inside, axis=1), (width - 1) / width))
        leaves = np.take_along_axis(members, first + (index - first - 1) % count, axis=1)
        enters = np.take_along_axis(members, after + (index - first) % after_count, axis=1)
        return [*phase, _between(leaves, enters, 1 / width)]
    for channel in range(width):
        is_exit = index - first == (channel + count - 1) % count
        follower = np.where(is_exit, after + channel % after_count, first + (index - first + 1) % count)
        phase.append(_between(members, np.take_along_axis(members, follower, axis=1), 1 / width))
    return phase


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

    members: (G, k, w) k domains of w members. Chain c ends at the c-th member, so a link between neighbours carries
    all chains but one, (w - 1) / w of the bytes each way.
    """
    width = members.shape[2]
    if width == 1:
        return []
    beside, share = np.roll(members, -1, axis=2), (width - 1) / width
    return [_between(members, beside, share), _between(beside, members, share)]


def two_trees(members: Numbers) -> Phase:
    """Up and down two trees over the domains, half of the bytes each.

    members: (G, k, w) k domains of w members. The c-th members of all domains carry 1 / w of the bytes.
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


def level_rings(members: Numbers, sizes: tuple[int, ...]) -> list[Phase]:
    """Rings level by level, innermost first, each over its share of the bytes, in both directions at once.

    sizes: members of a group at each level. A phase is one way (a reduce-scatter); reversed, an all-gather.
    Source: Cho et al., BlueConnect, MLSys 2019, section 3.
    """
    shaped = members.reshape(members.shape[0], *reversed(sizes))
    phases: list[Phase] = []
    share = 1.0
    for level, size in enumerate(sizes):
        beside = np.roll(shaped, -1, axis=len(sizes) - level)
        weight = share * (size - 1) / size / 2
        phases.append([_between(shaped, beside, weight), _between(beside, shaped, weight)])
        share /= size
    return phases


def pairwise(members: Numbers) -> Iterator[Messages]:
    """Every rank sends 1 / n of its bytes to every other, all at once; in batches of bounded size."""
    ranks = members.shape[1]
    batch = max(1, _LARGEST_BATCH // members.size)
    for first in range(1, ranks, batch):
        distances = range(first, min(ranks, first + batch))
        targets = np.concatenate([np.roll(members, -distance, axis=1).reshape(-1) for distance in distances])
        yield Messages(np.tile(members.reshape(-1), len(distances)), targets, 1 / ranks)


def sends(devices: range, distance: int, count: int, within: Numbers | None) -> Messages:
    """Every device sends to the one `distance` further on, if that exists.

    count: how many devices there are. within: (G, n) members of groups that a message must not leave, or None.
    """
    sources = np.arange(devices.start, devices.stop, dtype=np.int64)
    targets = sources + distance
    exist = (targets >= 0) & (targets < count)
    sources, targets = sources[exist], targets[exist]
    if within is not None:
        group_of = np.full(count, -1, dtype=np.int64)
        group_of[within.reshape(-1)] = np.repeat(np.arange(within.shape[0]), within.shape[1])
        together = (group_of[sources] == group_of[targets]) & (group_of[sources] >= 0)
        sources, targets = sources[together], targets[together]
    return Messages(sources, targets, 1.0)
