"""What two systems are held to, and which of them is ahead: decided by the numbers and their bands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sim.catalog import Range
from sim.outcome.comparison.metrics import Span, time_span_s
from sim.outcome.economics.bill import PricedFigure, PriceOf
from sim.outcome.outcome import Outcome
from sim.page.numbers import duration
from sim.report.comparison.words import OUTSIDE, Amount, energy, share, usd_amount
from sim.study.compare import Comparison, Equal
from sim.study.points import Curve

Ahead = Literal["reference", "other", "not told apart", "unknown", "not checked", "outside the sizes"]
_ALIKE = 0.005
"""Shares this near to each other are not told apart."""
_RESTS_ON: dict[str, tuple[PricedFigure, ...]] = {
    "rental": ("rental",),
    "cost if owned": ("purchase price", "power"),
    "energy": ("power",),
}
"""Figures of a bill that may be assumed, by what is computed from them."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing in which a system is held to a reference. own: what the reference has; other: what the system has.

    place: what is held to; system: how the other one is called. numbers: the typical figures of both, for a sentence.
    assumed: figures that it rests on and that come from no source.
    """

    name: str
    place: str
    system: str
    own: Amount
    other: Amount
    ahead: Ahead
    assumed: tuple[PriceOf, ...] = ()

    @property
    def numbers(self) -> str:
        """The typical figures of the reference and of the system, without their ranges."""
        return f"{self.own.typical} against {self.other.typical}"


def criteria(comparison: Comparison) -> list[Criterion]:
    """Loss to distribution and loss in all, rental, cost when owned and energy at equal time; and the fastest of each.

    The one with less is ahead. Amounts are told apart where their ranges have nothing in common; energy, of which the
    devices' power has no range, where the error bands of the times do not bridge it; times where their bands do not.
    What rests on times is not told apart where no error band applies to one of them: it was not checked.
    """
    at_equal_time = [row for equal in comparison.equals for row in _at_equal_time(equal)]
    own = {id(curve): curve for curve, _ in comparison.references}
    others = {id(equal.curve): equal.curve for equal in comparison.equals}
    return at_equal_time + [_fastest(curve, other) for curve in own.values() for other in others.values()]


def _at_equal_time(equal: Equal) -> list[Criterion]:
    curve, point = equal.reference
    bill, within = point.bill, equal.match.reach == "within"
    joules = bill.energy_joules if bill else None
    idle, other_idle = 1.0 - point.useful_share, None if equal.useful is None else 1.0 - equal.useful
    checked = equal.lowest is not None
    rows = (
        _shares("distribution tax", point.ledger.tax, equal.tax),
        _shares("device-time without use", idle, other_idle),
        _money("rental", bill.rental_usd if bill else None, equal.rental_usd, checked),
        _money("cost if owned", bill.purchase_usd if bill else None, equal.owned_usd, checked),
        (
            "energy",
            Amount(energy(joules)),
            Amount(energy(equal.energy_joules)),
            _less(Span(joules.typical, joules.typical) if joules else None, _ends(equal.energy_joules), checked),
        ),
    )
    return [
        Criterion(
            f"{name} at equal time",
            curve.place(point),
            equal.curve.label,
            own,
            other if within else Amount(OUTSIDE),
            ahead if within else "outside the sizes",
            _assumed(name, [point, equal.curve.points[0]]) if within else (),
        )
        for name, own, other, ahead in rows
    ]


def _assumed(name: str, points: Sequence[Outcome]) -> tuple[PriceOf, ...]:
    """What a bill calls assumed and an amount rests on; electricity is part of the cost if owned."""
    bills = [point.bill for point in points if point.bill is not None]
    rests_on = _RESTS_ON.get(name, ())
    return tuple(dict.fromkeys(one for bill in bills for one in bill.assumed if one.figure in rests_on))


def _shares(name: str, own: float, other: float | None) -> tuple[str, Amount, Amount, Ahead]:
    return name, Amount(share(own)), Amount(share(other)), _less_share(own, other)


def _less_share(own: float, other: float | None) -> Ahead:
    if other is None:
        return "unknown"
    if abs(own - other) <= _ALIKE:
        return "not told apart"
    return "reference" if own < other else "other"


def _money(name: str, own: Range | None, other: Range | None, checked: bool) -> tuple[str, Amount, Amount, Ahead]:
    return name, usd_amount(own), usd_amount(other), _less(_ends(own), _ends(other), checked)


def _ends(amount: Range | None) -> Span | None:
    return None if amount is None else Span(amount.low, amount.high)


def _fastest(curve: Curve, other: Curve) -> Criterion:
    own_best, best = _best(curve), _best(other)
    words = [Amount(f"{duration(one.time_to_train_s)} with {one.devices:,}") for one in (own_best, best)]
    own_span, span = time_span_s(own_best), time_span_s(best)
    ahead: Ahead = "not checked" if own_span is None or span is None else _less(own_span, span)
    return Criterion("time of the fastest size simulated", curve.label, other.label, words[0], words[1], ahead)


def _best(curve: Curve) -> Outcome:
    return min(curve.points, key=lambda point: (point.time_to_train_s, point.devices))


def _less(own: Span | None, other: Span | None, checked: bool = True) -> Ahead:
    """Who has less; unknown where one of them is."""
    if own is None or other is None:
        return "unknown"
    if not checked:
        return "not checked"
    if not own.apart(other):
        return "not told apart"
    return "reference" if own.high < other.low else "other"
