"""Data of the charts of a page: every number is that of its Metric, its ledger, its trace or its memory."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from systems import systems

from sim.outcome.outcome import Outcome
from sim.page.blocks import Chart, Page, Said
from sim.page.html import json_text
from sim.records.metrics import METRICS, STEP_TIME, TIME_TO_TRAIN
from sim.report.lanes import exchanged_s, kind_of
from sim.report.run import run_page
from sim.report.web.data import page_data
from sim.report.web.steps import _within
from sim.study.findings import Findings, findings


@pytest.fixture(scope="module")
def found() -> Findings:
    return findings(systems())


@pytest.fixture(scope="module")
def shown(found: Findings) -> Page:
    return run_page(found)


@pytest.fixture(scope="module")
def data(shown: Page) -> dict[str, Any]:
    """The data as a browser reads it."""
    return dict(json.loads(json_text(shown.data)))


def charts(page: Page) -> dict[str, Chart]:
    return {one.key: one for part in page.sections for one in part.blocks if isinstance(one, Chart)}


def every(found: Findings) -> list[Outcome]:
    """Points in the order of the page."""
    return [point for curve in found.curves for point in curve.points]


def paired(found: Findings, data: dict[str, Any]) -> Iterator[tuple[Outcome, dict[str, Any]]]:
    return zip(every(found), data["points"], strict=True)


def test_every_metric_of_every_point_is_as_it_is(found: Findings, data: dict[str, Any]) -> None:
    offered = {one["key"] for one in data["metrics"]}
    assert offered == {one.key for one in METRICS if one.family not in ("belief", "account")}
    units = {one.key: one.unit for one in METRICS}
    for one in data["metrics"]:
        if units[one["key"]].stored != "s":
            assert one["size"] == units[one["key"]].axis_size
    for point, own in paired(found, data):
        for metric in METRICS:
            if metric.key in offered and metric.value(point) is not None:
                assert own["values"][metric.key] == metric.value(point)
                assert own["texts"][metric.key] == metric.text(point)
            else:
                assert metric.key not in own["values"]


def test_hovering_says_what_the_metrics_say(found: Findings, data: dict[str, Any]) -> None:
    titles = {one.title: one for one in METRICS}
    for point, own in paired(found, data):
        told = dict(own["hover"])
        assert told.pop("plan") == point.plan.summary()
        assert {"step time", "MFU", "lost to splitting", "rented, low to high", "checked?"} <= set(told)
        for title, text in told.items():
            if title in titles:
                assert text == titles[title].text(point)


def test_the_account_is_that_of_the_ledger_and_closes(found: Findings, data: dict[str, Any]) -> None:
    for point, own in paired(found, data):
        step = own["accounts"]["step"]
        assert ("run" in own["accounts"]) == (point.run is not None)
        for ledger, told in [
            (point.ledger, step),
            *([(point.run.ledger, own["accounts"]["run"])] if point.run else []),
        ]:
            held = {line: cell[0] for line, cell in told["lines"].items()}
            assert held == {
                line: seconds for line, seconds in ledger.device_seconds.items() if ledger.share(line) > 1e-12
            }
            assert told["total_s"] == pytest.approx(math.fsum(held.values()), rel=1e-9)
            assert told["devices"] == point.devices


def test_the_band_of_a_time_holds_what_would_be_measured(found: Findings, data: dict[str, Any]) -> None:
    banded = 0
    for point, own in paired(found, data):
        if point.confidence.step is None:
            assert own["band"] is None
            assert own["spans"] == {}
            continue
        banded += 1
        low, high = own["band"]
        for metric in (STEP_TIME, TIME_TO_TRAIN):
            span = own["spans"][metric.key]
            # An error is predicted / measured - 1: at each end of the span it is an end of the band.
            assert [metric.value(point) / one - 1 for one in span] == pytest.approx([high, low])
    assert banded


def test_a_timeline_has_every_span_where_it_was(found: Findings, shown: Page) -> None:
    steps = charts(shown)["timeline"].data["steps"]
    labels = {curve.place(point): point for curve in found.curves for point in curve.points}
    for step in steps:
        trace = labels[step["label"]].trace
        tick = step["step_s"] / 1e6
        assert step["step_s"] == trace.step_time_s
        read = []
        for lane in step["lanes"]:
            end = 0
            for place in range(0, len(lane["spans"]), 3):
                start = end + lane["spans"][place]
                end = start + lane["spans"][place + 1]
                kind, label, _ = step["names"][lane["spans"][place + 2]]
                read.append((start * tick, end * tick, kind, label))
        spans = [span for span in trace.spans if span.end_s > span.start_s]
        true = []
        for span in spans:
            inside_s = span.parts.get("tensor_comm", 0.0) if span.stream == "compute" else 0.0
            true.append((span.start_s, span.end_s - inside_s, kind_of(span), span.what))
            if inside_s:
                true.append((span.end_s - inside_s, span.end_s, "communication", f"exchanges of {span.what}"))
        assert len(read) == len(true)
        for got, want in zip(sorted(read, key=repr_of), sorted(true, key=repr_of), strict=True):
            assert got[2:] == want[2:]
            assert got[:2] == pytest.approx(want[:2], abs=tick)
        assert set(step["kinds"]) == {kind for _, _, kind, _ in true}


def repr_of(span: tuple[float, float, str, str]) -> tuple[str, str, float]:
    """Spans of one kind and label, in time."""
    return span[2], span[3], round(span[0], 4)


def test_memory_is_that_of_every_stage(found: Findings, shown: Page) -> None:
    told = {one["label"]: one["bars"] for one in charts(shown)["memory"].data["points"]}
    for curve in found.curves:
        for point in curve.points:
            bars = told[curve.place(point)]
            assert len(bars) == len(point.memory.stages)
            for bar, items, capacity in zip(bars, point.memory.stages, point.memory.capacities_bytes, strict=True):
                assert {item: size for item, (size, _) in bar["parts"].items()} == {
                    item: size for item, size in items.items() if size > 0
                }
                assert bar["limit"] == capacity


def test_what_if_is_what_the_step_gains(found: Findings, shown: Page) -> None:
    told = {one["label"]: one["bars"] for one in charts(shown)["what-if"].data["points"]}
    assert told
    for curve in found.curves:
        for point in curve.points:
            for name, gain, _, text in told.get(curve.place(point), []):
                without_s = point.counterfactual_step_times_s[name]
                assert point.step_time_s * (1 - gain) == pytest.approx(without_s)
                assert text == (f"{100 * gain:.1f} %" if abs(gain) >= 5e-4 else "0.0 %")


def test_curves_are_systems_and_name_each_point_once(found: Findings, shown: Page) -> None:
    curves = charts(shown)["scaling"].data["curves"]
    assert [one["label"] for one in curves] == [curve.label for curve in found.curves]
    told = [index for one in curves for index in one["points"]]
    assert sorted(told) == list(range(len(every(found))))
    devices = [[shown.data["points"][index]["x"] for index in one["points"]] for one in curves]
    assert devices == [[point.devices for point in curve.points] for curve in found.curves]


def test_one_point_alone_has_no_curve(found: Findings) -> None:
    alone = run_page(findings([found.outcomes[0]]))
    assert "scaling" not in charts(alone)
    assert "account" in charts(alone)


def test_systems_of_one_size_stand_side_by_side(found: Findings) -> None:
    pair = [curve.points[0] for curve in found.curves[1:3]]
    side = charts(run_page(findings(pair)))["scaling"].data
    assert not side["along"]
    assert len(side["categories"]) == 2


def test_the_lead_names_no_column(shown: Page) -> None:
    said = [one.text for one in shown.lead if isinstance(one, Said)]
    assert any("within the band of each point" in text for text in said)
    assert not any("checked?" in text for text in said)


def test_the_same_points_give_the_same_page(found: Findings) -> None:
    assert json_text(run_page(found).data) == json_text(run_page(findings(systems())).data)


@pytest.mark.parametrize(
    ("largest_s", "unit", "size"),
    [(1e6, "days", 86400.0), (86400.0, "h", 3600.0), (900.0, "min", 60.0), (3.0, "s", 1.0), (0.5, "ms", 1e-3)],
)
def test_an_axis_of_times_has_the_unit_of_its_largest_value(largest_s: float, unit: str, size: float) -> None:
    points = [{"values": {TIME_TO_TRAIN.key: time_s}} for time_s in (largest_s / 3, largest_s)]
    (told,) = page_data([TIME_TO_TRAIN], points)["metrics"]
    assert (told["axis"], told["size"]) == (f"time to train ({unit})", size)


def test_a_step_of_too_many_bars_loses_whole_rows_and_then_its_end(found: Findings) -> None:
    point = next(one for one in found.outcomes if one.scenario.system.name == "pipeline")
    assert list(point.trace.multiplicity) == ["stage 0", "stage 1"]
    first = [span for span in point.trace.spans if span.actor == "stage 0" and span.end_s > span.start_s]
    alone = sum(1 + (exchanged_s(span) > 0) for span in first)
    for most, rows, is_whole in ((10_000, 2, True), (alone, 1, True), (alone - 1, 1, False), (7, 1, False)):
        lanes, spans, until_s = _within(point.trace, most)
        bars = sum(1 + (exchanged_s(span) > 0) for own in spans.values() for span in own)
        assert lanes.rows == rows
        assert bars <= most
        assert bool(until_s == point.trace.step_time_s) is is_whole
        assert max(span.start_s for own in spans.values() for span in own) < until_s
