"""Curves picked out of rows: which column is meant, what tells curves apart."""

from __future__ import annotations

import pytest
from sweep_rows import ROWS, row

from sim.errors import InputError
from sim.records.metrics import by_key
from sim.records.series import DEVICES, Column, along, axes_of_rows, column, series_of, usual_x
from sim.scenario import AxisKey


def test_columns_go_by_their_names_with_and_without_units() -> None:
    assert column("mfu", ROWS, "--y").keys == ("mfu_full",)
    assert column("time_to_train", ROWS, "--y").keys == ("time_to_train_s",)
    assert column("tax", ROWS, "--y").keys == column("distribution_tax", ROWS, "--y").keys == ("distribution_tax",)
    assert column("bubble", ROWS, "--y").keys == ("bubble_device_s",)
    swept = [{**ROWS[0], AxisKey("system.a.plan.tensor"): 2}, {**ROWS[3], AxisKey("system.b.plan.tensor"): 4}]
    assert [column("tensor", swept, "--x").number(one) for one in swept] == [2, 4]
    with pytest.raises(InputError, match="did you mean 'devices'"):
        column("device", ROWS, "--x")


def test_text_with_a_unit_is_a_number() -> None:
    swept = [{**ROWS[0], AxisKey("training.global_batch"): "264 sequences"}]
    assert column("global_batch", swept, "--x").number(swept[0]) == 264
    assert column("system", ROWS, "--x").number(ROWS[0]) is None


def test_curves_are_those_of_systems_and_of_other_axes() -> None:
    x, y = column("devices", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    one, other = series_of(ROWS, x, y, None)
    assert (one.label, one.xs, one.ys) == ("a", (8, 16, 64), (10.0, 5.0, pytest.approx(400 / 86.4)))
    assert (other.label, other.ys) == ("b", (1.0, 0.5))
    swept = [{**each, AxisKey("training.sequence"): length} for each in ROWS for length in (512, 2048)]
    assert "training.sequence" in axes_of_rows(swept)
    labels = [each.label for each in series_of(swept, x, y, None)]
    assert labels == ["a (sequence 512)", "a (sequence 2048)", "b (sequence 512)", "b (sequence 2048)"]
    both = series_of(swept, x, y, column("system", swept, "--by"))
    assert [each.label for each in both] == ["a", "b"]


def test_rows_that_are_not_told_apart_make_a_band() -> None:
    swept = [row("a", 8, time_s, seed=n) for n, time_s in enumerate((86400.0, 172800.0, 259200.0))]
    (one,) = series_of(swept, column("devices", swept, "--x"), column("time_to_train", swept, "--y"),
                       column("system", swept, "--by"))  # fmt: skip
    assert (one.ys, one.low, one.high) == ((2.0,), (1.0,), (3.0,))


def test_the_axis_is_devices_or_the_first_number() -> None:
    assert usual_x(ROWS) == DEVICES
    swept = [row("a", 8, 1.0, **{"training.sequence": n, "model.name": str(n)}) for n in (1, 2)]
    assert usual_x(swept) == Column("sequence", ("training.sequence",))
    assert usual_x([row("a", 8, 1.0)]) is None


def test_axes_that_advance_together_are_one_curve() -> None:
    swept = [row("a", 8, 1.0, **{"training.tokens": 2e9 * n, "model.name": f"m{n}"}) for n in (1, 2, 3)]
    x, y = column("tokens", swept, "--x"), column("time", swept, "--y")
    assert along(swept, x) == ["model.name"]
    (one,) = series_of(swept, x, y)
    assert (one.label, one.xs) == ("a", (2e9, 4e9, 6e9))
    crossed = [*swept, row("a", 8, 1.0, **{"training.tokens": 2e9, "model.name": "m2"})]
    assert along(crossed, x) == []
    assert [each.label for each in series_of(crossed, x, y)] == ["m1", "m2", "m3"]


def test_metrics_say_their_titles_units_and_scales() -> None:
    for called, words, number, text in (
        ("mfu", "MFU (%)", 50.0, "50.0 %"),
        ("tax", "lost to splitting (%)", 10.0, "10.0 %"),
        ("time", "time to train (days)", 10.0, "10.0 days"),
        ("cost", "rented (USD)", 80.0, "80 USD"),
        ("devices", "devices", 8.0, "8"),
    ):
        found = column(called, ROWS, "--y")
        assert (found.words, found.number(ROWS[0]), found.text(ROWS[0])) == (words, number, text)
    for key, metric in by_key().items():
        assert column(key, [{key: 1.0}], "--y").words == metric.axis
        assert column(metric.called[0] if metric.called else key, [{key: 1.0}], "--y").keys == (key,)


def test_values_of_axes_are_told_as_people_say_them() -> None:
    one = row("a", 8, 1.0, **{"training.tokens": 2.57e11, "model.name": "m", "system.a.plan.micro_batch": 2})
    told = [column(name, [one], "--x").said(one) for name in ("tokens", "model.name", "name", "micro_batch")]
    assert told == ["tokens 257 B", "model.name m", "m", "micro batch 2"]


def test_the_knee_is_the_size_with_the_least_devices_times_time_squared() -> None:
    x = column("devices", ROWS, "--x")
    # 8 x 10^2, 16 x 5^2, 64 x 4.6^2: the least is at 16; of two sizes none lies between.
    assert [one.bend for one in series_of(ROWS, x, column("time", ROWS, "--y"))] == [1, None]
    assert [one.bend for one in series_of(ROWS, x, column("mfu", ROWS, "--y"))] == [None, None]
    assert {one.bend for one in series_of(ROWS, column("cost", ROWS, "--x"), column("time", ROWS, "--y"))} == {None}
