"""Charts of a sweep: what is drawn of its rows, and what is refused."""

from __future__ import annotations

import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from sweep_rows import ROWS, row

from sim.errors import InputError
from sim.records.series import DEVICES, column, series_of, usual_x
from sim.report.charts.ledger import sweep_ledger_figure
from sim.report.charts.sweep import curves, curves_figure, front_figure, heat_map, heat_map_figure
from sim.report.plot import sweep_figures
from sim.scenario import AxisKey


def test_an_axis_of_text_is_drawn_as_categories_in_the_order_of_the_sweep() -> None:
    names = ("interleaved", "1f1b", "gpipe")
    swept = [
        row(system, 8, 86400.0 * (place + 1), **{f"system.{system}.plan.schedule": name})
        for system in ("a", "b")
        for place, name in enumerate(names)
    ]
    for x in (usual_x(swept), column("schedule", swept, "--x").as_axis(swept)):
        assert (x.words, x.categories) == ("schedule", names)
        one, other = series_of(swept, x, column("time_to_train", swept, "--y"), None)
        assert (one.label, one.xs, one.ys, other.label) == ("a", (0, 1, 2), (1.0, 2.0, 3.0), "b")
    figures = sweep_figures(swept, None, None, None, False)
    assert set(figures) == {"mfu", "distribution-tax", "time-to-train", "ledger"}
    for figure in (figures["mfu"], figures["ledger"]):
        assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == list(names)
    assert {line.get_linewidth() for line in figures["mfu"].axes[0].lines} == {0.0}
    assert figures["mfu"].axes[0].get_ylim() == pytest.approx((0.0, 55.0))
    assert set(sweep_figures(swept, "schedule", "mfu", "system", True)) == {"heat-map-mfu"}
    # A number of devices or any other number comes first; what is text in some rows only is all categories.
    assert usual_x([*swept, row("a", 16, 1.0)]).keys == ("devices",)
    numbered = [{**each, AxisKey("training.sequence"): n} for n, each in enumerate(swept)]
    assert usual_x(numbered).keys == ("training.sequence",)
    mixed = [row("a", 8, 1.0, plan=value) for value in ("best", {"tensor": 2}, 3)]
    assert usual_x(mixed).categories == ("best", "tensor 2", "3")


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
    assert "Useful is MFU with the causal half of attention alone." in texts(figure)


def test_the_legend_of_the_account_has_the_lines_of_every_panel() -> None:
    rows = [{**one, "weight_streaming_device_s": 1.0} if one["system"] == "a" else one for one in ROWS]
    figure = sweep_ledger_figure(series_of(rows, DEVICES, column("time", rows, "--y")), DEVICES)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["useful", "bubble", "weight streaming"]


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
    assert usual_x(one).keys == ("training.sequence",)


def test_captions_name_what_is_drawn() -> None:
    x, y = column("devices", ROWS, "--x"), column("mfu", ROWS, "--y")
    system = column("system", ROWS, "--by")
    assert "Every cell is a simulated point." in texts(heat_map_figure(ROWS, x, system, y))
    assert "mean" in texts(heat_map_figure([*ROWS, ROWS[0]], x, system, y))
    for figure in (heat_map_figure(ROWS, x, system, y), curves_figure(series_of(ROWS, x, y, system), x, y)):
        assert "attention counted over the full square" in " ".join(texts(figure).split())
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
