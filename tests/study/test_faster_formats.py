"""Whether the best plan would be faster in a narrower format: asked of device, stack and closed form."""

from __future__ import annotations

import dataclasses

import pytest
from small_systems import PIPELINE, WAFER, scenario

from sim.page.terminal import screen
from sim.report.plan import plan_screen
from sim.scenario import PlanRequest, Scenario
from sim.scenario.limits import left_out
from sim.scenario.training import RecipeRequest
from sim.simulate import simulate
from sim.study.faster_formats import faster_formats
from sim.study.plans import SystemStudy, study_all, systems_of, with_best_plan

B200 = ("b200", "hgx-b200-node", "megatron-bridge-26.08")


def one(system: tuple[str, str, str], *, model: str = "llama-3.2-3b", **training: object) -> Scenario:
    point = scenario(system, 8 if system is not WAFER else 2, PlanRequest(), model, 64)
    return dataclasses.replace(point, training=dataclasses.replace(point.training, **{"sequence": 2048, **training}))


def study(point: Scenario) -> SystemStudy:
    studies, failures = study_all(systems_of([point], ()), 1)
    assert not failures
    return studies[0]


@pytest.fixture(scope="module")
def bf16() -> SystemStudy:
    return study(one(B200))


def test_narrower_formats_are_told_with_what_they_gain(bf16: SystemStudy) -> None:
    assert {found.precision for found in bf16.faster} == {"fp8", "mxfp8", "nvfp4"}
    speedups = [found.speedup for found in bf16.faster]
    assert speedups == sorted(speedups, reverse=True)
    assert speedups[-1] > 1
    text = " ".join(screen(plan_screen([bf16])).split())
    assert f"The same plan in {bf16.faster[0].precision}: " in text
    # The closed form ranks as the engine does.
    best = with_best_plan(bf16.found)
    narrow = dataclasses.replace(best, training=dataclasses.replace(best.training, precision="fp8"))
    gained = next(found.speedup for found in bf16.faster if found.precision == "fp8")
    assert simulate(best).step_time_s / simulate(narrow).step_time_s == pytest.approx(gained, rel=0.1)


def test_nothing_is_told_where_nothing_is_gained(bf16: SystemStudy) -> None:
    named = with_best_plan(bf16.found)
    recipe = dataclasses.replace(named.training, recipe=RecipeRequest(moments="bf16"))
    assert faster_formats(bf16.found, dataclasses.replace(named, training=recipe)) == ()
    # Neither A100s nor wafers have a narrower format, and of fp8 and MXFP8 none has the higher peak.
    for point in (one(PIPELINE), one(WAFER, model="cerebras-gpt-111m")):
        assert study(point).faster == ()
    assert {found.precision for found in study(one(B200, precision="mxfp8")).faster} <= {"nvfp4"}


def test_what_no_search_tries_is_named(bf16: SystemStudy) -> None:
    assert bf16.left_out == left_out(PlanRequest(tensor=2, offload_layers=0)) == ()
    by_hand = PlanRequest(rule="fixed", optimizer_offload="cpu", zero_group=4)
    assert left_out(by_hand) == ("optimizer_offload = cpu", "zero_group = 4")
    text = " ".join(screen(plan_screen([bf16._replace(left_out=left_out(by_hand))])).split())
    assert "no search tries optimizer_offload = cpu, zero_group = 4: left out" in text


def test_systems_of_several_precisions_are_told_apart(bf16: SystemStudy) -> None:
    text = screen(plan_screen([bf16, study(one(B200, precision="mxfp8"))]))
    assert "precision" in text
    assert "mxfp8: set" in " ".join(text.split())
    assert "precision" not in screen(plan_screen([bf16, bf16]))
