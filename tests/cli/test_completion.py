"""What shells complete: names of scenarios, models, devices, topologies, stacks and keys."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, ShellComplete

from sim.catalog import device_names, law_names, model_names, nameable_stacks
from sim.cli import cli
from sim.scenario.shelf import scenario_names, topology_names

ROOT = Path(__file__).parents[2]


def completions(*words: str) -> tuple[list[str], bool]:
    """What the last of several words is completed to, and whether files are offered as well."""
    found = ShellComplete(cli, {}, "scaletax", "_SCALETAX_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [one.value for one in found if one.type == "plain"], any(one.type == "file" for one in found)


@pytest.mark.parametrize(
    ("words", "names", "files"),
    [
        (("run", ""), scenario_names, True),
        (("check", ""), scenario_names, True),
        (("cite", ""), scenario_names, True),
        (("sweep", ""), scenario_names, True),
        (("plan", ""), scenario_names, True),
        (("plan", "--model", ""), model_names, True),
        (("plan", "--topology", ""), topology_names, True),
        (("plan", "--stack", ""), nameable_stacks, True),
        (("run", "claim", "--stack", ""), nameable_stacks, True),
        (("collective", "all-reduce", "--topology", ""), topology_names, True),
        (("draw", ""), topology_names, True),
        (("budget", "--device", ""), device_names, False),
        (("budget", "--law", ""), law_names, False),
    ],
)
def test_names_complete(words, names, files):
    assert completions(*words) == (list(names()), files)


def test_a_name_begun_leaves_those_that_begin_so():
    assert completions("run", "claim-1")[0] == ["claim-1.3b", "claim-111m"]
    assert completions("list", "m")[0] == ["models", "metrics"]
    assert completions("plan", "--model", "nothing")[0] == []


def test_the_last_of_several_stacks_is_completed():
    assert completions("run", "claim", "--stack", "vtrain,fsdp-2023")[0] == [
        "vtrain,fsdp-2023",
        "vtrain,fsdp-2023-pure",
    ]


def test_keys_complete():
    assert completions("run", "claim", "--set", "training.to")[0] == ["training.tokens"]
    assert completions("sweep", "claim", "--sweep", "system.plan.z")[0] == [
        "system.plan.zero",
        "system.plan.zero_group",
    ]


def test_bash_is_told_of_files_first(monkeypatch):
    # It forgets what came before a file.
    monkeypatch.setenv("COMP_WORDS", "scaletax run qu")
    monkeypatch.setenv("COMP_CWORD", "2")
    told = BashComplete(cli, {}, "scaletax", "_SCALETAX_COMPLETE").complete()
    assert told == "file,qu\nplain,quickstart"


def test_the_program_answers_a_shell():
    told = {"_SCALETAX_COMPLETE": "bash_complete", "COMP_WORDS": "scaletax draw dgx-h1", "COMP_CWORD": "2"}
    code = "import sys; sys.argv = ['scaletax']; from sim.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**os.environ, **told}
    )
    assert (done.returncode, done.stdout.split()) == (0, ["file,dgx-h1", "plain,dgx-h100-superpod"])
