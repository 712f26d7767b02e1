"""Results are written whole or not at all, and the same results give the same bytes."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import os
import signal
import tomllib
from pathlib import Path

import pytest
from builders import write_results

from sim.errors import InputError
from sim.outcome.lines import GROUPS, LINES
from sim.outcome.outcome import Outcome
from sim.records.document import results_document
from sim.records.files import _SUFFIXES, check_writable
from sim.study.findings import findings

CHARTS = {"ledger.png", "ledger.svg", "scaling.png", "scaling.svg"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_everything_is_written(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    paths = write_results(several, ["one point failed"], tmp_path / "new" / "results", charts=True)
    assert {path.name for path in paths} == names(tmp_path / "new" / "results")
    assert {"results.json", "summary.csv", "report.md", "report.html"} | CHARTS <= names(tmp_path / "new" / "results")
    assert all(path.stat().st_size for path in paths)
    assert names(tmp_path) == {"new"}
    assert names(tmp_path / "new") == {"results"}


def test_the_document_holds_what_the_outcomes_say(several: tuple[Outcome, ...]) -> None:
    document = json.loads(json.dumps(results_document(findings(several, ["failed"])), allow_nan=False))
    assert (document["schema"], document["seed"], document["failures"]) == (2, 3, ["failed"])
    assert set(document["versions"]) == {"python", "numpy", "simpy"}
    for outcome, point in zip(several, document["points"], strict=True):
        assert point["mfu_full"] == outcome.mfu_full
        assert point["mfu_causal"] == outcome.mfu_causal
        assert point["time_to_train_s"] == outcome.time_to_train_s
        assert point["plan"]["summary"] == outcome.plan.summary()
        assert point["axes"] == outcome.scenario.axes
        lines = {line: entry for group in point["ledger"]["groups"].values() for line, entry in group["lines"].items()}
        assert lines.keys() == set(LINES)
        assert math.fsum(entry["share"] for entry in lines.values()) == pytest.approx(1.0, abs=1e-9)
        groups = point["ledger"]["groups"]
        assert math.fsum(groups[group]["device_s"] for group in GROUPS) == pytest.approx(outcome.ledger.total_s)
        assert len(point["memory"]["stages_bytes"]) == len(outcome.memory.stages)


def test_what_is_not_finite_becomes_null(alone: Outcome) -> None:
    odd = dataclasses.replace(alone, peak_flops_per_s=math.nan)
    document = results_document(findings([odd]))
    assert document["points"][0]["mfu_full"] is None
    json.dumps(document, allow_nan=False)


def test_the_summary_has_a_row_per_point_with_units(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    write_results(several, [], tmp_path / "out", charts=False)
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["step_time_s"]) for row in rows] == [outcome.step_time_s for outcome in several]
    assert {"tokens_per_s", "useful_device_s", "memory_peak_bytes", "system.wafer.devices"} <= set(rows[0])


def test_the_resolved_scenario_is_a_scenario_file(alone: Outcome, tmp_path: Path) -> None:
    write_results([alone], [], tmp_path / "out", charts=False)
    document = tomllib.loads((tmp_path / "out" / "resolved.toml").read_text(encoding="utf-8"))
    assert document["system"][0]["name"] == "gpu cluster"


def test_several_documents_are_numbered(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    recipes = [
        dataclasses.replace(
            outcome,
            scenario=dataclasses.replace(
                outcome.scenario, training=dataclasses.replace(outcome.scenario.training, tokens=1e9 + number)
            ),
        )
        for number, outcome in enumerate(several[:2])
    ]
    write_results(recipes, [], tmp_path / "out", charts=False)
    assert {"resolved-1.toml", "resolved-2.toml"} <= names(tmp_path / "out")


def test_sizes_of_one_system_share_a_document(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    write_results(several, [], tmp_path / "out", charts=False)
    assert "resolved.toml" in names(tmp_path / "out")


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_results(several, [], tmp_path / name, charts=True)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_stop_in_the_middle_leaves_nothing(
    alone: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], existing: bool
) -> None:
    target = tmp_path / "out"
    if existing:
        target.mkdir()

    def stop(*_: object) -> list[Path]:
        raise error

    monkeypatch.setattr("sim.report.charts.chart_files", stop)
    with pytest.raises(error):
        write_results([alone], [], target, charts=True)
    assert names(tmp_path) == ({"out"} if existing else set())
    assert not existing or names(target) == set()


@pytest.mark.slow
def test_a_second_run_replaces_its_files_and_no_others(
    several: tuple[Outcome, ...], alone: Outcome, tmp_path: Path
) -> None:
    write_results(several, [], tmp_path, charts=True)
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    paths = write_results([alone], [], tmp_path, charts=False)
    assert names(tmp_path) == {path.name for path in paths} | {"thesis.tex"}


def test_files_that_are_no_results_are_left_alone(alone: Outcome, tmp_path: Path) -> None:
    mine = ("ledger.xlsx", "plans-notes.md", "best-paper.toml", "timeline-of-the-project.svg", "budget.ods")
    write_results([alone], [], tmp_path, charts=False)
    for name in mine:
        (tmp_path / name).write_text("mine", encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in mine} == dict.fromkeys(mine, "mine")


def test_a_file_that_was_changed_since_it_was_written_is_the_users(alone: Outcome, tmp_path: Path) -> None:
    write_results([alone], [], tmp_path, charts=True)
    (tmp_path / "ledger.svg").write_text("mine", encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    assert (tmp_path / "ledger.svg").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "ledger.png").exists()


def test_a_file_of_the_users_in_the_way_is_kept_under_another_name(
    alone: Outcome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("results.json", "summary.csv"):
        (tmp_path / name).write_text("mine", encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    (tmp_path / "summary.csv").write_text("mine too", encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    kept = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.kept-*")}
    assert kept == {"results.kept-1.json": "mine", "summary.kept-1.csv": "mine", "summary.kept-2.csv": "mine too"}
    assert "note: summary.csv was not as a run wrote it" in capsys.readouterr().err
    # What a run wrote is replaced without a word.
    write_results([alone], [], tmp_path, charts=False)
    assert capsys.readouterr().err == ""


def record(folder: Path, files: object) -> None:
    """Have an earlier results.json say that a run wrote these files."""
    document = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    (folder / "results.json").write_text(json.dumps({**document, "files": files}), encoding="utf-8")


@pytest.mark.parametrize("recorded", [None, [], ["a.csv"], "a.csv", 3, {"a.csv": None}, {"a.csv": {}}], ids=str)
def test_a_damaged_record_deletes_nothing(alone: Outcome, tmp_path: Path, recorded: object) -> None:
    write_results([alone], [], tmp_path, charts=False)
    (tmp_path / "a.csv").write_text("mine", encoding="utf-8")
    record(tmp_path, recorded)
    write_results([alone], [], tmp_path, charts=False)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == "mine"


def test_results_without_a_record_delete_nothing(alone: Outcome, tmp_path: Path) -> None:
    write_results([alone], [], tmp_path, charts=True)
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    del document["files"]
    (tmp_path / "results.json").write_text(json.dumps(document), encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    assert (tmp_path / "ledger.png").exists()


def test_no_recorded_path_leads_out_of_the_folder(alone: Outcome, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_results([alone], [], folder, charts=False)
    (folder / "inner").mkdir()
    mine = [tmp_path / "mine.csv", folder / "inner" / "mine.csv"]
    for path in mine:
        path.write_text("mine", encoding="utf-8")
    (folder / "link.csv").symlink_to(mine[0])
    # With the right digest, so that it is the name that protects a file.
    digest = hashlib.sha256(b"mine").hexdigest()
    record(folder, dict.fromkeys(["../mine.csv", *map(str, mine), "inner/mine.csv", "inner", "link.csv", ".."], digest))
    write_results([alone], [], folder, charts=False)
    assert [path.read_text(encoding="utf-8") for path in mine] == ["mine", "mine"]
    assert (folder / "link.csv").is_symlink()


@pytest.mark.parametrize("name", ["results.json", "summary.csv", "ledger.png"])
def test_a_folder_in_the_way_is_refused_and_nothing_changes(alone: Outcome, tmp_path: Path, name: str) -> None:
    write_results([alone], ["earlier"], tmp_path, charts=False)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine.txt").write_text("mine", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for attempt in (lambda: check_writable(tmp_path), lambda: write_results([alone], [], tmp_path, charts=True)):
        with pytest.raises(InputError, match=f"'{name}' is a folder with the name of a file"):
            attempt()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert names(tmp_path / name) == {"mine.txt"}


def test_a_file_that_cannot_be_moved_takes_the_others_back(
    several: tuple[Outcome, ...], alone: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_results(several, [], tmp_path, charts=False)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if target == tmp_path / "resolved.toml" and source.parent.name == "results":
            raise PermissionError(1, "Operation not permitted")
        replace(source, target)

    monkeypatch.setattr("sim.records.files.os.replace", refuse)
    with pytest.raises(InputError, match="Operation not permitted"):
        write_results([alone], [], tmp_path, charts=False)
    # Of the two moves of this file the second fails, so that the first, out of the way, has to be undone as well.
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_everything_written_has_a_suffix_that_no_folder_may_have(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    paths = write_results(several, [], tmp_path, charts=True)
    assert {path.suffix for path in paths} <= set(_SUFFIXES)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_all_files_are_in_place(
    alone: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    write_results([alone], ["earlier"], tmp_path, charts=False)
    replace, heard = os.replace, []

    def interrupted(source: Path, target: Path) -> None:
        signal.raise_signal(number)
        replace(source, target)

    before = signal.signal(number, lambda number, _: heard.append(number))
    try:
        monkeypatch.setattr("sim.records.files.os.replace", interrupted)
        write_results([alone], [], tmp_path, charts=False)
    finally:
        signal.signal(number, before)
    assert heard == [number]
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["failures"] == []
    assert not [name for name in names(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("write", [True, False])
def test_a_folder_that_cannot_be_written_is_named(alone: Outcome, tmp_path: Path, write: bool) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    target = tmp_path / "file" / "out"
    with pytest.raises(InputError) as caught:
        write_results([alone], [], target, charts=False) if write else check_writable(target)
    assert caught.value.exit_code == 2
    assert str(target) in str(caught.value)
    assert "choose another folder" in str(caught.value)


def test_a_refusal_of_the_system_is_passed_on(alone: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sim.records.files.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        write_results([alone], [], tmp_path / "out", charts=False)


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "deep" / "out")
    assert names(tmp_path) == set()
