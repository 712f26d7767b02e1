"""Objects of one's own are what files say: the same numbers, the same checks, the same messages."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import scaletax as st
from sim.hardware.topology import shelf

PLAN = {"micro_batch": 4}
DEVICE = """
title = "Half a card"
base = "a100-80gb-sxm"
hbm_bytes = { value = "60 GiB", kind = "assumed", note = "ours" }
[peak_flops_per_s]
bf16 = { value = "156 TFLOP/s", kind = "assumed", note = "ours" }
"""


def own_card() -> st.Gpu:
    return st.Gpu("a100-80gb-sxm", title="Half a card", hbm_bytes="60 GiB", peak_flops_per_s={"bf16": "156 TFLOP/s"})


def own_node() -> st.Topology:
    return st.Topology("hgx-a100-node", device=own_card(), link_class={"scale_up": {"rate": "150 GB/s"}})


def scenario(topology: str | Path | st.Topology, model: str | Path | st.Model = "cerebras-gpt-111m") -> st.Scenario:
    system = st.System("own", topology, 8, stack="fsdp-2023", plan=PLAN)
    return st.Scenario(model, system, tokens="1B", batch=64, sequence=512)


def numbers(result: st.Run) -> dict[str, object]:
    """All columns but those that have the name of a file."""
    names = ("topology", "not_checked_because")
    return {key: value for key, value in result.rows[0].items() if key not in names}


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    # Of that module alone: processes that compute have their sockets in the real one, whose path is short enough.
    monkeypatch.setattr("scaletax.hardware.tempfile", SimpleNamespace(gettempdir=lambda: str(folder)))
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The same hardware as own_node, in files."""
    text = (shelf("topologies") / "hgx-a100-node.toml").read_text(encoding="utf-8")
    changed = text.replace('"300 GB/s"', '"150 GB/s"').replace('device = "a100-80gb-sxm"', 'device = "half.toml"')
    assert changed.count('"150 GB/s"') == 1
    assert "half.toml" in changed
    (tmp_path / "half.toml").write_text(DEVICE, encoding="utf-8")
    (tmp_path / "node.toml").write_text(changed, encoding="utf-8")
    return tmp_path / "node.toml"


def test_hardware_gives_the_numbers_of_the_same_files(files: Path):
    own, filed = st.run(scenario(own_node())), st.run(scenario(files))
    known = st.run(scenario("hgx-a100-node"))
    rows = [numbers(one) for one in (own, filed)]
    assert rows[0] == rows[1]
    assert own[0].device_title == "Half a card"
    assert own[0].peak_flops_per_s == known[0].peak_flops_per_s / 2
    assert own[0].step_time_s > known[0].step_time_s


