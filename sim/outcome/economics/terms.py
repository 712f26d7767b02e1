"""On which terms a run is billed: what the catalogue has of a device, and what the scenario says instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sim.catalog import Facility, Figure, Price, Range, economics_of, load_facility
from sim.scenario.types import Prices

# Field of Prices -> figures of the catalogue that it replaces, and the unit that it is cited in.
_REPLACED = {
    "rental_usd_per_s": ("rental", "USD/s"),
    "purchase_usd": ("purchase", "USD"),
    "power_watts": ("busy_watts", "W"),
    "pue": ("pue", ""),
    "electricity_usd_per_joule": ("electricity", "USD/J"),
    "amortisation_s": ("amortisation", "s"),
    "in_use": ("in_use", ""),
}

AS_THE_CATALOGUE = Prices()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is paid for one kind of device, and what it draws; None is unknown.

    device: name in the catalogue. busy_watts: with its share of the node, without cooling.
    """

    device: str
    rental: Price | None
    purchase: Price | None
    busy_watts: float | None
    busy_watts_assumed: bool
    facility: Facility
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


def terms_of(device: str, prices: Prices = AS_THE_CATALOGUE) -> Terms:
    """What the catalogue has of a device, with what the scenario gives in its place.

    A figure that the scenario replaces is no longer cited.
    """
    known, place = economics_of(device), load_facility()
    facility = Facility(
        _given(prices.pue, place.pue),
        _given(prices.electricity_usd_per_joule, place.electricity_usd_per_joule),
        _given(prices.amortisation_s, place.amortisation_s),
        _given(prices.in_use, place.in_use),
    )
    return Terms(
        device,
        _price(prices.rental_usd_per_s, prices.date, known.rental),
        _price(prices.purchase_usd, prices.date, known.purchase),
        known.busy_watts if prices.power_watts is None else prices.power_watts,
        known.busy_watts_assumed and prices.power_watts is None,
        facility,
        _cited(device, prices, {**known.figures, **place.figures}),
    )


def _given(value: float | None, known: Range) -> Range:
    """What the scenario gives is certain; what the catalogue has is a range."""
    return known if value is None else Range(value, value, value)


def _price(value: float | None, date: str, known: Price | None) -> Price | None:
    return known if value is None else Price(Range(value, value, value), date)


def _cited(device: str, prices: Prices, figures: Mapping[str, tuple[Figure, ...]]) -> tuple[Figure, ...]:
    given = {key: entry for key, entry in _REPLACED.items() if getattr(prices, key) is not None}
    replaced = {name for name, _ in given.values()}
    kept = [one for key, own in figures.items() if key not in replaced for one in own]
    own = [
        Figure(
            f"{device} {name}",
            f"{getattr(prices, key)!r} {unit}".strip(),
            "assumed",
            "",
            prices.date,
            "set by the scenario",
        )
        for key, (name, unit) in given.items()
    ]
    return (*kept, *own)
