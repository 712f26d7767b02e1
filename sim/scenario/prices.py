"""[system.price]: what the devices of a system cost and draw, where the catalogue is not to say it."""

from __future__ import annotations

import datetime
import math
from dataclasses import dataclass
from typing import Annotated

from pydantic import model_validator

from sim.catalog.figures import is_iso_date
from sim.errors import InputError, shown
from sim.scenario.amounts import part
from sim.scenario.table import NUMBER_OR_TEXT, As, Table, like, measured

_LARGEST_PUE = 10.0


def _in_use(value: object) -> float:
    """Read a share that is above zero: a device that nobody uses costs without end. Raises InputError."""
    share = part(value)
    if not share:
        raise InputError("", f"{shown(value)}: a device that is never in use pays for nothing", 'write "80 %"')
    return share


def _pue(value: object) -> float:
    """Read a PUE, which is no less than 1. Raises InputError."""
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan
    if not 1 <= number <= _LARGEST_PUE:
        raise InputError("", f"{shown(value)} is not a PUE of 1 to {_LARGEST_PUE:g}", "write for example pue = 1.2")
    return number


def _date(value: object) -> str:
    """Read when a price was true: a year, a year and month, or a day. Raises InputError."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not is_iso_date(text):
        raise InputError("", f"{shown(value)} is not a date", 'write for example date = "2026-03"')
    return text


@dataclass(frozen=True, slots=True)
class Prices(Table):
    """[system.price]: what one device costs and draws, with its share of the node; None: as the catalogue has it.

    power_watts: while it trains. date: of the prices given, ISO; empty where none is. in_use: share of the amortisation
    that is paid for.
    """

    pue: Annotated[float | None, As(_pue, types=("number",)), like("1.2")] = None
    in_use: Annotated[float | None, As(_in_use, types=NUMBER_OR_TEXT), like('"80 %"')] = None
    date: Annotated[str, As(_date, lambda date: date or None, ("string", "integer")), like('"2026-03"')] = ""
    rental_usd_per_s: Annotated[float | None, measured("usd_per_s", "USD/s"), like('"2.50 USD/h"', name="rental")] = (
        None
    )
    purchase_usd: Annotated[float | None, measured("usd", "USD"), like('"25000 USD"', name="purchase")] = None
    power_watts: Annotated[float | None, measured("watts", "W"), like('"700 W"', name="power")] = None
    electricity_usd_per_joule: Annotated[
        float | None, measured("usd_per_joule", "USD/J"), like('"0.08 USD/kWh"', name="electricity")
    ] = None
    amortisation_s: Annotated[float | None, measured("s", "s"), like('"4 years"', name="amortisation")] = None

    @model_validator(mode="after")
    def _prices_have_a_date(self) -> Prices:
        prices = {"rental": self.rental_usd_per_s, "purchase": self.purchase_usd}
        prices["electricity"] = self.electricity_usd_per_joule
        given = [key for key, price in prices.items() if price is not None]
        if given and not self.date:
            raise InputError(
                "",
                f"a price without a date ({', '.join(given)})",
                'prices age: add date = "2026-03" (--set system.price.date=2026-03)',
            )
        return self
