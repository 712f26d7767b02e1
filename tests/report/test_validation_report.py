"""What is printed and written of a comparison: figures recomputed here from hand-made rows."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from measured import comparison, row

from sim.errors import InputError
from sim.outcome.lines import LINES
from sim.page.blocks import Table
from sim.page.terminal import page_text, screen
from sim.records.validation import read_summary, stored_record, summary_record, write_document
from sim.report.charts.validation import errors_by_source, parity
from sim.report.validation.markdown import documentation_blocks
from sim.report.validation.screens import Instead, instead_told, validation_told, write_validation
from sim.validation.compare import Validation
from sim.validation.obstacles import Unsupported
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


def first_screen(summary: Summary) -> str:
    return screen(validation_told(summary).screen)


def report(summary: Summary, width: int = 80, *, problems: bool = True) -> str:
    return page_text(validation_told(summary, problems=problems).page, width)


@pytest.fixture(scope="module")
def summary() -> Summary:
    return summarise(VALIDATION)


def test_the_screen_has_a_line_for_every_source_and_the_headline(summary: Summary) -> None:
    text = first_screen(summary)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) <= 22
    answer = " ".join(" ".join(text.splitlines()[:3]).split())
    assert "Step times of 6 check rows: mean absolute error 13.3 %, median 7.0 %, P90 30.0 %" in answer
    line = next(line for line in text.splitlines() if line.startswith("vtrain-single"))
    assert line.split()[1] == "5"
    assert line.endswith("-10.0 %")
    assert "some cluster *" in text
    assert "Targets missed: " in text
    assert "1 row left out: mixtures of experts" in " ".join(text.split())


def test_the_report_has_everything(summary: Summary) -> None:
    text = report(summary)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    line = next(line for line in text.splitlines() if line.startswith("vtrain-single"))
    assert line.split()[1:5] == ["v4", "5", "1", "1"]
    words = " ".join(text.split())
    assert "5 check rows of listed sources" in words
    assert "mean absolute error 6.0 %, median 6.0 %" in words
    assert "MISSED" in text
    assert "mixtures of experts" in text
    assert "line 9 (bad), column layers" in words
    assert "line 9" not in report(summary, problems=False)


def test_at_most_eight_sources_are_shown_and_the_answer_is_over_all() -> None:
    many = [comparison(0.01 * index, id=f"r{index}", source=f"cluster {index % 20}") for index in range(60)]
    found = summarise(Validation(tuple(many), (), ()))
    text = first_screen(found)
    assert len(text.splitlines()) <= 22
    assert sum(line.startswith("cluster ") for line in text.splitlines()) == 8
    assert "Step times of 60 check rows" in text
    assert "20 sources, the 8 with most rows shown" in text
    assert report(found).count("cluster 19 *") > 0


def test_the_worst_rows_name_their_ledger_lines(summary: Summary) -> None:
    text = report(summary, width=160)
    worst = text[text.index("Worst rows") :]
    assert worst.index("own") < worst.index("v4") < worst.index("v3")
    assert "kernel_loss 50 %" in worst


def test_of_no_rows_it_says_so() -> None:
    nothing = summarise(Validation((), (), ()))
    assert "No row was simulated" in first_screen(nothing)
    assert "No row was compared" in report(nothing)


def test_fit_rows_are_called_what_they_are() -> None:
    found = summarise(VALIDATION, role="fit")
    for text in (first_screen(found), report(found)):
        assert "they validate nothing" in " ".join(text.split())
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
    written = write_validation(VALIDATION, summary, validation_told(summary).page, tmp_path / "out")
    names = {path.name for path in written}
    charts = {f"{name}.{suffix}" for name in ("parity", "errors") for suffix in ("png", "svg")}
    assert names == {"results.json", "rows.csv", "unsupported.csv", "report.md", "report.html", *charts}
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


@pytest.mark.parametrize("instead", ["collectives", "operators"])
def test_other_comparisons_fit_a_screen_and_their_pages_have_every_line(instead: Instead) -> None:
    told = instead_told(instead)
    text = screen(told.screen)
    assert len(text.splitlines()) <= 22
    assert max(map(len, text.splitlines())) <= 80
    assert "ean absolute error" in text.splitlines()[0]
    (shown,) = [one for one in told.screen if isinstance(one, Table)]
    (whole,) = [one for section in told.page.sections for one in section.blocks if isinstance(one, Table)]
    assert set(shown.rows) < set(whole.rows)
    assert f"{len(shown.rows)} of {len(whole.rows)} lines shown" in " ".join(text.split())
    titles = [heading.title for heading in whole.headings]
    assert all(titles)
    assert len(set(titles)) == len(titles)


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
