"""Quantities at the border: every unit that could be mistaken for another is refused."""

from __future__ import annotations

import contextlib
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.page.numbers import duration, gibibytes
from sim.units import SECONDS_PER_YEAR, UNITS, Rate, fraction, link_rate, quantity, rate, written_rate

NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=True, allow_infinity=True))
SIZES = st.floats(min_value=1e-3, max_value=1e6)


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("80 GB", "bytes", 80e9),
        ("80 GiB", "bytes", 80 * 2**30),
        ("300 GB/s", "bytes_per_s", 300e9),
        ("200 Gbit/s", "bits_per_s", 200e9),
        ("312 TFLOP/s", "flops_per_s", 312e12),
        ("5 us", "s", 5e-6),
        ("10 min", "s", 600.0),
        ("2 day", "s", 172800.0),
        ("400 W", "watts", 400.0),
        ("2.50 USD", "usd", 2.5),
        ("3.60 USD/h", "usd_per_s", 1e-3),
        ("  80 GB ", "bytes", 80e9),
    ],
)
def test_reads_quantities(text, kind, expected):
    assert quantity(text, kind, "here") == pytest.approx(expected, rel=1e-12)


@given(SIZES)
def test_decimal_and_binary_prefixes_are_apart(size):
    ratio = quantity(f"{size!r} GiB", "bytes", "here") / quantity(f"{size!r} GB", "bytes", "here")
    assert ratio == pytest.approx(2**30 / 1e9)


@pytest.mark.parametrize(
    ("text", "kind"), [("200 Gbit", "bytes"), ("200 Gbit/s", "bytes_per_s"), ("25 GB/s", "bits_per_s")]
)
def test_bits_are_never_bytes(text, kind):
    with pytest.raises(InputError, match="is due") as caught:
        quantity(text, kind, "here")
    if kind.startswith("bytes"):
        assert "bits and bytes are different units" in str(caught.value)


@given(NUMBERS, st.sampled_from(sorted(UNITS)))
def test_a_number_without_unit_is_never_accepted(number, kind):
    with pytest.raises(InputError, match="has no unit"):
        quantity(number, kind, "here")
    with pytest.raises(InputError):
        quantity(repr(number), kind, "here")
    with pytest.raises(InputError):
        link_rate(repr(number), "here")


@pytest.mark.parametrize("text", ["-3 GB", "0 GB", "1e400 GB"])
def test_sizes_are_positive_and_finite(text):
    with pytest.raises(InputError, match="above zero and finite"):
        quantity(text, "bytes", "here")


@pytest.mark.parametrize("text", ["80 gb", "5 parsec", "((", "80 GB/s", "1 GB GB", "3 + 4 GB", "", "True"])
def test_nonsense_is_refused_with_an_example(text):
    with pytest.raises(InputError) as caught:
        quantity(text, "bytes", "my.toml: memory")
    assert str(caught.value).startswith("my.toml: memory\n")
    assert '"80 GB" or "80 GiB"' in str(caught.value)


@given(st.text(max_size=12))
def test_no_text_escapes_as_another_error(text):
    try:
        size = quantity(text, "bytes", "here")
    except InputError:
        return
    assert math.isfinite(size)
    assert size > 0


@given(SIZES)
def test_link_rates_in_bits_and_bytes_agree(size):
    in_bits, in_bytes = link_rate(f"{size!r} Gbit/s", "here"), link_rate(f"{size!r} GB/s", "here")
    assert 8 * in_bits == pytest.approx(in_bytes)


@given(st.floats(min_value=0, max_value=1))
def test_a_share_is_the_same_with_and_without_percent(share):
    assert fraction(share, "here") == share
    assert fraction(f"{100 * share!r} %", "here", upper=1.01) == pytest.approx(share)


@pytest.mark.parametrize("value", [-0.1, 1.1, "120 %", "5 GB", "five", True, None, math.nan])
def test_what_is_not_a_share_is_refused(value):
    with pytest.raises(InputError, match="is not a share between 0 and 1"):
        fraction(value, "here")


