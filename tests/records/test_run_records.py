"""The run over days and its bill: as metrics, in files, in notes and in their chart."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from matplotlib.collections import PolyCollection

from sim.catalog import Range
from sim.outcome.outcome import Outcome
from sim.page.blocks import Table
from sim.records.document import results_document, summary_rows
from sim.records.metrics import METRICS
from sim.records.notes import run_notes
from sim.report.charts.scaling import goodput
from sim.report.run import run_page
from sim.report.sentences import notes_by_place
from sim.study.findings import findings

MEGAWATT_HOUR_J = 3.6e9


def without_run(point: Outcome) -> Outcome:
    return dataclasses.replace(point, run=None, bill=None)


def with_bill(point: Outcome, **changes: object) -> Outcome:
    assert point.bill is not None
    return dataclasses.replace(point, bill=dataclasses.replace(point.bill, **changes))


def written(point: Outcome) -> dict[str, str]:
    """Key -> every metric of a point as people read it."""
    return {metric.key: metric.text(point) for metric in METRICS}


def test_amounts_are_written_short(alone: Outcome) -> None:
    priced = with_bill(
        alone,
        rental_usd=Range(1234.0, 2000.0, 56_789.0),
        write_off_usd=Range(1.0e6, 2.0e6, 3.04e6),
        electricity_usd=Range(0.0, 0.0, 0.0),
        energy_joules=Range(0.0, 25.2 * MEGAWATT_HOUR_J, 0.0),
    )
    told = written(priced)
    assert alone.run is not None
    assert told["goodput"] == f"{100 * alone.run.goodput:.1f} %"
    assert (told["rental_usd_low"], told["rental_usd_high"]) == ("1.2k USD", "57k USD")
    assert (told["purchase_usd_low"], told["purchase_usd_high"]) == ("1M USD", "3M USD")
    assert told["energy_joules"] == "25.2 MWh"


def test_what_is_unknown_is_called_so(alone: Outcome) -> None:
    poor = with_bill(alone, rental_usd=None, energy_joules=None, unknown=("rental of it",), assumed=())
    told = written(poor)
    assert (told["rental_usd"], told["energy_joules_high"]) == ("unknown", "unknown")
    (note,) = run_notes(poor)
    assert "unknown: rental of it" in note
    (row,) = summary_rows([poor])
    assert row["rental_usd"] is None
    assert row["energy_joules_high"] is None
    (record,) = results_document(findings([poor]))["points"]
    assert record["rental_usd"] is None
    assert record["bill"]["rental_usd_per_token"] is None
    json.dumps(record, allow_nan=False)


def test_sources_name_the_systems_that_they_hold_for(several: tuple[Outcome, ...]) -> None:
    notes = [note for note in notes_by_place(several) if note.startswith("failures as in ")]
    gpus, wafer = notes
    assert gpus.endswith("(gpu cluster, pipeline)")
    assert wafer.endswith("(wafer)")
    alike = notes_by_place([point for point in several if point.scenario.system.name == "wafer"])
    assert wafer.removesuffix(" (wafer)") in alike


def test_steps_alone_have_no_run_to_show(alone: Outcome) -> None:
    step = without_run(alone)
    assert written(step)["goodput"] == "-"
    assert run_notes(step) == []
    # No column of a table stands for what no point has.
    titles = {heading.title for one in report_tables([step]) for heading in one.headings}
    assert "goodput" not in titles
    assert "goodput" in {heading.title for one in report_tables([alone]) for heading in one.headings}
    (record,) = results_document(findings([step]))["points"]
    assert record["run"] is None
    assert record["bill"] is None
    assert record["run_ledger"] is None
    assert step.account is step.ledger


def report_tables(points: list[Outcome]) -> list[Table]:
    blocks = [block for one in run_page(findings(points)).sections for block in one.blocks]
    return [block for block in blocks if isinstance(block, Table)]


def test_files_hold_the_run(several: tuple[Outcome, ...]) -> None:
    records = results_document(findings(several))["points"]
    rows = summary_rows(several)
    for point, record, row in zip(several, records, rows, strict=True):
        assert point.run is not None
        found = record["run"]
        low, middle, high = (record[f"time_to_train_p{percent}_s"] for percent in (10, 50, 90))
        assert point.undisturbed_s < low <= middle <= high
        assert record["time_to_train_s"] == middle == row["time_to_train_p50_s"]
        assert math.fsum(found["lines_mean_s"].values()) == pytest.approx(found["time_to_train_mean_s"], rel=1e-12)
        shares = [group["share"] for group in record["run_ledger"]["groups"].values()]
        assert math.fsum(shares) == pytest.approx(1.0, abs=1e-9)
        useful = record["run_ledger"]["groups"]["compute"]["lines"]["useful"]["share"]
        assert useful == pytest.approx(point.ledger.share("useful") * record["goodput"], rel=1e-9)
        assert row["goodput"] == record["goodput"]
        assert point.bill is not None
        assert point.bill.device_hours == pytest.approx(middle * point.devices / 3600) == record["device_hours"]


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
