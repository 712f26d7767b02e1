"""Quantities at the border: text with a unit in, an SI float out.

Bits and bytes are different dimensions here, so "200 Gbit" where bytes are due is an error and never a
factor of eight. Decimal (GB) and binary (GiB) prefixes are spelled apart.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sim.errors import InputError, shown

if TYPE_CHECKING:
    import pint

_DEFINITIONS = """
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
milli- = 1e-3 = m-
micro- = 1e-6 = u- = µ-
nano- = 1e-9 = n-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
tebi- = 1099511627776 = Ti-
second = [time] = s
minute = 60 * second = min
hour = 3600 * second = h
day = 86400 * second = d
year = 365.25 * day
byte = [bytes] = B
bit = [bits] = b
flop = [work] = FLOP
watt = [power] = W
joule = watt * second = J
watt_hour = watt * hour = Wh
usd = [money] = USD
percent = 0.01 = %
"""

# What a figure may be measured in: the unit that a plain float then carries, and an example for messages.
UNITS: dict[str, tuple[str, str]] = {
    "bytes": ("byte", '"80 GB" or "80 GiB"'),
    "bytes_per_s": ("byte / second", '"300 GB/s"'),
    "bits_per_s": ("bit / second", '"200 Gbit/s"'),
    "flops_per_s": ("flop / second", '"312 TFLOP/s"'),
    "s": ("second", '"5 us" or "10 min"'),
    "watts": ("watt", '"400 W"'),
    "usd": ("usd", '"2.50 USD"'),
    "usd_per_s": ("usd / second", '"2.50 USD/h"'),
    "usd_per_joule": ("usd / watt / second", '"0.08 USD/kWh"'),
}
BITS_PER_BYTE = 8.0
_LARGEST_READ = 1e300
# A number and at most one unit expression: arithmetic is not evaluated, so no text can keep the reader busy.
_SHAPE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*[A-Za-zµ%]*(\s*/\s*[A-Za-zµ]+)?")


@functools.lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[float]:
    # Where dask is installed pint imports it, for arrays that are none here; that would take longer than all the rest.
    is_absent = sys.modules.setdefault("dask", None) is None  # type: ignore[arg-type]
    try:
        import pint
    finally:
        if is_absent:
            del sys.modules["dask"]
    return pint.UnitRegistry(_DEFINITIONS.splitlines(), on_redefinition="raise")


@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[float, str, str]:
    """Return (magnitude in base units, base unit, what went wrong)."""
    if _SHAPE.fullmatch(text) is None:
        return math.nan, "", "a number, a space and a unit are due"
    registry = _registry()
    import pint

    try:
        parsed = registry.parse_expression(text)
        if not hasattr(parsed, "to_base_units"):
            return float(parsed), "", ""
        base = parsed.to_base_units()
        return float(base.magnitude), str(base.units), ""
    except OverflowError:
        return math.nan, "", "the number is too large"
    except (pint.errors.PintError, AttributeError, TypeError, ValueError, ArithmeticError, SyntaxError) as error:
        return math.nan, "", str(error) or type(error).__name__


def quantity(value: object, kind: str, where: str) -> float:
    """Read one quantity: text such as "80 GB" in, an SI float out.

    value: text with a unit; a bare number is an error, because its unit would be a guess.
    kind: a key of UNITS, for example "bytes_per_s". For "bytes_per_s" on a network link, see link_rate.
    where: shown first in the message.
    Raises InputError for a missing or wrong unit, or a size that is not finite and above zero.
    """
    unit, example = UNITS[kind]
    if not isinstance(value, str):
        raise InputError(where, f"{shown(value)} has no unit", f"write text with a unit, for example {example}")
    magnitude, base_unit, problem = _parse(value.strip())
    wanted = str(_registry().parse_units(unit))
    if problem:
        raise InputError(where, f"'{value}' is not a quantity ({problem})", f"write for example {example}")
    if base_unit in ("", "dimensionless"):
        raise InputError(where, f"'{value}' has no unit", f"write for example {example}")
    if base_unit != wanted:
        hint = "; bits and bytes are different units here (1 byte = 8 bits)" if "bit" in base_unit else ""
        raise InputError(
            where, f"'{value}' is in {base_unit}, but {wanted} is due{hint}", f"write for example {example}"
        )
    if not math.isfinite(magnitude) or magnitude <= 0:
        raise InputError(where, f"'{value}' must be above zero and finite", f"write for example {example}")
    return magnitude


def link_rate(value: object, where: str) -> float:
    """Read a network rate in bits or bytes per second and return bytes per second.

    Networks are sold in bits per second; both are accepted because the text says which it is.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and _parse(text)[1] == str(_registry().parse_units("bit / second")):
        return quantity(text, "bits_per_s", where) / BITS_PER_BYTE
    return quantity(value, "bytes_per_s", where)


