"""[system.price]: what the devices of a system cost and draw, where the catalogue is not to say it."""

from __future__ import annotations

import datetime
import math
from typing import Annotated, Any

from pydantic import Field, PlainValidator, model_validator

from sim.catalog.figures import is_iso_date
from sim.errors import InputError, shown
from sim.scenario.amounts import part
from sim.scenario.table import Table
from sim.scenario.types import Prices
from sim.units import quantity

_PRICES = ("rental", "purchase", "electricity")
_LARGEST_PUE = 10.0
# Key of the table -> field of Prices, and the unit that it is written back in.
_QUANTITIES = {
    "rental": ("rental_usd_per_s", "USD/s"),
    "purchase": ("purchase_usd", "USD"),
    "power": ("power_watts", "W"),
    "electricity": ("electricity_usd_per_joule", "USD/J"),
    "amortisation": ("amortisation_s", "s"),
}


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


class PriceTable(Table):
    """[system.price]: of one device with its share of the node; what is left out is the catalogue's."""

    rental: Annotated[float, PlainValidator(lambda value: quantity(value, "usd_per_s", ""))] | None = Field(
        None, examples=['"2.50 USD/h"']
    )
    purchase: Annotated[float, PlainValidator(lambda value: quantity(value, "usd", ""))] | None = Field(
        None, examples=['"25000 USD"']
    )
    date: Annotated[str, PlainValidator(_date)] | None = Field(None, examples=['"2026-03"'])
    power: Annotated[float, PlainValidator(lambda value: quantity(value, "watts", ""))] | None = Field(
        None, examples=['"700 W"']
    )
    pue: Annotated[float, PlainValidator(_pue)] | None = Field(None, examples=["1.2"])
    electricity: Annotated[float, PlainValidator(lambda value: quantity(value, "usd_per_joule", ""))] | None = Field(
        None, examples=['"0.08 USD/kWh"']
    )
    amortisation: Annotated[float, PlainValidator(lambda value: quantity(value, "s", ""))] | None = Field(
        None, examples=['"4 years"']
    )
    in_use: Annotated[float, PlainValidator(_in_use)] | None = Field(None, examples=['"80 %"'])

    @model_validator(mode="after")
    def _prices_have_a_date(self) -> PriceTable:
        given = [key for key in _PRICES if getattr(self, key) is not None]
        if given and self.date is None:
            raise InputError(
                "",
                f"a price without a date ({', '.join(given)})",
                'prices age: add date = "2026-03" (--set system.price.date=2026-03)',
            )
        return self


def prices_from(table: PriceTable | None) -> Prices:
    """What the table gives."""
    if table is None:
        return Prices()
    given = {field: getattr(table, key) for key, (field, _) in _QUANTITIES.items()}
    return Prices(**given, pue=table.pue, in_use=table.in_use, date=table.date or "")


def written_prices(prices: Prices) -> dict[str, Any]:
    """Prices as a scenario file has them; empty where nothing was given."""
    plain = {"pue": prices.pue, "in_use": prices.in_use, "date": prices.date or None}
    written: dict[str, Any] = {key: value for key, value in plain.items() if value is not None}
    for key, (field, unit) in _QUANTITIES.items():
        value = getattr(prices, field)
        if value is not None:
            written[key] = f"{value!r} {unit}"
    return written