def test_a_topology_of_a_file_keeps_what_the_file_names(files: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(files.parent)
    slower = st.run(scenario(st.Topology("node.toml", link_class={"scale_up": {"rate": "75 GB/s"}})))[0]
    assert slower.device_title == "Half a card"
    assert slower.step_time_s >= st.run(scenario("node.toml"))[0].step_time_s


def test_the_same_objects_are_the_same_files(temporary: Path):
    texts = {scenario(own_node()).to_toml() for _ in range(3)}
    assert len(texts) == 1
    (folder,) = temporary.iterdir()
    assert [path.name[:5] for path in sorted(folder.iterdir())] == ["half-", "one-h"]
    st.Topology("hgx-a100-node", device=st.Gpu("a100-80gb-sxm", hbm_bytes="61 GiB")).save(folder)
    assert len(list(folder.iterdir())) == 4


def test_a_saved_scenario_takes_its_hardware_along(tmp_path: Path, temporary: Path):
    mine = scenario(own_node())
    path = mine.save(tmp_path / "kept")
    assert path.name == "scenario.toml"
    assert len(list(path.parent.iterdir())) == 3
    assert list(temporary.iterdir()) == []
    moved = path.parent.rename(tmp_path / "elsewhere")
    assert numbers(st.run(moved / "scenario.toml")) == numbers(st.run(mine))
    assert mine.save(tmp_path / "other.toml").name == "other.toml"


def test_saved_results_name_hardware_beside_them(tmp_path: Path, temporary: Path):
    result = st.run(scenario(own_node()))
    paths = result.save(tmp_path / "out", charts=False)
    assert len(list((tmp_path / "out").glob("*.toml"))) == 3
    for path in paths:
        assert str(temporary) not in path.read_text(encoding="utf-8")
    for path in next(temporary.iterdir()).iterdir():
        path.unlink()
    again = st.run(tmp_path / "out" / "resolved.toml")
    assert again[0].step_time_s == result[0].step_time_s


def test_hardware_is_an_axis_and_a_changed_key(tmp_path: Path):
    axis = {"system.topology": [own_node(), "hgx-a100-node"]}
    found = st.sweep(scenario("hgx-a100-node"), out=tmp_path / "grid", axes=axis)
    steps = [row["step_time_s"] for row in found.rows]
    assert len(steps) == 2
    assert steps[0] > steps[1]
    assert st.run(scenario("hgx-a100-node"), set={"system.topology": own_node()})[0].step_time_s == steps[0]
    assert st.sweep(scenario("hgx-a100-node"), out=tmp_path / "grid", axes=axis).new == 0


def test_a_search_takes_objects():
    shape = st.Model(layers=10, hidden=768, heads=12, vocab=50_257, max_sequence=2048)
    found = st.plan(model=shape, topology=own_node(), devices=8, batch="32k tokens", stack="megatron-2022")
    assert found.run()[0].device_title == "Half a card"
    assert found.run()[0].step_time_s == pytest.approx(found.best.step_s)


def test_a_search_of_own_hardware_is_saved_with_it(tmp_path: Path, temporary: Path):
    found = st.plan(model="cerebras-gpt-111m", topology=own_node(), devices=8, batch=64, stack="megatron-2022")
    found.save(tmp_path / "out", charts=False)
    assert str(temporary) not in (tmp_path / "out" / "best.toml").read_text(encoding="utf-8")
    assert st.run(tmp_path / "out" / "best.toml")[0].plan.summary() == found.best.plan.summary()


def test_a_model_gives_the_numbers_of_the_same_table(tmp_path: Path):
    shape = {"layers": 10, "hidden": 768, "heads": 12, "vocab": 50257, "max_sequence": 2048, "position": "learned"}
    path = scenario("hgx-a100-node", st.Model(**shape)).save(tmp_path)
    table = "\n".join(f"{key} = {value!r}" for key, value in shape.items())
    assert f"[model]\n{table}".replace("'", '"') in path.read_text(encoding="utf-8")
    named, own = st.run(scenario("hgx-a100-node"))[0], st.run(path)[0]
    assert own.flops.counted == pytest.approx(named.flops.counted, rel=0.02)


def test_a_file_becomes_an_object_and_a_file_again(tmp_path: Path):
    first = st.run("quickstart").rows
    assert st.run(st.Scenario.from_file("quickstart")).rows == first
    assert st.run(st.Scenario.from_file("quickstart").save(tmp_path)).rows == first


def test_relative_paths_are_taken_from_where_the_object_was_made(files: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(files.parent)
    mine = scenario("node.toml")
    monkeypatch.chdir("/")
    assert st.run(mine)[0].device_title == "Half a card"


def test_objects_are_checked_as_files_are():
    with pytest.raises(st.InputError, match="has no unit"):
        st.run(scenario(st.Topology("hgx-a100-node", device=st.Gpu("a100-80gb-sxm", hbm_bytes="60"))))
    with pytest.raises(st.InputError, match="did you mean 'a100-80gb-sxm'"):
        st.run(scenario(st.Topology("hgx-a100-node", device=st.Gpu("a100-80gb-sx"))))
    with pytest.raises(st.InputError, match="did you mean 'hgx-a100-node'"):
        st.run(scenario(st.Topology("hgx-a100-nod")))
    with pytest.raises(st.InputError) as caught:
        st.run(st.Scenario("cerebras-gpt-111m", st.System("own", "hgx-a100-node", 8, stak="fsdp-2023"), batch=64))
    assert caught.value.where.startswith("Scenario: ")
    assert "did you mean 'stack'" in str(caught.value)
    with pytest.raises(st.InputError, match="is nothing that a scenario can say"):
        st.Scenario("cerebras-gpt-111m", st.System("own", "hgx-a100-node", 8), batch=object())  # type: ignore[arg-type]
    with pytest.raises(st.InputError, match="NUL"):
        st.run(st.Scenario("cerebras-gpt-111m", st.System("o\0n", "hgx-a100-node", 8), batch=8))


def test_a_folder_that_cannot_be_written_is_an_error_of_its_own(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(st.InputError, match="cannot be written"):
        scenario(own_node()).save(tmp_path / "file" / "folder")


def test_the_example_of_the_page_runs():
    page = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
    code = page.split("<!-- python: own hardware -->\n```python\n")[1].split("```")[0]
    found: dict[str, object] = {}
    exec(code.replace("print(st.run(mine))", "result = st.run(mine)"), found)
    assert "My card" in found["result"][0].device_title
