"""The command that searches for plans, in real processes: what it prints, what it writes, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = (
    "--model", "cerebras-gpt-111m", "--topology", "hgx-a100-node", "--devices", "4", "--batch", "16",
    "--sequence", "256",
)  # fmt: skip


def scaletax(*arguments: str | Path, seed: str = "0") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sim", *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


def test_it_answers_in_the_first_screen_and_writes_what_it_names(tmp_path: Path) -> None:
    done = scaletax("plan", *SMALL, "--sizes", "2,3", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80
    assert any(line.startswith("Set ") for line in lines[:3])
    text = " ".join(done.stdout.split())
    for words in ("legal plans", "rule of thumb", "Trust: ", f"Next: {tmp_path / 'report.html'}"):
        assert words in text
    assert f"scaletax run {tmp_path / 'best.toml'}" in text
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"results.json", "report.md", "report.html", "best.toml", "plans.png", "effort.svg"}
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    for words in ("Less memory for more time", "The best plan at each size", "Its run and cost", "plans.png"):
        assert words in report


def test_the_whole_report_is_printed_when_asked_for(tmp_path: Path) -> None:
    done = scaletax("plan", *SMALL, "--no-charts", "--verbose", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Less memory for more time" in done.stdout
    assert "add --verbose" not in done.stdout


@pytest.mark.slow
def test_worker_count_and_hash_seed_do_not_change_a_byte(tmp_path: Path) -> None:
    for name, jobs, seed in (("one", "1", "1"), ("two", "2", "2")):
        done = scaletax("plan", *SMALL, "--jobs", jobs, "--out", tmp_path / name, seed=seed)
        assert done.returncode == 0, done.stderr
    for file in ("results.json", "best.toml", "plans.svg", "plans.png"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.slow
def test_json_on_stdout_is_the_written_document(tmp_path: Path) -> None:
    done = scaletax("plan", *SMALL, "--json", "--only", "tensor <= 2", "--memory-margin", "5 %", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "results.json").read_text())
    (search,) = document["searches"]
    assert (search["limits"], search["memory_margin"]) == (["tensor <= 2"], 0.05)
    assert all(row["plan"]["tensor"] <= 2 for row in search["best"])


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--only", "tensor = 7"), 2, "tensor can be 1, 2, 3, 4"),
        (("--only", "tensor >= 500"), 2, "no legal plan of cerebras-gpt-111m on 4 devices has tensor >= 500"),
        (("--only", "schedule = zb-v"), 2, "error: --only\n  the stack megatron-core-2024-plain does not run zb-v"),
        (("--only", "tensr <= 8"), 2, "did you mean 'tensor'"),
        (("--only", "zero_group = 2"), 2, "no search tries values of zero_group"),
        (("--set", "model.name=megatron-1t"), 3, "of these devices would hold it"),
        (("--sizes", "two"), 2, "is not a list of device counts"),
        (("--stack", "cerebras-r2"), 2, "does not run on"),
    ],
)  # fmt: skip
def test_bad_input_says_what_to_do(arguments: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    done = scaletax("plan", *SMALL, *arguments, "--out", tmp_path / "out")
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
