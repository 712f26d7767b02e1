"""Replicas that have different numbers of micro-batches in a step, and which of them behave alike.

Replicas are numbered so that equal numbers are neighbours, most micro-batches first: each class is then one range of
replicas, and of devices.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from sim.errors import InputError
from sim.parallel.cuts import in_runs
from sim.parallel.plans import GATHERING_STAGE


class ReplicaClass(NamedTuple):
    """Replicas with equally many micro-batches: neighbours in the program's order."""

    micro_batches: int
    replicas: range


def replica_classes(counts: Sequence[int]) -> tuple[ReplicaClass, ...]:
    """Runs of equal numbers of micro-batches.

    counts: (d,) micro-batches of each replica. Hand-worked: 8, 8, 6: (8, replicas 0 and 1), (6, replica 2).
    """
    found, first = [], 0
    for count, members in itertools.groupby(counts):
        after = first + len(list(members))
        found.append(ReplicaClass(count, range(first, after)))
        first = after
    return tuple(found)


def counts_text(counts: Sequence[int]) -> str:
    """How many micro-batches the replicas have: "4-5" where they are as even as can be, else in_runs.

    Of a known total and number of replicas, either says which has how many.
    """
    return f"{min(counts)}-{max(counts)}" if max(counts) - min(counts) == 1 else f"({in_runs(counts)})"


def in_program_order(given: Sequence[int], batch: int, micro_batch: int, data: int, where: str) -> tuple[int, ...]:
    """The micro-batches of each replica as the user lists them, most first.

    batch: sequences of a step. Raises InputError where there is not one number for each replica, or where they do not
    make up the batch.
    """
    place, written = f"{where} micro_batches", list(given)
    if len(given) != data:
        raise InputError(
            place,
            f"micro_batches {written} has {len(given)} entries, but data is {data}",
            f"give {data} entries, one for each replica",
        )
    total = sum(given)
    if total * micro_batch != batch:
        raise InputError(
            place,
            f"micro_batches {written} sum to {total}; x micro_batch {micro_batch} = {total * micro_batch} sequences,"
            f" but the global batch has {batch}",
            _what_fits(batch, micro_batch, data, total),
        )
    return tuple(sorted(given, reverse=True))


def refuse_gathering(counts: Sequence[int], zero: int, where: str) -> None:
    """Raise InputError where replicas have different work and yet have to meet at every micro-batch."""
    if len(set(counts)) > 1 and zero >= GATHERING_STAGE:
        raise InputError(
            f"{where} micro_batches",
            f"replicas have {max(counts)} to {min(counts)} micro-batches with zero {zero}: gradients or parameters are"
            " shared out at every micro-batch, and every replica must take part in that",
            "use zero 0 or 1, or the same number for every replica",
        )


def _what_fits(batch: int, micro_batch: int, data: int, total: int) -> str:
    whole, rest = divmod(batch, micro_batch)
    change = f"change the batch to {total * micro_batch} sequences"
    if rest:
        return f"use a micro_batch that divides {batch}, or {change}"
    return f"give {data} entries that sum to {whole}, or {change}" if whole >= data else change
