"""The run over days and its bill in tables, files and charts."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from builders import screen_of
from matplotlib.collections import PolyCollection
from sim.report.run_screen import run_notes, run_sources, run_table

from sim.catalog import Range
from sim.outcome.outcome import Outcome
from sim.records.document import results_document, summary_rows
from sim.report.charts import goodput

MEGAWATT_HOUR_J = 3.6e9


def without_run(point: Outcome) -> Outcome:
    return dataclasses.replace(point, run=None, bill=None)


def with_bill(point: Outcome, **changes: object) -> Outcome:
    assert point.bill is not None
    return dataclasses.replace(point, bill=dataclasses.replace(point.bill, **changes))


def test_a_row_has_the_figures_of_its_run(alone: Outcome) -> None:
    priced = with_bill(
        alone,
        rental_usd=Range(1234.0, 2000.0, 56_789.0),
        write_off_usd=Range(1.0e6, 2.0e6, 3.04e6),
        electricity_usd=Range(0.0, 0.0, 0.0),
        energy_joules=Range(0.0, 25.2 * MEGAWATT_HOUR_J, 0.0),
    )
    row = run_table([priced]).splitlines()[-1]
    assert alone.run is not None
    assert f"{100 * alone.run.goodput:.1f} %" in row
    assert "1.2k to 57k" in row
    assert "1M to 3M" in row
    assert row.split()[-1] == "25"


def test_what_is_unknown_is_called_so(alone: Outcome) -> None:
    poor = with_bill(alone, rental_usd=None, energy_joules=None, unknown=("rental of it",), assumed=())
    assert run_table([poor]).splitlines()[-1].split().count("unknown") == 3
    (note,) = run_notes(poor)
    assert "unknown: rental of it" in note
    (row,) = summary_rows([poor])
    assert row["rental_usd"] is None
    assert row["energy_joules_high"] is None
    (record,) = results_document([poor])["points"]
    assert record["bill"]["rental_usd"] is None
    json.dumps(record, allow_nan=False)


def test_many_points_are_the_ends_of_their_curves(several: tuple[Outcome, ...]) -> None:
    many = [*several, *(dataclasses.replace(point, notes=()) for point in several)]
    assert len(many) > 12
    rows = run_table(several).splitlines()
    few = run_table(many).splitlines()
    assert len(few) < len(rows) + len(several)
    assert any(row.split()[:3] == ["gpu", "cluster", "20"] for row in few)
    assert not any(row.split()[:3] == ["gpu", "cluster", "8"] for row in few)
    assert max(map(len, rows)) <= 118


def test_sources_name_the_systems_that_they_hold_for(several: tuple[Outcome, ...]) -> None:
    gpus, wafer = run_sources(several)
    assert gpus.startswith("gpu cluster, pipeline: failures as in ")
    assert wafer.startswith("wafer: failures as in ")
    alike = run_sources([point for point in several if point.scenario.system.name == "wafer"])
    assert alike == [wafer.removeprefix("wafer: ")]
    text = " ".join(screen_of(several).split())
    assert text.count(gpus) == 1


def test_steps_alone_have_no_run_to_show(alone: Outcome) -> None:
    step = without_run(alone)
    assert run_table([step]) == ""
    assert run_sources([step]) == []
    assert "goodput" not in screen_of([step])
    (record,) = results_document([step])["points"]
    assert record["run"] is None
    assert record["bill"] is None
    assert record["run_ledger"] is None
    assert step.account is step.ledger


def test_files_hold_the_run(several: tuple[Outcome, ...]) -> None:
    records = results_document(several)["points"]
    rows = summary_rows(several)
    for point, record, row in zip(several, records, rows, strict=True):
        assert point.run is not None
        found = record["run"]
        low, middle, high = (found[f"time_to_train_p{percent}_s"] for percent in (10, 50, 90))
        assert point.undisturbed_s < low <= middle <= high
        assert record["time_to_train_s"] == middle == row["time_to_train_p50_s"]
        assert math.fsum(found["lines_mean_s"].values()) == pytest.approx(found["time_to_train_mean_s"], rel=1e-12)
        shares = [group["share"] for group in record["run_ledger"]["groups"].values()]
        assert math.fsum(shares) == pytest.approx(1.0, abs=1e-9)
        useful = record["run_ledger"]["groups"]["compute"]["lines"]["useful"]["share"]
        assert useful == pytest.approx(point.ledger.share("useful") * found["goodput"], rel=1e-9)
        assert row["goodput"] == found["goodput"]
        hours = middle * point.devices / 3600
        assert record["bill"]["device_hours"] == pytest.approx(hours) == record["device_hours"]


def test_goodput_is_drawn_between_its_percentiles(several: tuple[Outcome, ...]) -> None:
    ax = goodput([*several, without_run(several[0])])
    lines = {str(line.get_label()): line for line in ax.lines if not str(line.get_label()).startswith("_")}
    assert set(lines) == {"gpu cluster", "pipeline", "wafer"}
    heights = [float(height) for height in lines["gpu cluster"].get_ydata()]
    assert heights == pytest.approx([100 * point.run.goodput for point in several[:3] if point.run], rel=1e-12)
    # Between two sizes nothing was simulated.
    assert not [each for each in ax.collections if isinstance(each, PolyCollection)]
    low, high = ax.get_ylim()
    assert low <= min(heights)
    assert high >= 100
