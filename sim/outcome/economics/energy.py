"""Energy of a run."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = TypeVar("Numbers", float, NDArray[np.float64])


def energy_joules(devices: float, busy_watts: float, time_s: float, pue: Numbers) -> Numbers:
    """Energy at the meter of the hall: devices x watts x time x PUE (Patterson et al. 2021, arXiv 2104.10350).

    busy_watts: of one device with its share of the node, drawn throughout, so that time spent on checkpoints or waiting
    for a repair counts as training does. pue: power of the hall over power of the nodes.
    Hand-worked: 10,000 V100 of 330 W for 14.8 days at a PUE of 1.10 take 1,289 MWh.
    """
    return devices * busy_watts * time_s * pue
