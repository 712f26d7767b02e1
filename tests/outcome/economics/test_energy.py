"""Energy of runs, against published ones."""

from __future__ import annotations

import numpy as np
import pytest

from sim.outcome.economics.energy import energy_joules

DAY_S = 86400.0
JOULES_PER_MWH = 3.6e9


def test_gpt_3_as_published() -> None:
    """Patterson et al. 2021: 10,000 V100, 14.8 days, 330 W, PUE 1.10: 1,287 MWh; by hand 1,289.4."""
    found_mwh = energy_joules(10_000, 330.0, 14.8 * DAY_S, 1.10) / JOULES_PER_MWH
    assert found_mwh == pytest.approx(10_000 * 330 * 14.8 * 24 * 1.10 / 1e6)
    assert found_mwh == pytest.approx(1289.4, abs=0.1)
    assert found_mwh == pytest.approx(1287, rel=0.003)


def test_a_measured_benchmark_run() -> None:
    """MLPerf v4.0: 64 nodes of 6.85 kW for 56.8 min took 415.2 kWh, no hall around them."""
    assert energy_joules(512, 6850 / 8, 56.8 * 60, 1.0) / 3.6e6 == pytest.approx(415.2, rel=0.002)


def test_broadcasts_over_pues() -> None:
    found = energy_joules(2, 500.0, 10.0, np.array([1.0, 1.5]))
    assert found.tolist() == [10_000.0, 15_000.0]
