"""The bill of a run: ranges, dates, what is unknown, and how it grows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import device_names, economics_of
from sim.outcome.economics import joint_bill, run_bill, terms, terms_of
from sim.outcome.economics.bill import PriceOf
from sim.scenario import Prices

DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S
DEVICES = st.sampled_from(device_names())
COUNTS = st.integers(1, 100_000)
TIMES_S = st.floats(1.0, 1e8)
AMOUNTS = ("energy_joules", "rental_usd", "write_off_usd", "electricity_usd", "purchase_usd")


def words(figures: tuple[PriceOf, ...]) -> tuple[str, ...]:
    return tuple(map(str, figures))


GIVEN = Prices(
    rental_usd_per_s=3 / 3600,
    purchase_usd=32_000.0,
    power_watts=1000.0,
    pue=1.25,
    electricity_usd_per_joule=0.1 / 3.6e6,
    amortisation_s=4 * YEAR_S,
    in_use=0.8,
    date="2024-05",
)


def test_the_rental_of_mpt_7b() -> None:
    bill = run_bill("a100-40gb-sxm", 440, 9.5 * DAY_S, 1e12)
    assert bill.device_hours == pytest.approx(100_320)
    assert bill.rental_usd is not None
    assert bill.rental_usd.typical == pytest.approx(200_640)
    assert bill.rental_usd.ends == pytest.approx((150_480, 200_640, 249_796.8))
    assert bill.rental_dates == ("2023-05",)
    each = bill.per_token(bill.rental_usd)
    assert each is not None
    assert each.typical == pytest.approx(2.0064e-7)


def test_the_energy_of_gpt_3() -> None:
    bill = run_bill("v100-32gb-sxm", 10_000, 14.8 * DAY_S, 300e9, Prices(pue=1.10))
    assert bill.energy_joules is not None
    assert bill.energy_joules.low == bill.energy_joules.high
    assert bill.energy_joules.typical / 3.6e9 == pytest.approx(1287, rel=0.003)


def test_what_no_source_states_stays_unknown() -> None:
    bill = run_bill("v100-32gb-sxm", 8, DAY_S, 1e9)
    assert (bill.rental_usd, bill.write_off_usd, bill.purchase_usd) == (None, None, None)
    assert bill.per_token(bill.rental_usd) is None
    assert bill.electricity_usd is not None
    assert (bill.rental_dates, bill.purchase_dates) == ((), ())
    assert words(bill.unknown) == ("rental of v100-32gb-sxm", "purchase price of v100-32gb-sxm")
    assert bill.assumed == ()


def test_no_power_leaves_the_cost_of_owning_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "economics_of", lambda name: replace(economics_of(name), busy_watts=None))
    bill = run_bill("h100-80gb-sxm", 8, DAY_S, 1e9)
    assert (bill.energy_joules, bill.electricity_usd, bill.purchase_usd) == (None, None, None)
    assert bill.write_off_usd is not None
    assert words(bill.unknown) == ("power of h100-80gb-sxm",)


def test_what_is_assumed_says_so() -> None:
    assert words(run_bill("cs-2", 1, DAY_S, 1e9).assumed) == ("rental of cs-2", "power of cs-2")
    assert run_bill("h100-80gb-sxm", 1, DAY_S, 1e9).assumed == ()
    own = run_bill("cs-2", 1, DAY_S, 1e9, Prices(rental_usd_per_s=0.01, date="2026"))
    assert words(own.assumed) == ("power of cs-2",)


def test_what_the_scenario_gives_is_certain_and_worked_by_hand() -> None:
    bill = run_bill("v100-32gb-sxm", 100, YEAR_S, 1e12, GIVEN)
    hours = 365.25 * 24
    by_hand = {
        "rental_usd": 100 * hours * 3,
        "energy_joules": 100 * 1000 * YEAR_S * 1.25,
        "write_off_usd": 1e6,
        "electricity_usd": 100 * hours * 1.25 * 0.1,
        "purchase_usd": 1e6 + 100 * hours * 0.125,
    }
    for key, value in by_hand.items():
        assert getattr(bill, key).ends == pytest.approx((value,) * 3), key
    assert (bill.rental_dates, bill.purchase_dates) == (("2024-05",), ("2024-05",))
    assert bill.unknown == bill.assumed == ()


def test_what_is_given_is_cited_and_what_it_replaces_is_not() -> None:
    plain, changed = terms_of("h100-80gb-sxm"), terms_of("h100-80gb-sxm", Prices(rental_usd_per_s=0.001, date="2024"))
    gone = {one.name for one in plain.figures} - {one.name for one in changed.figures}
    assert gone == {f"h100-80gb-sxm rental.{rung}" for rung in ("low", "typical", "high")}
    (own,) = (one for one in changed.figures if one.note == "set by the scenario")
    assert (own.name, own.value, own.kind, own.date) == ("h100-80gb-sxm rental", "0.001 USD/s", "assumed", "2024")
    every = terms_of("h100-80gb-sxm", GIVEN).figures
    assert len(every) == 7
    assert {one.note for one in every} == {"set by the scenario"}


def test_owned_at_its_cheapest_takes_every_figure_at_its_cheap_end() -> None:
    """1 H100-year: 24,875 USD over 6 years 95 % in use, 856 W at 1.09 and 0.05 USD/kWh."""
    bill = run_bill("h100-80gb-sxm", 1, YEAR_S, 1e12)
    assert bill.write_off_usd is not None
    assert bill.electricity_usd is not None
    assert bill.write_off_usd.low == pytest.approx(24_875 / (6 * 0.95))
    assert bill.write_off_usd.high == pytest.approx(43_750 / (3 * 0.60))
    assert bill.electricity_usd.low == pytest.approx(0.856 * 1.09 * 365.25 * 24 * 0.05)
    assert bill.electricity_usd.high == pytest.approx(0.856 * 1.54 * 365.25 * 24 * 0.15)


@given(DEVICES, COUNTS, TIMES_S, st.floats(1.0, 1e14))
def test_ranges_are_in_order_and_per_token_is_what_it_says(
    device: str, devices: int, time_s: float, tokens: float
) -> None:
    bill = run_bill(device, devices, time_s, tokens)
    for key in AMOUNTS:
        if (amount := getattr(bill, key)) is not None:
            assert 0 < amount.low <= amount.typical <= amount.high
    for key in AMOUNTS:
        amount = getattr(bill, key)
        each = bill.per_token(amount)
        assert (each is None) == (amount is None)
        if each is not None:
            assert each.typical * tokens == pytest.approx(amount.typical)


@given(DEVICES, COUNTS, TIMES_S, st.integers(2, 50))
def test_twice_the_time_or_the_devices_is_twice_the_bill(device: str, devices: int, time_s: float, times: int) -> None:
    once = run_bill(device, devices, time_s, 1e9)
    for more in (run_bill(device, devices, times * time_s, 1e9), run_bill(device, times * devices, time_s, 1e9)):
        assert more.device_hours == pytest.approx(times * once.device_hours)
        assert more.unknown == once.unknown
        for key in AMOUNTS:
            if (amount := getattr(once, key)) is not None:
                assert getattr(more, key).ends == pytest.approx([times * end for end in amount.ends])


@given(DEVICES, COUNTS, COUNTS, TIMES_S)
def test_a_bill_in_two_parts_is_the_whole_bill(device: str, one: int, other: int, time_s: float) -> None:
    joined = joint_bill([run_bill(device, count, time_s, 1e9) for count in (one, other)])
    whole = run_bill(device, one + other, time_s, 1e9)
    assert joined.device_hours == pytest.approx(whole.device_hours)
    assert (joined.unknown, joined.assumed, joined.figures) == (whole.unknown, whole.assumed, whole.figures)
    assert (joined.rental_dates, joined.purchase_dates) == (whole.rental_dates, whole.purchase_dates)
    for key in AMOUNTS:
        amount = getattr(whole, key)
        assert (getattr(joined, key) is None) == (amount is None)
        if amount is not None:
            assert getattr(joined, key).ends == pytest.approx(amount.ends)


def test_one_unknown_part_makes_the_whole_unknown() -> None:
    known, unknown = run_bill("h100-80gb-sxm", 8, DAY_S, 1e9), run_bill("v100-32gb-sxm", 8, DAY_S, 1e9)
    joined = joint_bill([known, unknown])
    assert joined.rental_usd is None
    assert joined.purchase_usd is None
    assert joined.energy_joules is not None
    assert joined.unknown == unknown.unknown
    assert joined.rental_dates == ("2026-03",)
