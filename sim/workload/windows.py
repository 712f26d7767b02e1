"""How much of the square of queries and keys attention needs, counts and computes, by how far back a query reaches.

Legend: s sequence, w window: keys that a query reaches, its own among them; None: all before it.
"""

from __future__ import annotations

import numpy as np

from sim.hardware.kernel import Array

CAUSAL_SHARE = 0.5
"""Share of the square that a causal model needs; the diagonal is neglected, as everywhere."""
_BLOCK = 128.0
"""Rows and keys of the blocks that a fused attention computes or skips as a whole."""


def needed_share(sequence: Array, window: Array | None = None) -> Array:
    """Share of the attention square that the mathematics needs: the causal half, or a band below the diagonal.

    window: keys that a query reaches, its own among them; None: all before it.
    Source: Megatron-Bridge, flop_utils.py: w - w (w - 1) / (2 s) keys for each query instead of s / 2.
    Hand-worked: 8 tokens, a window of 4: 1 + 2 + 3 + 5 x 4 = 26 of 64.
    """
    if window is None:
        return CAUSAL_SHARE
    reach = np.minimum(window, sequence)
    return np.minimum((reach - reach * (reach - 1) / (2 * sequence)) / sequence, CAUSAL_SHARE)


def counted_share(sequence: Array, window: Array | None = None) -> Array:
    """Share of the square that counts without the causal mask have: w keys for each query, where there is a window.

    Source: MaxText, maxtext_utils.py, FLOPs of local and global attention before half of them is taken.
    """
    return 1.0 if window is None else np.minimum(window, sequence) / sequence


def executed_share(sequence: Array, window: Array | None = None) -> Array:
    """Share of the square that a fused attention computes where it skips blocks that the mask hides.

    At the edge where a window begins, half a block of rows and half a block of keys is computed in vain; the edge at
    the diagonal is neglected, as everywhere.
    Source: Dao-AILab/flash-attention, flash_fwd_kernel.h, the first block of keys within a window.
    Hand-worked: 4,096 tokens, a window of 512: 480.06 + 7 / 8 x 128 = 592.06 keys for each query.
    """
    if window is None:
        return CAUSAL_SHARE
    edge = _BLOCK * (1.0 - np.minimum(window, sequence) / sequence) / sequence
    return np.minimum(needed_share(sequence, window) + edge, CAUSAL_SHARE)
