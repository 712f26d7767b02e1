"""[system.price]: what is read, what is refused, dotted keys, and the copy."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.scenario import Prices, resolved_toml
from sim.scenario.schema import TABLES, examples_of, keys_of
from sim.scenario.table import read, written
from sim.sweep.grid import load_scenarios

EVERY = """[system.price]
rental = "2.50 USD/h"
purchase = "25000 USD"
date = "2026-03"
power = "700 W"
pue = 1.2
electricity = "0.08 USD/kWh"
amortisation = "4 years"
in_use = "80 %"
"""
READ = Prices(
    rental_usd_per_s=pytest.approx(2.5 / 3600),
    purchase_usd=25000.0,
    power_watts=700.0,
    pue=1.2,
    electricity_usd_per_joule=pytest.approx(0.08 / 3.6e6),
    amortisation_s=4 * 365.25 * 86400,
    in_use=pytest.approx(0.8),
    date="2026-03",
)


@pytest.fixture
def priced(example):
    """Write the example with some text below its system's keys."""
    return lambda text="": example(('jitter = "0.5 %"\n', f"{text}\n"))


def prices(path, *overrides):
    (only,) = load_scenarios(path, overrides)
    return only.system.prices


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


def test_every_key_is_read(priced):
    assert all(f"{key} = " in EVERY for key in keys_of(("system", "price")))
    assert prices(priced(EVERY)) == READ


def test_nothing_given_leaves_all_to_the_catalogue(priced):
    assert prices(priced()) == Prices()
    assert prices(priced("[system.price]")) == Prices()
    assert read(Prices, {}) == Prices()


@pytest.mark.parametrize("key", keys_of(("system", "price")))
def test_the_examples_of_the_messages_can_be_read(priced, key):
    (example,) = examples_of(("system", "price"), key)
    table = tomllib.loads(f"{key} = {example}\ndate = '2026'" if key != "date" else f"date = {example}")
    assert read(Prices, table)
    assert TABLES["system", "price"] is Prices


@pytest.mark.parametrize("line", ['rental = "2 USD/h"', 'purchase = "9 USD"', 'electricity = "0.1 USD/kWh"'])
def test_a_price_without_a_date_is_refused(priced, line):
    found = refusal(priced(f"[system.price]\n{line}"))
    assert f'[system "cluster"] price\n  a price without a date ({line.split()[0]})' in found
    assert 'add date = "2026-03"' in found


@pytest.mark.parametrize("line", ['power = "700 W"', "pue = 1", 'amortisation = "5 years"', "in_use = 0.5"])
def test_what_is_no_price_needs_no_date(priced, line):
    assert prices(priced(f"[system.price]\n{line}")) != Prices()


@pytest.mark.parametrize(
    ("written", "read"), [('"2026"', "2026"), ("2026", "2026"), ('"2026-03"', "2026-03"), ("2026-03-17", "2026-03-17")]
)
def test_dates_may_be_years_months_or_days(priced, written, read):
    assert prices(priced(f'[system.price]\nrental = "2 USD/h"\ndate = {written}')).date == read


@pytest.mark.parametrize(
    ("line", "problem", "remedy"),
    [
        ("rental = 2.5", "2.5 has no unit", '"2.50 USD/h"'),
        ('rental = "2.5 USD"', "'2.5 USD' is in usd", '"2.50 USD/h"'),
        ('rental = "0 USD/h"', "must be above zero", '"2.50 USD/h"'),
        ('rental = "-1 USD/h"', "must be above zero", '"2.50 USD/h"'),
        ('purchase = "25000"', "has no unit", '"2.50 USD"'),
        ('power = "1 USD"', "watt is due", '"400 W"'),
        ("pue = 0.9", "0.9 is not a PUE of 1 to 10", "pue = 1.2"),
        ('pue = "1.2"', "'1.2' is not a PUE", "pue = 1.2"),
        ("pue = nan", "not a PUE", "pue = 1.2"),
        ("pue = true", "true is not a PUE", "pue = 1.2"),
        ('electricity = "0.08 USD/h"', "'0.08 USD/h' is in usd / second", '"0.08 USD/kWh"'),
        ("amortisation = 4", "4 has no unit", "10 min"),
        ("in_use = 80", "80 is not a share", '"80 %"'),
        ("in_use = 1", "1 may be 1 % or 100 %", '"100 %"'),
        ("in_use = 0.0", "never in use", '"80 %"'),
        ('date = "March 2026"', "'March 2026' is not a date", '"2026-03"'),
        ("date = 26", "26 is not a date", '"2026-03"'),
        ("date = 2026-03-17T10:00:00", "is not a date", '"2026-03"'),
        ('rental_price = "2 USD/h"', "unknown key 'rental_price'", "allowed: amortisation"),
    ],
)
def test_what_cannot_be_used_is_refused(priced, line, problem, remedy):
    found = refusal(priced(f"[system.price]\n{line}\n{'' if 'date' in line else 'date = 2026-03-01'}"))
    assert 'my.toml: [system "cluster".price] ' in found
    assert problem in found
    assert remedy in found


def test_a_price_is_a_table(priced):
    assert "is not a table" in refusal(priced('price = "2 USD/h"'))


def test_dotted_keys_set_prices(priced):
    path = priced()
    assert prices(path, "system.price.power=700 W").power_watts == 700
    found = prices(path, "system.cluster.price.rental=3 USD/h", "system.price.date=2025-06")
    assert (found.rental_usd_per_s, found.date) == (pytest.approx(3 / 3600), "2025-06")
    assert "a price without a date (rental)" in refusal(path, "system.price.rental=3 USD/h")
    assert "did you mean 'system.price.rental'" in refusal(path, "system.price.rentl=3 USD/h")


def test_prices_can_be_swept(priced, example):
    path = example(
        ('jitter = "0.5 %"\n', '[system.price]\ndate = "2026-03"\n'),
        ("[report]", '[sweep]\n"system.price.rental" = ["2 USD/h", "3 USD/h"]\n[report]'),
    )
    found = [scenario.system.prices.rental_usd_per_s for scenario in load_scenarios(path, ())]
    assert found == pytest.approx([2 / 3600, 3 / 3600])


def test_the_copy_reads_as_the_same_prices(priced, tmp_path):
    path = priced(EVERY)
    (scenario,) = load_scenarios(path, ())
    (text,) = resolved_toml([scenario])
    copy = tmp_path / "copy.toml"
    copy.write_text(text, encoding="utf-8")
    assert prices(copy) == scenario.system.prices
    (plain,) = resolved_toml(load_scenarios(priced(), ()))
    assert "price" not in plain


POSITIVE = st.none() | st.floats(1e-9, 1e9)


@given(
    st.builds(
        Prices,
        rental_usd_per_s=POSITIVE,
        purchase_usd=POSITIVE,
        power_watts=POSITIVE,
        pue=st.none() | st.floats(1, 10),
        electricity_usd_per_joule=POSITIVE,
        amortisation_s=POSITIVE,
        in_use=st.none() | st.floats(1e-6, 1),
        date=st.just("2026-03"),
    )
)
def test_any_prices_are_written_as_they_are_read(given_prices):
    assert read(Prices, written(given_prices)) == given_prices
