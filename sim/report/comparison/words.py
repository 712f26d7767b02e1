"""How the report of a comparison writes its quantities; what is not known is called unknown."""

from __future__ import annotations

from typing import NamedTuple

from sim.catalog import Range
from sim.outcome.comparison.matching import Match
from sim.page.numbers import number
from sim.report.accuracy import NOT_CHECKED

UNKNOWN = "unknown"
OUTSIDE = "outside the sizes"
_JOULES_PER_MWH = 3.6e9


class Amount(NamedTuple):
    """An amount in words, with its range where it has one: "63,700 USD (25,500 to 95,500)"."""

    typical: str
    ends: str = ""

    def __str__(self) -> str:
        return f"{self.typical} ({self.ends})" if self.ends else self.typical


def devices_text(match: Match) -> str:
    """ "412", "fewer than 8", "more than 4,096", or that the curve does not get there."""
    count = number(match.devices)
    if match.reach == "within":
        return count
    if match.reach == "never":
        return f"never: the curve does not reach it with {count}"
    return f"{match.reach} than {count}"


def devices_band(lowest: Match | None, highest: Match | None) -> str:
    """The same at both ends of the error bands: "380 to 450"."""
    if lowest is None or highest is None:
        return NOT_CHECKED
    ends = devices_text(lowest), devices_text(highest)
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def devices_within(match: Match, lowest: Match | None, highest: Match | None) -> str:
    """Both: "412 (380 to 450)", or once what is the same: "fewer than 8"."""
    own, band = devices_text(match), devices_band(lowest, highest)
    return own if own == band else f"{own} ({band})"


def usd(amount: Range | None) -> str:
    """ "63,700 USD (25,500 to 95,500)"."""
    return str(usd_amount(amount))


def usd_amount(amount: Range | None) -> Amount:
    """ "63,700 USD (25,500 to 95,500)"."""
    if amount is None:
        return Amount(UNKNOWN)
    low, typical, high = (_rounded(end) for end in amount.ends)
    return Amount(f"{typical} USD", f"{low} to {high}")


def energy(amount: Range | None) -> str:
    """Typical energy, "20.9 MWh"."""
    return UNKNOWN if amount is None else f"{amount.typical / _JOULES_PER_MWH:,.1f} MWh"


def share(value: float | None) -> str:
    """ "12.3 %"."""
    return UNKNOWN if value is None else f"{100 * value:.1f} %"


def _rounded(value: float) -> str:
    """Three significant digits, written out."""
    digits = len(f"{value:.0f}") - 3
    return f"{round(value, -digits):,.0f}" if digits > 0 else f"{value:.3g}"
