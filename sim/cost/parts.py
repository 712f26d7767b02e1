"""Seconds by ledger line: how one instruction's time is split over the account."""

from __future__ import annotations

from collections.abc import Mapping

from sim.hardware.kernel import Array

Parts = dict[str, Array]
"""Ledger line -> seconds (a float, or an array with one element per plan)."""


def combined(*summands: Mapping[str, Array]) -> Parts:
    """Add up several splits, line by line."""
    result: Parts = {}
    for parts in summands:
        for line, seconds in parts.items():
            result[line] = result.get(line, 0.0) + seconds
    return result


def scaled(parts: Mapping[str, Array], factor: Array) -> Parts:
    """The same split, some number of times over."""
    return {line: seconds * factor for line, seconds in parts.items()}


def relabelled(parts: Mapping[str, Array], line: str) -> Parts:
    """All of it on one line: recomputation is `recompute`, whatever its kernels are."""
    return {line: duration_s(parts)}


def plain(parts: Mapping[str, Array]) -> dict[str, float]:
    """The split of one plan as plain floats, as instructions carry it."""
    return {line: float(seconds) for line, seconds in parts.items()}


def duration_s(parts: Mapping[str, Array]) -> Array:
    """All lines together."""
    return sum(parts.values())
