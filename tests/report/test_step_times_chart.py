"""The chart of step times shows the steps as they are, and only where they differ."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders import write_results
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from sim.outcome.outcome import Outcome
from sim.report.charts import chart_files
from sim.report.charts.step_times import excess_against_devices, excess_by_step, step_times_figure
from sim.report.charts.timeline import timeline_figure
from sim.report.charts.utilisation import link_load, links_figure, streams_figure
from sim.report.colours import system_style


def excess(outcome: Outcome) -> np.ndarray:
    assert outcome.step_times is not None
    return 100 * (outcome.step_times.times_s / outcome.step_times.alike_s - 1)


def test_both_draw_on_the_axes_given(varied: tuple[Outcome, ...]) -> None:
    for draw in (excess_against_devices, excess_by_step):
        given = Figure().add_subplot()
        assert draw(varied, given) is given
        assert given.has_data()
        assert draw(varied) is not given


def test_markers_are_mean_steps_and_the_line_their_medians(varied: tuple[Outcome, ...]) -> None:
    ax = excess_against_devices(varied)
    means = {line.get_label(): np.asarray(line.get_xydata()) for line in ax.lines if line.get_label()[0] != "_"}
    assert list(means) == ["gpu cluster", "pipeline", "wafer"]
    assert means["gpu cluster"].tolist() == [[8, excess(varied[0]).mean()], [16, excess(varied[1]).mean()]]
    assert means["wafer"].tolist() == [[1, excess(varied[3]).mean()], [4, excess(varied[4]).mean()]]
    medians = [line.get_ydata() for line in ax.lines if line.get_linestyle() == "-" and len(line.get_xdata()) == 2]
    assert [np.median(excess(varied[0])), np.median(excess(varied[1]))] in [list(one) for one in medians]
    low, high = ax.get_ylim()
    assert low < 0
    assert all(low < excess(point).min() <= np.percentile(excess(point), 99) < high for point in varied)


def test_every_step_of_the_largest_machine_is_shown(varied: tuple[Outcome, ...]) -> None:
    ax = excess_by_step(varied)
    series = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_label()[0] != "_"}
    assert set(series) == {"gpu cluster on 16 devices", "pipeline on 16 devices", "wafer on 4 devices"}
    assert series["wafer on 4 devices"] == pytest.approx(excess(varied[4]))


def test_a_system_has_its_colour_whichever_others_differ(
    several: tuple[Outcome, ...], varied: tuple[Outcome, ...]
) -> None:
    # The fourth and the fifth curve differ, the three before them do not.
    ax = excess_against_devices([*several, varied[0], varied[2]])
    colours = [to_hex(line.get_color()) for line in ax.lines if line.get_label()[0] != "_"]
    assert colours == [system_style(3)[0], system_style(4)[0]]


@pytest.mark.slow
def test_it_is_drawn_only_where_steps_differ(
    several: tuple[Outcome, ...],
    varied: tuple[Outcome, ...],
    one_step: Outcome,
    asked_for: dict[str, Outcome],
    tmp_path: Path,
) -> None:
    assert step_times_figure(several) is None
    assert step_times_figure([one_step]) is None
    assert step_times_figure([asked_for["full"]]) is None
    assert step_times_figure([*several, *varied]) is not None
    paths = {path.name for path in chart_files(varied[:1], tmp_path)}
    assert {"step-times.png", "step-times.svg"} <= paths


def test_nothing_is_drawn_between_two_sizes(varied: tuple[Outcome, ...]) -> None:
    assert not [each for each in excess_against_devices(varied).collections if isinstance(each, PolyCollection)]


def test_sizes_of_one_system_take_a_panel_of_their_own(varied: tuple[Outcome, ...]) -> None:
    panels = [len(step_times_figure(outcomes).axes) for outcomes in (varied, varied[:1], varied[1:3])]
    assert panels == [2, 1, 1]


def test_many_curves_are_told_apart_by_a_legend(varied: tuple[Outcome, ...]) -> None:
    def named(outcome: Outcome, number: int) -> Outcome:
        system = dataclasses.replace(outcome.scenario.system, name=f"cluster {number}")
        return dataclasses.replace(outcome, scenario=dataclasses.replace(outcome.scenario, system=system))

    figure = step_times_figure([named(point, number) for number in range(8) for point in varied[:2]])
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 8
    series = [line for line in figure.axes[1].lines if line.get_label()[0] != "_"]
    assert len(series) == 5


def test_charts_of_one_step_say_whose_step_it_is(several: tuple[Outcome, ...], varied: tuple[Outcome, ...]) -> None:
    words = "drawn is the step with every device alike"
    for outcome, says in ((varied[1], True), (varied[2], True), (varied[4], True), (several[1], False)):
        for draw in (timeline_figure, streams_figure, links_figure):
            figure = draw(outcome, "name")
            caption = " ".join(" ".join(text.get_text() for text in figure.texts).split())
            assert (words in caption) == says


def test_links_are_drawn_over_the_step_that_they_belong_to(varied: tuple[Outcome, ...]) -> None:
    (ax, *_) = link_load(varied[2])
    trace = varied[2].trace
    assert ax.get_xlim()[1] == pytest.approx(trace.step_time_s * (1 if trace.step_time_s >= 2 else 1e3))
    assert trace.step_time_s < varied[2].step_time_s


@pytest.mark.slow
def test_the_chart_has_stable_bytes_and_goes_with_its_run(
    varied: tuple[Outcome, ...], alone: Outcome, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        write_results(varied, [], tmp_path / name, charts=True)
    for suffix in ("png", "svg"):
        one, two = ((tmp_path / name / f"step-times.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two
    write_results([alone], [], tmp_path / "one", charts=False)
    assert not list((tmp_path / "one").glob("step-times.*"))
