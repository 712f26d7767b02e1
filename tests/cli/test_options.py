"""How a scenario is named on the command line: what is no scenario is told from one that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.cli import cli
from sim.errors import InputError
from sim.scenario import read_document
from sim.scenario.named import scenario_path


def refusal(path: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        scenario_path(Path(path))
    return str(caught.value)


def test_names_and_paths(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    assert scenario_path(mine) == mine
    for name in ("quickstart", "claim-1.3b"):
        assert scenario_path(Path(name)).name == f"{name}.toml"


def test_a_misspelt_name_lists_the_nearest() -> None:
    message = refusal("quickstrt")
    assert message.startswith("quickstrt\n  there is no such file or scenario; did you mean 'quickstart'?")
    assert "scenarios: quickstart, " in message
    assert "more (scaletax list scenarios)" in message


def test_a_models_config_is_named_in_a_scenario(tmp_path: Path) -> None:
    message = refusal(tmp_path / "config.json")
    assert "a scenario is a TOML file; this is JSON" in message
    assert f'name it in one: [model] config = "{tmp_path / "config.json"}"' in message
    assert f"scaletax plan --model {tmp_path / 'config.json'} --topology" in message


def test_a_folder_of_results_has_its_scenario_in_it(tmp_path: Path) -> None:
    resolved = tmp_path / "resolved.toml"
    resolved.write_text("")
    assert refusal(tmp_path).endswith(f"this is a folder of results\n  the scenario they are of is {resolved}")
    assert refusal(tmp_path / "results.json").endswith(f"this is JSON\n  write {resolved}")


def test_a_topology_is_no_scenario(tmp_path: Path) -> None:
    assert 'this is a topology, not a scenario\n  name it in one: [[system]] topology = "dragonfly"' in refusal(
        "dragonfly"
    )
    path = tmp_path / "mine.toml"
    path.write_text('title = "t"\nfamily = "graph"\ndevice = "cs-2"\n')
    with pytest.raises(InputError, match="this is a topology, not a scenario"):
        read_document(path)


@pytest.mark.parametrize("word", ["a\0b", "x\udcff.toml"])
@pytest.mark.parametrize("words", [("check",), ("plot",), ("run", "quickstart", "--out")])
def test_words_that_no_file_can_have_are_refused(words: tuple[str, ...], word: str) -> None:
    with pytest.raises(InputError, match=r"text with a NUL character|is not UTF-8"):
        cli.main([*words, word], standalone_mode=False)


def test_a_document_of_a_comparison_overwrites_no_other_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="this file is not of an earlier comparison"):
        cli.main(["validate", "--source", "gpt-neox", "--json", str(mine)], standalone_mode=False)
    assert mine.read_text(encoding="utf-8") == "mine"
