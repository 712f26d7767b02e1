"""Text amounts of a recipe: "720 sequences", "4e6 tokens", "20 per parameter", "0.5 %"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from sim.errors import InputError, closest, shown
from sim.units import fraction, quantity

_NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_AMOUNT = re.compile(rf"({_NUMBER})\s*(.*)")
_BATCH_UNITS: dict[str, Literal["sequences", "tokens"]] = {
    "sequences": "sequences",
    "sequence": "sequences",
    "tokens": "tokens",
    "token": "tokens",
}
_BATCH_REMEDY = 'write text with a unit: "720 sequences" or "4e6 tokens"'
_TOKENS_REMEDY = 'write a number of tokens such as 257e9, or "20 per parameter"'


@dataclass(frozen=True, slots=True)
class TokenBudget:
    """How much is trained on: one of the two is set."""

    tokens: float = 0.0
    per_parameter: float | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A global batch as it was written."""

    count: int
    unit: Literal["sequences", "tokens"]


_LARGEST_SHARE = 0.5
_LARGEST_SLOWDOWN = 100.0
_LONGEST_STALL_S = 3600.0


def token_budget(value: object) -> TokenBudget:
    """Read a number of tokens, or text such as "20 per parameter". Raises InputError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return TokenBudget(tokens=_positive(float(value), value, _TOKENS_REMEDY))
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or match[2].split() != ["per", "parameter"]:
        raise InputError("", f"{shown(value)} is not a number of tokens", _TOKENS_REMEDY)
    return TokenBudget(per_parameter=_positive(float(match[1]), value, _TOKENS_REMEDY))


def batch(value: object) -> Batch:
    """Read text such as "720 sequences" or "4e6 tokens". Raises InputError, also for a bare number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise InputError("", f"{shown(value)} has no unit", f'write "{value:.15g} sequences" or "{value:.15g} tokens"')
    match = _AMOUNT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise InputError("", f"{shown(value)} is not a size of a batch", _BATCH_REMEDY)
    if not match[2]:
        raise InputError("", f"{shown(value)} has no unit", _BATCH_REMEDY)
    if match[2] not in _BATCH_UNITS:
        hint = closest(match[2], _BATCH_UNITS)
        raise InputError("", f"{shown(value)} is in '{match[2]}'{hint}", _BATCH_REMEDY)
    size = _positive(float(match[1]), value, _BATCH_REMEDY)
    if not size.is_integer():
        raise InputError("", f"{shown(value)} is not a whole number of {match[2]}", _BATCH_REMEDY)
    return Batch(int(size), _BATCH_UNITS[match[2]])


def share(value: object) -> float:
    """Read a small share such as 0.005 or "0.5 %". Raises InputError, above all where per cent were meant."""
    return fraction(value, "", upper=_LARGEST_SHARE)


def part(value: object) -> float:
    """Read a part of all devices, nodes or links, such as 0.005 or "0.5 %". Raises InputError."""
    return _unmistakable(value, fraction(value, "", upper=1.0))


def slowdown(value: object) -> float:
    """Read by how much longer something takes: 0.2 or "20 %"; 2.0 is three times as long. Raises InputError."""
    return _unmistakable(value, fraction(value, "", upper=_LARGEST_SLOWDOWN))


def stall(value: object) -> float:
    """Read how long a stall is, such as "100 ms", in seconds. Raises InputError, also for a bare number."""
    length_s = quantity(value, "s", "")
    if length_s > _LONGEST_STALL_S:
        raise InputError(
            "", f"{shown(value)} is longer than an hour", 'that is a failure, no stall: write "1 h" or less'
        )
    return length_s


def _unmistakable(value: object, read: float) -> float:
    """Refuse a whole number where shares above one are allowed: 20 would be twenty times, and 20 % is likely meant."""
    if read and re.fullmatch(r"\+?\d+", str(value).strip()):
        raise InputError(
            "", f"{shown(value)} may be {read:g} % or {100 * read:g} %", f'write "{read:g} %" or "{100 * read:g} %"'
        )
    return read


def sequences_in(size: Batch, sequence: int, where: str) -> int:
    """Turn a batch into sequences of `sequence` tokens; a batch in tokens must divide evenly.

    Raises InputError that names the two nearest batches that do.
    """
    if size.unit == "sequences":
        return size.count
    whole, rest = divmod(size.count, sequence)
    if rest == 0:
        return whole
    near = [f'"{count * sequence} tokens" ({count} sequences)' for count in (whole, whole + 1) if count]
    raise InputError(
        where,
        f"{size.count} tokens do not divide into sequences of {sequence} tokens",
        f"write {' or '.join(near)}",
    )


def _positive(number: float, given: object, remedy: str) -> float:
    if not math.isfinite(number) or number <= 0:
        raise InputError("", f"{shown(given)} must be above zero and finite", remedy)
    return number
