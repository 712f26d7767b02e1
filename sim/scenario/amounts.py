"""Text amounts of a recipe: "720 sequences", "4e6 tokens", "20 per parameter", "0.5 %"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from sim.errors import InputError, closest, shown
from sim.units import fraction, quantity

if TYPE_CHECKING:
    from sim.scenario.types import Training

_COUNT = re.compile(
    r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)?(?:\.\d*)?)(?:[eE]([+-]?\d{1,4}))?\s*([kKmMbBtT](?![A-Za-z]))?\s*(.*)"
)
_THOUSANDS = {"": 0, "k": 3, "m": 6, "b": 9, "t": 12}
_LARGEST_COUNT = 1e18
"""Of tokens or sequences: beyond it, one is a slip."""
_BATCH_UNITS: dict[str, Literal["sequences", "tokens"]] = {
    "sequences": "sequences",
    "sequence": "sequences",
    "tokens": "tokens",
    "token": "tokens",
}
_BATCH_REMEDY = 'write text with a unit: "720 sequences", "4e6 tokens" or "4M tokens"'
_TOKENS_REMEDY = 'write a number of tokens such as 257e9, "1.4T", or "20 per parameter"'


class Count(NamedTuple):
    """A number as text has it: K, M, B and T stand for thousands up to 1e12.

    suffix: as written, often empty. words: what follows.
    """

    number: float
    suffix: str
    words: str


def read_count(text: str) -> Count | None:
    """Read a count such as "13e9", "4M", "1.4 T" or "2,048 sequences"; None where none begins the text."""
    found = _COUNT.fullmatch(text.strip())
    if found is None or not any(character.isdecimal() for character in found[1]):
        return None
    digits, exponent, suffix = found[1].replace(",", "").replace("_", ""), int(found[2] or 0), found[3] or ""
    # One decimal number, so that "1.1M" is 1,100,000 and not the nearest product of two floats.
    number = float(f"{digits}e{exponent + _THOUSANDS[suffix.lower()]}")
    return Count(number, suffix, " ".join(found[4].split()))


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
    """Read a number of tokens, "1.4T", or text such as "20 per parameter". Raises InputError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return TokenBudget(tokens=_positive(value, value, _TOKENS_REMEDY))
    found = read_count(value) if isinstance(value, str) else None
    if found is not None and found.words == "per parameter":
        return TokenBudget(per_parameter=_positive(found.number, value, _TOKENS_REMEDY))
    if found is None or found.words not in ("", "token", "tokens") or not (found.suffix or found.words):
        raise InputError("", f"{shown(value)} is not a number of tokens", _TOKENS_REMEDY)
    return TokenBudget(tokens=_positive(found.number, value, _TOKENS_REMEDY))


def batch(value: object) -> Batch:
    """Read text such as "720 sequences" or "4M tokens". Raises InputError, also for a bare number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = f"{_positive(value, value, _BATCH_REMEDY):.15g}"
        raise InputError("", f"{shown(value)} has no unit", f'write "{text} sequences" or "{text} tokens"')
    found = read_count(value) if isinstance(value, str) else None
    if found is None:
        raise InputError("", f"{shown(value)} is not a size of a batch", _BATCH_REMEDY)
    if not found.words:
        raise InputError("", f"{shown(value)} has no unit", _BATCH_REMEDY)
    if found.words not in _BATCH_UNITS:
        hint = closest(found.words, _BATCH_UNITS)
        raise InputError("", f"{shown(value)} is in {shown(found.words)}{hint}", _BATCH_REMEDY)
    size = _positive(found.number, value, _BATCH_REMEDY)
    if not size.is_integer():
        raise InputError("", f"{shown(value)} is not a whole number of {found.words}", _BATCH_REMEDY)
    return Batch(int(size), _BATCH_UNITS[found.words])


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


def sequences_in(size: Batch, sequence: int) -> int:
    """Turn a batch into sequences of `sequence` tokens: of a batch in tokens the nearest whole number, at least one."""
    if size.unit == "sequences":
        return size.count
    return max(1, (2 * size.count + sequence) // (2 * sequence))


def batch_note(training: Training) -> str:
    """Say how a batch in tokens became whole sequences; empty where there was nothing to round."""
    asked, sequence = training.asked_batch_tokens, training.sequence
    if asked is None:
        return ""
    exact = f"{asked / sequence:,.1f} sequences of {sequence:,}"
    return f"a batch of {asked:,} tokens is {exact}: {training.global_batch:,} taken"


def _positive(number: float, given: object, remedy: str) -> float:
    # A whole number may be too large for a float, so it is compared before it becomes one.
    if not 0 < number < math.inf:
        raise InputError("", f"{shown(given)} must be above zero and finite", remedy)
    if number > _LARGEST_COUNT:
        raise InputError("", f"{shown(given)} is more than {_LARGEST_COUNT:g}, the most that is simulated", remedy)
    return float(number)
