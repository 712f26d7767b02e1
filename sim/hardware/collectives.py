"""How long a collective takes, as pure formulas that broadcast over numpy arrays.

Legend: sizes in bytes (any shape), ranks and counts without unit, rates in bytes/s per direction, times in s.
A group of one rank communicates nothing: 0 exactly. No formula includes the cost of launching the collective.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = float | NDArray[np.float64]


def ring_all_reduce_time_s(size_bytes: Values, ranks: Values, bytes_per_s: Values, ring_latency_s: Values) -> Values:
    """All-reduce on a ring: each rank sends 2 (n - 1) / n of the bytes in 2 (n - 1) steps.

    size_bytes: the buffer of one rank. ring_latency_s: sum of the hop latencies once around the ring, so that
    with equal hops the latency part is 2 (n - 1) hops.
    Source: Patarasuk and Yuan, Bandwidth Optimal All-reduce Algorithms, JPDC 69(2), 2009, section 3.
    """
    return 2 * ring_gather_time_s(size_bytes, ranks, bytes_per_s, ring_latency_s)


def ring_gather_time_s(size_bytes: Values, ranks: Values, bytes_per_s: Values, ring_latency_s: Values) -> Values:
    """All-gather or reduce-scatter on a ring: each rank sends (n - 1) / n of the bytes in n - 1 steps.

    size_bytes: the full buffer, gathered (all-gather) or before scattering (reduce-scatter).
    ring_latency_s: sum of the hop latencies once around the ring.
    Source: Thakur, Rabenseifner, Gropp, Optimization of Collective Communication Operations in MPICH, 2005,
    section 4.1 (ring) and 4.3.
    """
    share = (ranks - 1) / ranks
    return share * size_bytes / bytes_per_s + share * ring_latency_s


def two_level_all_reduce_time_s(
    size_bytes: Values,
    inner_ranks: Values,
    outer_ranks: Values,
    inner_bytes_per_s: Values,
    inner_ring_latency_s: Values,
    outer_bytes_per_s: Values,
    outer_ring_latency_s: Values,
) -> Values:
    """All-reduce in two levels: reduce-scatter inside, all-reduce of the shares across, all-gather inside.

    inner_ranks: ranks of the group in one scale-up domain; outer_ranks: domains that the group spans.
    inner and outer rates and ring latencies: those of the two kinds of ring.
    Source: Cho et al., BlueConnect, MLSys 2019, section 3.
    """
    inside = 2 * ring_gather_time_s(size_bytes, inner_ranks, inner_bytes_per_s, inner_ring_latency_s)
    across = ring_all_reduce_time_s(size_bytes / inner_ranks, outer_ranks, outer_bytes_per_s, outer_ring_latency_s)
    return inside + across


def double_tree_all_reduce_time_s(
    size_bytes: Values, domains: Values, bytes_per_s: Values, chain_latency_s: Values, level_s: Values
) -> Values:
    """All-reduce on a double binary tree over the scale-up domains, a chain inside each: up once, down once.

    domains: at least 2. chain_latency_s: from end to end of the chain inside one domain.
    level_s: what one level of the tree adds, each way. Two trees of half the bytes each keep every link busy.
    Source: Sanders, Speck, Traeff, Two-tree algorithms for full bandwidth broadcast, reduction and scan,
    Parallel Computing 35(12), 2009; the latency as in NCCL's tuning model.
    """
    levels = np.ceil(np.log2(domains))
    return 2 * size_bytes / bytes_per_s + 2 * (chain_latency_s + levels * level_s)


def send_time_s(size_bytes: Values, bytes_per_s: Values, latency_s: Values) -> Values:
    """One message over one route: latency and bytes over the rate (Hockney, 1994)."""
    return latency_s + size_bytes / bytes_per_s


def tree_broadcast_time_s(size_bytes: Values, depth: Values, bytes_per_s: Values, latency_s: Values) -> Values:
    """Broadcast or reduction in the network: at line rate, plus the latency of `depth` links.

    Nodes forward (or add) while they receive, so the bytes count once, whatever the depth.
    Source: Cerebras glossary, SwarmX (reductions at line rate; latency grows with the depth of the tree).
    """
    return size_bytes / bytes_per_s + depth * latency_s
