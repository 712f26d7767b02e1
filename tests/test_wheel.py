"""The wheel as a user gets it: built, installed with what it declares and nothing else, used in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEVELOPERS_ONLY = ("pandas", "pytest", "hypothesis", "distributed", "jsonschema")


def call(*words: str | Path, where: Path, extra: Mapping[str, str] | None = None) -> str:
    """Run a command to its end in a folder; what it printed. Python packages of this process are out of its sight."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "COLUMNS")}
    done = subprocess.run(
        list(map(str, words)), cwd=where, env={**environment, **(extra or {})}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that has the wheel alone."""
    place = tmp_path_factory.mktemp("wheel")
    quiet = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    call(sys.executable, *quiet, "wheel", "--no-deps", "-w", place, ROOT, where=place)
    (wheel,) = place.glob("scaletax-*.whl")
    call(sys.executable, "-m", "venv", place / "venv", where=place)
    bin_ = place / "venv" / "bin"
    call(bin_ / "python", *quiet, "install", "--constraint", ROOT / "constraints.txt", wheel, where=place)
    return bin_


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_folder(installed: Path, tmp_path: Path):
    said = call(installed / "scaletax", "run", "quickstart", where=tmp_path)
    assert "Trust:" in said
    assert (tmp_path / "results" / "quickstart" / "report.html").is_file()
    assert (tmp_path / "results" / "quickstart" / "ledger.svg").is_file()
    assert "quickstart" in call(installed / "scaletax", "list", "scenarios", where=tmp_path)


@pytest.mark.slow
def test_what_only_developers_need_is_not_installed(installed: Path, tmp_path: Path):
    script = f"import importlib.util as u; print([one for one in {DEVELOPERS_ONLY!r} if u.find_spec(one)])"
    assert call(installed / "python", "-c", script, where=tmp_path).strip() == "[]"


@pytest.mark.slow
def test_the_public_package_is_in_the_wheel_with_its_types(installed: Path, tmp_path: Path):
    script = "import scaletax as st; print(len(st.run('quickstart').rows), st.__file__)"
    said = call(installed / "python", "-c", script, where=tmp_path)
    assert said.startswith("2 ")
    wheel = next(installed.parents[1].glob("*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "scaletax/py.typed" in names
    assert not [name for name in names if name.startswith("tests/")]
