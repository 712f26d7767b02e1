"""The JSON Schema of scenario files: it takes what the reader takes, and refuses nothing else."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sim.cli import main
from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.report.catalogue import keys_table
from sim.scenario import resolved_toml
from sim.scenario.json_schema import scenario_schema
from sim.scenario.keys import settable_paths
from sim.scenario.schema import TABLES, examples_of
from sim.sweep.grid import load_scenarios

ROOT = Path(__file__).parents[2]
SCHEMA = scenario_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
SHELF = sorted(ROOT.glob("scenarios/*.toml"))
FAULTS = sorted(ROOT.glob("tests/faults/*.toml"))
# Texts that are no scenario of which a part is shown, and what stands above such a part in a file.
OTHER_FILES = ("family =", "kind =")
BASE, SYSTEM = 'base = "claim"\n', '[[system]]\nname = "A100 FSDP"\n'
# Faults of what a key or its type cannot be. Of the others the schema says nothing: amounts in texts, names of files,
# the sizes that a model comes to.
NO_TOML = {"deep-nesting", "integer-of-4301-digits"}
REFUSED = {"batch-of-400-digits", "sequence-of-400-digits", "zip-of-a-table"}


def as_json(document: dict) -> dict:
    """A document as an editor hands it to a schema: dates as text, and numbers that JSON has."""
    return json.loads(json.dumps(document, default=str))


def problems(text: str) -> list[str]:
    """What the schema says against the text of a file."""
    return [
        f"{error.json_path}: {error.message[:200]}" for error in VALIDATOR.iter_errors(as_json(tomllib.loads(text)))
    ]


def examples_in_docs() -> list:
    found = []
    for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))):
        for number, text in enumerate(re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.S)):
            if not any(words in text for words in OTHER_FILES):
                found.append(pytest.param(text, id=f"{page.stem}-{number}"))
    return found


def table_of(path: tuple[str, ...]) -> dict:
    return SCHEMA["$defs"][TABLES[path].__name__] if path else SCHEMA


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SHELF, ids=lambda path: path.stem)
def test_every_scenario_on_the_shelf_is_valid(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


def test_every_example_of_the_documentation_is_valid() -> None:
    examples = examples_in_docs()
    assert len(examples) > 8
    for example in examples:
        (text,) = example.values
        above, table, below = text.partition("[system.")
        if table and "[[system]]" not in above:
            text = f"{above}{SYSTEM}{table}{below}"
        assert problems(text if "schema = 1" in text else BASE + text) == [], example.id


@pytest.mark.parametrize("name", ["quickstart", "claim", "mixed-a100-h100", "stragglers", "fine-tuning", "article"])
def test_a_resolved_scenario_is_valid(name: str) -> None:
    texts = resolved_toml(load_scenarios(ROOT / "scenarios" / f"{name}.toml"))
    assert [problems(text) for text in texts] == [[]] * len(texts)


def keys_in(schema: dict, path: tuple[str, ...] = ()) -> set[tuple[tuple[str, ...], str]]:
    """Keys of a schema by the paths of their tables; a table is no key, save for those that an entry may have."""
    found = set()
    for key, told in schema["properties"].items():
        inner = [SCHEMA["$defs"][name] for name in re.findall(r'"#/\$defs/(\w+)"', json.dumps(told))]
        if inner and (*path, key) in TABLES:
            found |= keys_in(inner[0], (*path, key))
        else:
            found.add((path, key))
    return found


def test_its_keys_are_those_that_are_listed() -> None:
    listing, _ = keys_table()
    rows = [(row[0].strip("[]"), row[1]) for row in listing.rows]
    assert keys_in(SCHEMA) == {(tuple(table.split(".")) if table else (), key) for table, key in rows}


def test_the_axes_are_the_keys_that_can_be_set() -> None:
    axes = SCHEMA["properties"]["sweep"]
    assert set(axes["properties"]) == {".".join(path) for path in settable_paths()} | {"zip"}
    one = Draft202012Validator(
        {"$defs": SCHEMA["$defs"], "properties": SCHEMA["properties"], "$ref": "#/properties/sweep"}
    )
    assert one.is_valid({'system."8 A100".plan.tensor': [8], "entry.A.training.precision": ["bf16"]})
    assert not one.is_valid({"system.8 A100.plan.tensors": [8]})
    assert not one.is_valid({"system.8 A100.plan.tensor": ["8"]})
    assert not one.is_valid({"entry.A.report.charts": [True]})


def test_every_key_says_what_it_is_or_shows_it() -> None:
    silent = [
        ".".join((*path, key))
        for path in TABLES
        for key, told in table_of(path)["properties"].items()
        if not told.keys() & {"description", "examples"} and "#/$defs" not in json.dumps(told)
    ]
    assert silent == []


def test_examples_and_defaults_are_valid_themselves() -> None:
    seen = 0
    for path in TABLES:
        for key, told in table_of(path)["properties"].items():
            one = Draft202012Validator({"$defs": SCHEMA["$defs"], **told})
            for value in [*told.get("examples", []), *([told["default"]] if "default" in told else [])]:
                assert one.is_valid(value), (path, key, value)
                seen += 1
            if path != ("entry",):
                assert len(told.get("examples", [])) == len(examples_of(path, key))
    assert seen > 60


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_faults_of_keys_and_types_are_refused(path: Path) -> None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        assert path.stem in NO_TOML
        return
    assert VALIDATOR.is_valid(as_json(document)) == (path.stem not in REFUSED)


WHOLE = tomllib.loads(
    """
