"""What charts draw: which number is on which axis, and whose. A swapped or a shifted column of a chart's data fails."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Annotation
from measured import comparison
from small_systems import PIPELINE, WAFER, scenario
from systems import systems
from test_every_number import NUMBERS, percentile, run_times

from sim.hardware.network.study import read_study
from sim.hardware.topology import load_topology
from sim.outcome.lines import LINES
from sim.outcome.outcome import Outcome
from sim.records.document import summary_rows
from sim.records.metrics import METRICS, Metric
from sim.records.series import column, series_of
from sim.report.charts.bus_bandwidth import bus_bandwidth
from sim.report.charts.ledger import ledger_bars
from sim.report.charts.plans import effort_figure, plans
from sim.report.charts.scaling import distribution_tax, goodput, time_to_train
from sim.report.charts.step_times import excess_against_devices, excess_by_step
from sim.report.charts.sweep import curves_figure
from sim.report.charts.timeline import EXCHANGES, timeline
from sim.report.charts.validation import errors_by_source, parity
from sim.report.colours import LINE_COLOURS
from sim.report.lanes import actor_lanes
from sim.scenario import PlanRequest
from sim.study.plans import study_all, systems_of

DAY_S = 86400.0


def named(ax: Axes) -> dict[str, Any]:
    """Lines with a name -> their points."""
    lines = {str(line.get_label()): line for line in ax.lines if not str(line.get_label()).startswith("_")}
    return {name: np.asarray(line.get_xydata(), dtype=float).tolist() for name, line in lines.items()}


def by_system(value: Callable[[Outcome], Any]) -> dict[str, Any]:
    """What a chart against devices has: system -> (devices, value) of its points, the smallest first."""
    found: dict[str, list[list[float]]] = {}
    for one in systems():
        found.setdefault(one.scenario.system.name, []).append([one.devices, value(one)])
    return {name: sorted(points) for name, points in found.items()}


def close(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, points in found.items():
        assert np.asarray(points) == pytest.approx(np.asarray(expected[name], dtype=float), rel=1e-9), name


def test_time_to_train_is_drawn_upward_and_devices_sideways() -> None:
    close(named(time_to_train(systems())), by_system(lambda o: percentile(run_times(o), 50) / DAY_S))


def test_the_tax_is_that_of_each_machine() -> None:
    close(named(distribution_tax(systems())), by_system(lambda o: 100 * NUMBERS["distribution_tax"](o)))


def test_goodput_is_that_of_each_machine_between_its_percentiles() -> None:
    ax = goodput(systems())
    close(named(ax), by_system(lambda o: 100 * NUMBERS["goodput"](o)))
    segments = [np.asarray(one) for bars in ax.collections for one in bars.get_segments()]  # type: ignore[attr-defined]
    for (x, low), (_, high) in segments:
        likely = [np.percentile(100 * o.run.runs.lines_s["training"] / run_times(o), (10, 90)) for o in systems()
                  if o.devices == round(x)]  # fmt: skip
        assert any([low, high] == pytest.approx(one) for one in likely)
    assert len(segments) == len(systems())


def test_bars_are_the_lines_of_the_runs_in_their_colours() -> None:
    ax = ledger_bars(systems())
    rows = sorted({round(float(bar.get_y()), 6) for bar in ax.patches})  # type: ignore[attr-defined]
    assert len(rows) == len(systems())
    # Systems in the order of the file, each from its smallest to its largest.
    for row, outcome in zip(rows, systems(), strict=True):
        own = [bar for bar in ax.patches if round(float(bar.get_y()), 6) == row]  # type: ignore[attr-defined]
        widths = {to_rgb(bar.get_facecolor()[:3]): bar.get_width() for bar in own}  # type: ignore[attr-defined, index]
        assert outcome.run is not None
        whole_s = outcome.devices * float(run_times(outcome).mean())
        for line in LINES:
            share = 100 * outcome.run.ledger.device_seconds[line] / whole_s
            assert widths.get(to_rgb(LINE_COLOURS[line]), 0.0) == pytest.approx(share, rel=1e-9, abs=1e-12), line
        middle = row + own[0].get_height() / 2  # type: ignore[attr-defined]
        beside = {text.get_position()[0]: text.get_text() for text in ax.texts
                  if isinstance(text, Annotation) and abs(text.xy[1] - middle) < 1e-6}  # fmt: skip
        figures = [100 * NUMBERS[name](outcome) for name in ("distribution_tax", "mfu_causal")]
        assert [beside[x] for x in sorted(beside)] == [f"{figure:.1f} %" for figure in figures]
    heads = {
        text.get_text(): text.get_position()[0] for text in ax.texts if text.get_text() in ("tax", "MFU\n(causal)")
    }
    assert heads["tax"] < heads["MFU\n(causal)"]


def excess(outcome: Outcome) -> Any:
    assert outcome.step_times is not None
    return 100 * (outcome.step_times.times_s / outcome.counterfactual_step_times_s["no variation"] - 1)


def test_steps_are_drawn_over_the_step_of_equal_devices() -> None:
    varied = [one for one in systems() if one.step_times is not None]
    assert varied
    against = named(excess_against_devices(systems()))
    assert against == {"sharded": [[o.devices, pytest.approx(excess(o).mean())] for o in varied]}
    (points,) = named(excess_by_step(systems())).values()
    largest = max(varied, key=lambda o: o.devices)
    assert points == [[number + 1, pytest.approx(value)] for number, value in enumerate(excess(largest))]


def corners(ax: Axes, *, exchanges: bool = False) -> Iterator[tuple[float, float, float]]:
    """(left, right, low) of every shape that is a span, or the end of one that stands for its exchanges."""
    for shapes in ax.collections:
        if isinstance(shapes, PolyCollection) and (shapes.get_label() == EXCHANGES) == exchanges:
            for path in shapes.get_paths():
                (left, low), (right, _) = path.vertices.min(axis=0), path.vertices.max(axis=0)  # type: ignore[union-attr]
                yield float(left), float(right), float(low)


def test_a_timeline_has_every_span_from_its_start_to_its_end_in_its_row() -> None:
    outcome = next(one for one in systems() if one.scenario.system.name == "pipeline")
    scale = 1e3 if outcome.trace.step_time_s < 2 else 1.0
    lanes = {(lane.actor, lane.stream): lane.bottom for lane in actor_lanes(outcome.trace).lanes}
    spans = [
        (span.start_s * scale, span.end_s * scale, lanes[span.actor, span.stream])
        for span in outcome.trace.spans
        if (span.actor, span.stream) in lanes and span.end_s > span.start_s
    ]
    ax = timeline(outcome)
    assert np.asarray(sorted(corners(ax))) == pytest.approx(np.asarray(sorted(spans)), abs=1e-9)
    # The orange ends of passes are as long as the account says that tensor exchanges take.
    lines = ("tensor_comm", "context_comm", "expert_comm")
    exchanged_s: dict[float, float] = defaultdict(float)
    for span in outcome.trace.spans:
        if (span.actor, span.stream) in lanes and span.stream == "compute":
            exchanged_s[lanes[span.actor, span.stream]] += sum(span.parts.get(line, 0.0) for line in lines)
    drawn_s: dict[float, float] = defaultdict(float)
    for left, right, low in corners(ax, exchanges=True):
        drawn_s[low] += (right - left) / scale
    assert min(exchanged_s.values()) > 0
    assert drawn_s == {low: pytest.approx(length) for low, length in exchanged_s.items()}


def test_plans_are_drawn_by_rank_and_counted_by_size() -> None:
    points = [scenario(PIPELINE, devices, PlanRequest()) for devices in (4, 8)]
    (gpus, wafer), _ = study_all(systems_of([*points, scenario(WAFER, 2, PlanRequest())], ()), 2)
    for study in (gpus, wafer):
        (dots, *_) = plans(study.found).collections
        found = np.ma.getdata(dots.get_offsets())  # type: ignore[no-untyped-call]
        count = len(study.found.step_s)
        expected = [[100 * (rank + 0.5) / count, step_s] for rank, step_s in enumerate(study.found.step_s)]
        assert found[np.argsort(found[:, 0])] == pytest.approx(np.asarray(expected))
    bars = sorted(effort_figure(gpus).axes[0].patches, key=lambda bar: bar.get_x())  # type: ignore[attr-defined]
    counts = [
        getattr(one.found.effort, name)  # type: ignore[union-attr]
        for one in gpus.sizes
        for name in ("legal", "fitting", "within_20_percent", "within_5_percent")
    ]
    assert [bar.get_height() for bar in bars] == counts  # type: ignore[attr-defined]


def test_measured_is_drawn_sideways_and_predicted_upward() -> None:
    rows = [comparison(error, id=f"r{index}") for index, error in enumerate((-0.25, 0.5))]
    (_, dots, *_) = parity(rows).collections
    offsets = np.ma.getdata(dots.get_offsets()).tolist()  # type: ignore[no-untyped-call]
    assert offsets == [[0.5, pytest.approx(0.5 * 0.75)], [0.5, pytest.approx(0.5 * 1.5)]]
    found = [offset[0] for dots in errors_by_source(rows).collections
             for offset in np.ma.getdata(dots.get_offsets())]  # type: ignore[no-untyped-call]  # fmt: skip
    assert sorted(found) == pytest.approx([-25, 50])


def test_bus_bandwidth_is_drawn_over_sizes() -> None:
    study = read_study("all-reduce", load_topology("hgx-a100-node", 8, "here"), None, 1, "1 GB", "1 MiB:1 GiB", "")
    lines = named(bus_bandwidth(study))
    (size, bandwidth), *_ = lines["ring"]
    options = [one for one in study.options if one.wave.algorithm == "ring"]
    # 2 (n - 1) / n of the size over the time, as nccl-tests defines it.
    assert bandwidth == pytest.approx(2 * 7 / 8 * size / min(float(one.time_s(size)) for one in options) / 1e9)


def test_a_swapped_column_of_a_chart_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as swapped:
        # A chart that drew the useful share where it says tax.
        swapped.setattr("sim.outcome.ledger.Ledger.tax", property(lambda ledger: ledger.share("useful")))
        with pytest.raises(AssertionError):
            test_the_tax_is_that_of_each_machine()
    with monkeypatch.context() as swapped:
        swapped.setattr("sim.outcome.outcome.Outcome.time_to_train_s", property(lambda one: one.undisturbed_s))
        with pytest.raises(AssertionError):
            test_time_to_train_is_drawn_upward_and_devices_sideways()
    test_the_tax_is_that_of_each_machine()


@pytest.mark.parametrize("metric", [one for one in METRICS if one.key in ("mfu_full", "step_time_s", "rental_usd")])
def test_a_curve_of_any_metric_is_that_metric_in_the_unit_of_its_axis(metric: Metric) -> None:
    rows = summary_rows(systems())
    x, y = column("devices", rows, "x"), column(metric.key, rows, "y")
    ax = curves_figure(series_of(rows, x, y), x, y).axes[0]
    assert ax.get_ylabel().replace("\n", " ") == metric.axis
    drawn = sorted(height for points in named(ax).values() for _, height in points)
    values = [float(value) / metric.unit.axis_size for one in systems() if (value := metric.value(one)) is not None]
    assert drawn == pytest.approx(sorted(values))
