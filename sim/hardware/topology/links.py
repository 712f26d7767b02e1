"""Links of a network: what one carries, and the table that numbers all of them, each direction for itself."""

from __future__ import annotations

import bisect
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError

EdgeKey = tuple[str, str]
"""A link in the direction of travel: (from vertex, to vertex)."""
Numbers = NDArray[np.int64]
"""Device or link numbers."""
NO_LINK = -1
"""Where a path has no further link."""
LARGEST_TABLE = 1 << 25
"""Links, each direction for itself, that fit into memory with all that is kept of each."""


@dataclass(frozen=True, slots=True)
class Link:
    """One full-duplex link, or several parallel ones merged.

    bytes_per_s: achieved rate per direction (nominal rate times efficiency).
    latency_s: what crossing this one link adds to a message.
    """

    link_class: str
    bytes_per_s: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class _Block:
    """Equal links that lie beside each other in the table."""

    first: int
    count: int
    link: Link
    names: Callable[[int], EdgeKey]
    reversed: bool


class LinkTable:
    """All links of a topology, numbered one direction at a time, in blocks of one kind."""

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []
        self.count = 0

    def add_both(
        self, count: int, link: Link, names: Callable[[int], EdgeKey], back_link: Link | None = None
    ) -> tuple[int, int]:
        """Append both directions of `count` equal links: (first number as named, first number of the way back).

        names: index in the block -> its two ends. Where there are none, the table has no class of that name.
        back_link: what the way back carries, where that differs.
        Raises InputError where the table would grow beyond LARGEST_TABLE.
        """
        if self.count + 2 * count > LARGEST_TABLE:
            raise InputError(
                f"links of class {link.link_class}",
                f"{2 * count:,} of them, counting both directions, are too many to hold",
                f"build fewer devices, or smaller groups: at most {LARGEST_TABLE:,} in all",
            )
        first, back = self.count, self.count + count
        if not count:
            return first, back
        self._blocks += [_Block(first, count, link, names, False), _Block(back, count, back_link or link, names, True)]
        self._firsts += [first, back]
        self.count += 2 * count
        return first, back

    def changed(self, change: Callable[[Link], Link]) -> LinkTable:
        """A table of its own with the same links, each changed."""
        table = LinkTable()
        table._blocks = [replace(block, link=change(block.link)) for block in self._blocks]
        table._firsts, table.count = list(self._firsts), self.count
        return table

    @functools.cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the link classes, in the order in which they came."""
        return tuple(dict.fromkeys(block.link.link_class for block in self._blocks))

    @functools.cached_property
    def class_of(self) -> Numbers:
        """(L,) index into classes."""
        numbers = [self.classes.index(block.link.link_class) for block in self._blocks]
        return np.repeat(np.array(numbers, dtype=np.int64), self._counts)

    @functools.cached_property
    def bytes_per_s(self) -> NDArray[np.float64]:
        """(L + 1,) rates; the last entry, infinite, answers for NO_LINK, so that padded paths can be indices."""
        return np.append(np.repeat([block.link.bytes_per_s for block in self._blocks], self._counts), np.inf)

    @functools.cached_property
    def latency_s(self) -> NDArray[np.float64]:
        """(L + 1,) latencies; the last entry, zero, answers for NO_LINK."""
        return np.append(np.repeat([block.link.latency_s for block in self._blocks], self._counts), 0.0)

    @property
    def _counts(self) -> Numbers:
        return np.array([block.count for block in self._blocks], dtype=np.int64)

    def ends(self, number: int) -> EdgeKey:
        """The two ends of a link, in the direction of travel."""
        block = self._block(number)
        there, back = block.names(number - block.first)
        return (back, there) if block.reversed else (there, back)

    def link(self, number: int) -> Link:
        """What a link carries."""
        return self._block(number).link

    def _block(self, number: int) -> _Block:
        return self._blocks[bisect.bisect_right(self._firsts, number) - 1]
