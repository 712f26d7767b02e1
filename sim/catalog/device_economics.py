"""What devices cost and draw: economics/DEVICE.toml for each device, facility.toml for what surrounds all of them.

Every figure has a low, a typical and a high value. What no source states is None: unknown, and never zero.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sim.catalog.data_files import names_on, read_data
from sim.catalog.figures import Figure, is_iso_date, read_figure
from sim.errors import InputError, some_of
from sim.units import fraction, quantity

_RUNGS = ("low", "typical", "high")
_PRICES = {"rental": "usd_per_s", "purchase": "usd"}
_FACILITY = {"pue": "", "electricity": "usd_per_joule", "amortisation": "s", "in_use": "share"}


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that is not known better: low <= typical <= high."""

    low: float
    typical: float
    high: float

    @property
    def ends(self) -> tuple[float, float, float]:
        """(low, typical, high)."""
        return self.low, self.typical, self.high

    def over(self, divisor: float) -> Range:
        """The range of so much of it. divisor: above zero."""
        return Range(self.low / divisor, self.typical / divisor, self.high / divisor)

    def plus(self, other: Range) -> Range:
        """The range of the sum, low with low and high with high."""
        return Range(self.low + other.low, self.typical + other.typical, self.high + other.high)


@dataclass(frozen=True, slots=True)
class Price:
    """A price, and when the typical one was paid or asked.

    assumed: the typical one comes from no source that could be checked.
    """

    usd: Range
    """Of one device; of one device and second for a rental."""
    date: str
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Economics:
    """What one device costs and draws; None is unknown.

    rental: USD per device and second. purchase: USD per device with its share of the node.
    busy_watts: power while it trains, with its share of the node, without cooling. busy_watts_assumed: nobody measured
    it, and no source has what it could be derived from.
    """

    device: str
    rental: Price | None = None
    purchase: Price | None = None
    busy_watts: float | None = None
    busy_watts_assumed: bool = False
    figures: Mapping[str, tuple[Figure, ...]] = field(default_factory=dict, compare=False, repr=False)
    """By the key of what they state."""


@dataclass(frozen=True, slots=True)
class Facility:
    """What running a device costs beside the device.

    pue: power of the hall over power of its nodes. electricity_usd_per_joule. amortisation_s: over which a device is
    written off. in_use: share of that time in which somebody's job pays for it.
    """

    pue: Range
    electricity_usd_per_joule: Range
    amortisation_s: Range
    in_use: Range
    figures: Mapping[str, tuple[Figure, ...]] = field(default_factory=dict, compare=False, repr=False)
    """By the key of what they state."""


@functools.cache
def economics_of(device: str) -> Economics:
    """Read what one device costs and draws; all None where no file says so, as for a device of the user's own."""
    if device not in names_on("economics"):
        return Economics(device)
    return read_economics(device, read_data(f"economics/{device}"), f"catalogue: {device}: economics")


@functools.cache
def load_facility() -> Facility:
    """Read what surrounds every device."""
    return read_facility(read_data("facility"), "catalogue: facility")


def read_economics(device: str, raw: Mapping[str, Any], where: str) -> Economics:
    """Build the record of one device from its tables.

    Raises InputError for unknown keys, a figure without its date, a wrong unit, or a range out of order.
    """
    _check_keys(raw, (*_PRICES, "busy_watts"), where)
    figures: dict[str, list[Figure]] = {}
    prices: dict[str, Price] = {}
    for key, unit in _PRICES.items():
        if key in raw:
            own = _rungs(key, raw[key], where)
            typical = own[1]
            prices[key] = Price(_range(key, own, unit, where), typical.date, typical.kind == "assumed")
            figures[key] = own
    watts, assumed = None, False
    if "busy_watts" in raw:
        power = _dated("busy_watts", raw["busy_watts"], where)
        watts, assumed = quantity(power.value, "watts", f"{where}: busy_watts"), power.kind == "assumed"
        figures["busy_watts"] = [power]
    named = {
        key: tuple(replace(figure, name=f"{device} {figure.name}") for figure in own) for key, own in figures.items()
    }
    return Economics(device, prices.get("rental"), prices.get("purchase"), watts, assumed, named)


def read_facility(raw: Mapping[str, Any], where: str) -> Facility:
    """Build the record of what surrounds every device. Raises InputError as read_economics does."""
    _check_keys(raw, tuple(_FACILITY), where, required=tuple(_FACILITY))
    rungs = {key: _rungs(key, raw[key], where) for key in _FACILITY}
    pue, electricity, amortisation, in_use = (_range(key, rungs[key], unit, where) for key, unit in _FACILITY.items())
    if pue.low < 1 or in_use.low <= 0:
        raise InputError(
            where, f"pue {pue.low:g}, in_use {in_use.low:g}", "a PUE is at least 1, a share in use above 0"
        )
    return Facility(pue, electricity, amortisation, in_use, {key: tuple(own) for key, own in rungs.items()})


def _rungs(key: str, raw: object, where: str) -> list[Figure]:
    """Low, typical and high as figures."""
    if not isinstance(raw, Mapping):
        raise InputError(f"{where}: {key}", "this is not a table", f"write [{key}] with low, typical and high")
    _check_keys(raw, _RUNGS, f"{where}: {key}", required=_RUNGS)
    return [_dated(f"{key}.{rung}", raw[rung], where) for rung in _RUNGS]


def _dated(name: str, raw: object, where: str) -> Figure:
    """A figure that says when it was true."""
    figure = read_figure(name, raw, where)
    if not is_iso_date(figure.date):
        problem = f"'{name}' has the date '{figure.date}'" if figure.date else f"'{name}' has no date"
        raise InputError(where, problem, 'prices and power age: write for example date = "2026-03"')
    return figure


def _range(key: str, figures: list[Figure], unit: str, where: str) -> Range:
    found = Range(*(_plain(figure.value, unit, f"{where}: {figure.name}") for figure in figures))
    if not found.low <= found.typical <= found.high:
        given = ", ".join(f"{rung} {figure.value}" for rung, figure in zip(_RUNGS, figures, strict=True))
        raise InputError(f"{where}: {key}", f"{given}: these are out of order", "write low <= typical <= high")
    return found


def _plain(value: object, unit: str, where: str) -> float:
    if unit == "share":
        return fraction(value, where)
    if unit:
        return quantity(value, unit, where)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(where, f"{value!r} is not a number", "write a number")
    return float(value)


def _check_keys(raw: Mapping[str, Any], allowed: tuple[str, ...], where: str, required: tuple[str, ...] = ()) -> None:
    surplus = [key for key in raw if key not in allowed]
    missing = [key for key in required if key not in raw]
    if surplus or missing:
        raise InputError(where, f"unknown keys {surplus}, missing keys {missing}", f"allowed: {some_of(allowed)}")
