"""Stated largest sizes, and divisors that take no longer than they must."""

import dataclasses

import pytest
from builders import gpt, point
from hypothesis import given
from hypothesis import strategies as st

from sim.asked import sizes_of
from sim.errors import DoesNotFit, InputError
from sim.hardware.network.study import read_study
from sim.hardware.topology import load_topology
from sim.planner.space import legal_plans
from sim.prepare import prepare
from sim.scenario.bounds import (
    LARGEST_MESSAGE_BYTES,
    MOST_CLUSTER_SIZES,
    MOST_DEVICES,
    MOST_LAYERS,
    check_size,
    divisors,
)


@given(st.integers(1, 3000), st.integers(1, 4000))
def test_divisors_are_those_found_one_by_one(number, largest):
    assert divisors(number, largest) == [one for one in range(1, min(number, largest) + 1) if number % one == 0]


def test_divisors_of_large_numbers():
    # 2^6 3^4 5^2 7 11 13 17 19 23: 7 x 5 x 3 x 2^6 divisors.
    assert len(divisors(963_761_198_400, 10**12)) == 6720
    assert divisors(10**12 - 11, 10**12) == [1, 10**12 - 11]
    assert divisors(10**18, 8) == [1, 2, 4, 5, 8]


@pytest.mark.parametrize(
    ("number", "words"),
    [(65, "65 devices\n  at most 64 devices"), (1e300, "1.00e+300 devices"), (10**400, "1.00e+400 devices")],
)
def test_what_is_too_large_is_said(number, words):
    with pytest.raises(InputError) as caught:
        check_size(number, 64, "devices", "here")
    assert words in str(caught.value)
    check_size(64, 64, "devices", "here")


def test_models_that_nothing_holds_do_not_fit():
    asked = point(gpt(2, 256, 4))
    with pytest.raises(DoesNotFit, match=r"models of at most 1e\+18 are simulated"):
        prepare(dataclasses.replace(asked, model=gpt(2, 10**18, 8)))
    with pytest.raises(InputError, match=f"at most {MOST_LAYERS:,} layers"):
        prepare(dataclasses.replace(asked, model=gpt(MOST_LAYERS + 1, 64, 4)))


def test_devices_of_a_topology():
    for devices, sizes in ((MOST_DEVICES + 1, {}), (None, {"x": 1000, "y": 1000, "z": 1000})):
        with pytest.raises(InputError, match=f"at most {MOST_DEVICES:,} devices"):
            load_topology("torus-3d", devices, "test", sizes=sizes)


def test_sizes_of_commands():
    with pytest.raises(InputError, match=f"at most {MOST_CLUSTER_SIZES} cluster sizes"):
        sizes_of(",".join(map(str, range(1, MOST_CLUSTER_SIZES + 2))))
    with pytest.raises(InputError, match="not a list of device counts"):
        sizes_of("9" * 5000)
    topology = load_topology("hgx-a100-node", 8, "test")
    for size, span in (("1e19 B", "1 B:1 GB"), ("1 GB", "1 B:1e19 B")):
        with pytest.raises(InputError, match=f"at most {LARGEST_MESSAGE_BYTES:,} bytes"):
            read_study("all-reduce", topology, None, 1, size, span)


def test_a_search_looks_at_so_many_combinations(monkeypatch):
    asked = point(gpt(4, 256, 4))
    machine_stack = prepare(asked).stack
    assert list(legal_plans(asked, machine_stack))
    monkeypatch.setattr("sim.planner.space.MOST_COMBINATIONS", 3)
    with pytest.raises(InputError, match="a search would have to look at"):
        list(legal_plans(asked, machine_stack))
