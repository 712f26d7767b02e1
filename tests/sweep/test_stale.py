"""Nothing stale: whatever an answer rests on, when it changes the answer is computed again."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from quick_work import threads

import sim
from sim.errors import InputError
from sim.records.point_work import work
from sim.scenario import Scenario, read_document
from sim.sweep import keys
from sim.sweep.crew import Result
from sim.sweep.grid import points_of
from sim.sweep.store import Store
from sim.sweep.sweep import run_sweep

PACKAGE = Path(sim.__file__).parent
GRAPH = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="r" for="edge" attr.name="rate" attr.type="string"/>
<key id="l" for="edge" attr.name="latency" attr.type="string"/>
<graph edgedefault="undirected"><node id="gpu0"/><node id="gpu1"/>
<edge source="gpu0" target="gpu1"><data key="r">100 GB/s</data><data key="l">1 us</data></edge></graph></graphml>
"""
TOPOLOGY = """
title = "two"
family = "graph"
device = "a100-80gb-sxm"
library = "textbook"
graph_file = "cables.graphml"
[timing]
collective_launch = { value = "10 us", kind = "assumed", note = "for a test" }
send_launch = { value = "10 us", kind = "assumed", note = "for a test" }
"""
BASE = """
schema = 1
[model]
config = "described"
[training]
tokens = 1e9
sequence = 512
global_batch = "16 sequences"
[[system]]
name = "two"
topology = "two.toml"
devices = 2
stack = "megatron-2022"
plan = { tensor = 2, micro_batch = 1 }
run = "none"
"""
MODEL = {
    "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8,
    "intermediate_size": 2048, "vocab_size": 32000, "max_position_embeddings": 2048,
}  # fmt: skip
FILES = {
    "file.toml": 'base = "base.toml"\n[sweep]\n"system.devices" = [2]\n',
    "base.toml": BASE,
    "two.toml": TOPOLOGY,
    "cables.graphml": GRAPH,
    "described": json.dumps(MODEL),
}


def row_of(folder: Path, out: str = "out") -> dict[str, object]:
    """The one row of the sweep of a folder's file."""
    path = folder / "file.toml"
    document = read_document(path)
    with Store(folder / out) as store:
        run_sweep(document, path, points_of(document, str(path)), store, threads(), work)
        ((_, record, _),) = store.records()
        return dict(record["row"])


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("base.toml", "16 sequences", "32 sequences"),
        ("two.toml", "10 us", "10 ms"),
        ("cables.graphml", "100 GB/s", "1 MB/s"),
        ("described", '"num_hidden_layers": 8', '"num_hidden_layers": 16'),
    ],
)
def test_a_changed_file_gives_new_rows(inputs: Path, name: str, old: str, new: str) -> None:
    before = row_of(inputs)
    (inputs / name).write_text(FILES[name].replace(old, new), encoding="utf-8")
    after = row_of(inputs)
    assert after == row_of(inputs, "fresh")
    assert after["step_time_s"] > before["step_time_s"]  # type: ignore[operator]
    (inputs / name).write_text(FILES[name], encoding="utf-8")
    assert row_of(inputs) == before


@pytest.mark.parametrize("name", ["two.toml", "cables.graphml", "described"])
def test_an_error_about_a_file_goes_when_the_file_is_mended(inputs: Path, name: str) -> None:
    (inputs / name).unlink()
    assert re.search(r"no (topology |graph )?file", str(row_of(inputs)["error"]))
    (inputs / name).write_text(FILES[name], encoding="utf-8")
    assert "error" not in row_of(inputs)


def test_two_files_with_the_same_model_do_not_answer_for_each_other(inputs: Path) -> None:
    row_of(inputs)
    (inputs / "other").write_text(FILES["described"], encoding="utf-8")
    (inputs / "base.toml").write_text(BASE.replace('"described"', '"other"'), encoding="utf-8")
    before = row_of(inputs)
    (inputs / "other").write_text(FILES["described"].replace('"num_hidden_layers": 8', '"num_hidden_layers": 16'))
    assert row_of(inputs)["step_time_s"] > before["step_time_s"]  # type: ignore[operator]


