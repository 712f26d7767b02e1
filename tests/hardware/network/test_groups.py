"""Groups: who is in one, and how it lies over domains and levels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import InputError
from sim.hardware.network.groups import Group, by_domain, by_level, spanned_domains

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
    ("group", "expected"),
    [
        (Group(8), (1, 8)),
        (Group(4, 2), (1, 4)),
        (Group(16), (2, 8)),
        (Group(16, 4), (8, 2)),
        (Group(16, 8), (16, 1)),
        (Group(4, 64), (4, 1)),
        (Group(12), None),  # eight and four
        (Group(6), None),  # the second group would straddle two nodes
        (Group(4, 3), None),
    ],
)
def test_how_a_group_lies_over_nodes_of_eight(group, expected):
    assert by_domain(group, 8, 1024) == expected


def test_where_all_is_one_domain_any_group_is_inside():
    assert by_domain(Group(6), 8, 6) == (1, 6)


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


@given(GROUPS, st.sampled_from([1, 2, 4, 8]))
def test_the_parts_make_the_whole(group, domain):
    even = by_domain(group, domain, 4096)
    assert even is None or even[0] * even[1] == group.ranks
    sizes = by_level(group, (domain,))
    assert sizes is None or np.prod(sizes) == group.ranks
    members = group.members(range(group.block))[0]
    assert spanned_domains(group, domain) == len(set((members // domain).tolist())) or group.stride % domain


def test_groups_must_make_sense():
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(0)
    with pytest.raises(InputError, match="both must be at least 1"):
        Group(8, 0)