SECONDS_PER_YEAR = 365.25 * 86400.0
_PER: dict[str, float] = {
    "hour": 3600.0,
    "day": 86400.0,
    "week": 7 * 86400.0,
    "month": SECONDS_PER_YEAR / 12,
    "year": SECONDS_PER_YEAR,
}
_RATE = re.compile(
    r"(\d+(?:_\d+)*(?:\.\d*)?(?:[eE][+-]?\d{1,3})?)\s+per\s+(?:(\d+)\s+)?(device|node|cluster)-(hour|day|week|month|year)s?",
    re.ASCII,
)
_RATE_REMEDY = 'write for example "0.2 per device-year", "6.5 per 1000 node-days" or "1 per cluster-week"'


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something happens to each device, each node, or the whole cluster."""

    per_s: float
    of: Literal["device", "node", "cluster"]


NEVER = Rate(0.0, "cluster")


def rate(value: object, where: str) -> Rate:
    """Read how often something happens, such as "0.2 per device-year" or "6.5 per 1000 node-days".

    Zero is a rate: it never happens. A year has 365.25 days, a month a twelfth of that.
    Raises InputError, also for a bare number (one per what, and in what time?) and for more than once a second.
    """
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        bare = isinstance(value, (int, float)) and not isinstance(value, bool)
        problem = "has no unit: of what, and in what time" if bare else "is not a rate"
        raise InputError(where, f"{shown(value)} {problem}", _RATE_REMEDY)
    span = float(match[2] or 1) * _PER[match[4]]
    if span == 0 or not math.isfinite(span) or not math.isfinite(float(match[1])):
        raise InputError(where, f"{shown(value)} is not a rate", _RATE_REMEDY)
    of: dict[str, Literal["device", "node", "cluster"]] = {"device": "device", "node": "node", "cluster": "cluster"}
    per_s = float(match[1]) / span
    if per_s > 1.0:
        raise InputError(where, f"{shown(value)} is more than once a second", "write a lower rate")
    return Rate(per_s, of[match[3]])


def nearest_read_as(wanted: float, near: float, read: Callable[[float], float]) -> float:
    """The number at this one that is read as exactly what is wanted; this one itself where rounding leaves none."""
    around = (near, math.nextafter(near, 0.0), math.nextafter(near, math.inf))
    return next((number for number in around if read(number) == wanted), near)


def written_rate(rate: Rate) -> str:
    """Text that rate() reads as the same rate, for all that were read as so many per 1, 10, 100 or 1000 of a span."""
    for span, span_s in reversed(_PER.items()):
        for count in (1, 1000, 10, 100):
            number = _number_per(count * span_s, rate.per_s)
            if number / (count * span_s) == rate.per_s:
                return f"{number!r} per {f'{count} ' if count > 1 else ''}{rate.of}-{span}s"
    return f"{rate.per_s * SECONDS_PER_YEAR!r} per {rate.of}-years"


def _number_per(length_s: float, per_s: float) -> float:
    return nearest_read_as(per_s, per_s * length_s, lambda number: number / length_s)


def fraction(value: object, where: str, *, upper: float = 1.0) -> float:
    """Read a share such as 0.05 or "5 %" and return a float in [0, upper].

    Raises InputError when it is not a number or outside the range.
    """
    number = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        # A whole number may be too large for a float.
        number = float(value) if abs(value) <= _LARGEST_READ else math.inf
    elif isinstance(value, str):
        magnitude, base_unit, problem = _parse(value.strip())
        if not problem and base_unit in ("", "dimensionless"):
            number = magnitude
    if not math.isfinite(number) or not 0 <= number <= upper:
        # A number of one or more without a sign was most likely meant in per cent.
        bare = str(value).strip()[-1:].isdigit()
        remedy = (
            f'write "{number:.12g} %"' if bare and 1 <= number <= 100 * upper else 'write for example 0.05 or "5 %"'
        )
        raise InputError(where, f"{shown(value)} is not a share between 0 and {upper:g}", remedy)
    return number
