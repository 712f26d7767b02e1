"""Charts draw on the axes they are given, add up, and use one colour for one thing."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sim.engine.program import Instruction
from sim.engine.trace import Span, Trace
from sim.engine.work import Work
from sim.outcome.lines import LINES, line_title
from sim.outcome.outcome import Outcome
from sim.page.numbers import percent
from sim.report.charts import chart_files
from sim.report.charts.ledger import ledger_bars, ledger_figure
from sim.report.charts.scaling import distribution_tax, goodput_figure, scaling_figure, time_to_train
from sim.report.charts.timeline import timeline, timeline_figure, windows
from sim.report.charts.utilisation import busy_shares, stream_utilisation
from sim.report.colours import KIND_COLOURS, LINE_COLOURS
from sim.report.lanes import actor_lanes, kind_of, number_of, shown_actors, works_of

OF_MANY = (ledger_bars, time_to_train, distribution_tax)
OF_ONE = (timeline, stream_utilisation)


def axes() -> Axes:
    return Figure().add_subplot()


def caption(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")


def bars(ax: Axes) -> list[Rectangle]:
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("draw", OF_MANY)
def test_charts_of_many_draw_on_the_axes_given(
    draw: Callable[..., Axes], several: tuple[Outcome, ...], alone: Outcome
) -> None:
    for outcomes in (several, [alone]):
        given = axes()
        assert draw(outcomes, given) is given
        assert given.has_data()
        own = draw(outcomes)
        assert own is not given
        assert own.get_xlabel()


@pytest.mark.parametrize("draw", OF_ONE)
def test_charts_of_one_draw_on_the_axes_given(draw: Callable[..., Axes], several: tuple[Outcome, ...]) -> None:
    for outcome in several:
        given = axes()
        assert draw(outcome, given) is given
        assert given.has_data()
        assert draw(outcome) is not given


def test_bars_add_up_to_100_percent(several: tuple[Outcome, ...]) -> None:
    widths: dict[float, list[float]] = defaultdict(list)
    for bar in bars(ledger_bars(several)):
        widths[bar.get_y()].append(bar.get_width())
    assert len(widths) == len(several)
    for parts in widths.values():
        assert math.fsum(parts) == pytest.approx(100.0, abs=1e-6)


def test_the_legend_has_the_lines_that_can_be_seen(several: tuple[Outcome, ...]) -> None:
    (legend,) = ledger_figure(several).legends
    shown = {text.get_text().split(" (")[0] for text in legend.get_texts()}
    assert shown == {line_title(line) for line in LINES if any(point.account.share(line) > 5e-4 for point in several)}


def test_mfu_beside_the_account_is_its_useful_share(several: tuple[Outcome, ...]) -> None:
    for outcome in several:
        ax = ledger_bars([outcome])
        useful = percent(outcome.ledger.share("useful"))
        assert useful in {text.get_text() for text in ax.texts}
        assert useful != percent(outcome.mfu_full)
    assert "counts the causal half of attention" in caption(ledger_figure(several))


def test_every_line_has_one_colour_of_its_own() -> None:
    assert LINE_COLOURS.keys() == set(LINES)
    for one, other in itertools.combinations([*LINE_COLOURS.values()], 2):
        assert math.dist(to_rgb(one), to_rgb(other)) > 0.08, (one, other)
    assert len(set(KIND_COLOURS.values())) == len(KIND_COLOURS)


def test_a_line_has_its_colour_in_the_bars(alone: Outcome) -> None:
    colours = {to_rgb(bar.get_facecolor()[:3]) for bar in bars(ledger_bars([alone]))}
    assert to_rgb(LINE_COLOURS["useful"]) in colours
    assert colours <= {to_rgb(colour) for colour in LINE_COLOURS.values()}


def test_ideal_scaling_starts_at_the_smallest_machine(several: tuple[Outcome, ...]) -> None:
    ax = time_to_train(several)
    solid = {str(line.get_label()): line for line in ax.lines if not str(line.get_label()).startswith("_")}
    assert set(solid) == {"gpu cluster", "pipeline", "wafer"}
    dashed = [line for line in ax.lines if str(line.get_label()).startswith("_")]
    assert len(dashed) == 3
    for line in dashed:
        device_days = np.prod(np.asarray(line.get_xydata(), dtype=float), axis=1)
        assert device_days[0] == pytest.approx(device_days[-1])


def test_a_dollar_is_a_dollar(alone: Outcome, twin_of: Callable[[Outcome], Outcome]) -> None:
    twin = twin_of(alone)
    system = dataclasses.replace(twin.scenario.system, name="$frac{ $\\frac{$")
    odd = dataclasses.replace(twin, scenario=dataclasses.replace(twin.scenario, system=system))
    ledger_figure([odd]).draw_without_rendering()
    timeline_figure(odd, "$\\frac{$").draw_without_rendering()


def test_spans_are_of_the_kind_of_their_work() -> None:
    kinds = [
        ("compute", Work("pass", "forward", 3, chunk=1), "forward", "forward 3.1"),
        ("compute", Work("pass", "forward", 0, unit="head"), "forward", "head 0"),
        ("compute", Work("pass", "backward", 0, unit="head"), "backward", "head backward 0"),
        ("compute", Work("pass", "backward", 0, unit="embedding"), "backward", "embedding backward 0"),
        ("compute", Work("pass", "backward", 2, piece=(0, 3)), "backward", "backward 2 part 1/3"),
        ("compute", Work("send", "forward", 2), "communication", "send activation 2"),
        ("data comm", Work("gather", None, 0, layer=1, unit="layer"), "communication", "gather 0.1"),
        ("weight-in", Work("stream in", None, 0, layer=1), "communication", "weights 0.1"),
        ("compute", Work("optimizer"), "optimizer", "optimizer"),
        ("compute", Work("straggler"), "wait for the slowest replica", "wait for the slowest replica"),
        ("compute", Work("input"), "other", "input"),
    ]
    for stream, work, kind, label in kinds:
        assert kind_of(Span("stage 0", stream, Instruction(work, {}), 0.0, 1.0, {})) == kind
        assert kind in KIND_COLOURS
        assert work.label == label


def test_the_weight_gradient_is_told_apart_from_all_else_by_colour_blind_readers() -> None:
    # Machado, Oliveira, Fernandes 2009, table 1, severity 1: protanomaly and deuteranomaly.
    seen = {
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    }

    def lightness(colour: str, matrix: list[list[float]]) -> float:
        """L* of CIE 1976 of a colour as somebody sees it."""
        linear = [(one / 12.92) if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in to_rgb(colour)]
        luminance = float(np.clip(np.array(matrix) @ linear, 0, 1) @ [0.2126, 0.7152, 0.0722])
        return 116 * luminance ** (1 / 3) - 16

    others = [colour for kind, colour in KIND_COLOURS.items() if kind != "weight gradient"]
    for matrix in seen.values():
        own = lightness(KIND_COLOURS["weight gradient"], matrix)
        assert min(abs(own - lightness(other, matrix)) for other in [*others, "#ffffff"]) > 10


def test_gradients_that_run_apart_have_colours_of_their_own_and_pairs_two_bars() -> None:
    apart = Work("pass", "weight gradient", 4)
    assert kind_of(Span("stage 0", "compute", Instruction(apart, {}), 0.0, 1.0, {})) == "weight gradient"
    on = Work("pass", "input gradient", 4)
    assert kind_of(Span("stage 0", "compute", Instruction(on, {}), 0.0, 1.0, {})) == "backward"
    pair = Span("stage 0", "compute", Instruction(Work("pass", "forward", 5, also=on), {}), 0.0, 1.0, {})
    assert [(kind_of(pair, work), number_of(work, layer=False)) for work in works_of(pair)] == [
        ("forward", "5"),
        ("backward", "4"),
    ]


def test_every_stage_has_a_row(pipeline: Outcome) -> None:
    labels = [text.get_text() for text in timeline(pipeline).get_yticklabels()]
    assert labels == list(pipeline.trace.multiplicity)
    lanes = actor_lanes(pipeline.trace)
    assert lanes.rows == len(labels)
    assert lanes.omitted == 0


def test_windows_cover_a_step_or_its_ends(several: tuple[Outcome, ...]) -> None:
    for outcome in several:
        found = windows(outcome.trace)
        assert found[0].start_s == 0
        assert found[-1].end_s == outcome.step_time_s
        assert all(window.start_s < window.end_s for window in found)


def test_too_many_stages_are_thinned_out_from_first_to_last() -> None:
    trace = Trace(1.0, {f"stage {index}": 1 for index in range(100)})
    shown = shown_actors(trace)
    assert shown[0] == "stage 0"
    assert shown[-1] == "stage 99"
    assert len(set(shown)) == len(shown) < 30


def test_busy_time_is_the_time_of_the_spans() -> None:
    spans = [
        Span("a", "compute", Instruction(Work("pass", "forward", 0), {}), 1.0, 3.0, {}),
        Span("a", "compute", Instruction(Work("straggler"), {}), 3.0, 3.5, {}),
        Span("a", "compute", Instruction(Work("optimizer"), {}), 3.5, 4.0, {}),
    ]
    shares = busy_shares(Trace(4.0, {"a": 1}, spans), 4)["a", "compute"]
    assert shares.tolist() == pytest.approx([0.0, 1.0, 1.0, 0.5])


def test_busy_shares_agree_with_the_trace(several: tuple[Outcome, ...]) -> None:
    for outcome in several:
        for (actor, stream), shares in busy_shares(outcome.trace, 37).items():
            spans = [
                span
                for span in outcome.trace.spans_of(actor, stream)
                if kind_of(span) != "wait for the slowest replica"
            ]
            busy_s = math.fsum(span.end_s - span.start_s for span in spans)
            assert float(shares.mean()) * outcome.step_time_s == pytest.approx(busy_s, rel=1e-9, abs=1e-12)


@pytest.mark.slow
def test_what_has_one_or_two_sizes_is_not_drawn_against_devices(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    for outcomes in ([several[1], several[5]], several[:2]):
        drawn = {path.stem for path in chart_files(outcomes, tmp_path)}
        assert "ledger" in drawn
        assert not drawn & {"scaling", "goodput"}
    point = several[1]
    system = dataclasses.replace(point.scenario.system, devices=4 * point.devices)
    ledger = dataclasses.replace(point.ledger, devices=4 * point.devices)
    third = dataclasses.replace(point, ledger=ledger, scenario=dataclasses.replace(point.scenario, system=system))
    assert {"scaling", "goodput"} <= {path.stem for path in chart_files([*several[:2], third], tmp_path)}


def test_captions_name_what_is_drawn(several: tuple[Outcome, ...]) -> None:
    kinds = "One device is one GPU or one wafer-scale system"
    assert kinds in caption(scaling_figure(several))
    assert kinds not in caption(scaling_figure(several[:2]))
    assert "The distribution tax is the share of all device-seconds lost because" in caption(scaling_figure(several))
    assert "does not start at 0" in caption(goodput_figure(several))


def test_a_legend_has_the_weight_gradient_only_where_it_runs_apart(pipeline: Outcome) -> None:
    trace = pipeline.trace
    span = next(span for span in trace.spans if span.work.phase == "backward" and span.end_s > span.start_s)
    apart = span._replace(instruction=Instruction(span.work._replace(phase="weight gradient"), {}))
    shown = dataclasses.replace(pipeline, trace=dataclasses.replace(trace, spans=[*trace.spans, apart]))
    for outcome, occurs in ((pipeline, False), (shown, True)):
        figure = timeline_figure(outcome, "name")
        (legend,) = [ax.get_legend() for ax in figure.axes if ax.get_legend()] or figure.legends
        assert ("weight gradient" in [text.get_text() for text in legend.get_texts()]) == occurs
