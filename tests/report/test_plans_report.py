"""What a search reports: options into scenarios, tables, charts, results.json, the best plan ready to run."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from small_systems import GPU, PIPELINE, WAFER, scenario

from sim.errors import DoesNotFit
from sim.page.blocks import Chart, Page
from sim.page.numbers import duration, usd_span, whole
from sim.page.terminal import page_text, screen
from sim.parallel.plan import Plan
from sim.planning import PlanStudy, believed
from sim.records.belief import band_words
from sim.records.plans import plans_document
from sim.report.charts.plans import by_tensor_degree, effort_figure, plans, plans_figure
from sim.report.plan import plan_page, plan_screen, write_plans
from sim.report.plan_words import answer
from sim.scenario import PlanRequest, Scenario
from sim.simulate import prepare, simulate
from sim.study.plans import SystemStudy, study_all, systems_of, with_best_plan
from sim.sweep.grid import load_scenarios

BEST = PlanRequest()


def words_of(page: Page) -> str:
    """A whole report on one line."""
    return " ".join(page_text(page, 400).split())


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


def test_the_best_plan_has_the_band_of_a_searched_one_and_says_so(studies: list[SystemStudy]) -> None:
    gpus, wafers = studies[0].found, studies[-1].found
    assert (believed(gpus).is_searched, believed(wafers).is_searched) == (True, False)
    text = words_of(plan_page(studies[:1], 3))
    assert f"Error of the step: {band_words(believed(gpus).step)} in 8 of 10 predictions like it" in text
    assert "with what a search for the fastest plan adds" in text


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
    assert "nothing fits" in words_of(plan_page(found, 1))
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


def test_the_answer_is_in_the_first_lines_of_a_short_screen(studies: list[SystemStudy]) -> None:
    for chosen in (*([one] for one in studies), [studies[0]._replace(sizes=())], studies):
        lines = screen(plan_screen(chosen)).splitlines()
        assert len(lines) <= 22
        assert max(map(len, lines)) <= 80
        assert "".join(lines).isascii()
        first = " ".join(" ".join(lines[:5]).split())
        assert f"et {chosen[0].found.best[0].plan.summary()}: " in first or len(chosen) > 1
        assert sum(line.startswith("Trust: ") for line in lines[-4:]) == 1


def test_the_answer_says_what_the_run_of_the_best_plan_comes_to(studies: list[SystemStudy]) -> None:
    for study in studies:
        best, run, scenario = study.found.best[0], study.run, study.found.about.scenario
        assert run is not None
        assert run.bill is not None
        assert run.step_time_s == pytest.approx(best.step_s, rel=1e-9)
        assert run.ledger.tax == pytest.approx(best.tax, abs=1e-9)
        assert run.mfu == pytest.approx(best.mfu, rel=1e-9)
        assert run.devices == scenario.system.devices
        text = answer(study)
        assert f"{whole(run.tokens_per_s / run.devices)} tokens/s/" in text
        assert f" tokens in {duration(run.time_to_train_s)}" in text
        assert run.bill.rental_usd is not None
        assert f", {usd_span(run.bill.rental_usd.low, run.bill.rental_usd.high)} rented." in text
        assert f"in {duration(study.undisturbed_s)} without failures." in answer(study._replace(run=None))


def test_the_report_has_every_plan_and_its_figures(studies: list[SystemStudy]) -> None:
    page = plan_page(studies, 3)
    text = words_of(page)
    for study in studies:
        assert f"{study.found.effort.legal:,} legal plan" in text
    assert "rule of thumb" in text
    assert "the median took 1.04 to 1.41 (vTrain, 4 models on 64 to 512 A100), 1.19" in text
    assert "settings beside the replicas change on average" in text
    titles = [one.title for one in page.sections]
    for begun in ("The best plans", "Less memory for more time", "The best plan at each size", "Its run and cost"):
        assert any(title.startswith(begun) for title in titles), begun


def test_a_plan_that_frameworks_refuse_is_said_with_what_to_set_instead() -> None:
    (study,), _ = study_all(systems_of([scenario(GPU, 4, BEST, batch=46)], ()), 4)
    even, best = study.found.even, study.found.best[0]
    assert even is not None
    assert isinstance(best.plan, Plan)
    assert best.plan.replica_micro_batches
    assert (even.fewest, even.most) == (min(best.plan.replica_micro_batches), best.plan.micro_batches)
    assert all(batch % (best.plan.data * best.plan.micro_batch) == 0 for batch in even.batches)
    assert even.batches[0] < 46 < even.batches[-1]
    assert even.row is not None
    assert isinstance(even.row.plan, Plan)
    assert not even.row.plan.replica_micro_batches
    assert even.row.step_s >= best.step_s
    text = " ".join(screen(plan_screen([study])).split())
    assert f"the best even plan is {even.row.plan.summary()}" in text
    assert f"Set a batch of {even.batches[0]} or {even.batches[-1]}" in text
    (written,) = plans_document([study], [])["searches"]
    assert written["even"]["row"]["step_time_s"] == even.row.step_s


def test_even_replicas_need_nothing_else(studies: list[SystemStudy]) -> None:
    assert [one.found.even for one in studies] == [None] * len(studies)
    assert "refuse" not in words_of(plan_page(studies[:1]))


def test_devices_that_the_best_plan_leaves_unused_are_paid_for() -> None:
    study = next(
        one
        for devices in (7, 11, 13)
        for one in study_all(systems_of([scenario(PIPELINE, devices, BEST)], ()), 4)[0]
        if one.found.best[0].plan.devices < devices
    )
    devices, best = study.found.about.scenario.system.devices, study.found.best[0]
    assert study.run is not None
    assert (study.run.devices, study.run.plan.devices) == (devices, best.plan.devices)
    assert study.run.mfu == pytest.approx(best.mfu, rel=1e-9)
    assert study.run.ledger.tax == pytest.approx(best.tax, abs=1e-9)
    assert f"leaves {devices - best.plan.devices} of {devices} devices unused" in words_of(plan_page([study]))


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
    written = write_plans(studies[:1], [], tmp_path / "out")
    names = {path.name for path in written}
    assert names == {
        "results.json",
        "report.md",
        "report.html",
        "best.toml",
        "plans.png",
        "plans.svg",
        "effort.png",
        "effort.svg",
    }
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
    names = {path.name for path in write_plans(studies, [], tmp_path)}
    assert {"plans-pipeline.png", "effort-pipeline.png", "plans-wafer.svg", "best.toml"} <= names
    assert plans_document(studies, [])["searches"][2]["device"].startswith("Cerebras")


def test_one_system_with_two_models_has_files_for_each(studies: list[SystemStudy], tmp_path: Path) -> None:
    points = [scenario(GPU, 2, BEST, model=name) for name in ("cerebras-gpt-111m", "cerebras-gpt-256m")]
    found, _ = study_all(systems_of(points, ()), 1)
    names = {path.name for path in write_plans([*found, found[0]], [], tmp_path)}
    assert {"plans-gpu-cluster-cerebras-gpt-256m.png", "plans-gpu-cluster-cerebras-gpt-111m-2.svg"} <= names
    assert len([name for name in names if name.startswith("plans")]) == 6


def test_one_size_has_no_chart_against_sizes(studies: list[SystemStudy], tmp_path: Path) -> None:
    alone = studies[0]._replace(sizes=())
    assert "plans.png" in {path.name for path in write_plans([alone], [], tmp_path)}
    assert not list(tmp_path.glob("effort*"))


def test_charts_are_left_out_where_nobody_wants_them(studies: list[SystemStudy], tmp_path: Path) -> None:
    written = write_plans(studies[:1], [], tmp_path / "one", charts=False)
    assert {path.name for path in written} == {"results.json", "report.md", "report.html", "best.toml"}
    found = studies[0].found
    scenario = found.about.scenario
    quiet = dataclasses.replace(scenario, report=dataclasses.replace(scenario.report, charts=False))
    unwanted = studies[0]._replace(found=dataclasses.replace(found, about=found.about._replace(scenario=quiet)))
    assert len(write_plans([unwanted], [], tmp_path / "two")) == 4


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


def test_the_answer_says_how_many_of_the_devices_the_plan_uses() -> None:
    point = scenario(PIPELINE, 7, PlanRequest(), batch=4)
    (study,), _ = study_all(systems_of([point], ()), 4)
    used = study.found.best[0].plan.devices
    assert used < 7
    assert f" on {used} of 7 devices: " in answer(study)


def test_the_page_draws_plans_and_sizes_as_they_were_found(studies: list[SystemStudy]) -> None:
    shown = plan_page(studies, 4)
    drawn = {one.key: one for part in shown.sections for one in part.blocks if isinstance(one, Chart)}
    clouds = [one for key, one in drawn.items() if key.startswith("plans-")]
    assert len(clouds) == len(studies)
    for cloud, study in zip(clouds, studies, strict=True):
        for group, rows in zip(cloud.data["groups"], (study.found.best, study.found.front), strict=True):
            assert [point[:2] for point in group["points"]] == [(row.peak_bytes / 2**30, row.step_s) for row in rows]
            assert [dict(point[2])["plan"] for point in group["points"]] == [row.plan.summary() for row in rows]
    curves = drawn["scaling"].data["curves"]
    for curve, study in zip(curves, studies, strict=True):
        sizes = [one for one in study.sizes if isinstance(one.found, PlanStudy)]
        points = [shown.data["points"][index] for index in curve["points"]]
        assert [point["x"] for point in points] == [one.devices for one in sizes]
        for point, size in zip(points, sizes, strict=True):
            best = size.found.best[0]
            assert point["values"]["step_time_s"] == best.step_s
            assert point["values"]["memory_peak_bytes"] == best.peak_bytes
            assert set(point["values"].values()) >= {best.mfu, best.tax}
    runs = [study.run for study in studies if study.run]
    assert [point["values"]["step_time_s"] for point in shown.data["points"][: len(runs)]] == [
        run.step_time_s for run in runs
    ]
    assert {"account", "timeline", "memory", "measured", "what-if"} <= set(drawn)
