"""Text amounts of a recipe: "720 sequences", "4e6 tokens", "20 per parameter", "0.5 %"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from sim.errors import InputError, closest
from sim.scenario.wording import shown
from sim.units import fraction

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
