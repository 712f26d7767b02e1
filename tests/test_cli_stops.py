"""Commands that are stopped, or whose reader goes: exit codes, and nothing left behind."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.cli.stops import GuardedStream, Terminated, stop_code_of

ROOT = Path(__file__).parents[1]
SMALL = """
schema = 1
title = "x"
model = {{ name = "cerebras-gpt-111m" }}
training = {{ tokens = 1e9, sequence = 512, global_batch = "16 sequences" }}
[[system]]
name = "\\u001b]0;x\\u0007box"
topology = "hgx-a100-node"
devices = {devices}
stack = "megatron-2022"
plan = {{ micro_batch = 1 }}
"""
# Drawing that says when it has begun, and never ends.
DRAWING = """
import pathlib, time
from matplotlib.figure import Figure
def savefig(*_, **__):
    pathlib.Path("drawing").touch()
    while True:
        time.sleep(0.01)
Figure.savefig = savefig
from sim.cli import main
main()
"""


def start(*arguments: str, folder: Path, code: str = "from sim.cli import main; main()") -> subprocess.Popen[bytes]:
    """A command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [("run", "small.toml", "--out", "out"), ("draw", "hgx-a100-node", "--out", "out")], ids=str
)
def test_sigterm_while_drawing_leaves_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "small.toml").write_text(SMALL.format(devices=2), encoding="utf-8")
    process = start(*arguments, folder=tmp_path, code=DRAWING)
    begun = time.monotonic()
    while not (tmp_path / "drawing").exists() and process.poll() is None and time.monotonic() < begun + 60:
        time.sleep(0.02)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143, error
    assert b"Traceback" not in error
    assert b"stopped" in error
    assert {path.name for path in tmp_path.iterdir()} == {"small.toml", "drawing"}


def test_a_reader_that_goes_is_no_error(tmp_path: Path) -> None:
    with start("check", "quickstart", folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # Gone before the first line is written: every write fails.
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_no_control_sequence_of_a_name_reaches_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL.format(devices=3), encoding="utf-8")
    with start("check", "small.toml", folder=tmp_path) as process:
        _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"\\x1b]0;x\\x07box" in error
    assert b"\x1b" not in error


def test_a_guarded_stream_passes_on_words_and_what_the_program_styles_itself() -> None:
    inner = io.StringIO()
    stream = GuardedStream(inner)
    assert stream.write("50 %") == 4
    stream.write("a\rb\x1b[2J\n")
    stream.styled("\x1b[1mbold\x1b[0m")
    stream.flush()
    assert inner.getvalue() == "50 %a\\rb\\x1b[2J\n\x1b[1mbold\x1b[0m"
    # A progress bar is made of control characters, and writes past the guard.
    assert stream.unguarded is inner
    assert not stream.isatty()


def test_exit_codes_are_those_of_a_shell() -> None:
    assert stop_code_of(KeyboardInterrupt()) == 130
    assert stop_code_of(Terminated()) == 143
    made = KeyboardInterrupt()
    made.__cause__ = Terminated()
    assert stop_code_of(made) == 143
