"""What is drawn: repeatable, independent part by part and step by step, and never a gain from being slow."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.catalog import Slow, SlowPlace, Stalls, Variation
from sim.engine.lanes import run_lanes
from sim.engine.lanes.advance import advance
from sim.engine.lanes.draws import StepDraws, lasting
from tests.engine.lanes.by_hand import replicas
from tests.engine.lanes.random_programs import random_case, random_variation

EVERYTHING = Variation(
    "all",
    "all",
    speed_spread=0.02,
    kernel_jitter=0.1,
    network_noise=0.1,
    stalls=Stalls(3.6e5, 1e-4),
    slow_devices=Slow(0.1, 0.1),
    slow_nodes=Slow(0.2, 0.1),
    slow_links=Slow(0.1, 0.5),
)
WITHOUT = {
    "speed_spread": 0.0, "kernel_jitter": 0.0, "network_noise": 0.0, "stalls": Stalls(), "slow_devices": Slow(),
    "slow_nodes": Slow(), "slow_links": Slow(),
}  # fmt: skip
ONLY_LATER = ("network_noise", "stalls", "slow_devices", "slow_nodes", "slow_links")


def times_s(case, variation, steps=4, seed=0):
    return run_lanes(case.order, variation, seed, steps, case.devices, case.topology.domain).step_times_s


@pytest.mark.slow
@settings(max_examples=60)
@given(number=st.integers(0, 500), device=st.integers(0, 31), slowdown=st.floats(0.01, 3.0), seed=st.integers(0, 9))
def test_a_slow_device_anywhere_never_makes_a_step_faster(number, device, slowdown, seed):
    case, variation = random_case(number, largest=16), random_variation(number)
    place = SlowPlace(slowdown, device=device % case.devices)
    slower = dataclasses.replace(variation, slow=(*variation.slow, place))
    assert (times_s(case, slower, seed=seed) >= times_s(case, variation, seed=seed) * (1 - 1e-6)).all()


@pytest.mark.parametrize("part", ONLY_LATER)
@pytest.mark.parametrize("number", [1, 4, 8, 11])
def test_without_what_only_makes_late_no_step_is_slower(part, number):
    case = random_case(number)
    calmer = dataclasses.replace(EVERYTHING, **{part: WITHOUT[part]})
    assert (times_s(case, calmer, 20) <= times_s(case, EVERYTHING, 20) * (1 + 1e-6)).all()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["speed_spread", "kernel_jitter"])
@pytest.mark.parametrize("number", [1, 4, 8])
def test_without_a_spread_steps_are_no_slower_in_expectation(part, number):
    case = random_case(number)
    calmer = dataclasses.replace(EVERYTHING, **{part: WITHOUT[part]})
    gains = [np.mean(times_s(case, EVERYTHING, 5, seed) - times_s(case, calmer, 5, seed)) for seed in range(60)]
    assert np.mean(gains) > -2 * np.std(gains) / np.sqrt(len(gains))


@pytest.mark.slow
def test_every_part_matters_somewhere():
    gained = dict.fromkeys(WITHOUT, 0.0)
    for number in range(12):
        case = random_case(number)
        whole = times_s(case, EVERYTHING)
        for part, none in WITHOUT.items():
            gained[part] += np.abs(whole - times_s(case, dataclasses.replace(EVERYTHING, **{part: none}))).sum()
    assert min(gained.values()) > 0


def test_one_seed_gives_the_same_bytes_and_another_seed_others():
    case = random_case(4)
    assert times_s(case, EVERYTHING).tobytes() == times_s(case, EVERYTHING).tobytes()
    assert (times_s(case, EVERYTHING, seed=1) != times_s(case, EVERYTHING)).all()


@pytest.mark.parametrize("number", [1, 5, 11])
def test_a_step_is_the_same_whichever_are_simulated_beside_it(number):
    case = random_case(number)
    always = lasting(EVERYTHING, 3, case.devices, case.topology.domain)

    def found(steps):
        return advance(case.order, StepDraws(EVERYTHING, always, case.order, 3, steps)).step_times_s(case.order)

    assert found(range(6))[2:4].tobytes() == found(range(2, 4)).tobytes()


def test_a_larger_share_makes_the_same_devices_slow_and_more():
    few, many = (lasting(Variation(slow_devices=Slow(share, 0.5)), 0, 1000, 8).slowness for share in (0.1, 0.3))
    assert 60 < np.sum(few > 1) < 140
    assert 240 < np.sum(many > 1) < 360
    assert (many >= few).all()


def test_nothing_drawn_nothing_varies():
    assert (lasting(Variation(), 0, 64, 8).slowness == 1).all()
    assert run_lanes(replicas(4), Variation(), 0, 5, 4, 8).step_times_s == pytest.approx([1.25] * 5)


def test_slow_nodes_are_whole_nodes():
    slowness = lasting(Variation(slow_nodes=Slow(0.5, 1.0)), 0, 64, 8).slowness.reshape(8, 8)
    assert (slowness == slowness[:, :1]).all()
    assert set(slowness[:, 0]) == {1.0, 2.0}
