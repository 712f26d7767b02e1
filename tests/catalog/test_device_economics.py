"""What devices cost and draw: every price has a date and a source, ranges are in order, unknown is None."""

from __future__ import annotations

import tomllib
from importlib import resources

import pytest

from sim.catalog import (
    Economics,
    Facility,
    Figure,
    device_names,
    economics_of,
    load_device,
    load_facility,
    load_sources,
)
from sim.catalog.device_economics import read_economics, read_facility
from sim.catalog.figures import is_iso_date
from sim.errors import InputError

JOULES_PER_KWH = 3.6e6
FILES = sorted(entry.name.removesuffix(".toml") for entry in (resources.files("sim.catalog") / "economics").iterdir())


def figure(value: object, **more: str) -> dict[str, object]:
    return {"value": value, "kind": "published", "source": "gpu-prices-2026", "date": "2026-03", **more}


def rental(**changed: object) -> dict[str, object]:
    return {"low": figure("1 USD/h"), "typical": figure("2 USD/h"), "high": figure("3 USD/h"), **changed}


def facility(**changed: object) -> dict[str, object]:
    raw = tomllib.loads((resources.files("sim.catalog") / "facility.toml").read_text(encoding="utf-8"))
    return {**raw, **changed}


def pues(*values: object) -> dict[str, object]:
    return {rung: figure(value) for rung, value in zip(("low", "typical", "high"), values, strict=True)}


def _figures(record: Economics | Facility) -> list[Figure]:
    return [figure for own in record.figures.values() for figure in own]


def test_every_file_is_of_a_device() -> None:
    assert set(FILES) <= set(device_names())


@pytest.mark.parametrize("name", device_names())
def test_ranges_are_in_order_and_dated(name: str) -> None:
    found = economics_of(name)
    for price in (found.rental, found.purchase):
        if price is not None:
            assert 0 < price.usd.low <= price.usd.typical <= price.usd.high
            assert is_iso_date(price.date)
    for each in _figures(found):
        assert each.name.startswith(f"{name} ")
        assert is_iso_date(each.date), each
        assert each.source in load_sources() if each.kind != "assumed" else each.note, each


@pytest.mark.parametrize("name", device_names())
def test_a_price_rests_on_a_source_or_says_that_it_is_assumed(name: str) -> None:
    found = economics_of(name)
    for key, price in (("rental", found.rental), ("purchase", found.purchase)):
        if price is not None:
            (typical,) = (one for one in _figures(found) if one.name == f"{name} {key}.typical")
            assert price.assumed == (typical.kind == "assumed")
            assert price.date == typical.date
            assert price.assumed or typical.source


@pytest.mark.parametrize("name", device_names())
def test_a_device_draws_no_less_than_half_of_its_own_rating_and_less_than_three_of_it(name: str) -> None:
    busy_watts = economics_of(name).busy_watts
    assert busy_watts is not None
    assert 0.5 < busy_watts / load_device(name).power_watts < 3


def test_only_power_that_was_measured_is_called_so() -> None:
    kinds = {name: one.kind for name in FILES for one in economics_of(name).figures.get("busy_watts", ())}
    assert {name for name, kind in kinds.items() if kind == "measured"} == {"h100-80gb-sxm", "v100-32gb-sxm"}
    assert {name for name in kinds if economics_of(name).busy_watts_assumed} == {
        "a10",
        "a100-80gb-pcie",
        "a800-80gb-sxm",
        "b300-288gb-sxm",
        "cs-2",
        "cs-3",
        "gaudi2",
        "gaudi3",
        "gh200-96gb",
        "h100-80gb-pcie",
        "h100-94gb-nvl",
        "h100-96gb-hbm2e-500w",
        "h20-96gb",
        "h200-141gb-nvl",
        "h800-80gb-sxm",
        "l40s",
        "mi250x-gcd",
        "mi300x",
        "mi325x",
        "mi350x",
        "mi355x",
        "rtx-3090",
        "tpu-v4",
        "tpu-v5e",
        "tpu-v5p",
        "tpu-v6e",
        "tpu7x",
        "rtx-4090",
        "rtx-5090",
    }


@pytest.mark.parametrize(
    ("name", "node_watts", "devices"),
    [
        ("a100-40gb-sxm", 6500, 8),
        ("a100-80gb-sxm", 6500, 8),
        ("h200-141gb-sxm", 10200, 8),
        ("b200-180gb-sxm", 14300, 8),
        ("gb200", 120000, 72),
    ],
)
def test_derived_power_is_the_busy_share_of_the_rating(name: str, node_watts: float, devices: int) -> None:
    assert economics_of(name).busy_watts == pytest.approx(node_watts * 6.85 / 10.2 / devices, rel=1e-3)


