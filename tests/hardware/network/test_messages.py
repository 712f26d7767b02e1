"""Messages: every algorithm moves the bytes of its closed form, from each rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.hardware.network.groups import Group, lattice, numbers_of
from sim.hardware.network.messages import (
    chain,
    chains,
    halving,
    heads,
    in_switch,
    level_rings,
    pairwise,
    parents,
    ring,
    rings_at_once,
    sends,
    two_trees,
)

RANKS = st.integers(2, 40)


def sent(messages, devices):
    """Bytes that leave each device, and those that arrive."""
    out, into = np.zeros(devices), np.zeros(devices)
    for one in messages:
        np.add.at(out, one.sources, one.weight)
        np.add.at(into, one.targets, one.weight)
    return out, into


@given(st.lists(st.integers(1, 8), min_size=1, max_size=6), st.integers(1, 3))
def test_a_ring_passes_on_everything_once(counts, groups):
    ranks = sum(counts)
    members = np.arange(groups * ranks).reshape(groups, ranks)
    out, into = sent(ring(members, tuple(counts)), groups * ranks)
    assert out == pytest.approx(np.ones(groups * ranks))
    assert into == pytest.approx(np.ones(groups * ranks))


def test_rings_side_by_side_use_a_card_each():
    members = Group(16).members(range(16))
    messages = ring(members, (8, 8))
    leaving = {
        (s, t): one.weight
        for one in messages
        for s, t in zip(one.sources, one.targets, strict=True)
        if s // 8 != t // 8
    }
    assert len(leaving) == 16
    assert set(leaving.values()) == {1 / 8}
    assert len({target for _, target in leaving}) == 16


@pytest.mark.parametrize("count", range(2, 9))
def test_zigzags_through_a_domain_take_every_link_once_each_way(count):
    # Even: count paths of count - 1 hops are as many as ordered pairs. Odd: so with the halves that go the other way.
    members = np.arange(2 * count).reshape(1, -1)
    halves = [half for one in ring(members, (count, count), zigzag=True) for half in one.both_ways()]
    loads = np.zeros((2 * count, 2 * count))
    for one in halves:
        np.add.at(loads, (one.sources, one.targets), one.weight)
    inside = loads[:count, :count][~np.eye(count, dtype=bool)]
    assert inside == pytest.approx(np.full(inside.shape, 1 / count))
    leaving = loads[:count, count:]
    assert leaving.sum(axis=0) == pytest.approx(np.full(count, 1 / count))
    assert leaving.sum(axis=1) == pytest.approx(np.full(count, 1 / count))


@given(st.integers(1, 200))
def test_the_tree_is_a_tree_with_even_inner_nodes(count):
    up = parents(count)
    assert up[0] == 0
    depth = np.zeros(count, int)
    for start in range(1, count):
        node = start
        while node:
            node, depth[start] = up[node], depth[start] + 1
    assert depth.max() <= np.ceil(np.log2(max(count, 2))) + 1
    inner = set(up[1:].tolist()) - {0}
    assert all(one % 2 == 0 for one in inner)
    assert max(np.bincount(up[1:], minlength=1)[1:], default=0) <= 2


@given(st.integers(2, 40), st.sampled_from([1, 2, 8]))
def test_two_trees_move_everything_up_and_down(domains, width):
    members = np.arange(domains * width).reshape(1, domains, width)
    out, _ = sent(two_trees(members), domains * width)
    # Up and down every edge of two trees of half the bytes: 2 (k - 1) per byte over each domain's cards.
    assert out.sum() == pytest.approx(2 * (domains - 1))
    # No card sends more than everything up and everything down once.
    assert out.max() <= 2 / width + 1e-12


@given(st.integers(1, 5), st.integers(1, 9))
def test_a_chain_moves_everything_to_its_end_and_back(domains, width):
    members = np.arange(domains * width).reshape(1, domains, width)
    out, into = sent(chain(members), domains * width)
    expected = pytest.approx(np.full(domains * width, 2 * (width - 1) / width))
    assert out == expected
    assert into == expected
    assert sent(chains(members.reshape(1, -1), (width,) * domains), domains * width)[0] == expected


def test_members_of_a_small_domain_take_turns_as_heads():
    # Three in one node, two in the next: the third chain has its head where the first has.
    members = np.arange(5).reshape(1, 5)
    assert heads(members, (3, 2)).tolist() == [[[0, 1, 2], [3, 4, 3]]]
    out, _ = sent(chains(members, (3, 2)), 5)
    assert out == pytest.approx([4 / 3] * 3 + [1.0] * 2)


@given(st.sampled_from([(4, 4), (2, 3), (4, 4, 4), (2, 3, 4)]))
def test_all_dimensions_move_what_one_after_the_other_does_but_evenly(sizes):
    ranks = int(np.prod(sizes))
    members = np.arange(ranks).reshape(1, -1)
    out, _ = sent([one for phase in rings_at_once(members, sizes) for one in phase], ranks)
    assert out == pytest.approx(np.full(ranks, (ranks - 1) / ranks))
    cube = rings_at_once(np.arange(64).reshape(1, -1), (4, 4, 4))
    # Three dimensions of links work at once, each way round.
    assert [[one.weight for one in phase] for phase in cube] == [
        pytest.approx([0.75 / 6 / earlier] * 6) for earlier in (1, 4, 16)
    ]


@given(st.integers(1, 8))
def test_halving_moves_all_but_ones_own_share(power):
    ranks = 2**power
    phases = halving(np.arange(ranks).reshape(1, -1))
    out, into = sent([one for phase in phases for one in phase], ranks)
    assert out == pytest.approx(np.full(ranks, (ranks - 1) / ranks))
    assert into == pytest.approx(out)


@given(st.sampled_from([(8,), (4, 2), (2, 3, 4), (8, 5)]))
def test_levels_move_what_one_ring_moves(sizes):
    ranks = int(np.prod(sizes))
    phases = level_rings(np.arange(ranks).reshape(1, -1), sizes)
    out, _ = sent([one for phase in phases for one in phase], ranks)
    assert out == pytest.approx(np.full(ranks, (ranks - 1) / ranks))


@given(st.integers(2, 50))
def test_all_to_all_reaches_every_other_once(ranks):
    seen = [
        pair for one in pairwise(np.arange(ranks).reshape(1, -1)) for pair in zip(one.sources, one.targets, strict=True)
    ]
    assert len(seen) == len(set(seen)) == ranks * (ranks - 1)
    assert all(source != target for source, target in seen)


def test_the_switch_moves_everything_and_a_share():
    (messages,) = in_switch(np.arange(8).reshape(1, 8))
    assert messages.weight == pytest.approx(9 / 8)
    assert sent([messages], 8)[0] == pytest.approx(np.full(8, 9 / 8))


def test_sends_stay_in_their_group():
    groups = Group(4, 8).members(range(64))
    forward = sends(range(64), 8, 64, groups)
    assert forward.sources.tolist() == [*range(24), *range(32, 56)]
    assert np.all(forward.targets - forward.sources == 8)
    backward = sends(range(64), -8, 64, groups)
    assert backward.sources.tolist() == [*range(8, 32), *range(40, 64)]
    assert sends(range(8), 8, 64, groups).sources.tolist() == list(range(8))
    assert len(sends(range(64), 64, 64, None).sources) == 0


@given(
    st.integers(0, 3), st.integers(1, 4), st.integers(1, 4), st.integers(2, 4), st.integers(-20, 20),
    st.none() | st.builds(Group, st.integers(1, 4), st.integers(1, 8)),
)  # fmt: skip
def test_devices_with_gaps_send_as_each_of_them_does(first, near, gap, far, distance, group):
    devices, count = lattice(first, [(near, 1), (far, near * gap)]), 48
    # Spelled out: a receiver must exist, and be in the sender's group where there are groups.
    members = [] if group is None else group.members(range(count)).tolist()
    expected = [
        (sender, sender + distance)
        for sender in numbers_of(devices).tolist()
        if 0 <= sender + distance < count
        and (group is None or any({sender, sender + distance} <= set(one) for one in members))
    ]
    found = sends(devices, distance, count, None if group is None else np.array(members))
    assert list(zip(found.sources.tolist(), found.targets.tolist(), strict=True)) == expected
