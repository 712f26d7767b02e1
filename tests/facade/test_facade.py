"""The public package: what it returns is what the commands print and write, and objects are what files say."""

from __future__ import annotations

import csv
import doctest
import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import scaletax as st
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


@pytest.mark.parametrize("module", ["scaletax", "scaletax.calls", "scaletax.objects", "scaletax.results"])
def test_examples_of_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testmod(import_module(module))
    assert found.failed == 0
    assert found.attempted > 0 or module == "scaletax.results"
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


def test_own_hardware_gives_the_numbers_of_the_same_files(tmp_path: Path):
    card = st.Gpu("a100-80gb-sxm", title="Half a card", peak_flops_per_s={"bf16": "156 TFLOP/s"})
    place = st.Topology("hgx-a100-node", device=card, link_class={"scale_up": {"rate": "150 GB/s"}}, sizes={})
    plan = {"micro_batch": 4}
    system = st.System("own", place, 8, stack="fsdp-2023", plan=plan)
    mine = st.Scenario("cerebras-gpt-111m", [system], tokens="1B", batch=64, sequence=512)
    known = st.Scenario(
        "cerebras-gpt-111m", [st.System("known", "hgx-a100-node", 8, stack="fsdp-2023", plan=plan)],
        tokens="1B", batch=64, sequence=512,
    )  # fmt: skip
    slow, fast = st.run(mine)[0], st.run(known)[0]
    assert slow.peak_flops_per_s == fast.peak_flops_per_s / 2
    assert slow.step_time_s > fast.step_time_s
    saved = st.run(mine.save(tmp_path))[0]
    assert saved.step_time_s == slow.step_time_s
    # The same objects are the same files, run after run.
    assert mine.path() == mine.path()


def test_an_own_model_is_the_model_of_the_same_shape():
    named = st.Model("cerebras-gpt-111m")
    shape = {"layers": 10, "hidden": 768, "heads": 12, "vocab": 50257, "max_sequence": 2048, "position": "learned"}
    cluster = st.System("c", "hgx-a100-node", 4, stack="fsdp-2023", plan={"micro_batch": 4})
    steps = [
        st.run(st.Scenario(model, [cluster], tokens="1B", batch=64, sequence=512))[0].flops.counted
        for model in (named, st.Model(**shape))
    ]
    assert steps[0] == pytest.approx(steps[1], rel=0.02)


def test_own_objects_are_checked_as_files_are():
    card = st.Gpu("a100-80gb-sxm", hbm_bytes="60")
    system = st.System("own", st.Topology("hgx-a100-node", device=card), 8, stack="fsdp-2023")
    with pytest.raises(st.InputError, match="has no unit"):
        st.run(st.Scenario("cerebras-gpt-111m", [system], tokens="1B", batch=64))


def test_a_sweep_is_gone_on_with(tiny: Path, tmp_path: Path):
    found = st.sweep(tiny, out=tmp_path / "grid", axes={"training.global_batch": ["64 sequences", "128 sequences"]})
    assert len(found) == 4
    assert len(st.sweep(tiny, out=str(tmp_path / "grid"))) == 2
    assert len(found.df) == 2
    assert isinstance(found.plot("tax"), Figure)


def test_validation_has_the_rows_and_the_summary():
    found = st.validate(source="zhang-2024")
    assert len(found.rows) == len(found) == 6
    assert found.summary.sources[0].name
    assert "6 rows" in repr(found)


def test_importing_it_takes_nothing_heavy():
    script = (
        "import sys, scaletax; "
        "print([one for one in ('numpy', 'matplotlib', 'pandas', 'simpy', 'networkx', 'rich') if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    code = page.split("<!-- python: own hardware -->\n```python\n")[1].split("```")[0]
    found: dict[str, object] = {}
    exec(code.replace("print(st.run(mine))", "result = st.run(mine)"), found)
    assert "My card" in found["result"][0].device_title