def test_measured_power_is_that_of_the_logs() -> None:
    assert economics_of("h100-80gb-sxm").busy_watts == pytest.approx(6850 / 8, rel=1e-3)


def test_rentals_follow_from_what_was_paid() -> None:
    mpt = economics_of("a100-40gb-sxm").rental
    assert mpt is not None
    assert mpt.usd.typical * 3600 == pytest.approx(200_000 / (440 * 9.5 * 24), rel=0.01)
    assert mpt.usd.high * 3600 == pytest.approx(250_000 / (440 * 9.5 * 24), rel=0.01)
    wafer = economics_of("cs-2").rental
    assert wafer is not None
    assert wafer.assumed
    assert wafer.usd.low * 3600 == pytest.approx(40_000 / (11 * 24 * 4), rel=0.01)
    assert wafer.usd.high * 3600 == pytest.approx(2_500 / (0.4 * 24 * 4), rel=0.01)


def test_purchases_follow_from_prices_of_systems() -> None:
    h100, wafer = economics_of("h100-80gb-sxm").purchase, economics_of("cs-2").purchase
    assert h100 is not None
    assert wafer is not None
    assert h100.usd.ends == pytest.approx((199_000 / 8, 4e9 / 1e5, 350_000 / 8))
    assert wafer.usd.ends == pytest.approx((1.36e6, 100e6 / 64, 30e6 / 16))


def test_what_nobody_states_is_unknown_and_never_zero() -> None:
    v100 = economics_of("v100-32gb-sxm")
    assert (v100.rental, v100.purchase) == (None, None)
    assert economics_of("cs-3").rental is None
    assert Economics("new") == Economics("new", None, None, None)


def test_the_facility_is_dated_and_in_order() -> None:
    found = load_facility()
    for each in (found.pue, found.electricity_usd_per_joule, found.amortisation_s, found.in_use):
        assert each.low <= each.typical <= each.high
    assert found.pue.ends == (1.09, 1.2, 1.54)
    assert found.electricity_usd_per_joule.typical * JOULES_PER_KWH == pytest.approx(0.08)
    assert found.amortisation_s.typical == 4 * 365.25 * 86400
    assert found.in_use.high < 1
    assert all(is_iso_date(one.date) for one in _figures(found))


def test_a_price_without_a_date_is_refused() -> None:
    typical = {key: value for key, value in figure("2 USD/h").items() if key != "date"}
    with pytest.raises(InputError, match=r"'rental.typical' has no date\n  prices and power age") as caught:
        read_economics("h100", {"rental": rental(typical=typical)}, "catalogue: h100")
    assert caught.value.where == "catalogue: h100"


@pytest.mark.parametrize("date", ["spring 2026", "2026-13", "2026-3", "26", "2026-01-32"])
def test_a_date_has_a_form(date: str) -> None:
    with pytest.raises(InputError, match=f"has the date '{date}'"):
        read_economics("h100", {"busy_watts": figure("700 W", date=date)}, "catalogue: h100")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"rental": rental(low=figure("2.5 USD/h"))}, "out of order"),
        ({"rental": {"low": figure("1 USD/h")}}, r"missing keys \['typical', 'high'\]"),
        ({"rental": rental(median=figure("1 USD/h"))}, r"unknown keys \['median'\]"),
        ({"rental": rental(low=figure("1 USD"))}, "usd / second is due"),
        ({"rental": rental(low=figure(1.0))}, "has no unit"),
        ({"rental": rental(low=figure("1 USD/h", source=""))}, "has no source"),
        ({"rental": figure("1 USD/h")}, "missing keys"),
        ({"rental": 2.0}, "not a table"),
        ({"power": figure("700 W")}, r"unknown keys \['power'\]"),
        ({"busy_watts": figure("700 USD")}, "watt is due"),
        ({"busy_watts": figure("0 W")}, "above zero"),
    ],
)
def test_what_cannot_be_a_price_is_refused(raw: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_economics("h100", raw, "catalogue: h100")


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (facility(pue=pues(0.9, 1.1, 1.2)), "a PUE is at least 1"),
        (facility(pue=pues("a", 1.1, 1.2)), "not a number"),
        (facility(pue=pues(1.3, 1.1, 1.2)), "out of order"),
        (facility(in_use=pues(0.0, 0.5, 0.9)), "a share in use above 0"),
        (facility(in_use=pues(0.2, 0.5, 1.1)), "not a share"),
        ({"pue": pues(1.1, 1.2, 1.3)}, "missing keys"),
    ],
)
def test_what_cannot_be_a_facility_is_refused(raw: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        read_facility(raw, "catalogue: facility")