def test_a_file_that_changes_while_the_sweep_runs_is_told(inputs: Path) -> None:
    def changing(scenario: Scenario) -> Result:
        found = work(scenario)
        (inputs / "cables.graphml").write_text(GRAPH.replace("100 GB/s", "1 MB/s"), encoding="utf-8")
        return found

    path = inputs / "file.toml"
    document = read_document(path)
    with Store(inputs / "out") as store:
        with pytest.raises(InputError, match="was changed while the sweep ran") as told:
            run_sweep(document, path, points_of(document, str(path)), store, threads(), changing)
        assert told.value.where == str(inputs / "cables.graphml")
        assert list(store.records()) == []


@pytest.mark.parametrize(
    "name",
    ["records/document.py", "records/point_work.py", "catalog/devices/a100-80gb-sxm.toml", "catalog/accuracy.toml",
     "topologies/dgx-a100-superpod.toml"],
)  # fmt: skip
def test_a_changed_line_of_program_catalogue_or_shelf_is_another_environment(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, files = keys.environment(), dict(keys.environment_files())
    changed = tmp_path / "changed"
    changed.write_bytes(files[name].read_bytes() + b"\n")
    monkeypatch.setattr(keys, "environment_files", lambda: files | {name: changed})
    assert keys.environment.__wrapped__() != before


def test_a_changed_library_is_another_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys.environment()
    monkeypatch.setattr(keys, "version", lambda name: "0.1")
    assert keys.environment.__wrapped__() != before


def module_files(names: set[str]) -> set[Path]:
    """Files of modules of the package by their dotted names, with the packages that they lie in."""
    found = set()
    for name in names:
        parts = name.split(".")[1:]
        found |= {PACKAGE.joinpath(*parts[:depth], "__init__.py") for depth in range(len(parts) + 1)}
        found.add(PACKAGE.joinpath(*parts).with_suffix(".py"))
    return {path for path in found if path.is_file()}


def imports(path: Path) -> set[str]:
    """Every module of the package that one imports, wherever the import stands."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            names |= {f"{node.module}", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] == "sim"}


@pytest.fixture(scope="module")
def behind_a_row() -> set[Path]:
    """Every module that making a row may come to."""
    found: set[Path] = set()
    left = {PACKAGE / "records" / "point_work.py", PACKAGE / "sweep" / "crew.py"}
    while left:
        path = left.pop()
        found.add(path)
        left |= module_files(imports(path)) - found
    return found


def test_every_module_behind_a_row_is_hashed(behind_a_row: set[Path]) -> None:
    assert PACKAGE / "records" / "document.py" in behind_a_row
    assert PACKAGE / "cost" / "step.py" in behind_a_row
    assert behind_a_row <= set(keys.environment_files().values())


# The scenario file and its bases are hashed as the document that they come to; the catalogue's own files are in the
# environment; the store is no input.
OTHER_READERS = {"reading.py", "catalog/device_economics.py"}
READS = {"read_text", "read_bytes", "open", "is_file", "load", "parse"}


def test_files_of_the_user_are_read_in_one_way(behind_a_row: set[Path]) -> None:
    """Whatever else opens a file would not be noted, and its change not be seen."""
    names = {path.relative_to(PACKAGE).as_posix(): path for path in behind_a_row}
    for name in sorted(name for name in names if name not in OTHER_READERS and not name.startswith("sweep/")):
        for node in ast.walk(ast.parse(names[name].read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            is_method = "." in called and called.rsplit(".", 1)[1] in READS and "resources.files" not in called
            reads = is_method or called == "open"
            assert not reads, f"{name}: {called} reads a file; use sim.reading"
