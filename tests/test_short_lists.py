"""No message lists more than eight choices, whatever is misspelt: the nearest first, then the command that has all."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from measured import row

from sim.catalog import (
    load_device,
    load_law,
    load_library,
    load_model,
    load_optimizer,
    load_recipe,
    load_reliability,
    load_stack,
    load_variation,
)
from sim.cli import list_
from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.records.series import column
from sim.scenario import read_document
from sim.scenario.base import with_base
from sim.scenario.keys import parse_key
from sim.scenario.limits import plan_limit
from sim.scenario.model_config import read_model_config
from sim.scenario.named import scenario_path
from sim.scenario.problems import check_structure
from sim.scenario.schema import TABLES
from sim.validation.conventions import table_devices
from sim.validation.labels import of_source
from sim.validation.table import Table, parse_table

NAMES = ("x", "a100", "llama", "h100-80gb-smx", "megatron", "meta-llama/Llama-9", "tp", "", "x" * 500)
SYSTEMS = [f"system {number}" for number in range(30)]
SOURCES = Table(tuple(row(source=f"source {number}") for number in range(30)))
SHELF = Path(__file__).parents[1] / "scenarios"


MISSPELT: dict[str, Callable[[str], Any]] = {
    "device": load_device,
    "stack": load_stack,
    "model": load_model,
    "library": load_library,
    "variation": load_variation,
    "law": load_law,
    "recipe": load_recipe,
    "optimizer": load_optimizer,
    "reliability": load_reliability,
    "topology": lambda name: load_topology(name, 8, "here"),
    "scenario": lambda name: scenario_path(Path(name.replace("/", " ") or "y")),
    "base": lambda name: with_base({"base": name}, Path("my.toml"), lambda path: {}),
    "list": lambda name: click.Context(list_).invoke(list_, what=name),
    "key": lambda name: parse_key(name, SYSTEMS, "here"),
    "key of a system": lambda name: parse_key(f"system.{name}.devices", SYSTEMS, "here"),
    "key of an entry": lambda name: parse_key(f"entry.{name}.training", SYSTEMS, "here", SYSTEMS),
    "key of a limit": lambda name: plan_limit(f"{name} = 1"),
    "value of a limit": lambda name: plan_limit(f"recompute = {name or 'y'}"),
    "source": lambda name: of_source(SOURCES, f"{name}?"),
    "column": lambda name: column(f"{name}?", [{f"column {number}": 1 for number in range(30)}], "--x"),
    "column of a table": lambda name: parse_table(",".join(f"{name}{number}" for number in range(30)), "t.csv"),
    "file": lambda name: read_document(SHELF / f"{name[:99]}.toml"),
}


def refusal(misspelt: Callable[[str], Any], name: str) -> str:
    with pytest.raises(InputError) as caught:
        misspelt(name)
    return str(caught.value)


def longest_list(message: str) -> int:
    """Names in the longest list of a message, what is said of how many more there are not counted."""
    return max(len(line.rsplit(": ")[-1].split(", ")) for line in message.splitlines())


@pytest.mark.parametrize("kind", MISSPELT)
def test_no_list_is_long(kind: str) -> None:
    for name in NAMES:
        message = refusal(MISSPELT[kind], name)
        assert longest_list(message) <= 8, message


@pytest.mark.parametrize("table", TABLES)
def test_no_list_of_keys_is_long(table: tuple[str, ...]) -> None:
    """An unknown key in every table of the format."""
    with pytest.raises(InputError) as caught:
        check_structure(TABLES[table], {"devcies": 1}, Path("my.toml"))
    first = str(caught.value).split("\n  also ")[0]
    assert longest_list(first) <= 8, first


def test_a_list_of_choices_that_is_cut_says_where_the_others_are() -> None:
    for kind, command in {
        "device": "devices", "stack": "stacks", "model": "models", "topology": "topologies", "scenario": "scenarios",
        "key": "keys", "recipe": "recipes",
    }.items():  # fmt: skip
        assert re.search(rf"and [\d,]+ more \(scaletax list {command}\)", refusal(MISSPELT[kind], "zzz")), kind


def test_devices_that_tables_name(tmp_path: Path) -> None:
    assert len(table_devices()) > 8
    header = "id,source,gpu,n_gpus,layers,d_model,heads,vocab,seq_len,global_batch_sequences,step_time_s"
    (problem,) = parse_table(f"{header}\na,b,H9000,8,4,64,4,100,64,8,1\n", "t.csv", table_devices()).problems
    assert longest_list(problem.problem) <= 8
    path = tmp_path / "config.json"
    path.write_text('{"architectures": ["LlamaForCausalLM"], "model_type": "lama"}')
    assert longest_list(refusal(lambda name: read_model_config(path, None, ""), "")) <= 8
