"""The table [report.comparison]."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.scenario import ComparedWith, resolved_toml
from sim.sweep.grid import load_scenarios

ROOT = Path(__file__).parents[2]
TEXT = """
schema = 1
model = { name = "cerebras-gpt-111m" }
training = { tokens = 2e9, global_batch = "48 sequences" }

[[system]]
name = "A"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
"""


def written(folder: Path, more: str = "") -> Path:
    path = folder / "one.toml"
    path.write_text(TEXT + more, encoding="utf-8")
    return path


def test_it_is_read_and_written_again(tmp_path: Path):
    path = written(tmp_path, '[report.comparison]\nsystem = "A"\ndevices = [8, 8, 16]\n')
    (scenario,) = load_scenarios(path)
    assert scenario.report.comparison == ComparedWith("A", (8, 16))
    (text,) = resolved_toml([scenario])
    assert tomllib.loads(text)["report"]["comparison"] == {"system": "A", "devices": [8, 16]}
    copy = tmp_path / "resolved.toml"
    copy.write_text(text, encoding="utf-8")
    assert load_scenarios(copy)[0].report == scenario.report


def test_there_is_none_by_default(tmp_path: Path):
    (scenario,) = load_scenarios(written(tmp_path))
    assert scenario.report.comparison is None
    assert "comparison" not in tomllib.loads(resolved_toml([scenario])[0])["report"]


def test_it_can_be_set_from_outside(tmp_path: Path):
    path = written(tmp_path, '[report.comparison]\nsystem = "A"\ndevices = [8]\n')
    (scenario,) = load_scenarios(path, ["report.comparison.devices=[64]"])
    assert scenario.report.comparison == ComparedWith("A", (64,))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('system = "A"', "devices"),
        ('system = "A"\ndevices = []', "devices"),
        ('system = "A"\ndevices = [0]', "devices"),
        ('system = "A"\ndevices = [8]\nsizes = 3', "sizes"),
    ],
)
def test_what_it_must_have(tmp_path: Path, table: str, message: str):
    with pytest.raises(InputError, match=message):
        load_scenarios(written(tmp_path, f"[report.comparison]\n{table}\n"))


@pytest.mark.parametrize("name", ["claim-111m", "claim-6.7b", "claim-large-batch"])
def test_the_variants_ask_the_question_of_the_claim(name: str):
    claim, variant = (load_scenarios(ROOT / "scenarios" / f"{one}.toml") for one in ("claim", name))
    assert [one.system for one in variant] == [one.system for one in claim]
    assert variant[0].report == claim[0].report
    assert variant[0].training.global_batch != claim[0].training.global_batch
