"""What is printed and written of a comparison: figures recomputed here from hand-made rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from measured import comparison, row
from sim.report.validation.screen import validation_screen

from sim.errors import InputError
from sim.outcome.lines import LINES
from sim.records.validation import read_summary, stored_record, summary_record
from sim.report.charts.validation import errors_by_source, parity
from sim.report.validation.files import write_document, write_validation
from sim.report.validation.markdown import documentation_blocks
from sim.validation.cases import Unsupported
from sim.validation.compare import Validation
from sim.validation.summary import Summary, summarise
from sim.validation.table import Problem

VALIDATION = Validation(
    (
        *(comparison(error, id=f"v{index}") for index, error in enumerate((-0.02, 0.04, -0.06, 0.08, -0.10))),
        comparison(0.5, id="own", source="some cluster"),
        comparison(3.0, "fit", id="fitted"),
    ),
    (Unsupported(row(id="moe"), "mixtures of experts are not simulated yet"),),
    (Problem("t.csv", 9, "bad", "layers", "'x' is not a number"),),
)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(VALIDATION)


def test_the_screen_has_a_line_for_every_source_and_the_headline(summary: Summary) -> None:
    text = validation_screen(summary)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 125
    line = next(line for line in text.splitlines() if line.startswith("vtrain-single"))
    assert line.split()[1:5] == ["v4", "5", "1", "1"]
    assert line.endswith("-10.0 %")
    assert "some cluster *" in text
    assert "5 check rows of listed sources" in text
    assert "mean absolute error 6.0 %, median 6.0 %" in text
    assert "MISSED" in text
    assert "mixtures of experts" in text
    assert "line 9 (bad), column layers" in text
    assert "line 9" not in validation_screen(summary, problems=False)


def test_the_worst_rows_name_their_ledger_lines(summary: Summary) -> None:
    text = validation_screen(summary)
    worst = text[text.index("Worst rows") :]
    assert worst.index("own") < worst.index("v4") < worst.index("v3")
    assert "kernel_loss 50%" in worst


def test_of_no_rows_it_says_so() -> None:
    text = validation_screen(summarise(Validation((), (), ())))
    assert "No row was simulated" in text


def test_fit_rows_are_called_what_they_are() -> None:
    text = " ".join(validation_screen(summarise(VALIDATION, role="fit")).split())
    assert "they validate nothing" in text
    assert "figure to reach" not in text


def test_a_summary_survives_its_plain_data(summary: Summary) -> None:
    assert read_summary(json.loads(json.dumps(summary_record(summary)))) == summary


def test_the_stored_result_makes_the_same_documentation_again(summary: Summary) -> None:
    record = json.loads(json.dumps(stored_record(VALIDATION, summary)))
    stored = read_summary(record["summary"])
    assert json.loads(json.dumps(summary_record(stored))) == record["summary"]
    assert documentation_blocks(stored)["headline"] == documentation_blocks(summary)["headline"]
    assert documentation_blocks(stored)["sources"] == documentation_blocks(summary)["sources"]
    assert record["errors"]["v4"] == pytest.approx(-0.1)


def test_every_folder_file_is_written_with_a_line_per_row(summary: Summary, tmp_path: Path) -> None:
    written = write_validation(VALIDATION, summary, tmp_path / "out")
    names = {path.name for path in written}
    charts = {f"{name}.{suffix}" for name in ("parity", "errors") for suffix in ("png", "svg")}
    assert names == {"results.json", "rows.csv", "unsupported.csv", *charts}
    assert all(path.stat().st_size for path in written)
    with (tmp_path / "out" / "rows.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [one["id"] for one in rows] == [one.row.id for one in VALIDATION.comparisons]
    assert float(rows[0]["error"]) == pytest.approx(-0.02)
    assert "MLP width 4 x d_model" in rows[0]["assumed"]
    assert sum(float(rows[0][f"{line}_share"]) for line in LINES) == pytest.approx(1.0)
    with (tmp_path / "out" / "unsupported.csv").open(encoding="utf-8") as file:
        left_out = list(csv.DictReader(file))
    assert [one["id"] for one in left_out] == ["moe", "bad"]
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert document["summary"]["headline"]["rows"] == 5
    assert len(document["rows"]) == len(VALIDATION.comparisons)


def test_a_json_file_that_cannot_be_written_is_explained(summary: Summary, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--json"):
        write_document(VALIDATION, summary, tmp_path / "missing" / "file.json")


def test_the_charts_show_every_row() -> None:
    checks = [one for one in VALIDATION.comparisons if one.role == "check"]
    drawn = [len(points.get_offsets()) for points in parity(checks).collections[1:]]
    assert sum(drawn) == len(checks)
    ax = errors_by_source(checks)
    assert sum(len(points.get_offsets()) for points in ax.collections) == len(checks)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["some cluster (1)", "vtrain-single (5)"]
