"""Numbers and units as people read them: all that is printed, drawn or written in a page gets its digits here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

UNKNOWN = "unknown"
_TIMES = (("years", 365.25 * 86400), ("days", 86400.0), ("h", 3600.0), ("min", 60.0))
_AXIS_TIMES = (("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3))
_SHORT_TIMES = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
_BINARY = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_DECIMAL = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_PREFIXES = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3))
_MONEY = (("G", 1e9), ("M", 1e6), ("k", 1e3))
_LARGEST_COUNT = 1e16
_JOULES_PER_MWH = 3.6e9


def number(value: float) -> str:
    """Three digits, and all before the point: "2.13", "1,190"."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def whole(value: float) -> str:
    """No digits behind the point: "4,096"."""
    return f"{value:,.0f}"


def fixed(value: float, decimals: int = 2) -> str:
    """Always as many digits behind the point: "2.00"."""
    return f"{value:,.{decimals}f}"


def four_digits(value: float) -> str:
    """Four significant digits, as constants are compared: "0.8125", "1.2e-06"."""
    return f"{value:.4g}"


def rounded(value: float) -> str:
    """Three significant digits, written out: "63,700"."""
    digits = len(f"{abs(value):.0f}") - 3
    return f"{round(value, -digits):,.0f}" if digits > 0 else f"{value:.3g}"


def counted(count: int, noun: str, several: str = "") -> str:
    """A count with its noun: "1 device", "1,000 devices". several: the plural, where it takes more than an s."""
    return f"{count:,} {noun if count == 1 else several or f'{noun}s'}"


def large(value: float) -> str:
    """Parameters, tokens: "13 B", "257 B", "1.33 T"."""
    if value < _LARGEST_COUNT:
        for letter, size in _PREFIXES:
            if value >= 0.9995 * size:
                return f"{value / size:.3g} {letter}" if value < 999.5 * size else f"{value / size:,.0f} {letter}"
    return f"{value:.3g}"


def flop(value: float) -> str:
    """FLOPs: "5.76e+23"."""
    return f"{value:.3g}"


def nats(value: float) -> str:
    """A loss in four digits: "1.974"."""
    return f"{value:.4g}"


def percent(value: float | None, decimals: int = 1) -> str:
    """A share: "31.5 %"; None is unknown."""
    if value is None:
        return UNKNOWN
    return f"{100 * value if abs(value) >= 5e-4 else 0.0:.{decimals}f} %"


def whole_percent(value: float) -> str:
    """A share without digits behind the point: "31 %"."""
    return percent(value, 0)


def plain_percent(value: float) -> str:
    """A share that was set, with the digits that it has, at most three: "5 %", "0.25 %"."""
    return f"{100 * value:.3g} %"


def signed_percent(value: float, decimals: int = 1) -> str:
    """A share that is an error or a change: "-3.1 %"."""
    return f"{100 * value:+.{decimals}f} %"


def percent_span(low: float, high: float, decimals: int = 0) -> str:
    """An error band: "-9..+17 %"."""
    return f"{100 * low:+.{decimals}f}..{100 * high:+.{decimals}f} %"


def points(value: float, *, signed: bool = True) -> str:
    """A difference of two shares in percentage points: "-1.2 points"."""
    return f"{100 * value:+.1f} points" if signed else f"{100 * abs(value):.1f} points"


def duration(time_s: float) -> str:
    """A duration with the unit that suits it: "8.0 days", "1.66 s"."""
    return " ".join(duration_and_unit(time_s))


def duration_and_unit(time_s: float) -> tuple[str, str]:
    """The number of such a duration, and its unit."""
    for unit, length_s in _TIMES:
        if time_s >= 2 * length_s:
            return f"{time_s / length_s:,.1f}", unit
    return (f"{time_s:.3g}", "s") if time_s >= 1 else (f"{time_s * 1e3:.3g}", "ms")


def duration_span(low_s: float, high_s: float) -> str:
    """Two durations, their unit once where it is the same: "6.61 to 7.12 s"; one where they read alike."""
    (low, low_unit), (high, unit) = duration_and_unit(low_s), duration_and_unit(high_s)
    if (low, low_unit) == (high, unit):
        return f"{high} {unit}"
    return f"{low} to {high} {unit}" if low_unit == unit else f"{low} {low_unit} to {high} {unit}"


