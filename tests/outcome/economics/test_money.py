"""What runs cost, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim.outcome.economics.money import electricity_cost_usd, rental_cost_usd, write_off_usd

DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S


def test_mpt_7b_as_published() -> None:
    """440 A100 for 9.5 days at 2 USD an hour: 200,640 USD; MosaicML says about 200,000."""
    found = rental_cost_usd(440, 9.5 * DAY_S, 2 / 3600)
    assert found == pytest.approx(200_640)
    assert found == pytest.approx(200_000, rel=0.01)


def test_deepseek_v3_as_published() -> None:
    """2.788 million H800-hours at the 2 USD that DeepSeek assumes: 5.576 million USD."""
    assert rental_cost_usd(2048, 2.788e6 / 2048 * 3600, 2 / 3600) == pytest.approx(5.576e6)


def test_a_year_of_a_small_cluster() -> None:
    assert write_off_usd(100, YEAR_S, 32_000.0, 4 * YEAR_S, 0.8) == pytest.approx(1e6)


def test_a_device_that_works_all_its_life_costs_its_price() -> None:
    assert write_off_usd(1, 0.5 * 4 * YEAR_S, 40_000.0, 4 * YEAR_S, 0.5) == pytest.approx(40_000)


def test_electricity_by_hand() -> None:
    assert electricity_cost_usd(1289e9 / 1e3 * 3600, 0.08 / 3.6e6) == pytest.approx(103_120)


def test_broadcasts() -> None:
    rates = np.array([1.0, 2.0, 4.0])
    assert rental_cost_usd(3, 2.0, rates).tolist() == [6.0, 12.0, 24.0]
    assert write_off_usd(1, 1.0, rates, rates, np.ones(3)).tolist() == [1.0, 1.0, 1.0]
