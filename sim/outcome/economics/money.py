"""What a run costs: rented, or on hardware that somebody owns."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


def rental_cost_usd(devices: float, time_s: float, usd_per_s: Numbers) -> Numbers:
    """Devices x time x rate. usd_per_s: of one device.

    Hand-worked: 440 devices for 9.5 days (100,320 device-hours) at 2 USD an hour cost 200,640 USD.
    """
    return devices * time_s * usd_per_s


def write_off_usd(
    devices: float, time_s: float, price_usd: Numbers, amortisation_s: Numbers, in_use: Numbers
) -> Numbers:
    """Share of the purchase that a run uses up: devices x price x time / (amortisation x share of it in use).

    Straight line, no interest, nothing left at the end. in_use: share of the amortisation in which some job pays.
    Hand-worked: 100 devices of 32,000 USD over 4 years, 80 % in use, cost 1 million USD in a year of work.
    """
    return devices * price_usd * time_s / (amortisation_s * in_use)


def electricity_cost_usd(energy_joules: Numbers, usd_per_joule: Numbers) -> Numbers:
    """Energy x tariff.

    Hand-worked: 1,289 MWh at 0.08 USD/kWh cost 103,120 USD.
    """
    return energy_joules * usd_per_joule
