"""Results are written whole or not at all, and the same results give the same bytes."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import tomllib
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.outcome.lines import GROUPS, LINES
from sim.outcome.outcome import Outcome
from sim.report.files import check_writable, results_document, write_results

CHARTS = {"ledger.png", "ledger.svg", "scaling.png", "scaling.svg"}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_everything_is_written(several: tuple[Outcome, ...], tmp_path: Path) -> None:
    paths = write_results(several, ["one point failed"], tmp_path / "new" / "results", charts=True)
    assert {path.name for path in paths} == names(tmp_path / "new" / "results")
    assert {"results.json", "summary.csv"} | CHARTS <= names(tmp_path / "new" / "results")
    assert all(path.stat().st_size for path in paths)
    assert names(tmp_path) == {"new"}
    assert names(tmp_path / "new") == {"results"}


def test_the_document_holds_what_the_outcomes_say(several: tuple[Outcome, ...]) -> None:
    document = json.loads(json.dumps(results_document(several, ["failed"]), allow_nan=False))
    assert (document["schema"], document["seed"], document["failures"]) == (1, 3, ["failed"])
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
    document = results_document([odd])
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


def test_a_second_run_replaces_its_files_and_no_others(
    several: tuple[Outcome, ...], alone: Outcome, tmp_path: Path
) -> None:
    write_results(several, [], tmp_path, charts=True)
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    paths = write_results([alone], [], tmp_path, charts=False)
    assert names(tmp_path) == {path.name for path in paths} | {"thesis.tex"}


def test_files_that_are_no_results_are_left_alone(alone: Outcome, tmp_path: Path) -> None:
    (tmp_path / "ledger.xlsx").write_text("mine", encoding="utf-8")
    write_results([alone], [], tmp_path, charts=False)
    assert (tmp_path / "ledger.xlsx").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("write", [True, False])
def test_a_folder_that_cannot_be_written_is_named(alone: Outcome, tmp_path: Path, write: bool) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    target = tmp_path / "file" / "out"
    with pytest.raises(InputError) as caught:
        write_results([alone], [], target, charts=False) if write else check_writable(target)
    assert caught.value.exit_code == 2
    assert str(target) in str(caught.value)
    assert "--out" in str(caught.value)


def test_a_refusal_of_the_system_is_passed_on(alone: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("sim.report.files.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        write_results([alone], [], tmp_path / "out", charts=False)


def test_checking_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "deep" / "out")
    assert names(tmp_path) == set()
