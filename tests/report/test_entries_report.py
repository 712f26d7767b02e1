"""The report of a file with entries: rows, marks, errors, files."""

import csv
import dataclasses
import io
import json
import re

import pytest
from builders import report_of, screen_of, write_results

from sim.page.numbers import duration
from sim.records.document import entry_rows, results_document, summary_rows
from sim.scenario.types import Published
from sim.study.findings import findings
from sim.study.points import curves
from sim.study.published import checked
from sim.sweep.execute import run_points
from sim.sweep.grid import load

TEXT = """
schema = 1
title = "Entries"
[training]
tokens = 1e9
global_batch = "64 sequences"
[report]
charts = false
[[system]]
name = "node"
topology = "hgx-a100-node"
devices = 8
stack = "fsdp-2023"
[[entry]]
name = "first"
model = { name = "cerebras-gpt-111m" }
published = { device_hours = 2, source = "llama-2023", clean = false }
[[entry]]
name = "second"
model = { name = "cerebras-gpt-256m" }
published = { days = 1, source = "llama-2023", remembered = true, note = "a note" }
[[entry.system]]
name = "wafer"
topology = "cs-2-single"
devices = 1
stack = "cerebras-r2"
[[entry]]
name = "third"
model = { name = "chatgpt" }
expect = "refused"
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    path = tmp_path_factory.mktemp("entries") / "my.toml"
    path.write_text(TEXT, encoding="utf-8")
    loaded = load(path)
    return run_points(loaded.scenarios), loaded.refusals


def with_published(outcome, **fields):
    return dataclasses.replace(outcome, scenario=dataclasses.replace(outcome.scenario, published=Published(**fields)))


def test_errors_are_signed_and_clean_figures_are_held_against_the_steps_alone(ran):
    (first, *_), _ = ran
    known = with_published(first, time_s=2 * first.time_to_train_s, device_hours=first.device_hours / 2, clean=False)
    assert [one.error for one in checked(known)] == pytest.approx([-0.5, 1.0])
    assert first.undisturbed_s < first.time_to_train_s
    clean = with_published(first, time_s=first.undisturbed_s, device_hours=8 * first.undisturbed_s / 1800, clean=True)
    assert [one.error for one in checked(clean)] == pytest.approx([0.0, -0.5])
    assert all(one.checks for one in checked(known))
    remembered = with_published(first, time_s=1.0, remembered=True)
    assert not checked(remembered)[0].checks
    assert checked(with_published(first, loss=2.0)) == []


def rows_of(text):
    """First word or words of a row -> the row, of the one table of a screen."""
    lines = text.splitlines()
    ruler = next(number for number, line in enumerate(lines) if line.startswith("---"))
    return {re.split(" {2,}", line)[0]: re.split(" {2,}", line) for line in lines[ruler + 1 :] if line.strip()}


def test_the_screen_has_a_row_for_every_point_and_refusal(ran):
    outcomes, refusals = ran
    rows = rows_of(screen_of(outcomes, 80, refusals))
    error = outcomes[0].device_hours / 2 - 1
    assert rows["first"][-3:-1] == ["2 dev.-h*", f"{100 * error:+.1f} %"]
    assert rows["second, node"][-3:-1] == ["24.0 h?", "-"]
    assert rows["second, wafer"][-3:-1] == ["-", "-"]
    assert rows["third"][-2:] == ["refused", "-"]
    joined = " ".join(report_of(outcomes, refusals=refusals).split())
    assert "third: refused: ChatGPT cannot be simulated: parameters, training tokens and hardware are missing" in joined
    assert "* the published figure includes downtime" in joined
    assert "? remembered" in joined
    assert "second: Touvron et al., LLaMA: Open and Efficient Foundation Language Models; a note" in joined


def test_the_answer_is_how_far_predictions_are_off(ran):
    outcomes, refusals = ran
    error = outcomes[0].device_hours / 2 - 1
    said = " ".join(screen_of(outcomes, 80, refusals).split())
    assert f"1 published figure: predictions are {100 * abs(error):.1f} % off in the median" in said
    assert f"at worst {100 * error:+.1f} % (first). 1 entry refused." in said
    twice = with_published(outcomes[1], time_s=outcomes[1].time_to_train_s / 3, clean=False)
    said = " ".join(screen_of([outcomes[0], twice], 80).split())
    assert f"2 published figures: predictions are {50 * (abs(error) + 2):.1f} % off in the median" in said
    assert "at worst +200.0 % (second)" in said


def test_without_anything_published_there_is_nothing_to_compare_with(ran):
    outcomes, _ = ran
    bare = [dataclasses.replace(one, scenario=dataclasses.replace(one.scenario, published=None)) for one in outcomes]
    text = screen_of(bare)
    assert "published" not in text
    assert "refused" not in text
    # Times of different models say nothing about each other; of one model one is soonest.
    assert "The 3 points differ in model, so their times are not compared." in " ".join(text.split())
    alike = [one for one in bare if one.scenario.model == bare[-1].scenario.model]
    fastest = min(alike, key=lambda one: one.time_to_train_s)
    assert f"is soonest done: {duration(fastest.time_to_train_s)}." in " ".join(screen_of(alike).split())
    # Room for what points of any other file have.
    assert "first, node" in rows_of(text)
    assert "lost to splitting" in " ".join(text.split())


def test_the_rows_of_the_file(ran):
    outcomes, refusals = ran
    rows = entry_rows(findings(outcomes, (), refusals))
    assert [row["entry"] for row in rows] == ["first", "second", "second", "third"]
    assert len({tuple(row) for row in rows}) == 1
    assert rows[0]["device_hours_error"] == pytest.approx(outcomes[0].device_hours / 2 - 1)
    assert rows[0]["published_clean"] is False
    # Remembered figures are there, their errors are not.
    assert rows[1]["published_time_s"] == 86400
    assert rows[1]["time_to_train_s_error"] is None
    assert rows[2]["published_time_s"] is None
    assert rows[3]["refused"].startswith("ChatGPT cannot be simulated")
    assert rows[3]["step_time_s"] is None


def test_files_and_documents_say_the_entry(ran, tmp_path):
    outcomes, refusals = ran
    written = write_results(outcomes, [], tmp_path / "out", refusals=refusals)
    assert {"entries.csv", "results.json", "summary.csv", "resolved.toml", "report.md", "report.html"} == {
        path.name for path in written
    }
    with (tmp_path / "out" / "entries.csv").open(encoding="utf-8", newline="") as file:
        assert [row["entry"] for row in csv.DictReader(file)] == ["first", "second", "second", "third"]
    document = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [point["entry"] for point in document["points"]] == ["first", "second", "second"]
    assert document["points"][0]["published"]["published_device_hours"] == 2
    assert document["refusals"][0]["entry"] == "third"
    assert [row["entry"] for row in summary_rows(outcomes)] == ["first", "second", "second"]
    # An ordinary run in the same folder leaves no table of entries behind.
    plain = [dataclasses.replace(outcomes[0], scenario=dataclasses.replace(outcomes[0].scenario, entry=""))]
    write_results(plain, [], tmp_path / "out")
    assert not (tmp_path / "out" / "entries.csv").exists()
    assert "refusals" not in results_document(findings(plain))
    assert "entry" not in io.StringIO(str(summary_rows(plain)[0].keys())).read()


def test_refusals_alone_make_a_report(ran, tmp_path):
    _, refusals = ran
    assert findings([], (), refusals).has_entries
    assert rows_of(screen_of([], 80, refusals)).keys() == {"third"}
    assert "1 entry refused." in screen_of([], 80, refusals)
    assert "third: refused: ChatGPT" in report_of([], refusals=refusals)
    write_results([], [], tmp_path / "out", refusals=refusals)
    assert "ChatGPT" in (tmp_path / "out" / "entries.csv").read_text(encoding="utf-8")


def test_other_tables_label_points_by_their_entry(ran):
    outcomes, _ = ran
    assert [curve.label for curve in curves(outcomes)] == ["first, node", "second, node", "second, wafer"]
    assert "second, wafer" in " ".join(screen_of(outcomes).split())
