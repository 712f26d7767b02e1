"""Curves picked out of rows: which column is meant, what tells curves apart, what is drawn."""

from __future__ import annotations

import io

import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from sim.report.sweeps.progress import Teller, progress_line

from sim.errors import InputError
from sim.outcome.lines import LINES
from sim.report.charts.ledger import sweep_ledger_figure
from sim.report.charts.sweep import curves, curves_figure, front_figure, heat_map, heat_map_figure
from sim.report.plot import sweep_figures
from sim.scenario import AxisKey
from sim.records.series import axes_of_rows, column, default_x, series_of
from sim.sweep.sweep import Progress


def row(system: str, devices: int, time_s: float, **axes: object) -> dict[str, object]:
    account = {f"{line}_device_s": 0.0 for line in LINES}
    return {
        "system": system,
        "devices": devices,
        AxisKey(f"system.{system}.devices"): devices,
        "mfu_full": 0.5,
        "distribution_tax": 0.1,
        "time_to_train_s": time_s,
        "rental_usd": 10.0 * devices,
        **account,
        "useful_device_s": 1.0,
        "bubble_device_s": 1.0,
        "error": None,
        **{AxisKey(key): value for key, value in axes.items()},
    }


ROWS = [
    row("a", 8, 864000.0), row("a", 16, 432000.0), row("a", 64, 400000.0),
    row("b", 8, 86400.0), row("b", 32, 43200.0),
]  # fmt: skip


def test_columns_go_by_their_names_with_and_without_units() -> None:
    assert column("mfu", ROWS, "--y").keys == ("mfu_full",)
    assert column("time_to_train", ROWS, "--y").keys == ("time_to_train_s",)
    assert column("distribution_tax", ROWS, "--y").keys == ("distribution_tax",)
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
    assert default_x(ROWS).keys == ("devices",)
    swept = [row("a", 8, 1.0, **{"training.sequence": n, "model.name": str(n)}) for n in (1, 2)]
    assert default_x(swept).keys == ("training.sequence",)
    with pytest.raises(InputError, match="no axis of this sweep is a number"):
        default_x([row("a", 8, 1.0)])


def test_an_axis_of_text_is_drawn_as_categories_in_the_order_of_the_sweep() -> None:
    names = ("interleaved", "1f1b", "gpipe")
    swept = [
        row(system, 8, 86400.0 * (place + 1), **{f"system.{system}.plan.schedule": name})
        for system in ("a", "b")
        for place, name in enumerate(names)
    ]
    for x in (default_x(swept), column("schedule", swept, "--x").as_axis(swept)):
        assert (x.words, x.categories) == ("schedule", names)
        one, other = series_of(swept, x, column("time_to_train", swept, "--y"), None)
        assert (one.label, one.xs, one.ys, other.label) == ("a", (0, 1, 2), (1.0, 2.0, 3.0), "b")
    figures = sweep_figures(swept, None, None, None, False)
    assert set(figures) == {"mfu", "distribution-tax", "time-to-train", "ledger"}
    for figure in (figures["mfu"], figures["ledger"]):
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == list(names)
    assert {line.get_linewidth() for line in figures["mfu"].axes[0].lines} == {0.0}
    assert figures["mfu"].axes[0].get_ylim() == pytest.approx((0.0, 0.55))
    assert set(sweep_figures(swept, "schedule", "mfu", "system", True)) == {"heat-map-mfu"}
    # A number of devices or any other number comes first; what is text in some rows only is all categories.
    assert default_x([*swept, row("a", 16, 1.0)]).keys == ("devices",)
    numbered = [{**each, AxisKey("training.sequence"): n} for n, each in enumerate(swept)]
    assert default_x(numbered).keys == ("training.sequence",)
    mixed = [row("a", 8, 1.0, plan=value) for value in ("best", {"tensor": 2}, 3)]
    assert default_x(mixed).categories == ("best", "tensor 2", "3")


