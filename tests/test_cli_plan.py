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
    for words in ("TP", "legal plans", "rule of thumb", "Less memory for more time", "The best plan at each size"):
        assert words in done.stdout
    folder, names = done.stdout.split("Written to ")[1].split(":\n")
    lines = [name.strip().split(" and ") for name in " ".join(names.split()).split(", ")]
    written = {
        (Path(folder) / line[0]).with_suffix(suffix) for line in lines for suffix in (Path(line[0]).suffix, *line[1:])
    }
    assert {path.name for path in written} >= {"results.json", "best.toml", "plans.png", "effort.svg"}
    assert all(path.is_file() for path in written)


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
