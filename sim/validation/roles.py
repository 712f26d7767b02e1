"""Which rows constants may be fitted on, by a rule that looks at no error.

The rule: within a stack, in the order of the tables that the project carries, every fourth row that can be simulated is
"fit" (the 4th, the 8th, ...), all others are "check". A stack with fewer than four rows has no fit row. Rows of sources
that are not listed are always "check", and so are rows of other people's tables unless they are fit rows cell by cell.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Literal

from sim.validation.cases import Case, case_of
from sim.validation.table import Row, read_tables

Role = Literal["check", "fit"]
EVERY = 4
"""One row in so many is for fitting."""


def role_of(case: Case) -> Role:
    """The role of a row."""
    return "fit" if case.row in fit_rows() else "check"


def set_aside(case: Case) -> str:
    """Why a row that can be simulated takes no part in any fit or headline; empty for one that does."""
    return ""


@functools.cache
def fit_rows() -> frozenset[Row]:
    """All rows that constants may be fitted on."""
    seen: Counter[str] = Counter()
    chosen: set[Row] = set()
    for row in read_tables().rows:
        case = case_of(row)
        if not isinstance(case, Case) or not case.known or set_aside(case):
            continue
        stack = case.scenario.system.stack
        seen[stack] += 1
        if seen[stack] % EVERY == 0:
            chosen.add(row)
    return frozenset(chosen)
