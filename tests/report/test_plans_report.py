"""What a search reports: options into scenarios, tables, charts, results.json, the best plan ready to run."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from sim.records.plan_files import with_best_plan, write_studies
from sim.report.plans.asked import asked, refuse_beside_file, sizes_of, with_limits
from sim.report.plans.screen import plans_screen
from small_systems import GPU, PIPELINE, WAFER, scenario

from sim.errors import DoesNotFit, InputError
from sim.page.numbers import percent
from sim.parallel.plan import Plan
from sim.planning import PlanStudy, believed
from sim.records.belief import band_words
from sim.records.plans import plans_document
from sim.report.charts.plans import by_tensor_degree, effort_figure, plans, plans_figure
from sim.scenario import PlanRequest, Scenario
from sim.scenario.amounts import batch_note
from sim.simulate import prepare, simulate
from sim.study.plans import SystemStudy, study_all, systems_of
from sim.sweep.grid import load_scenarios

BEST = PlanRequest()
OPTIONS: dict[str, Any] = {
    "--model": "cerebras-gpt-111m", "--topology": "hgx-a100-node", "--devices": 8, "--batch": "48", "--sequence": 512,
    "--tokens": None, "--stack": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def studies() -> list[SystemStudy]:
    """A pipeline at three sizes, one of them awkward, FSDP, and wafers."""
    points = [scenario(PIPELINE, devices, BEST) for devices in (4, 6, 8)]
    points += [scenario(GPU, 8, BEST), scenario(WAFER, 2, BEST)]
    found, failures = study_all(systems_of(points, ()), 4)
    assert not failures
    return found


@pytest.fixture(scope="module")
def pipeline(studies: list[SystemStudy]) -> PlanStudy:
    return studies[0].found


def test_options_make_a_scenario() -> None:
    (one,) = asked(OPTIONS, ["training.precision=fp16"])
    assert (one.model.name, one.system.devices, one.training.global_batch) == ("cerebras-gpt-111m", 8, 48)
    assert (one.training.sequence, one.training.precision, one.system.plan) == (512, "fp16", BEST)
    assert one.system.stack == "megatron-core-2024-plain"
    (wafer,) = asked({**OPTIONS, "--topology": "andromeda", "--devices": 2}, [])
    assert wafer.system.stack == "cerebras-r2"
    (tokens,) = asked({**OPTIONS, "--batch": "24576 tokens"}, [])
    assert tokens.training.global_batch == 48


@pytest.mark.parametrize(
    ("stack", "changes", "is_default"),
    [
        (None, [], True),
        ("megatron-core-2024", [], False),
        (None, ["system.stack=megatron-2022"], False),
        ("megatron-core-2024,megatron-2022", [], False),
    ],
)
def test_a_stack_that_nobody_named_is_a_guess(stack: str | None, changes: list[str], is_default: bool) -> None:
    found = asked({**OPTIONS, "--stack": stack}, changes)
    assert {one.system.stack_is_default for one in found} == {is_default}


def test_the_best_plan_has_the_band_of_a_searched_one_and_says_so(studies: list[SystemStudy]) -> None:
    gpus, wafers = studies[0].found, studies[-1].found
    assert (believed(gpus).is_searched, believed(wafers).is_searched) == (True, False)
    text = plans_screen(studies[:1], 3)
    assert f"Error of its step time, P10 to P90: {band_words(believed(gpus).step)}." in text
    assert "with what a search for the fastest plan adds" in " ".join(text.split())


def test_amounts_of_the_options_are_for_people() -> None:
    (scenario,) = asked({**OPTIONS, "--batch": "1M tokens", "--tokens": "1.4T"}, [])
    recipe = scenario.training
    assert (recipe.tokens, recipe.asked_batch_tokens) == (1.4e12, 1_000_000)
    assert abs(recipe.global_batch * recipe.sequence - 1_000_000) <= recipe.sequence / 2
    assert batch_note(recipe).startswith("a batch of 1,000,000 tokens is ")


def test_old_devices_are_planned_in_the_precision_that_they_have() -> None:
    (one,) = asked({**OPTIONS, "--topology": "dgx-1-v100"}, [])
    assert one.training.precision == "fp16"


@pytest.mark.parametrize("option", ["--model", "--topology", "--devices", "--batch"])
def test_a_missing_option_is_named(option: str) -> None:
    with pytest.raises(InputError, match=f"neither a scenario file nor {option}"):
        asked({**OPTIONS, option: None}, [])


def test_a_file_and_options_do_not_go_together() -> None:
    with pytest.raises(InputError, match=r"both the scenario mine\.toml and --devices"):
        refuse_beside_file(Path("mine.toml"), {"--devices": 8, "--model": None})
    refuse_beside_file(Path("mine.toml"), {"--devices": None})
    refuse_beside_file(None, {"--devices": 8})


def test_sizes_are_read_in_order() -> None:
    assert sizes_of(None) == []
    assert sizes_of("512, 64,512") == [64, 512]
    for text in ("", "64,many", "64,-1", "0"):
        with pytest.raises(InputError, match="is not a list of device counts"):
            sizes_of(text)


def test_limits_of_the_command_line_replace_those_of_a_scenario() -> None:
    points = [scenario(PIPELINE, 8, BEST), scenario(WAFER, 1, BEST)]
    gpus, wafer = with_limits(points, ["tensor <= 2"], "10 %")
    assert [limit.text for limit in gpus.system.search.only] == ["tensor <= 2"]
    assert gpus.system.search.memory_margin == pytest.approx(0.1)
    # There is nothing to limit on a wafer; where there are only wafers, that is said.
    assert wafer == points[1]
    assert with_limits(points, (), None) == points
    with pytest.raises(InputError, match="only wafers"):
        with_limits(points[1:], ["tensor <= 2"], None)
    for option, only, margin in (("--only", ["tensr <= 2"], None), ("--memory-margin", (), "ten")):
        with pytest.raises(InputError) as caught:
            with_limits(points, only, margin)
        assert caught.value.where == option


def test_points_that_differ_in_size_only_are_one_system() -> None:
    points = [scenario(PIPELINE, devices, BEST) for devices in (8, 4)] + [scenario(GPU, 8, BEST)]
    assert [[one.system.devices for one in own] for own in systems_of(points, ())] == [[4, 8], [8]]
    assert [[one.system.devices for one in own] for own in systems_of(points, (2, 8))] == [[2, 4, 8], [2, 8]]


def test_a_size_without_a_plan_does_not_stop_the_others() -> None:
    small = scenario(PIPELINE, 1, BEST, model="cerebras-gpt-13b", batch=8)
    large = dataclasses.replace(small, system=dataclasses.replace(small.system, devices=8))
    found, failures = study_all(systems_of([small, large], ()), 1)
    assert [type(failure) for failure in failures] == [DoesNotFit]
    assert [one.devices for one in found[0].sizes] == [1, 8]
    assert "nothing fits" in plans_screen(found, 1)
    assert found[0].sizes[1].changed is None
    with pytest.raises(DoesNotFit):
        study_all([[small]], 1)


def test_the_best_is_the_first_and_everything_adds_up(studies: list[SystemStudy]) -> None:
    for study in studies:
        best = study.found.best
        assert [row.step_s for row in best] == sorted(row.step_s for row in best)
        assert list(study.found.step_s) == sorted(study.found.step_s)
        assert len(study.found.step_s) == study.found.effort.fitting
        assert all(0 < row.mfu < 1 and row.peak_bytes <= study.found.capacity_bytes for row in best)


def test_the_front_trades_memory_for_time(studies: list[SystemStudy]) -> None:
    for study in studies:
        front = study.found.front
        assert [row.step_s for row in front] == sorted(row.step_s for row in front)
        assert [row.peak_bytes for row in front] == sorted((row.peak_bytes for row in front), reverse=True)


def test_the_screen_has_every_plan_and_its_figures(studies: list[SystemStudy]) -> None:
    text = plans_screen(studies, 3)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    for study in studies:
        for row in study.found.best[:3]:
            assert re.search(
                rf"{re.escape(percent(row.mfu))} +[\d.]+ [KMG]iB +{re.escape(percent(row.tax or 0))}", text
            )
        assert f"{study.found.effort.legal:,} legal plans" in text
    assert "rule of thumb" in text
    assert "the median took 1.04 to 1.41 (vTrain, 4 models on 64 to 512 A100), 1.19" in " ".join(text.split())
    assert "settings beside the replicas change on average" in text


def test_what_changes_from_size_to_size(studies: list[SystemStudy]) -> None:
    sizes = studies[0].sizes
    assert [one.devices for one in sizes] == [4, 6, 8]
    assert sizes[0].changed is None
    for before, after in itertools.pairwise(sizes):
        assert isinstance(before.found, PlanStudy)
        assert isinstance(after.found, PlanStudy)
        one, other = before.found.best[0].plan, after.found.best[0].plan
        assert isinstance(one, Plan)
        assert isinstance(other, Plan)
        assert ("tensor" in (after.changed or ())) == (one.tensor != other.tensor)


def test_the_tax_and_the_step_are_those_of_a_whole_simulation(studies: list[SystemStudy]) -> None:
    for study in studies:
        outcome = simulate(prepare_best(study.found))
        best = study.found.best[0]
        assert outcome.step_time_s == pytest.approx(best.step_s, rel=1e-9)
        if outcome.plan.devices == study.found.about.scenario.system.devices:
            assert outcome.ledger.tax == pytest.approx(best.tax, abs=1e-9)
            assert outcome.mfu == pytest.approx(best.mfu, rel=1e-9)


def prepare_best(found: PlanStudy) -> Scenario:
    one = with_best_plan(found)
    assert prepare(one).plan.summary() == found.best[0].plan.summary()
    return one


def test_results_hold_everything_and_the_best_plan_runs(studies: list[SystemStudy], tmp_path: Path) -> None:
    written = write_studies(studies[:1], [], tmp_path / "out")
    names = {path.name for path in written}
    assert names == {"results.json", "best.toml", "plans.png", "plans.svg", "effort.png", "effort.svg"}
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    assert plans_document(studies[:1], []).items() <= document.items()
    (search,) = document["searches"]
    assert search["effort"]["legal"] >= search["effort"]["fitting"] == studies[0].found.effort.fitting
    assert [one["devices"] for one in search["sizes"]] == [4, 6, 8]
    quantiles = search["step_time_quantiles_s"]
    assert (len(quantiles), quantiles) == (101, sorted(quantiles))
    (again,) = load_scenarios(tmp_path / "out" / "best.toml")
    assert simulate(again).step_time_s == pytest.approx(search["best"][0]["step_time_s"], rel=1e-9)


def test_several_systems_have_files_of_their_own(studies: list[SystemStudy], tmp_path: Path) -> None:
    names = {path.name for path in write_studies(studies, [], tmp_path)}
    assert {"plans-pipeline.png", "effort-pipeline.png", "plans-wafer.svg", "best.toml"} <= names
    assert plans_document(studies, [])["searches"][2]["device"].startswith("Cerebras")


def test_one_system_with_two_models_has_files_for_each(studies: list[SystemStudy], tmp_path: Path) -> None:
    points = [scenario(GPU, 2, BEST, model=name) for name in ("cerebras-gpt-111m", "cerebras-gpt-256m")]
    found, _ = study_all(systems_of(points, ()), 1)
    names = {path.name for path in write_studies([*found, found[0]], [], tmp_path)}
    assert {"plans-gpu-cluster-cerebras-gpt-256m.png", "plans-gpu-cluster-cerebras-gpt-111m-2.svg"} <= names
    assert len([name for name in names if name.startswith("plans")]) == 6


def test_one_size_has_no_chart_against_sizes(studies: list[SystemStudy], tmp_path: Path) -> None:
    alone = studies[0]._replace(sizes=())
    assert "plans.png" in {path.name for path in write_studies([alone], [], tmp_path)}
    assert not list(tmp_path.glob("effort*"))


def test_charts_are_left_out_where_nobody_wants_them(studies: list[SystemStudy], tmp_path: Path) -> None:
    written = write_studies(studies[:1], [], tmp_path / "one", charts=False)
    assert {path.name for path in written} == {"results.json", "best.toml"}
    found = studies[0].found
    scenario = found.about.scenario
    quiet = dataclasses.replace(scenario, report=dataclasses.replace(scenario.report, charts=False))
    unwanted = studies[0]._replace(found=dataclasses.replace(found, about=found.about._replace(scenario=quiet)))
    assert len(write_studies([unwanted], [], tmp_path / "two")) == 2


def test_charts_of_plans_draw_on_the_axes_given(studies: list[SystemStudy]) -> None:
    for study in studies:
        given = Figure().add_subplot()
        assert plans(study.found, given) is given
        offsets = np.ma.getdata(given.collections[0].get_offsets())
        assert np.sort(offsets[:, 1]) == pytest.approx(np.sort(study.found.step_s))
        rows = by_tensor_degree(study.found, Figure().add_subplot())
        labels = [label.get_text() for label in rows.get_yticklabels()]
        assert labels == [f"tensor {degree}" for degree in np.unique(study.found.tensor)]
        assert plans_figure(study.found).axes


def test_the_effort_chart_counts_plans(studies: list[SystemStudy]) -> None:
    for study in studies:
        top, below = effort_figure(study).axes
        effort = study.found.effort
        heights = {round(bar.get_height()) for bar in top.patches}  # type: ignore[attr-defined]
        assert {effort.legal, effort.fitting} <= heights
        assert below.get_yticklabels()