@pytest.mark.parametrize(
    ("value", "remedy"),
    [(2, '"2 %"'), ("2", '"2 %"'), (1.5, '"1.5 %"'), (0.6, "0.05 or"), ("60 %", "0.05 or"), (1e5, "0.05 or")],
)
def test_a_number_that_was_likely_meant_in_per_cent_is_offered_so(value, remedy):
    with pytest.raises(InputError) as caught:
        fraction(value, "here", upper=0.5)
    assert remedy in caught.value.remedy


def test_writes_for_people():
    assert gibibytes(80 * 2**30) == "80.0 GiB"
    assert duration(0.0125) == "12.5 ms"
    assert duration(90) == "90 s"
    assert duration(3 * 3600) == "3.0 h"
    assert duration(3 * 86400) == "3.0 days"


@pytest.mark.parametrize(
    ("text", "per_s", "of"),
    [
        ("0.2 per device-year", 0.2 / SECONDS_PER_YEAR, "device"),
        ("6.5 per 1000 node-days", 6.5 / 1000 / 86400, "node"),
        ("1 per cluster-week", 1 / 604800, "cluster"),
        ("2 per cluster-month", 24 / SECONDS_PER_YEAR, "cluster"),
        ("1_000 per 10 device-hours", 1000 / 36000, "device"),
        ("1e-3 per node-hours", 1e-3 / 3600, "node"),
        ("0 per device-year", 0.0, "device"),
    ],
)
def test_reads_rates(text, per_s, of):
    found = rate(text, "")
    assert found.per_s == pytest.approx(per_s)
    assert found.of == of
    assert rate(f"  {text} ", "") == found


@pytest.mark.parametrize(
    "text",
    [
        "0.2", "per device-year", "-1 per device-year", "+1 per device-year", "1 per year", "1 per device",
        "1 per rack-year", "1 per 0 node-days", "1e999 per node-day", "1e400 per node-day", "1__0 per node-day",
        "1_ per node-day", f"1 per {'9' * 400} node-days", "nan per node-day", "1/device-year", "",
    ],
)  # fmt: skip
def test_what_is_not_a_rate_is_refused_with_examples(text):
    with pytest.raises(InputError) as caught:
        rate(text, "here")
    where, problem, remedy = str(caught.value).splitlines()
    assert where == "here"
    assert "is not a rate" in problem
    assert '"0.2 per device-year", "6.5 per 1000 node-days" or "1 per cluster-week"' in remedy


@given(st.one_of(st.integers(), st.floats()))
def test_a_bare_number_is_no_rate(number):
    with pytest.raises(InputError, match="of what, and in what time"):
        rate(number, "")


@pytest.mark.parametrize("value", [None, True, [], {}, Rate(1.0, "node")])
def test_what_is_no_text_is_no_rate(value):
    with pytest.raises(InputError, match="is not a rate"):
        rate(value, "")


@given(st.text(max_size=40))
def test_no_text_escapes_a_rate_as_another_error(text):
    with contextlib.suppress(InputError):
        assert rate(f"{text} per node-day", "").per_s >= 0


def test_more_than_once_a_second_is_refused():
    with pytest.raises(InputError, match="more than once a second"):
        rate("4000 per device-hour", "")


@given(st.floats(0, 1), st.sampled_from(["device", "node", "cluster"]))
def test_any_rate_is_written_so_that_it_is_read_again_up_to_rounding(per_s, of):
    found = rate(written_rate(Rate(per_s, of)), "")
    assert found.of == of
    assert found.per_s == pytest.approx(per_s, rel=1e-15, abs=1e-300)


def test_units_are_read_without_dask_which_can_still_be_imported_afterwards() -> None:
    code = (
        "import sys; from sim.units import quantity; quantity('80 GB', 'bytes', 'here'); print('dask' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
    assert (
        subprocess.run([sys.executable, "-c", f"{code}; import dask"], capture_output=True, check=False).returncode == 0
    )
