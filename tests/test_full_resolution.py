"""Scenarios in which devices differ, from end to end."""

import dataclasses

import pytest

from sim.catalog import SlowPlace, Stalls, Variation, load_variation
from sim.counterfactual import counterfactuals
from sim.errors import InputError
from sim.outcome.lines import LINES
from sim.simulate import prepare, resolution_of, simulate
from tests.builders import fixed, gpt, point, training

PLANS = {
    "data": fixed(),
    "tensor": fixed(tensor=4),
    "pipeline": fixed(tensor=2, pipeline=4, micro_batch=1),
    "interleaved": fixed(pipeline=2, virtual_stages=2, zero=1),
}


def varied(scenario, variation="as-found", steps=8, resolution="auto", seed=0):
    """The scenario with devices that differ."""
    record = load_variation(variation) if isinstance(variation, str) else variation
    system = dataclasses.replace(scenario.system, variation=record, resolution=resolution)
    return dataclasses.replace(scenario, system=system, steps=steps, seed=seed)


def test_the_resolution_and_why():
    assert resolution_of(point()).name == "folded"
    assert "alike" in resolution_of(point()).why
    assert dataclasses.astuple(resolution_of(varied(point()))) == ("full", "devices differ: variation 'as-found'")
    for asked in ("folded", "full"):
        assert dataclasses.astuple(resolution_of(varied(point(), "none", resolution=asked))) == (asked, "asked for")


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_every_device_of_equal_ones_gives_the_folded_account(plan):
    scenario = point(gpt(8, 512, 8), 32, plan)
    folded, full = simulate(scenario), simulate(varied(scenario, "none", resolution="full"))
    assert full.step_time_s == pytest.approx(folded.step_time_s, rel=1e-9)
    assert full.ledger.device_seconds == pytest.approx(folded.ledger.device_seconds, rel=1e-9, abs=1e-9)
    assert (folded.step_times, len(full.step_times.times_s)) == (None, 1)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_account_of_devices_that_differ(plan):
    scenario = point(gpt(8, 512, 8), 32, plan)
    alike, outcome = simulate(scenario), simulate(varied(scenario))
    assert outcome.step_time_s == outcome.step_times.mean_s > alike.step_time_s == outcome.step_times.alike_s
    assert outcome.ledger.share("straggler_wait") > 0
    assert outcome.ledger.share("useful") == pytest.approx(outcome.mfu_causal, rel=1e-9)
    assert sum(outcome.ledger.device_seconds.values()) == pytest.approx(32 * outcome.step_time_s, rel=1e-9)
    grow = {"straggler_wait", "kernel_loss", "launch", "pipeline_comm", "tensor_comm", "data_comm"}
    for line in set(LINES) - grow:
        assert outcome.ledger.device_seconds[line] <= alike.ledger.device_seconds[line] * (1 + 1e-9)


def test_wafers_differ_too():
    scenario = point(devices=4, topology="andromeda", stack="cerebras-r2", recipe=training(32))
    slow = Variation("slow", "slow", slow=(SlowPlace(0.5, device=3),))
    alike, outcome = simulate(scenario), simulate(varied(scenario, slow, steps=1))
    assert outcome.step_time_s > alike.step_time_s
    assert [(one.by, one.device) for one in outcome.step_times.held_up] == [("device", 3)]


def test_removing_one_thing_from_steps_that_differ():
    scenario = varied(point(gpt(8, 512, 8), 32, PLANS["pipeline"]), steps=20)
    prepared = prepare(scenario)
    outcome = simulate(scenario)
    found = counterfactuals(prepared, outcome)
    networks = {"free network", "network ten times faster", "NVLink domain of 72"}
    assert set(found) == {*networks, "no variation", "no bubble"}
    assert found["no variation"] == simulate(point(gpt(8, 512, 8), 32, PLANS["pipeline"])).step_time_s
    assert max(found.values()) <= outcome.step_time_s * (1 + 1e-9)


def test_seeds_decide_the_draws_and_nothing_else_does():
    scenario = point(gpt(8, 512, 8), 32, PLANS["tensor"])
    one, again, other = (simulate(varied(scenario, seed=seed)) for seed in (0, 0, 1))
    assert one.step_times.times_s.tobytes() == again.step_times.times_s.tobytes()
    assert one.ledger == again.ledger
    assert (one.step_times.times_s != other.step_times.times_s).all()


def test_more_steps_begin_with_the_same_ones():
    scenario = point(gpt(8, 512, 8), 32, PLANS["pipeline"])
    few, many = (simulate(varied(scenario, steps=steps)).step_times.times_s for steps in (5, 50))
    assert many[:5].tobytes() == few.tobytes()


def test_longer_stalls_cost_more():
    scenario = point(gpt(8, 512, 8), 32)
    times = [
        simulate(varied(scenario, Variation(stalls=Stalls(36000, mean_s)), steps=50)).step_time_s
        for mean_s in (0.001, 0.002, 0.004)
    ]
    assert times == sorted(times)
    assert times[0] < times[2]


@pytest.mark.parametrize(
    ("place", "problem", "remedy"),
    [
        (SlowPlace(0.1, device=32), "device 32 is slow, but the system has 32 devices", "write device = 0 to 31"),
        (SlowPlace(0.1, node=4), "node 4 is slow, but the system has 4 nodes", "write node = 0 to 3"),
    ],
)
def test_a_slow_place_that_is_not_there(place, problem, remedy):
    with pytest.raises(InputError) as error:
        prepare(varied(point(devices=32), Variation(slow=(place,))))
    assert error.value.where == 'test.toml: [system "test".variation] slow'
    assert (error.value.problem, error.value.remedy) == (problem, remedy)
