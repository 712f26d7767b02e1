"""Rings side by side on direct cables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import CUBE_MESH

from sim.hardware.topology.ring_packing import pack_rings


def mesh(*members: int) -> np.ndarray:
    """Cables between some GPUs of a DGX-1."""
    cables = np.zeros((8, 8), dtype=np.int64)
    for pair in CUBE_MESH:
        a, b = int(pair[0]), int(pair[2])
        cables[a, b] += 1
        cables[b, a] += 1
    return cables[np.ix_(members, members)]


def all_to_all(devices: int, cables: int = 1) -> np.ndarray:
    return cables * (np.ones((devices, devices), dtype=np.int64) - np.eye(devices, dtype=np.int64))


def taken(rings: list[tuple[int, ...]], devices: int) -> np.ndarray:
    """Times that each direction between two devices is taken."""
    times = np.zeros((devices, devices), dtype=np.int64)
    for ring in rings:
        np.add.at(times, (list(ring), [*ring[1:], ring[0]]), 1)
    return times


def test_a_dgx_1_has_six_links_a_gpu():
    assert mesh(*range(8)).sum(axis=0).tolist() == [6] * 8


# With 22.5 GB/s a cable, the measured all-reduce bus bandwidths are 134, 85, 45 and 22.5 GB/s.
@pytest.mark.parametrize(
    ("members", "rings"),
    [(range(8), 6), (range(4), 4), ((4, 5, 6, 7), 4), ((0, 1, 2), 2), ((0, 1), 1), ((0, 3), 2), ((0, 1, 4, 5), 2)],
)
def test_rings_of_a_dgx_1(members, rings):
    cables = mesh(*members)
    found = pack_rings(cables)
    assert len(found) == rings
    assert all(sorted(ring) == list(range(len(cables))) for ring in found)
    assert (taken(found, len(cables)) <= cables).all()


@pytest.mark.parametrize("members", [(0, 5), (0, 1, 5), (0, 1, 2, 5), (0, 1, 6, 7, 3)])
def test_where_no_ring_is_closed_there_is_none(members):
    assert pack_rings(mesh(*members)) == []


# Tillson 1980: the directed complete graph falls into n - 1 rings for all n but 4 and 6.
@pytest.mark.slow
@pytest.mark.parametrize(("devices", "rings"), [(3, 2), (4, 2), (5, 4), (6, 4), (7, 6), (8, 7), (12, 11), (16, 15)])
def test_rings_of_full_meshes(devices, rings):
    found = pack_rings(all_to_all(devices))
    assert len(found) == rings
    assert (taken(found, devices) <= all_to_all(devices)).all()


def test_four_devices_with_four_cables_each_way_use_all_of_them():
    assert len(pack_rings(all_to_all(4, 4))) == 12


def test_many_cables_are_not_searched_one_by_one():
    assert len(pack_rings(all_to_all(8, 1000))) == 7000


@given(st.integers(3, 6), st.data())
def test_rings_never_take_more_than_there_is(devices, data):
    upper = np.triu(
        np.array(data.draw(st.lists(st.integers(0, 2), min_size=devices**2, max_size=devices**2))).reshape(devices, -1),
        1,
    )
    cables = upper + upper.T
    rings = pack_rings(cables)
    assert (taken(rings, devices) <= cables).all()
    assert all(sorted(ring) == list(range(devices)) and ring[0] == 0 for ring in rings)
    assert len(rings) <= cables.sum(axis=0).min()
    assert pack_rings(cables) == rings