schema = 1
title = "everything"
model = { name = "own", layers = 4, hidden = 64, heads = 4, vocab = 100, max_sequence = 64, norm_bias = true }
training = { tokens = 1e9, sequence = 64, global_batch = "8 sequences", method = "lora", recipe = { name = "bf16" } }
report = { charts = false, comparison = { system = "A", devices = [1] } }

[[system]]
name = "A"
topology = "hgx-a100-node"
devices = 2
sizes = { largest_nodes = 3 }
stack = "megatron-2022"
plan = { tensor = 2, zero = 1, recompute = "full", layers_per_stage = [4] }
variation = { profile = "none", slow_nodes = { share = 0.5, slowdown = 0.2 }, slow = [{ slowdown = 0.2, node = 0 }] }
run = { reliability = "none", failure_shape = 1, spares = 2, evaluation = { every = "5 steps", lasts = "1 min" } }
price = { pue = 1.2, rental = "2 USD/h", date = "2026-03" }
network = { rate_times = 2 }

[[system]]
name = "B"
stack = "megatron-2022"
plan = "best"
search = { only = ["tensor <= 8"], memory_margin = "10 %" }
part = [{ topology = "hgx-a100-node", devices = 2 }, { topology = "hgx-h100-node", devices = 2 }]

[sweep]
"system.A.run.runs" = [100, 200]
"training.lora" = [{ rank = 8, targets = ["query"] }]
"system.network.latency_times" = { range = [1, 3, 1] }
zip = [["system.A.run.runs", "steps"]]
steps = [10, 20]
"""
)
OTHER_VALUES = st.sampled_from([None, "x", "", "none", "8", -1, 0, 1, 3, 2.5, True, [], [1], ["x"], {}, {"x": 1}])


def places(value: object, path: tuple = ()) -> list[tuple]:
    """Every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, one in inner for place in places(one, (*path, key)))]


def reads(document: dict, path: Path) -> bool:
    """Whether the reader takes a document, with the names in it."""
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    try:
        for scenario in load_scenarios(path):
            for part in scenario.system.every_part:
                load_topology(part.topology, None, "")
    except InputError:
        return False
    return True


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schema") / "own.toml"


def test_the_whole_example_is_read_and_valid(file: Path) -> None:
    assert reads(WHOLE, file)
    assert VALIDATOR.is_valid(WHOLE)


@given(place=st.sampled_from(places(WHOLE)), value=OTHER_VALUES, misspelt=st.booleans())
def test_what_the_schema_refuses_the_reader_refuses(file: Path, place: tuple, value: object, misspelt: bool) -> None:
    changed = copy.deepcopy(WHOLE)
    table = changed
    for step in place[:-1]:
        table = table[step]
    if misspelt and isinstance(table, dict):
        table[f"{place[-1]}x"] = table.pop(place[-1])
    elif value is None:
        table.pop(place[-1])
    else:
        table[place[-1]] = value
    if not VALIDATOR.is_valid(changed):
        assert not reads(changed, file)


@pytest.mark.parametrize("place", [place for place in places(WHOLE) if isinstance(place[-1], str)], ids=str)
def test_a_misspelt_key_is_refused(place: tuple) -> None:
    changed = copy.deepcopy(WHOLE)
    table = changed
    for step in place[:-1]:
        table = table[step]
    table[f"{place[-1]}x"] = table.pop(place[-1])
    assert not VALIDATOR.is_valid(changed)


def test_what_a_base_an_entry_or_an_axis_says_may_lack(file: Path) -> None:
    bare = {"schema": 1, "model": {"name": "llama-2-7b"}, "system": [{"name": "A", "topology": "hgx-h100-node"}]}
    bare["system"][0] |= {"stack": "megatron-latest", "devices": 8}
    bare["training"] = {"sequence": 64}
    assert not VALIDATOR.is_valid(bare)
    assert VALIDATOR.is_valid({**bare, "base": "claim"})
    amounts = {"training.tokens": [1e9], "training.global_batch": ["8 sequences"]}
    assert not VALIDATOR.is_valid({**bare, "sweep": {"training.tokens": [1e9]}})
    assert VALIDATOR.is_valid({**bare, "sweep": amounts})
    assert reads({**bare, "sweep": amounts}, file)


def test_the_command_prints_it_or_writes_it(tmp_path: Path, monkeypatch, capsys) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["scaletax", "schema", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out + printed.err

    code, text = call()
    assert (code, json.loads(text)) == (0, SCHEMA)
    path = tmp_path / "scenario.schema.json"
    for _ in range(2):
        assert call("--out", str(path))[0] == 0
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMA
    for held in ("[1]", "schema = 1"):
        path.write_text(held, encoding="utf-8")
        code, text = call("--out", str(path))
        assert (code, "choose another file with --out" in text) == (2, True)
        assert path.read_text(encoding="utf-8") == held
    assert call("--out", str(tmp_path / "none" / "s.json"))[0] == 2
