"""Which rows constants may be fitted on, by a rule that looks at no error.

The rule: within a stack, in the order of the tables that the project carries, every fourth row that can be simulated is
"fit" (the 4th, the 8th, ...), all others are "check". A stack with fewer than four rows has no fit row. Rows of sources
that are not listed, and rows of other people's tables, are always "check".
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Literal

from sim.validation.cases import Case, case_of
from sim.validation.table import read_tables

Role = Literal["check", "fit"]
EVERY = 4
"""One row in so many is for fitting."""


def role_of(case: Case) -> Role:
    """The role of a row, by its id."""
    return "fit" if case.row.id in fit_ids() else "check"


@functools.cache
def fit_ids() -> frozenset[str]:
    """Ids of all rows that constants may be fitted on."""
    seen: Counter[str] = Counter()
    chosen: set[str] = set()
    for row in read_tables().rows:
        case = case_of(row)
        if not isinstance(case, Case) or not case.known:
            continue
        stack = case.scenario.system.stack
        seen[stack] += 1
        if seen[stack] % EVERY == 0:
            chosen.add(row.id)
    return frozenset(chosen)
