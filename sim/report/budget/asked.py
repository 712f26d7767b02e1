"""Reads what the command line asks of a scaling law."""

from __future__ import annotations

import math

from sim.errors import InputError, shown
from sim.scenario.amounts import read_count


def count(text: str | None, where: str) -> float | None:
    """Read a count such as "13e9", "13B" or "2T"; None stays None. Raises InputError."""
    if text is None:
        return None
    found = read_count(text)
    if found is None or found.words or not 0 < found.number < math.inf:
        raise InputError(where, f"{shown(text)} is no number above zero", 'write for example 13e9, "13B" or "2T"')
    return found.number