def short_time(time_s: float) -> str:
    """A duration from microseconds to seconds in four digits: "1.234 ms"."""
    unit, length_s = next((entry for entry in _SHORT_TIMES if time_s >= entry[1]), _SHORT_TIMES[-1])
    return f"{time_s / length_s:#,.4g} {unit}".replace(". ", " ")


def latency(latency_s: float) -> str:
    """A latency in microseconds: "1.5 us"."""
    return f"{latency_s * 1e6:.3g} us"


def gibibytes(size_bytes: float) -> str:
    """Memory in GiB: "74.7 GiB"."""
    return f"{size_bytes / 2**30:,.1f} GiB"


def gibibytes_of(part_bytes: float, whole_bytes: float) -> str:
    """What is taken of a memory, the unit once: "69.6 of 79.1 GiB"."""
    return f"{part_bytes / 2**30:,.1f} of {gibibytes(whole_bytes)}"


def message(size_bytes: float) -> str:
    """The size of a message or a file: "64 MiB" where it is whole in binary units, "1.5 GB" otherwise."""
    for unit, length in _BINARY:
        if size_bytes >= length and size_bytes % length == 0:
            return f"{size_bytes / length:,.0f} {unit}"
    for unit, decimal_length in _DECIMAL:
        if size_bytes >= decimal_length:
            return f"{size_bytes / decimal_length:,.4g} {unit}"
    return f"{size_bytes:,.4g} B"


def gigabytes_per_s(rate_bytes_per_s: float) -> str:
    """A rate in GB/s, without the unit: "12.3", "0.52"."""
    rate = rate_bytes_per_s / 1e9
    return f"{rate:,.1f}" if rate >= 9.995 else f"{rate:.2f}" if rate >= 0.0995 else f"{rate:.2g}"


def megawatt_hours(energy_joules: float | None) -> str:
    """Energy: "20.9 MWh", "0.053 MWh"; None is unknown."""
    if energy_joules is None:
        return UNKNOWN
    found = energy_joules / _JOULES_PER_MWH
    return f"{found:,.1f} MWh" if found >= 1 else f"{found:.2g} MWh"


def usd(amount_usd: float | None) -> str:
    """Money, short: "63.7k USD", "1.2M USD"; None is unknown."""
    return UNKNOWN if amount_usd is None else f"{_short(amount_usd)} USD"


def usd_span(low_usd: float, high_usd: float) -> str:
    """A range of money, its letter once where it is the same: "59-148k USD"."""
    low, high = _short(low_usd), _short(high_usd)
    letter = high[-1]
    alike = letter.isalpha() and low[-1] == letter
    return f"{low[:-1] if alike else low}-{high} USD"


def few(names: Sequence[str], most: int = 3) -> str:
    """The first few by name, the others by their number."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def listed(names: Sequence[str]) -> str:
    """All by name: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _short(amount: float) -> str:
    """Two digits or more, and a letter: "63.7k"."""
    for letter, size in _MONEY:
        if amount >= 0.9995 * size:
            return f"{_digits(amount / size)}{letter}"
    return _digits(amount)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.2g}"


@dataclass(frozen=True, slots=True)
class Unit:
    """How a quantity is written, and drawn along an axis.

    axis: its unit on an axis; axis_size: how much of the stored unit that is. stored: the suffix of keys, which says
    the stored unit.
    """

    write: Callable[[float], str]
    axis: str = ""
    axis_size: float = 1.0
    stored: str = ""

    def suited(self, largest: float) -> Unit:
        """The same with an axis on which the largest value is 2 or more: hours instead of days. Of times alone."""
        if self.stored != "s":
            return self
        unit, size = next(((unit, size) for unit, size in _AXIS_TIMES if largest >= 2 * size), _AXIS_TIMES[-1])
        return replace(self, axis=unit, axis_size=size) if size < self.axis_size else self


SECONDS = Unit(duration, "s", stored="s")
DAYS = Unit(duration, "days", 86400.0, "s")
SHARE = Unit(percent, "%", 0.01)
ERROR = Unit(signed_percent, "%", 0.01)
BYTES = Unit(gibibytes, "GiB", 2.0**30, "bytes")
USD = Unit(usd, "USD", stored="usd")
JOULES = Unit(megawatt_hours, "MWh", _JOULES_PER_MWH, "joules")
COUNT = Unit(number)
DEVICE_SECONDS = Unit(number, "device-seconds", stored="device_s")
TEXT = Unit(str)
