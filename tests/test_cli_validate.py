"""`scaletax validate` as a user meets it: own tables, misspelt sources, malformed rows, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from measured import CELLS, table_text

ROOT = Path(__file__).parents[1]


def validate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sim", "validate", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})


def test_options_are_what_people_expect() -> None:
    text = validate("--help").stdout
    options = ("--source", "--data", "--role", "--jobs", "--json", "--out", "--collectives", "--operators", "--spread")
    options = (*options, "--unseen")
    assert [option for option in options if option not in text] == []


def test_one_source_is_compared_and_written(tmp_path: Path) -> None:
    done = validate("--source", "calculon-seqsel", "--role", "fit", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "calculon-seqsel" in done.stdout
    assert (tmp_path / "out" / "rows.csv").is_file()
    assert done.stderr == ""


@pytest.mark.parametrize("beside", ["--source=internevo", "--data=none.csv", "--role=fit", "--collectives"])
def test_an_option_that_another_comparison_would_not_look_at_is_refused(beside: str) -> None:
    done = validate("--operators", beside)
    assert done.returncode == 2
    assert "does not go together with" in done.stderr


@pytest.mark.slow
def test_a_table_of_ones_own_runs_its_good_rows_and_names_the_others(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(table_text({"source": "mine"}, {"id": "b", "gpu": "A100-SMX"}, {"id": "c", "dp": "8"}))
    done = validate("--data", path, "--out", tmp_path / "out", "--json", tmp_path / "all.json")
    assert done.returncode == 2
    assert "mine *" in done.stdout
    assert "line 3 (b), column gpu" in done.stderr
    assert "did you mean 'A100-SXM'" in done.stderr
    assert "line 4 (c), column n_gpus: dp 8 x tp 2 x pp 1 x cp 1 = 16, but n_gpus is 8" in done.stderr
    assert "Traceback" not in done.stderr
    assert [one["id"] for one in json.loads((tmp_path / "all.json").read_text())["rows"]] == ["a"]


@pytest.mark.slow
def test_a_table_without_faults_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(table_text({}, {"id": "b", "ep": "8"}, columns=[*CELLS, "ep"]))
    done = validate("--data", path, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "mixtures of experts are not simulated yet" in " ".join(done.stdout.split())


def test_what_cannot_be_used_at_all_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("id,source\na,b\n")
    for arguments, says in (
        (("--data", path), "missing"),
        (("--data", tmp_path / "none.csv"), "there is no file"),
        (("--source", "vtrian-multi"), "did you mean 'vtrain-multi'"),
    ):
        done = validate(*arguments, "--out", tmp_path / "out")
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "out").exists()
