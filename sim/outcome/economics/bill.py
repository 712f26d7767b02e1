"""The bill of one run: device-hours, energy, and what they cost rented and owned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Figure, Price, Range
from sim.outcome.economics.energy import energy_joules
from sim.outcome.economics.money import electricity_cost_usd, rental_cost_usd, write_off_usd
from sim.outcome.economics.terms import AS_THE_CATALOGUE, Terms, terms_of
from sim.scenario.types import Prices

_SECONDS_PER_HOUR = 3600.0


PricedFigure = Literal["rental", "purchase price", "power"]
Item = TypeVar("Item")


class PriceOf(NamedTuple):
    """A figure that a bill rests on, of one kind of device."""

    figure: PricedFigure
    device: str

    def __str__(self) -> str:
        return f"{self.figure} of {self.device}"


@dataclass(frozen=True, slots=True)
class RunBill:
    """What a run of a known length costs; None is unknown, and never nothing.

    Low takes every figure at its cheap end, high at its dear end: bounds, no probability.
    energy_joules: at the meter of the hall. rental_usd: if the devices are rented. write_off_usd and electricity_usd:
    if they are owned. rental_dates, purchase_dates: when the typical prices were true. unknown: what no source states.
    assumed: what of the typical figures comes from no source.
    """

    device_hours: float
    tokens: float
    energy_joules: Range | None
    rental_usd: Range | None
    write_off_usd: Range | None
    electricity_usd: Range | None
    rental_dates: tuple[str, ...] = ()
    purchase_dates: tuple[str, ...] = ()
    unknown: tuple[PriceOf, ...] = ()
    assumed: tuple[PriceOf, ...] = ()
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def purchase_usd(self) -> Range | None:
        """Cost on hardware that is owned: what is written off, and electricity."""
        return _sum([self.write_off_usd, self.electricity_usd])

    @property
    def energy_joules_per_token(self) -> Range | None:
        """Energy over tokens trained on."""
        return self._per_token(self.energy_joules)

    @property
    def rental_usd_per_token(self) -> Range | None:
        """Rental over tokens trained on."""
        return self._per_token(self.rental_usd)

    @property
    def purchase_usd_per_token(self) -> Range | None:
        """Cost on owned hardware over tokens trained on."""
        return self._per_token(self.purchase_usd)

    def _per_token(self, amount: Range | None) -> Range | None:
        return None if amount is None else amount.over(self.tokens)


def run_bill(
    device: str, devices: int, wall_time_s: float, tokens: float, prices: Prices = AS_THE_CATALOGUE
) -> RunBill:
    """Bill a run on devices of one kind.

    device: its name; of one that is not in the catalogue nothing is known. devices: all that are paid for, spares and
    unused ones among them. wall_time_s: from start to end. tokens: trained on, above zero. prices: what the scenario
    says instead of the catalogue.
    """
    terms = terms_of(device, prices)
    energy = None if terms.busy_watts is None else _energy(terms, terms.busy_watts, devices, wall_time_s)
    return RunBill(
        devices * wall_time_s / _SECONDS_PER_HOUR,
        tokens,
        energy,
        None if terms.rental is None else _rental(terms.rental, devices, wall_time_s),
        None if terms.purchase is None else _write_off(terms, terms.purchase, devices, wall_time_s),
        None if energy is None else _electricity(terms, energy),
        _dates(terms.rental),
        _dates(terms.purchase),
        _unknown(terms),
        _assumed(terms),
        terms.figures,
    )


def joint_bill(bills: Sequence[RunBill]) -> RunBill:
    """One bill for the parts of a system, which trained on the same tokens together; of at least one part.

    What is unknown of one part is unknown of all.
    """
    return RunBill(
        math.fsum(bill.device_hours for bill in bills),
        bills[0].tokens,
        _sum([bill.energy_joules for bill in bills]),
        _sum([bill.rental_usd for bill in bills]),
        _sum([bill.write_off_usd for bill in bills]),
        _sum([bill.electricity_usd for bill in bills]),
        _distinct([bill.rental_dates for bill in bills]),
        _distinct([bill.purchase_dates for bill in bills]),
        _distinct([bill.unknown for bill in bills]),
        _distinct([bill.assumed for bill in bills]),
        tuple(dict.fromkeys(figure for bill in bills for figure in bill.figures)),
    )


def _energy(terms: Terms, watts: float, devices: int, time_s: float) -> Range:
    return _range(energy_joules(devices, watts, time_s, _array(terms.facility.pue)))


def _rental(price: Price, devices: int, time_s: float) -> Range:
    return _range(rental_cost_usd(devices, time_s, _array(price.usd)))


def _write_off(terms: Terms, price: Price, devices: int, time_s: float) -> Range:
    """Cheap is a low price over many years that are full of work."""
    years, in_use = _array(terms.facility.amortisation_s)[::-1], _array(terms.facility.in_use)[::-1]
    return _range(write_off_usd(devices, time_s, _array(price.usd), years, in_use))


def _electricity(terms: Terms, energy: Range) -> Range:
    return _range(electricity_cost_usd(_array(energy), _array(terms.facility.electricity_usd_per_joule)))


def _array(ends: Range) -> NDArray[np.float64]:
    return np.array(ends.ends)


def _range(ends: NDArray[np.float64]) -> Range:
    low, typical, high = ends.tolist()
    return Range(low, typical, high)


def _sum(amounts: Sequence[Range | None]) -> Range | None:
    """The sum; unknown where one of them is."""
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        return None
    total = known[0]
    for amount in known[1:]:
        total = total.plus(amount)
    return total


def _dates(price: Price | None) -> tuple[str, ...]:
    return () if price is None else (price.date,)


def _distinct(parts: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(one for each in parts for one in each))


def _unknown(terms: Terms) -> tuple[PriceOf, ...]:
    known: dict[PricedFigure, object] = {
        "rental": terms.rental,
        "purchase price": terms.purchase,
        "power": terms.busy_watts,
    }
    return tuple(PriceOf(figure, terms.device) for figure, value in known.items() if value is None)


def _assumed(terms: Terms) -> tuple[PriceOf, ...]:
    guessed: dict[PricedFigure, bool] = {
        "rental": terms.rental is not None and terms.rental.assumed,
        "purchase price": terms.purchase is not None and terms.purchase.assumed,
        "power": terms.busy_watts_assumed,
    }
    return tuple(PriceOf(figure, terms.device) for figure, guess in guessed.items() if guess)
