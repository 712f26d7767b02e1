"""Reads what the command line asks of a scaling law."""

from __future__ import annotations

import math
import re

from sim.errors import InputError, shown

_SUFFIXES = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_NUMBER = re.compile(r"(\d+\.?\d*(?:[eE][+-]?\d{1,3})?)\s*([KMBT]?)")


def count(text: str | None, where: str) -> float | None:
    """Read a count such as "13e9", "13B" or "2T"; None stays None. Raises InputError."""
    if text is None:
        return None
    match = _NUMBER.fullmatch(text.strip().replace(",", "").upper())
    number = float(match[1]) * _SUFFIXES[match[2]] if match else math.nan
    if not 0 < number < math.inf:
        raise InputError(where, f"{shown(text)} is no number above zero", 'write for example 13e9, "13B" or "2T"')
    return number