def test_knees_are_marked_where_time_is_drawn_on_devices() -> None:
    x, y = column("devices", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    ax = curves_figure(series_of(ROWS, x, y, None), x, y).axes[0]
    # 8 x 10^2, 16 x 5^2, 64 x 4.6^2: the least is at 16.
    circles = [line for line in ax.lines if line.get_markersize() == 13]
    assert [list(line.get_xdata()) for line in circles] == [[16.0]]
    tax = column("distribution_tax", ROWS, "--y")
    plain = curves_figure(series_of(ROWS, x, tax, None), x, tax).axes[0]
    assert not [line for line in plain.lines if line.get_markersize() == 13]


def test_charts_hold_the_values() -> None:
    x, y = column("devices", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    series = series_of(ROWS, x, y, None)
    ax = curves(series, x, y)
    assert ax.get_xscale() == "log"
    assert list(ax.lines[0].get_ydata()) == list(series[0].ys)
    heat = heat_map(ROWS, x, column("system", ROWS, "--by"), y)
    shown = [text.get_text() for text in heat.texts]
    assert shown == ["10", "5", "4.63", "1", "0.5"]


def texts(figure: Figure) -> str:
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


def test_the_account_is_a_bar_for_each_point_and_nothing_between_them() -> None:
    x, y = column("devices", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    figure = sweep_ledger_figure(series_of(ROWS, x, y, None), x)
    assert [each.get_title(loc="left") for each in figure.axes] == ["a", "b"]
    for ax, sizes in zip(figure.axes, (["8", "16", "64"], ["8", "32"]), strict=True):
        assert not ax.collections
        assert [label.get_text() for label in ax.get_xticklabels()] == sizes
        tops = {bar.get_x(): bar.get_y() + bar.get_height() for bar in ax.patches}  # type: ignore[attr-defined]
        assert list(tops.values()) == pytest.approx([100.0] * len(sizes))
    assert "middle one" not in texts(figure)


def test_points_that_are_not_told_apart_have_a_bar_and_no_area() -> None:
    swept = [row("a", devices, time_s, seed=n) for devices in (8, 16) for n, time_s in enumerate((86400.0, 172800.0))]
    x, y = column("devices", swept, "--x"), column("time_to_train", swept, "--y")
    figure = curves_figure(series_of(swept, x, y, column("system", swept, "--by")), x, y)
    (bars,) = figure.axes[0].collections
    assert isinstance(bars, LineCollection)
    assert [each.vertices.tolist() for each in bars.get_paths()] == [[[8, 1], [8, 2]], [[16, 1], [16, 2]]]
    assert "Marker: the middle one" in texts(figure)
    assert "knee" not in texts(figure)


def test_a_linear_axis_starts_at_zero() -> None:
    x, y = column("devices", ROWS, "--x"), column("mfu", ROWS, "--y")
    assert curves(series_of(ROWS, x, y, None), x, y).get_ylim()[0] == 0.0


def test_a_chart_of_one_point_is_not_drawn() -> None:
    one = [row("a", 8, 86400.0, **{"training.sequence": 512}), row("b", 1, 43200.0, **{"training.sequence": 1024})]
    assert set(sweep_figures(one, "devices", None, None, False)) == {"time-against-cost"}
    with pytest.raises(InputError, match="no system has two points along devices"):
        sweep_figures(one, "devices", "mfu", None, False)
    with pytest.raises(InputError, match="no system has two points"):
        sweep_figures(one[:1], "devices", None, None, False)
    with pytest.raises(InputError, match="no system has two points"):
        sweep_figures(one[:1], "devices", "mfu", "system", True)
    assert default_x(one).keys == ("training.sequence",)


def test_captions_name_what_is_drawn() -> None:
    x, y = column("devices", ROWS, "--x"), column("mfu", ROWS, "--y")
    system = column("system", ROWS, "--by")
    assert "Every cell is a simulated point." in texts(heat_map_figure(ROWS, x, system, y))
    assert "mean" in texts(heat_map_figure([*ROWS, ROWS[0]], x, system, y))
    cost, time = column("rental", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    assert "Thick" in texts(front_figure(series_of(ROWS, cost, time, system), cost, time))
    assert "Thick" not in texts(front_figure(series_of(ROWS[:1], cost, time, system), cost, time))


def test_the_front_is_what_nothing_else_is_better_than() -> None:
    cost, time = column("rental", ROWS, "--x"), column("time_to_train", ROWS, "--y")
    figure = front_figure(series_of(ROWS, cost, time, column("system", ROWS, "--by")), cost, time)
    (front,) = [line for line in figure.axes[0].lines if line.get_linewidth() == 4]
    assert list(zip(front.get_xdata(), front.get_ydata(), strict=True)) == [(80.0, 1.0), (320.0, 0.5)]


def test_the_usual_questions_have_charts() -> None:
    usual = sweep_figures(ROWS, None, None, None, False)
    assert set(usual) == {"mfu", "distribution-tax", "time-to-train", "ledger", "time-against-cost"}
    with pytest.raises(InputError, match="no point of it was simulated"):
        sweep_figures([{"system": "a", "error": "bad"}], None, None, None, False)
    with pytest.raises(InputError, match="two axes and a metric"):
        sweep_figures(ROWS, None, "mfu", None, True)


def test_progress_is_told_now_and_then() -> None:
    out, now_s = io.StringIO(), [0.0]
    progress = Progress(done=50, new=40, failed=3)
    with Teller(100, out, lambda: now_s[0]) as teller:
        teller(progress)
        assert out.getvalue() == ""
        now_s[0] = 40.0
        teller(progress)
        teller(progress)
    assert out.getvalue() == "50 done, 3 failed, 50 left; 1.0 points/s, 50 s to go\n"
    assert progress_line(Progress(done=100), 100, 0.0) == "100 done, 0 failed, 0 left; 0.0 points/s"
