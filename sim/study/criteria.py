"""What two systems are held to, and which of them is ahead: decided by the numbers and their bands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sim.catalog import Range
from sim.outcome.comparison.metrics import Span, time_span_s
from sim.outcome.economics.bill import PricedFigure, PriceOf
from sim.outcome.outcome import Outcome
from sim.study.compare import Comparison, Equal
from sim.study.points import Curve

Kind = Literal["tax", "idle", "rental", "owned", "energy", "fastest"]
Ahead = Literal["reference", "other", "not told apart", "unknown", "not checked", "outside the sizes"]
_ALIKE = 0.005
"""Shares this near to each other are not told apart."""
_RESTS_ON: dict[Kind, tuple[PricedFigure, ...]] = {
    "rental": ("rental",),
    "owned": ("purchase price", "power"),
    "energy": ("power",),
}
"""Figures of a bill that may be assumed, by what is computed from them; electricity is part of the cost if owned."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing in which a system is held to a reference. own: what the reference has; other: what the system has.

    Shares, USD, joules or seconds, by kind; None is unknown. place: what is held to; system: how the other one is
    called. devices: of both, where the fastest sizes are compared. assumed: figures that it rests on and that come from
    no source.
    """

    kind: Kind
    place: str
    system: str
    own: Range | None
    other: Range | None
    ahead: Ahead
    assumed: tuple[PriceOf, ...] = ()
    devices: tuple[int, int] | None = None


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
    bill, within, checked = point.bill, equal.match.reach == "within", equal.lowest is not None
    joules = bill.energy_joules if bill else None
    rented, owned = (bill.rental_usd, bill.purchase_usd) if bill else (None, None)
    tax, idle = _exactly(point.ledger.tax), _exactly(1.0 - point.useful_share)
    other_tax = _exactly(equal.tax)
    other_idle = _exactly(None if equal.useful is None else 1.0 - equal.useful)
    typical = Span(joules.typical, joules.typical) if joules else None
    rows: tuple[tuple[Kind, Range | None, Range | None, Ahead], ...] = (
        ("tax", tax, other_tax, _less_share(tax, other_tax)),
        ("idle", idle, other_idle, _less_share(idle, other_idle)),
        ("rental", rented, equal.rental_usd, _less(_ends(rented), _ends(equal.rental_usd), checked)),
        ("owned", owned, equal.owned_usd, _less(_ends(owned), _ends(equal.owned_usd), checked)),
        ("energy", joules, equal.energy_joules, _less(typical, _ends(equal.energy_joules), checked)),
    )
    places = curve.place(point), equal.curve.label
    if not within:
        return [Criterion(kind, *places, own, None, "outside the sizes") for kind, own, _, _ in rows]
    pair = (point, equal.curve.points[0])
    return [Criterion(kind, *places, own, other, ahead, _assumed(kind, pair)) for kind, own, other, ahead in rows]


def _assumed(kind: Kind, points: Sequence[Outcome]) -> tuple[PriceOf, ...]:
    """What bills call assumed and an amount rests on."""
    bills = [point.bill for point in points if point.bill is not None]
    return tuple(dict.fromkeys(one for bill in bills for one in bill.assumed if one.figure in _RESTS_ON.get(kind, ())))


def _exactly(value: float | None) -> Range | None:
    return None if value is None else Range(value, value, value)


def _ends(amount: Range | None) -> Span | None:
    return None if amount is None else Span(amount.low, amount.high)


def _less_share(own: Range | None, other: Range | None) -> Ahead:
    if own is None or other is None:
        return "unknown"
    if abs(own.typical - other.typical) <= _ALIKE:
        return "not told apart"
    return "reference" if own.typical < other.typical else "other"


def _fastest(curve: Curve, other: Curve) -> Criterion:
    bests = [min(one.points, key=lambda point: (point.time_to_train_s, point.devices)) for one in (curve, other)]
    times = [_exactly(one.time_to_train_s) for one in bests]
    spans = [time_span_s(one) for one in bests]
    ahead: Ahead = "not checked" if None in spans else _less(spans[0], spans[1])
    devices = (bests[0].devices, bests[1].devices)
    return Criterion("fastest", curve.label, other.label, times[0], times[1], ahead, devices=devices)


def _less(own: Span | None, other: Span | None, checked: bool = True) -> Ahead:
    """Who has less; unknown where one of them is."""
    if own is None or other is None:
        return "unknown"
    if not checked:
        return "not checked"
    if not own.apart(other):
        return "not told apart"
    return "reference" if own.high < other.low else "other"
