"""The documentation's examples are run, and its figures are the program's own."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sim.asked import asked
from sim.catalog import load_evidence, read_device
from sim.hardware.network import Group, Network
from sim.hardware.topology import load_topology
from sim.outcome.lines import LINES
from sim.page.markdown import table_markdown
from sim.page.terminal import screen
from sim.records.validation import read_summary
from sim.report.catalogue.machines import latest_markdown, options_markdown, stacks_markdown
from sim.report.plan import TOP, plan_screen
from sim.report.run import run_answer, run_screen
from sim.report.sentences import sentences
from sim.report.stragglers import steps_table
from sim.report.validation.markdown import believed_blocks, documentation_blocks, readme_block
from sim.simulate import simulate
from sim.study.findings import findings
from sim.study.plans import study_all, systems_of
from sim.study.points import curves
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load_scenarios
from sim.validation.unseen import read_unseen

ROOT = Path(__file__).parents[1]
SCHEDULE_ORDER = ("1f1b", "interleaved", "zb-h1", "zb-h2", "zb-v", "dualpipe", "dualpipev")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIO_PAGE = (ROOT / "docs" / "scenario-file.md").read_text(encoding="utf-8")
MINE = re.compile(r"<!-- scenario: mine.toml -->\n```toml\n(.*?)```", re.S)
ADDRESS = re.compile(r"\]\(([^)\s]+)\)")


def test_the_screen_of_the_readme_is_what_is_printed() -> None:
    outcomes = [simulate(scenario) for scenario in load_scenarios(ROOT / "scenarios" / "quickstart.toml")]
    printed = "\n".join(f"    {line}".rstrip() for line in screen(run_screen(findings(outcomes))).splitlines())
    assert f"<!-- begin screen -->\n{printed}\n<!-- end screen -->" in README, "run `make docs`"


def test_the_plan_of_the_readme_is_what_is_found() -> None:
    command = re.search(r'\$ scaletax plan --model (\S+) --topology (\S+) --devices (\d+) --batch "([^"]+)"', README)
    assert command is not None
    model, topology, devices, batch = command.groups()
    scenarios = asked(model=model, topology=topology, devices=int(devices), batch=batch)
    studies, failures = study_all(systems_of(scenarios, []), TOP)
    assert not failures
    printed = "\n".join(f"    {line}".rstrip() for line in screen(plan_screen(studies)).splitlines())
    assert f"<!-- begin plan -->\n{printed}\n<!-- end plan -->" in README, "run `make docs`"


@pytest.mark.slow
def test_the_answer_of_the_readme_is_that_of_the_main_scenario() -> None:
    found = findings([simulate(scenario) for scenario in load_scenarios(ROOT / "scenarios" / "claim.toml")])
    said = "\n".join(f"- {text}" for text in (*run_answer(found), *sentences(found.curves)))
    assert f"<!-- begin answer -->\n{said}\n<!-- end answer -->" in README, "run `make docs`"


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 200


def test_the_scenario_of_its_page_runs(tmp_path: Path) -> None:
    block = MINE.search(SCENARIO_PAGE)
    assert block is not None
    path = tmp_path / "mine.toml"
    path.write_text(block.group(1), encoding="utf-8")
    results = run_points(load_scenarios(path))
    assert len(results) == 3
    assert not any(isinstance(result, Failure) for result in results)


def test_the_page_on_stacks_has_what_the_catalogue_says() -> None:
    page = (ROOT / "docs" / "stacks.md").read_text(encoding="utf-8")
    assert f"<!-- begin guide -->\n{stacks_markdown()}\n<!-- end guide -->" in page, "run `make docs`"
    assert f"<!-- begin options -->\n{options_markdown()}\n<!-- end options -->" in page, "run `make docs`"
    assert f"<!-- begin latest -->\n{latest_markdown()}\n<!-- end latest -->" in page


def test_the_schedules_of_the_documentation_take_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "plans.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- scenario: schedules.toml -->\n```toml\n(.*?)```\n\n(.*?)\n\n", text, re.S)
    assert block is not None
    (tmp_path / "schedules.toml").write_text(block.group(1), encoding="utf-8")
    scenarios = load_scenarios(tmp_path / "schedules.toml")
    assert [one.system.plan.schedule for one in scenarios] == list(SCHEDULE_ORDER)
    told = dict(re.findall(r"`([\w-]+)`[^`]*? (\d\.\d\d) s", block.group(2)))
    assert set(told) == {"1f1b", "zb-h1", "zb-v", "dualpipe"}
    for scenario in scenarios:
        seconds = f"{simulate(scenario).step_time_s:.2f}"
        assert told.get(scenario.system.plan.schedule or "", seconds) == seconds


def test_the_moments_of_the_documentation_take_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- scenario: moments.toml -->\n```toml\n(.*?)```\n\n(.*?)\n\n", text, re.S)
    assert block is not None
    (tmp_path / "moments.toml").write_text(block.group(1), encoding="utf-8")
    found = [simulate(scenario) for scenario in load_scenarios(tmp_path / "moments.toml")]
    told = [float(one) for one in re.findall(r"(\d+\.\d) GB", block.group(2))]
    assert told == [round(one.memory.stages[0]["optimizer"] / 1e9, 1) for one in found]
    assert f"{found[0].step_time_s:.2f} s" in block.group(2)
    assert f"{1e3 * (found[0].step_time_s - found[2].step_time_s):.0f} ms shorter" in block.group(2)


def test_the_narrow_products_of_the_documentation_take_what_it_says(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "precision.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- scenario: narrow.toml -->\n```toml\n(.*?)```\n\n(.*?)\n\n(.*?)\n\n(.*?)\n\n", text, re.S)
    assert block is not None
    (tmp_path / "narrow.toml").write_text(block.group(1), encoding="utf-8")
    half, narrow = (simulate(scenario) for scenario in load_scenarios(tmp_path / "narrow.toml"))
    assert f"{half.step_time_s:.2f} s in bf16 and {narrow.step_time_s:.2f} s in fp8" in block.group(2)
    assert f"{half.step_time_s / narrow.step_time_s:.2f} times as fast" in block.group(2)
    told = [float(one) for one in re.findall(r"(\d+\.\d) GB", block.group(2))]
    assert told == [round(one.memory.stages[0]["weights"] / 1e9, 1) for one in (half, narrow)]
    assert f"from {100 * half.mfu:.0f} to {100 * narrow.mfu:.0f} %" in block.group(4)
    assert f"rises to {100 * narrow.mfu_half:.0f} %" in block.group(4)


def test_the_python_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    block = re.search(r"<!-- python: first -->\n```python\n(.*?)```", README, re.S)
    assert block is not None
    assert 3 <= len([line for line in block.group(1).splitlines() if line]) <= 6
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block.group(1), "README.md", "exec"), names)
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("8 A100", "1 CS-2", "distribution_tax"))
    assert len(names["best"].rows) > 1
    assert not list(tmp_path.iterdir()), "nothing is written unless asked"


def test_the_python_of_the_architecture_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = MINE.search(SCENARIO_PAGE)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- python: with mine.toml -->\n```python\n(.*?)```\n\nIt prints `([^`]+)`.*?\n\n", page, re.S)
    assert scenario is not None
    assert block is not None
    (tmp_path / "mine.toml").write_text(scenario.group(1), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(block.group(1), "architecture.md", "exec"), {})
    first, *others = capsys.readouterr().out.splitlines()
    assert first == block.group(2)
    assert [line.split()[0] for line in others[: len(LINES)]] == list(LINES)
    kernels = [line[:24].strip() for line in others[len(LINES) :]]
    assert (kernels[0], kernels[-1]) == ("norm 0", "embedding")
    assert f"from `{kernels[0]}` to `{kernels[-1]}`" in block.group(0)


def test_the_topology_of_the_documentation_carries_collectives(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- topology: (.*?) -->\n```toml\n(.*?)```", text, re.S)
    assert block is not None
    (tmp_path / block.group(1)).write_text(block.group(2), encoding="utf-8")
    topology = load_topology(block.group(1), 4, "docs", tmp_path)
    network = Network(topology)
    # Two cables of 0.9 x 12.5 GB/s carry both ways round of a ring over all four.
    rings = [network.options("all_gather", Group(ranks))[-1] for ranks in (4, 2)]
    rates = [(n - 1) / n / ring.s_per_byte for n, ring in zip((4, 2), rings, strict=True)]
    assert rates == pytest.approx([2 * 0.9 * 12.5e9, 0.78 * 300e9])


def test_the_device_of_the_documentation_is_one(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "network.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- device: (.*?) -->\n```toml\n(.*?)```", text, re.S)
    assert block is not None
    (tmp_path / block.group(1)).write_text(block.group(2), encoding="utf-8")
    device = read_device(tmp_path / block.group(1), "docs")
    assert (device.name, device.base, device.peak_flops_per_s["bf16"]) == ("my-card", "a100-80gb-pcie", 210e12)


QUICK = {"quickstart", "fabrics", "mixed-a100-h100", "mpt-7b-440-a100"}
SHELF = [
    pytest.param(path, id=path.stem, marks=() if path.stem in QUICK else pytest.mark.slow)
    for path in sorted(ROOT.glob("scenarios/*.toml"))
]


@pytest.mark.parametrize("path", SHELF)
def test_every_scenario_on_the_shelf_runs(path: Path) -> None:
    # A few steps are enough to see that a scenario runs; those of its own are for its charts.
    scenarios = load_scenarios(path, ["steps=3"])
    if path.stem.startswith("claim-"):
        # The same question of other models: small sizes are enough, and large ones of the smallest batch.
        wanted = (1, 8, 64, 4096) if path.stem == "claim-111m" else (1, 8)
        scenarios = [one for one in scenarios if one.system.devices in wanted]
    # Of many points the ends of every axis and a few between them; `make demo` runs all of the claim.
    for scenario in scenarios[:: max(1, len(scenarios) // 3)]:
        simulate(scenario)


@pytest.mark.slow
def test_what_is_said_of_devices_that_differ_is_what_the_program_says() -> None:
    scenarios = load_scenarios(ROOT / "scenarios" / "stragglers.toml")
    most = max(scenario.system.devices for scenario in scenarios)
    largest = [simulate(scenario) for scenario in scenarios if scenario.system.devices == most]
    page = (ROOT / "docs" / "variation.md").read_text(encoding="utf-8")
    said = table_markdown(steps_table(curves(largest)))
    assert f"<!-- begin differ -->\n{said}\n<!-- end differ -->" in page, "run `make docs`"


def test_the_figures_of_the_validation_are_those_of_the_stored_result() -> None:
    stored = read_summary(json.loads((ROOT / "docs" / "validation.json").read_text(encoding="utf-8"))["summary"])
    document = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    for name, text in documentation_blocks(stored).items():
        assert f"<!-- begin {name} -->\n{text}\n<!-- end {name} -->" in document, name


def test_what_is_told_first_is_what_follows_from_the_stored_rows() -> None:
    stored = read_summary(json.loads((ROOT / "docs" / "validation.json").read_text(encoding="utf-8"))["summary"])
    document = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    unseen, evidence = read_unseen(), load_evidence()
    found = believed_blocks(unseen, stored, evidence)
    for name, text in found.items():
        assert f"<!-- begin {name} -->\n{text}\n<!-- end {name} -->" in document, name
    short = readme_block(unseen, stored, evidence)
    bands = (ROOT / "docs" / "how-the-bands-are-made.md").read_text(encoding="utf-8")
    for page in (README, bands):
        assert f"<!-- begin validation -->\n{short}\n<!-- end validation -->" in page
    # Every figure of the short tables is one of the long ones.
    whole = set(found["believed"].splitlines())
    cells = [{cell.strip() for cell in line.split("|")} for line in whole]
    shortened = [{cell.strip() for cell in line.split("|")} for line in short.splitlines() if "%" in line]
    assert len(shortened) == 7
    assert all(any(one <= other for other in cells) for one in shortened)


def test_the_reading_path_is_ten_files() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    path = text.split("## A reading path")[1].split("From there")[0]
    stops = re.findall(r"^(\d+)\. `(sim/[^`]+\.py)`:", path, re.M)
    assert [int(number) for number, _ in stops] == list(range(1, 11))
    for number, stop in stops:
        assert (ROOT / stop).is_file()
        # What a stop says lies next to it does.
        words = path.split(f"{number}. `{stop}`:")[1].split("\n\n")[0].split(f"\n{int(number) + 1}. ")[0]
        for name in re.findall(r"`([\w/]+(?:\.py|/))`", words):
            assert ((ROOT / stop).parent / name).exists() or (ROOT / name).exists(), name


def test_links_lead_somewhere() -> None:
    for document in [ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_links_of_the_readme_work_on_a_package_index() -> None:
    base = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Homepage"]
    found = ADDRESS.findall(README)
    assert len(found) > 20
    for address in found:
        path, _, anchor = address.removeprefix(base).partition("#")
        # Pages are shown, pictures are sent as they are.
        kind = "raw" if path.endswith(".png") else "blob"
        assert address.startswith(f"{base}/{kind}/main/"), address
        target = ROOT / path.removeprefix(f"/{kind}/main/")
        assert target.is_file(), address
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M) if anchor else []
        assert not anchor or anchor in {_anchor(one) for one in headings}, address


def test_every_page_can_be_found_from_the_readme() -> None:
    assert {path.name for path in ROOT.glob("docs/**/*.md")} <= {
        address.split("/")[-1] for address in ADDRESS.findall(README)
    }


def _anchor(heading: str) -> str:
    """The anchor that a heading gets where pages are shown."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
