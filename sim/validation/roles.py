"""Which rows constants may be fitted on, by a rule that looks at no error.

The rule: within a stack, in the order of the tables that the project carries, every fourth row that can be simulated is
"fit" (the 4th, the 8th, ...), all others are "check". Rows in formats narrower than half precision are counted apart
from the others of their stack, so that each kind gives a quarter. What has fewer than four rows has no fit row. Rows on
fine-tuning are not counted and always "check": the lengths of the documents packed into their sequences are a guess, on
which no constant is to rest. Rows of sources that are not listed are always "check"; rows of other people's tables are,
unless they are fit rows in every cell.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Literal

from sim.validation.cases import Case, case_of
from sim.validation.obstacles import is_narrow
from sim.validation.table import Row, read_tables

Role = Literal["check", "fit"]
EVERY = 4
"""One row in so many is for fitting."""


def role_of(case: Case) -> Role:
    """The role of a row."""
    return "fit" if case.row in fit_rows() else "check"


@functools.cache
def fit_rows() -> frozenset[Row]:
    """All rows that constants may be fitted on."""
    seen: Counter[tuple[str, bool]] = Counter()
    chosen: set[Row] = set()
    for row in read_tables().rows:
        case = case_of(row)
        if not isinstance(case, Case) or not case.known or case.scenario.training.method != "pretrain":
            continue
        counted = case.stack, is_narrow(row)
        seen[counted] += 1
        if seen[counted] % EVERY == 0:
            chosen.add(row)
    return frozenset(chosen)
