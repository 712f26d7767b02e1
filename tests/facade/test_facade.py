"""The public package: what it returns is what the commands print and write, and objects are what files say."""

from __future__ import annotations

import ast
import csv
import doctest
import inspect
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy
import pytest
from matplotlib.figure import Figure

import scaletax as st
import sim
from sim.cli import cli
from sim.records.metrics import METRICS

TINY = """
schema = 1
[model]
name = "cerebras-gpt-111m"
[training]
tokens = "1B"
sequence = 512
global_batch = "64 sequences"
[[system]]
name = "cluster"
topology = "hgx-a100-node"
stack = "fsdp-2023"
devices = 4
[sweep]
"system.cluster.devices" = [2, 4]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


def test_names_are_those_that_it_says_it_has():
    for name in st.__all__:
        assert getattr(st, name) is not None
    assert set(st.__all__) <= set(dir(st))
    with pytest.raises(AttributeError, match="simulate"):
        st.simulate  # noqa: B018


@pytest.mark.parametrize("module", ["scaletax", "scaletax.calls", "scaletax.hardware", "scaletax.scenarios"])
def test_examples_of_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(module))
    assert found.failed == 0
    assert found.attempted > 0
    # Nothing is written where the user stands.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in st.__all__ if not name.startswith("_")])
def test_everything_public_is_documented(name: str):
    one = getattr(st, name)
    assert inspect.getdoc(one)
    members = vars(one).items() if inspect.isclass(one) and one.__module__.startswith("scaletax") else ()
    bare = [key for key, member in members if not key.startswith("_") and callable(member) and not member.__doc__]
    assert bare == []


def test_a_name_a_path_a_text_and_an_object_are_all_scenarios(tiny: Path):
    rows = st.run(tiny).rows
    assert st.run(str(tiny)).rows == rows
    cluster = st.System("cluster", "hgx-a100-node", 4, stack="fsdp-2023")
    mine = st.Scenario("cerebras-gpt-111m", [cluster], tokens="1B", batch=64, sequence=512)
    own = st.run(mine, devices=[2, 4]).rows
    assert [row["step_time_s"] for row in own] == [row["step_time_s"] for row in rows]
    assert [row["devices"] for row in own] == [2, 4]


def test_rows_are_those_of_the_command(tiny: Path, tmp_path: Path):
    cli.main(["run", str(tiny), "--no-charts", "--quiet", "--out", str(tmp_path / "out")], standalone_mode=False)
    with (tmp_path / "out" / "summary.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    rows = st.run(tiny).rows
    assert [list(row) for row in rows] == [list(row) for row in written]
    for row, cells in zip(rows, written, strict=True):
        assert {key: "" if value is None else str(value) for key, value in row.items()} == cells
    assert {metric.key for metric in METRICS} <= set(rows[0])


def test_tables_of_pandas_have_a_row_for_each_system_and_size(tiny: Path):
    result = st.run(tiny)
    assert list(result.df["devices"]) == [2, 4]
    assert list(result.df["mfu_full"]) == [one.mfu_full for one in result]
    shares = result.ledger().drop(columns=["system", "devices"])
    assert shares.sum(axis=1).to_numpy() == pytest.approx([1.0, 1.0])
    assert list(shares["useful"]) == pytest.approx([one.useful_share for one in result])


def test_without_pandas_the_message_names_what_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch):
    result = st.run(tiny)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(st.InputError, match=r"pandas is not installed\n.*scaletax\[tables\]"):
        result.df  # noqa: B018
    assert len(result.rows) == 2


def test_a_metric_is_drawn_against_devices(tiny: Path):
    result = st.run(tiny)
    figure = result.plot("mfu")
    assert isinstance(figure, Figure)
    (line,) = [one for one in figure.axes[0].get_lines() if len(one.get_xdata()) == 2]
    assert list(line.get_xdata()) == [2, 4]
    heights = [float(one) for one in line.get_ydata()]
    ratio = heights[0] / result[0].mfu_full
    assert heights == pytest.approx([ratio * one.mfu_full for one in result])
    with pytest.raises(st.InputError, match="there is no column 'mfuu'"):
        result.plot("mfuu")


def test_results_say_what_they_are_in_a_line_a_screen_and_a_notebook(tiny: Path):
    result = st.run(tiny)
    assert repr(result) == "<Run: 2 points of 1 system>"
    assert "Trust:" in str(result)
    assert max(map(len, str(result).splitlines())) <= 80
    assert result._repr_html_().count("<tr>") == 3
    assert "# " in result.report()


def test_what_is_saved_is_what_the_command_writes(tiny: Path, tmp_path: Path):
    paths = st.run(tiny).save(tmp_path / "out", charts=False)
    assert {path.name for path in paths} == {"results.json", "report.md", "report.html", "summary.csv", "resolved.toml"}


def test_keys_software_and_sizes_are_changed_as_by_the_command(tiny: Path):
    stacks = ["fsdp-2023", "megatron-2022"]
    result = st.run(tiny, devices=8, set={"training.global_batch": "128 sequences"}, stack=stacks)
    assert [one.scenario.system.stack for one in result] == stacks
    assert {one.scenario.training.global_batch for one in result} == {128}
    assert {one.devices for one in result} == {8}


def test_options_of_software_are_a_mapping_or_keys(tiny: Path):
    software = {"name": "megatron-core-2024", "tensor_overlap": False}
    told = "megatron-core-2024 (tensor_overlap off)"
    (one,) = st.run(tiny, devices=8, stack=software)
    (other,) = st.run(tiny, devices=8, stack="megatron-core-2024", set={"system.stack.tensor_overlap": False})
    assert (one.stack, one.step_time_s) == (other.stack, other.step_time_s)
    assert one.stack == told
    words = {"model": "cerebras-gpt-111m", "topology": "hgx-a100-node", "devices": 8, "batch": 64}
    found = st.plan(**words, stack=[software, "megatron-core-2024", software])
    assert all(one in str(found) for one in ("2 systems", told, "megatron-core-2024"))


def test_errors_have_four_parts(tiny: Path):
    with pytest.raises(st.InputError) as caught:
        st.run("quikstart")
    assert caught.value.where == "quikstart"
    assert "there is no such file or scenario" in caught.value.problem
    assert "quickstart" in str(caught.value)
    with pytest.raises(st.InputError) as caught:
        st.run(tiny, set={"system.cluster.devcies": 4})
    assert "devices" in str(caught.value)
    assert caught.value.remedy


def test_a_plan_that_does_not_fit_is_its_own_error():
    lone = st.System("one", "hgx-a100-node", 1, stack="fsdp-2023", plan={"zero": 0, "micro_batch": 64})
    with pytest.raises(st.DoesNotFit):
        st.run(st.Scenario("llama-2-13b", [lone], batch=64, tokens="1B"))


def test_a_search_gives_the_plan_and_a_scenario_that_runs():
    found = st.plan(model="cerebras-gpt-111m", topology="hgx-a100-node", devices=8, batch=64, stack="megatron-2022")
    assert found.rows[0]["step_time_s"] == found.best.step_s
    assert list(found.df["step_time_s"]) == sorted(found.df["step_time_s"])
    again = found.run()
    assert again[0].plan.summary() == found.best.plan.summary()
    assert again[0].step_time_s == pytest.approx(found.best.step_s)
    with pytest.raises(st.InputError):
        st.plan(model="cerebras-gpt-111m", devices=8)


def test_a_sweep_is_gone_on_with(tiny: Path, tmp_path: Path):
    found = st.sweep(tiny, out=tmp_path / "grid", axes={"training.global_batch": ["64 sequences", "128 sequences"]})
    assert len(found) == 4
    assert found.new == 4
    again = st.sweep(tiny, out=str(tmp_path / "grid"))
    assert (len(again), again.new) == (2, 0)
    assert len(found.df) == 2
    assert isinstance(found.plot("tax"), Figure)
    assert "2 points" in str(found)
    assert {path.name for path in found.save()} >= {"points.csv", "report.md", "report.html"}


def test_validation_has_the_rows_and_the_summary():
    found = st.validate(source="zhang-2024")
    assert len(found.rows) == len(found) == 6
    assert found.summary.sources[0].name
    assert "6 rows" in repr(found)
    assert max(map(len, str(found).splitlines())) <= 80


def test_importing_it_takes_nothing_heavy():
    script = (
        "import sys, scaletax; "
        "print([one for one in ('numpy', 'matplotlib', 'pandas', 'simpy', 'networkx', 'rich') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_first_calls_of_a_newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(TINY.replace("hgx-a100-node", "dgx-a100-superpod"), encoding="utf-8")
    r = st.run("mine.toml", devices=[8, 16, 32])
    assert list(r.df["devices"]) == list(r.ledger()["devices"]) == [8, 16, 32]
    r.plot("mfu")
    best = st.plan(model="llama-3-8b", topology="dgx-h100-superpod", devices=64, batch="4M tokens").best
    assert best.plan.devices == 64
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


def test_nothing_is_printed(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    st.run(tiny).save(tmp_path / "out", charts=False)
    st.plan(tiny)
    st.sweep(tiny, out=tmp_path / "grid")
    assert capfd.readouterr() == ("", "")


def test_a_script_that_uses_several_processes_runs_once(tiny: Path):
    script = tiny.with_name("script.py")
    script.write_text(f"import scaletax as st\nprint('once')\nprint(len(st.run({str(tiny)!r}, jobs=2)))\n", "utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["once", "2"]


@pytest.mark.parametrize(
    ("call", "where", "problem"),
    [
        (lambda: st.run(5), "scenario", "5 is no scenario"),
        (lambda: st.run("quickstart", jobs=0), "jobs", "0 is no whole number"),
        (lambda: st.run("quickstart", jobs="2"), "jobs", "'2' is no whole number"),
        (lambda: st.run("quickstart").save("x", trace=-1), "trace", "-1 is no whole number"),
        (lambda: st.run("quickstart").save("x", trace="3"), "trace", "'3' is no whole number"),
        (lambda: st.run("quickstart", set="training.tokens=1B"), "set", "is no mapping"),
        (lambda: st.run("quickstart", set={"training.tokens": None}), "training.tokens", "None is nothing that"),
        (lambda: st.run("quickstart", set={"training.tokens": {1, 2}}), "training.tokens", "is nothing that"),
        (lambda: st.run("quickstart", devices=8.5), "devices", "8.5 is not a whole"),
        (lambda: st.run("quickstart", devices=[]), "[sweep] system.devices", "[] is empty"),
        (lambda: st.run("quickstart", stack="fsdp"), "stack", "unknown software stack 'fsdp'"),
        (lambda: st.plan("quickstart", devices=8), "plan", "both a scenario and devices"),
        (lambda: st.plan(model="llama-3-8b", devices=8), "plan", "neither a scenario nor topology, batch"),
        (lambda: st.plan("quickstart", sizes=[8, 16.5]), "sizes", "16.5 is no whole number"),
        (lambda: st.plan("quickstart", only="t < = 8"), "only", "'t < = 8' is not a limit"),
        (lambda: st.plan("quickstart", top=0), "top", "0 is no whole number"),
        (lambda: st.sweep("quickstart", out="x", axes={"devcies": [8]}), "devcies", "devices"),
        (lambda: st.sweep("quickstart", out="x", limit=0), "limit", "0 is no whole number"),
        (lambda: st.validate(source="nobody"), "source", "no source is called 'nobody'"),
        (lambda: st.validate(role="other"), "role", "'other' is no role"),
        (lambda: st.validate(data="missing.csv"), "missing.csv", "there is no file"),
        (lambda: st.Scenario.from_file("claimm"), "claimm", "did you mean 'claim'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    call: Callable[[], object], where: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(st.InputError) as caught:
        call()
    assert where in caught.value.where
    assert problem in str(caught.value)
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_numpy_are_numbers(tiny: Path):
    sizes = numpy.array([2, 4])
    result = st.run(tiny, devices=sizes, set={"training.tokens": numpy.float64(2e9)})
    assert [one.devices for one in result] == [2, 4]
    assert {one.scenario.training.tokens for one in result} == {2e9}


def test_a_notebook_shows_a_chart(tiny: Path):
    assert st.run(tiny).plot("tax")._repr_png_().startswith(b"\x89PNG")


def test_nothing_below_imports_it():
    below = [path for path in Path(sim.__file__).parent.rglob("*.py") if "scaletax" in _imported(path)]
    assert below == []
    modules = sorted(Path(st.__file__).parent.glob("*.py"))
    assert max(len(path.read_text(encoding="utf-8").splitlines()) for path in modules) <= 300
    above = {name for path in modules for name in _imported(path) if name == "sim.cli"}
    assert not above


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    parts = [name.split(".") for name in names]
    return {".".join(one[:depth]) for one in parts for depth in range(1, len(one) + 1)}
