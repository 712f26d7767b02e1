"""The bill of one run: device-hours, energy, and what they cost rented and owned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.catalog import Figure, Price, Range
from sim.outcome.economics.energy import energy_joules
from sim.outcome.economics.money import electricity_cost_usd, rental_cost_usd, write_off_usd
from sim.outcome.economics.terms import AS_THE_CATALOGUE, Terms, terms_of
from sim.scenario.types import Prices

_SECONDS_PER_HOUR = 3600.0


PricedFigure = Literal["rental", "purchase price", "power"]


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

    def per_token(self, amount: Range | None) -> Range | None:
        """One of the amounts over tokens trained on."""
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
    hall, energy, rental, write_off, electricity = terms.facility, *[None] * 4
    if terms.busy_watts is not None:
        energy = _range(energy_joules(devices, terms.busy_watts, wall_time_s, _array(hall.pue)))
        electricity = _range(electricity_cost_usd(_array(energy), _array(hall.electricity_usd_per_joule)))
    if terms.rental is not None:
        rental = _range(rental_cost_usd(devices, wall_time_s, _array(terms.rental.usd)))
    if terms.purchase is not None:
        # Cheap is a low price over many years that are full of work.
        years, in_use = _array(hall.amortisation_s)[::-1], _array(hall.in_use)[::-1]
        write_off = _range(write_off_usd(devices, wall_time_s, _array(terms.purchase.usd), years, in_use))
    hours, dates = devices * wall_time_s / _SECONDS_PER_HOUR, (_dates(terms.rental), _dates(terms.purchase))
    amounts = energy, rental, write_off, electricity
    return RunBill(hours, tokens, *amounts, *dates, _unknown(terms), _assumed(terms), terms.figures)


def joint_bill(bills: Sequence[RunBill]) -> RunBill:
    """One bill for the parts of a system, which trained on the same tokens together; of at least one part.

    What is unknown of one part is unknown of all.
    """
    amounts = ("energy_joules", "rental_usd", "write_off_usd", "electricity_usd")
    told = ("rental_dates", "purchase_dates", "unknown", "assumed", "figures")
    joint: dict[str, Any] = {name: _sum([getattr(bill, name) for bill in bills]) for name in amounts}
    joint |= {name: tuple(dict.fromkeys(one for bill in bills for one in getattr(bill, name))) for name in told}
    return RunBill(math.fsum(bill.device_hours for bill in bills), bills[0].tokens, **joint)


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
