"""Inputs that broke the program once: each is answered, with the right exit code and words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from builders import point

from sim import errors, simulate
from sim.cli import main
from sim.errors import Defect
from sim.records import point_work as work
from sim.sweep import execute

FAULTS = Path(__file__).with_name("faults")
QUICK = ("--set", "report.charts=false", "--out")
# File -> command, exit code, and what the answer says.
ANSWERS = {
    "batch-1e15": ("run", 2, "global_batch\n  1.00e+15 sequences\n  at most 1,000,000,000,000 sequences"),
    "batch-of-400-digits": ("check", 2, "training.global_batch\n  a whole number of about 400 digits"),
    "control-characters": ("run", 0, "tax"),
    "deep-nesting": ("check", 2, "nested deeper than 64 levels"),
    "dragonfly-256-or-fewer": ("run", 0, "tax"),
    "hidden-1e18": ("check", 3, "2.4e+37 parameters"),
    "integer-of-4301-digits": ("check", 2, "a number of very many digits"),
    "long-base-path": ("check", 2, "File name too long"),
    "nul-in-base": ("check", 2, "base\n  text with a NUL character"),
    "nul-in-topology": ("check", 2, "system[0].topology\n  text with a NUL character"),
    "range-nan": ("check", 2, "nan is no number that an axis can have"),
    "range-to-infinity": ("check", 2, "inf is no number that an axis can have"),
    "sequence-of-400-digits": ("check", 2, "training.sequence\n  a whole number of about 400 digits"),
    "tokens-of-400-digits": ("check", 2, "training.tokens\n  a whole number of about 400 digits"),
    "wafer-batch-1e9": ("check", 2, "1,562,500 micro-batches of 640 in turn would be 93,750,000 instructions"),
    "zip-of-a-table": ("check", 2, "are no lists of axes"),
}


@pytest.fixture
def invoke(capsys, monkeypatch, tmp_path):
    """The command line in this process, in an empty folder: (exit code, all that it printed)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["scaletax", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out + printed.err

    return call


@pytest.mark.parametrize("name", ANSWERS)
def test_every_fault_is_answered(invoke, name):
    command, code, words = ANSWERS[name]
    done, said = invoke(command, FAULTS / f"{name}.toml", *((*QUICK, "out") if command == "run" else ()))
    assert done == code, said
    assert words in said


def test_no_fault_is_forgotten():
    assert {path.stem for path in FAULTS.glob("*.toml")} == set(ANSWERS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", f"seed={'9' * 5000}"), "very many digits"),
        (("--set", f"seed={'[' * 1000}"), "nested deeper than 64 levels"),
        (("--set", "training.tokens=1e999"), "above zero and finite"),
        (("--set", "model.name=a\0b"), "text with a NUL character"),
        (("--set", f"model.config={'x' * 5000}.json"), "unknown"),
    ],
)
def test_options_are_a_border_too(invoke, arguments, words):
    done, said = invoke("check", "quickstart", *arguments)
    assert done == 2, said
    assert words in said or "name too long" in said.lower()


@pytest.mark.parametrize("broken", ["x" * 5000, "/dev/zero", ".", "/dev/null"])
def test_what_is_no_file_is_refused(invoke, broken):
    for arguments in (("check", broken), ("validate", "--data", broken), ("draw", f"{broken}.toml")):
        done, said = invoke(*arguments)
        assert done == 2, said


def test_pipes_devices_and_locked_folders_are_no_scenarios(invoke, tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    done, said = invoke("check", "pipe.toml")
    assert (done, "a device or a pipe" in said) == (2, True)
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    done, said = invoke("check", "loop.toml")
    assert (done, "cannot be read" in said) == (2, True)


def test_a_defect_is_said_to_be_one(invoke, monkeypatch):
    def broken(*_):
        raise KeyError("nobody foresaw this")

    monkeypatch.setattr("sim.sweep.grid.load", broken)
    done, said = invoke("check", "quickstart")
    assert done == 70
    assert "a defect of scaletax, not of the input: KeyError: \"'nobody foresaw this'\"" in said
    assert "Traceback" not in said
    monkeypatch.setenv(errors.TRACEBACK, "1")
    assert "Traceback" in invoke("check", "quickstart")[1]


def test_a_machine_without_memory_is_no_traceback(invoke, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("sim.sweep.grid.load", full)
    done, said = invoke("check", "quickstart")
    assert (done, "the memory of this machine is not enough" in said) == (70, True)


def test_a_defect_in_one_point_loses_no_other(invoke, monkeypatch, tmp_path):
    whole = simulate.simulate_prepared

    def broken(prepared):
        if prepared.scenario.system.name == "GPU":
            raise ZeroDivisionError("nobody foresaw this")
        return whole(prepared)

    monkeypatch.setattr(execute, "simulate_prepared", broken)
    document = (FAULTS / "tokens-of-400-digits.toml").read_text().replace("9" * 400, "1e9")
    (tmp_path / "two.toml").write_text(
        document.replace('"A"', '"GPU"') + document[document.index("[[system]]") :], encoding="utf-8"
    )
    done, said = invoke("run", "two.toml", *QUICK, "out")
    assert done == Defect.exit_code, said
    assert "a defect of scaletax, not of the input: ZeroDivisionError" in said
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(written["failures"]) == 1


def test_a_defect_in_one_point_of_a_sweep_is_kept_as_such(monkeypatch):
    def broken(_):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(work, "simulate", broken)
    failed = work.work(point())
    assert failed.failed
    assert failed.record[work.DEFECT]
    assert "a defect of scaletax, not of the input: ZeroDivisionError" in failed.record["row"]["error"]
