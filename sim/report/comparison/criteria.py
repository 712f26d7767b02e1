"""What two systems are held to at equal time, and which of them is ahead: decided by numbers and their bands alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.catalog import Range
from sim.outcome.comparison.metrics import Span, time_span_s
from sim.outcome.outcome import Outcome
from sim.report.comparison.compare import Equal
from sim.report.comparison.words import UNKNOWN, energy, share, usd
from sim.report.points import Curve
from sim.units import readable_time

Ahead = Literal["reference", "other", "not told apart", "unknown"]
_ALIKE = 0.005
"""Shares this near to each other are not told apart."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that is compared. reference, other: what each has, in words."""

    name: str
    reference: str
    other: str
    ahead: Ahead


def criteria(equal: Equal) -> list[Criterion]:
    """Loss to distribution, rental, cost when owned and energy at equal time, and the fastest that each was simulated.

    The one with less is ahead. Amounts are told apart where their ranges have nothing in common; energy, of which only
    the devices' power and one facility is known, where the error bands of the times do not decide it.
    """
    bill = equal.reference[1].bill
    return [
        _tax(equal),
        _money("rental at equal time", bill.rental_usd if bill else None, equal.rental_usd),
        _money("cost at equal time, owned", bill.purchase_usd if bill else None, equal.owned_usd),
        _energy(equal),
        _fastest(equal),
    ]


def _tax(equal: Equal) -> Criterion:
    own, other = equal.reference[1].ledger.tax, equal.tax
    if other is None:
        return Criterion("distribution tax at equal time", share(own), UNKNOWN, "unknown")
    ahead: Ahead = "not told apart" if abs(own - other) <= _ALIKE else "reference" if own < other else "other"
    return Criterion("distribution tax at equal time", share(own), share(other), ahead)


def _money(name: str, own: Range | None, other: Range | None) -> Criterion:
    return Criterion(name, usd(own), usd(other), _less(_ends(own), _ends(other)))


def _energy(equal: Equal) -> Criterion:
    bill = equal.reference[1].bill
    own, other = bill.energy_joules if bill else None, equal.energy_joules
    typical = None if own is None else Span(own.typical, own.typical)
    return Criterion("energy at equal time", energy(own), energy(other), _less(typical, _ends(other)))


def _fastest(equal: Equal) -> Criterion:
    own, other = _best(equal.reference[0]), _best(equal.curve)
    words = [f"{readable_time(one.time_to_train_s)} with {one.devices:,}" for one in (own, other)]
    return Criterion("fastest of the sizes simulated", *words, _less(time_span_s(own), time_span_s(other)))


def _ends(amount: Range | None) -> Span | None:
    return None if amount is None else Span(amount.low, amount.high)


def _best(curve: Curve) -> Outcome:
    return min(curve.points, key=lambda point: (point.time_to_train_s, point.devices))


def _less(own: Span | None, other: Span | None) -> Ahead:
    """Who has less; unknown where one of them is."""
    if own is None or other is None:
        return "unknown"
    if not own.apart(other):
        return "not told apart"
    return "reference" if own.high < other.low else "other"
