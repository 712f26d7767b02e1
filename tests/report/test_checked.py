"""A check says in what devices differ and how they would be simulated, and simulates nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest
from builders import fixed, point, training

from sim.catalog import SlowPlace, Variation, load_model, load_variation
from sim.errors import DoesNotFit
from sim.report.checked import checked, with_devices
from sim.scenario import PlanRequest, Scenario
from sim.simulate import prepare
from sim.study.variation_words import variation_words


def changed(**system: object) -> Scenario:
    scenario = point(plan=fixed(micro_batch=1))
    changes = dataclasses.replace(scenario.system, **system)
    return dataclasses.replace(scenario, system=changes, steps=40, seed=7)


def test_equal_devices_are_not_mentioned() -> None:
    text = checked(prepare(changed()))
    assert "resolution" not in text
    assert "devices   " not in text


def refused(**plan: int) -> tuple[Scenario, DoesNotFit]:
    model = load_model("gpt3-175b")
    scenario = dataclasses.replace(point(model, 8, fixed(**plan), recipe=training(64, 2048)), model=model)
    with pytest.raises(DoesNotFit) as caught:
        prepare(scenario)
    return scenario, caught.value


def test_what_does_not_fit_says_how_many_devices_would_hold_it() -> None:
    scenario, error = refused(tensor=8)
    told = with_devices(scenario, error)
    assert (told.where, told.problem) == (error.where, error.problem)
    assert re.fullmatch(r"[\d,]+ of these devices would hold it, as .*", told.remedy.splitlines()[-1])
    # A search has said so already.
    best = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, plan=PlanRequest()))
    assert with_devices(best, error) is error


def test_a_rounded_batch_is_said() -> None:
    scenario = changed()
    recipe = dataclasses.replace(scenario.training, asked_batch_tokens=scenario.training.sequence * 64 + 100)
    assert "a batch of " not in checked(prepare(scenario))
    text = checked(prepare(dataclasses.replace(scenario, training=recipe)))
    assert f"tokens is 64.8 sequences of {recipe.sequence:,}: " in text


def test_a_resolution_that_was_asked_for_is_mentioned() -> None:
    for name in ("folded", "full"):
        assert f"  devices   alike; resolution {name} (asked for)\n" in checked(prepare(changed(resolution=name)))


def test_a_variation_is_mentioned_part_by_part() -> None:
    text = checked(prepare(changed(variation=load_variation("as-found"))))
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("  devices"))
    assert max(map(len, lines[start : start + 3])) <= 120
    words = " ".join(text.split())
    assert "devices differ (as-found): speed spread 1 %, kernel jitter 3 %, network noise 1 %," in words
    assert "stalls 4.8 an hour of 21 ms, slow devices 0.064 % +25 %," in words
    assert "resolution full (devices differ: variation 'as-found'), 40 steps, seed 7" in words


def test_parts_that_are_off_are_left_out() -> None:
    assert variation_words(Variation()) == []
    places = tuple(SlowPlace(0.2, device=number) for number in range(5))
    assert variation_words(Variation(slow=(SlowPlace(0.25, node=1200),), kernel_jitter=0.03)) == [
        "kernel jitter 3 %",
        "node 1,200 +25 %",
    ]
    assert variation_words(Variation(slow=places))[-1] == "2 more slow places"
