"""Who shares which links, and how fast each then goes: max-min fairness.

A wave is here whatever has one key: what a collective or a kind of send does at once among some devices, on one of
their streams. Its links are charged for all its groups together, so a wave never competes with itself. Where different
waves together would take more than a link has, the link is contested, and the flows on it share it as a fair network
shares: nobody can go faster without slowing somebody who is not faster (Bertsekas and Gallager, Data Networks, 2nd ed.
1992, sec. 6.5.2).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.errors import ScaletaxError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FULL = 1.0 + 1e-9
"""Load from which a link is contested, as a share of its rate: shares that sum to one do so up to rounding."""
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """What one wave does to the links while it runs at full pace.

    links: (L,) numbers of the directed links it uses, each once, from zero.
    shares: (L,) share of each link's rate that it takes at full pace, in (0, 1].
    member_bytes_per_s: rate of one member flow at full pace (what max-min fairness compares).
    """

    links: Integers
    shares: Floats
    member_bytes_per_s: float


def max_min_rates(capacity: npt.ArrayLike, uses: npt.ArrayLike, limits: npt.ArrayLike | None = None) -> Floats:
    """Max-min fair rates by progressive filling: all rates rise together until a link is full or a limit is reached.

    capacity: (L,) bytes/s of each link. uses: (L, F) bytes that each byte of flow f puts on link l, zero or more.
    limits: (F,) largest rate of each flow in bytes/s, by default none. Returns (F,) bytes/s.
    """
    room, load = np.asarray(capacity, np.float64), np.asarray(uses, np.float64)
    flows = load.shape[1]
    limit = np.full(flows, np.inf) if limits is None else np.asarray(limits, np.float64)
    rates, level = np.zeros(flows), 0.0
    rising = np.ones(flows, np.bool_)
    while rising.any():
        demand = load @ rising
        # What is left is taken anew from the fixed rates each time, so rounding does not pile up.
        left = room - load @ rates
        full_at = np.divide(left, demand, out=np.full(len(room), np.inf), where=demand > 0)
        highest = min(full_at.min(initial=np.inf), limit[rising].min())
        if highest == np.inf:
            raise ScaletaxError("links", f"nothing limits the rate of flows {np.flatnonzero(rising).tolist()}")
        level = max(level, float(highest))
        stops = level * (1 + _ROUNDING)
        limited = limit <= stops
        fixed = rising & (limited | (load[full_at <= stops] > 0).any(axis=0))
        rates[fixed] = np.where(limited, limit, level)[fixed]
        rising &= ~fixed
    return rates


class SharedLinks:
    """The links that different waves compete for."""

    def __init__(self, usages: Mapping[Any, Usage]) -> None:
        """Find the contested links: those that all waves together, at full pace, would load above their rate.

        usages: wave -> what it does to the links.
        """
        _check(usages)
        rows = _contested_rows(list(usages.values()))
        competing = rows.any(axis=0)
        waves = list(usages)
        names = [waves[column] for column in np.flatnonzero(competing).tolist()]
        self._rows = rows[:, competing]
        self._column = {wave: column for column, wave in enumerate(names)}
        self._names = names
        self._member_bytes_per_s = np.array([usages[wave].member_bytes_per_s for wave in names])
        self._rivals = _rivals(self._rows)
        self._paces: dict[frozenset[Hashable], dict[Hashable, float]] = {}
        self._group_paces: dict[int, dict[Hashable, float]] = {}

    def contested(self, wave: Hashable) -> bool:
        """Whether a wave uses a link that it may have to share; one without a Usage uses none."""
        return wave in self._column

    def paces(self, waves: Iterable[Hashable]) -> Mapping[Hashable, float]:
        """Pace of each of the waves that are active at once, in (0, 1]; 1 is what it does alone."""
        active = frozenset(waves)
        known = self._paces.get(active)
        if known is None:
            known = dict.fromkeys(active, 1.0)
            for group in self._groups(active):
                if group not in self._group_paces:
                    self._group_paces[group] = self._shared(group)
                known |= self._group_paces[group]
            self._paces[active] = known
        return known

    def _groups(self, active: frozenset[Hashable]) -> Iterator[int]:
        """Active waves that compete, directly or through others, as bits: 1 << column. Nobody competes alone.

        What goes on in one group says nothing about the next, so each is worked out, and remembered, by itself.
        """
        left = 0
        for wave in active:
            left |= 1 << self._column[wave] if wave in self._column else 0
        while left:
            group, reached = 0, left & -left
            left ^= reached
            while reached:
                column = reached.bit_length() - 1
                found = self._rivals[column] & left
                group |= 1 << column
                left ^= found
                reached ^= 1 << column | found
            if group & (group - 1):
                yield group

    def _shared(self, group: int) -> dict[Hashable, float]:
        """Pace of each wave of a group."""
        columns = [column for column in range(len(self._names)) if group >> column & 1]
        names = [self._names[column] for column in columns]
        together = self._rows[:, columns]
        together = together[together.sum(axis=1) > FULL]
        if not len(together):
            return dict.fromkeys(names, 1.0)
        # In units of the fastest member, so that equal members divide a link without rounding.
        member = self._member_bytes_per_s[columns]
        member = member / member.max()
        paces = max_min_rates(np.ones(len(together)), together / member, member) / member
        return dict(zip(names, paces.tolist(), strict=True))


def _check(usages: Mapping[Any, Usage]) -> None:
    for wave, usage in usages.items():
        shares = usage.shares
        if len(shares) != len(usage.links) or (len(shares) and not (shares.min() > 0 and shares.max() <= FULL)):
            raise ScaletaxError("links", f"wave {wave}: every link needs a share in (0, 1]")
        if not 0 < usage.member_bytes_per_s < np.inf:
            raise ScaletaxError("links", f"wave {wave}: {usage.member_bytes_per_s} bytes/s is no rate of a member")


def _rivals(rows: Floats) -> list[int]:
    """For each wave the others it shares a contested link with, as bits: 1 << column."""
    used = (rows > 0).astype(np.float64)
    return [sum(1 << other for other in np.flatnonzero(row).tolist()) for row in used.T @ used]


def _contested_rows(usages: list[Usage]) -> Floats:
    """Contested links x waves: shares at full pace; links that are used alike only once."""
    links = 1 + max((int(usage.links.max()) for usage in usages if len(usage.links)), default=-1)
    load, waves = np.zeros(links), np.zeros(links, np.int64)
    for usage in usages:
        load[usage.links] += usage.shares
        waves[usage.links] += 1
    contested = (load > FULL) & (waves > 1)
    row_of = np.where(contested, np.cumsum(contested) - 1, -1)
    return _unique([_inside(usage, row_of) for usage in usages], waves[contested])


def _inside(usage: Usage, row_of: Integers) -> tuple[Integers, Floats]:
    """Rows and shares of those links of a wave that are contested."""
    rows = row_of[usage.links]
    return rows[rows >= 0], usage.shares[rows >= 0]


def _unique(columns: list[tuple[Integers, Floats]], users: Integers) -> Floats:
    """Each different row once, from the entries of each column; users: how many entries each row has.

    Rows are told apart by a number, the sum of their entries by random weights, which is far faster than to sort the
    rows themselves. Every row is then compared with the one that stands for it; one that differs all the same, by
    a coincidence of the numbers, is kept in addition.
    """
    number = np.zeros(len(users))
    for (rows, shares), weight in zip(columns, np.random.default_rng(0).random(len(columns)).tolist(), strict=True):
        number[rows] += shares * weight
    _, first, group = np.unique(number, return_index=True, return_inverse=True)
    kept = _dense(columns, first, len(users))
    differs = users != np.count_nonzero(kept, axis=1)[group]
    for column, (rows, shares) in enumerate(columns):
        differs[rows[kept[group[rows], column] != shares]] = True
    if not differs.any():
        return kept
    return np.concatenate([kept, _dense(columns, np.flatnonzero(differs), len(users))])


def _dense(columns: list[tuple[Integers, Floats]], chosen: Integers, length: int) -> Floats:
    """Some of the rows, with their zeros."""
    place = np.full(length, -1)
    place[chosen] = np.arange(len(chosen))
    dense = np.zeros((len(chosen), len(columns)))
    for column, (rows, shares) in enumerate(columns):
        places = place[rows]
        dense[places[places >= 0], column] = shares[places >= 0]
    return dense
