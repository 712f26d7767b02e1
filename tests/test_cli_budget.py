"""The command that asks scaling laws, in real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.cli import cli
from sim.errors import InputError


def test_it_answers_and_writes_what_it_names(tmp_path: Path) -> None:
    arguments = ["budget", "--compute", "5.76e23", "--inference-tokens", "2T", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "72.2 B parameters on 1.33 T tokens" in done.output
    for name in ("results.json", "budget.csv", "budget.png", "budget.svg"):
        assert (tmp_path / name).is_file()


def test_json_is_the_written_document(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["budget", "--target-loss", "2.1", "--json", "--out", str(tmp_path)])
    assert json.loads(done.output) == json.loads((tmp_path / "results.json").read_text())


@pytest.mark.parametrize("arguments", [[], ["--target-loss", "1.5"], ["--compute", "much"], ["--law", "none"]])
def test_bad_questions_are_input_errors(arguments: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["budget", *arguments, "--out", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError)
    assert done.exception.exit_code == 2
    assert not (tmp_path / "out").exists()
