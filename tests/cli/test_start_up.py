"""What a command imports, and when: the answer stands on the screen before anything that draws is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

STOPPED = 9
# Ends the program where it first asks for a library.
STOP = f"""
import os, sys
from importlib.abc import MetaPathFinder
library = sys.argv[1]
class Stop(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == library:
            os._exit({STOPPED})
sys.meta_path.insert(0, Stop())
sys.argv = ["scaletax", *sys.argv[2:]]
from sim.cli import main
main()
"""


def stopped_at(library: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command that ends at the import of a library, as if it were pulled out."""
    command = [sys.executable, "-c", STOP, library, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["run", "quickstart"], "Trust:"),
        (
            ["plan", "--model", "cerebras-gpt-111m", "--topology", "hgx-a100-node", "--devices", "8", "--batch", "64"],
            "cerebras-gpt-111m",
        ),
    ],
)
def test_the_answer_is_printed_before_anything_that_draws_is_imported(
    arguments: list[str], answer: str, tmp_path: Path
) -> None:
    found = stopped_at("matplotlib", *arguments, folder=tmp_path)
    assert found.returncode == STOPPED, found.stderr
    assert answer in found.stdout


@pytest.mark.parametrize("library", ["matplotlib", "dask", "pandas", "networkx"])
def test_what_only_some_commands_need_is_not_imported_by_all(library: str, tmp_path: Path) -> None:
    for arguments in (["--help"], ["check", "quickstart"], ["list", "models"]):
        found = stopped_at(library, *arguments, folder=tmp_path)
        assert found.returncode == 0, (library, arguments, found.stderr)


def test_help_imports_no_numbers(tmp_path: Path) -> None:
    assert stopped_at("numpy", "run", "--help", folder=tmp_path).returncode == 0
