"""Groups: who is in one, and how it lies over domains and levels."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.hardware.network.groups import Group, Lattice, by_level, domain_counts, first_of, lattice, numbers_of

GROUPS = st.builds(Group, st.integers(1, 16), st.integers(1, 16))


@given(GROUPS, st.integers(0, 600))
def test_groups_tile_the_devices(group, devices):
    members = group.members(range(devices))
    whole = devices // group.block * group.block
    assert sorted(members.reshape(-1).tolist()) == list(range(whole))
    assert np.all(np.diff(members, axis=1) == group.stride)


def test_some_of_the_devices_have_their_own_groups():
    assert Group(2, 2).members(range(8, 16)).tolist() == [[8, 10], [9, 11], [12, 14], [13, 15]]
    assert Group(4, 8).members(range(31)).shape == (0, 4)


@pytest.mark.parametrize(
    ("group", "start", "expected"),
    [
        (Group(8), 0, (8,)),
        (Group(4, 2), 1, (4,)),
        (Group(16), 8, (8, 8)),
        (Group(16, 4), 0, (2,) * 8),
        (Group(16, 8), 3, (1,) * 16),
        (Group(4, 64), 0, (1,) * 4),
        (Group(12), 0, (8, 4)),
        (Group(12), 12, (4, 8)),
        (Group(6), 6, (2, 4)),
        (Group(4, 3), 0, (3, 1)),
    ],
)
def test_how_a_group_lies_over_nodes_of_eight(group, start, expected):
    assert domain_counts(group, start, 8) == expected


@pytest.mark.parametrize(
    ("group", "levels", "expected"),
    [
        (Group(64, 2), (8,), (4, 16)),
        (Group(256), (8, 4, 4), (8, 4, 4, 2)),
        (Group(16, 8), (8, 4, 4), (4, 4)),
        (Group(4), (8,), (4,)),
        (Group(8, 8), (8,), (8,)),
        (Group(12), (8,), None),
        (Group(4, 3), (8,), None),
        (Group(1), (8,), (1,)),
    ],
)
def test_how_levels_cut_a_group(group, levels, expected):
    assert by_level(group, levels) == expected


@given(GROUPS, st.integers(0, 100), st.sampled_from([1, 2, 4, 8]))
def test_the_parts_make_the_whole(group, start, domain):
    counts = domain_counts(group, start, domain)
    numbers = start + np.arange(group.ranks) * group.stride
    assert counts == tuple(np.unique(numbers // domain, return_counts=True)[1].tolist())
    sizes = by_level(group, (domain,))
    assert sizes is None or np.prod(sizes) == group.ranks


def test_groups_must_make_sense():
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(0)
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(8, 0)


LATTICES = st.builds(
    lattice,
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), min_size=1, max_size=3).map(
        # Every axis at least as far apart as what is inside of it is wide.
        lambda axes: [
            (count, gap * math.prod(inner * more for inner, more in axes[:index]))
            for index, (count, gap) in enumerate(axes)
        ]
    ),
)
"""Devices with and without gaps between them."""


@given(LATTICES)
def test_a_range_where_there_are_no_gaps(devices):
    numbers = numbers_of(devices)
    assert len(devices) == len(numbers) == len(set(numbers.tolist()))
    assert first_of(devices) == numbers[0] == numbers.min()
    assert isinstance(devices, range) == bool(np.all(np.diff(numbers) == 1))


def test_devices_on_axes_by_hand():
    assert lattice(8, [(4, 1), (2, 4)]) == range(8, 16)
    assert lattice(8, [(4, 1), (1, 64), (2, 8)]) == Lattice(8, ((4, 1), (2, 8)))
    assert lattice(3, [(1, 1), (1, 7)]) == range(3, 4)
    assert lattice(0, [(2, 4), (3, 8)]) == Lattice(0, ((6, 4),))
    assert Lattice(8, ((4, 1), (2, 8))).numbers.tolist() == [8, 9, 10, 11, 16, 17, 18, 19]


@given(LATTICES, GROUPS)
def test_groups_among_devices_with_gaps(devices, group):
    # Of all groups that tile the whole cluster, those whose members are all there. Ranges have a rule of their own.
    assume(isinstance(devices, Lattice))
    there = set(numbers_of(devices).tolist())
    everywhere = group.members(range((1024 // group.block + 1) * group.block))
    expected = [one for one in everywhere.tolist() if set(one) <= there]
    assert sorted(group.members(devices).tolist()) == sorted(expected)
