"""`scaletax run` with a comparison, and points that have more devices than sequences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sim.outcome.outcome import Outcome
from sim.sweep.execute import run_points
from sim.sweep.grid import load_scenarios

ROOT = Path(__file__).parents[1]
CLAIM = ROOT / "scenarios" / "claim-111m.toml"
SMALL = f"""
schema = 1
base = "{CLAIM}"
report = {{ charts = false }}

[sweep]
"system.A100 FSDP.devices" = [8, 16]
"system.A100 Megatron.devices" = [8]
"system.H100 Megatron.devices" = [8]
"system.CS-2.devices" = [1, 2]
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def scaletax(*more: str | Path) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "sim", *map(str, more)]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})


def test_the_answer_is_on_the_screen_and_the_verdict_in_the_folder(small: Path, tmp_path: Path):
    done = scaletax("run", small, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    answer = done.stdout.splitlines()[1]
    assert answer.startswith("1 CS-2 trains it in ")
    assert "As fast" in " ".join(done.stdout.split())
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "CS-2 on 16 devices: not among the points that were simulated" in text


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_unknown_system_is_refused_before_anything_is_simulated(small: Path, command: str):
    done = scaletax(command, small, "--set", "report.comparison.system=CS2")
    assert done.returncode == 2
    assert "unknown system 'CS2'; did you mean 'CS-2'?" in done.stderr


def test_more_devices_than_sequences_are_stranded_and_no_failure():
    scenarios = load_scenarios(CLAIM)
    wanted = [one for one in scenarios if (one.system.name, one.system.devices) == ("A100 FSDP", 4096)]
    (found,) = run_points(wanted)
    assert isinstance(found, Outcome)
    assert wanted[0].training.global_batch == 120
    assert found.plan.devices <= 120
    assert found.ledger.share("stranded") == pytest.approx(1 - found.plan.devices / 4096)
