"""Who held everyone up: one culprit at a time, wherever it is, is the one that is named."""

import dataclasses

import pytest

from sim.catalog import Slow, SlowPlace, Stalls, Variation
from sim.engine.lanes import NETWORK, NOBODY, Culprit, run_lanes
from tests.engine.lanes.by_hand import replicas
from tests.engine.lanes.random_programs import random_case


def culprits(order, variation, devices, steps=5, domain=8):
    return run_lanes(order, variation, 0, steps, devices, domain).culprits


def test_nobody_where_all_are_alike():
    assert culprits(replicas(4), Variation(), 4) == {NOBODY: 5}


@pytest.mark.parametrize("number", [0, 1, 3, 4, 6, 12, 13])
def test_the_only_slow_device_is_named_wherever_it_is(number):
    case = random_case(number)
    for device in range(0, case.devices, 3):
        found = culprits(
            case.order, Variation(slow=(SlowPlace(3.0, device=device),)), case.devices, 1, case.topology.domain
        )
        assert found == {Culprit("device", device): 1}, case.name


def test_the_slower_of_two_is_named():
    variation = Variation(slow=(SlowPlace(0.1, device=2), SlowPlace(0.2, device=5)))
    assert culprits(replicas(4, tensor=2, meetings=4), variation, 8) == {Culprit("device", 5): 5}


def test_a_stall_is_its_devices():
    # One stall in most steps, of one of 64 devices: another one each time.
    found = culprits(replicas(64), Variation(stalls=Stalls(3600 / 64 * 3, 0.1)), 64, 60)
    assert sum(found.values()) == 60
    assert len(found) > 30


def test_the_network_where_only_it_varies():
    case = random_case(2)
    found = culprits(case.order, Variation(network_noise=0.3), case.devices, 4, 1)
    assert set(found) <= {NETWORK, NOBODY}


def test_a_slow_link_is_its_devices():
    for number in (3, 6, 9):
        case = random_case(number)
        every = dataclasses.replace(Variation(), slow_links=Slow(0.2, 5.0))
        found = culprits(case.order, every, case.devices, 1, case.topology.domain)
        assert len(found) == 1
        (one,) = found
        assert one.by in ("device", "nobody")
