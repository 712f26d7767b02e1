"""Tori: neighbours, dimension order, the shorter way round."""

import math

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import about, edges, torus

from sim.errors import InputError
from sim.hardware.topology import NO_LINK

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)


def coordinates(device: int, sizes: tuple[int, ...]) -> list[int]:
    """Position along each dimension, the first innermost."""
    found = []
    for size in sizes:
        found.append(device % size)
        device //= size
    return found


def wrapped_distance(a: int, b: int, sizes: tuple[int, ...]) -> int:
    """Sum over the dimensions of the shorter way round."""
    pairs = zip(coordinates(a, sizes), coordinates(b, sizes), sizes, strict=True)
    return sum(min((y - x) % size, (x - y) % size) for x, y, size in pairs)


def hops(topology) -> np.ndarray:
    """(devices, devices) links between every two."""
    sources, targets = np.divmod(np.arange(topology.devices**2), topology.devices)
    return (topology.paths(sources, targets).links != NO_LINK).sum(axis=1).reshape(topology.devices, -1)


@given(sizes=shapes.filter(lambda sizes: math.prod(sizes) <= 150))
def test_a_path_is_as_long_as_the_wrapped_manhattan_distance_and_no_path_is_shorter(sizes):
    topology = torus(math.prod(sizes), *sizes)
    found = hops(topology)
    shortest = dict(networkx.all_pairs_shortest_path_length(topology.graph))
    for a in range(topology.devices):
        for b in range(topology.devices):
            expected = wrapped_distance(a, b, sizes)
            assert found[a, b] == expected == shortest[topology.vertex(a)][topology.vertex(b)]


@given(sizes=shapes, data=st.data())
def test_the_last_dimension_grows_with_the_devices(sizes, data):
    layers = data.draw(st.integers(1, sizes[-1]))
    topology = torus(math.prod(sizes[:-1]) * layers, *sizes)
    assert topology.levels == (*sizes[:-1], layers)
    assert topology.domain == topology.levels[0]
    degrees = {degree for _, degree in topology.graph.degree()}
    assert degrees == {sum(min(size - 1, 2) for size in topology.levels)}


def test_links_of_a_small_torus():
    # 3 x 2: rows of three that are closed, columns of two with one link.
    assert {tuple(sorted(edge)) for edge in torus(6, 3, 2).graph.edges} == {
        ("gpu0", "gpu1"), ("gpu1", "gpu2"), ("gpu0", "gpu2"),
        ("gpu3", "gpu4"), ("gpu4", "gpu5"), ("gpu3", "gpu5"),
        ("gpu0", "gpu3"), ("gpu1", "gpu4"), ("gpu2", "gpu5"),
    }  # fmt: skip


def test_dimensions_are_taken_in_order():
    # From (0, 0) to (1, 2) in 4 x 5: first along x, then along y.
    assert [edge[1] for edge in edges(torus(20, 4, 5), 0, 9)] == ["gpu1", "gpu5", "gpu9"]


def test_equally_long_ways_go_upwards_from_even_and_downwards_from_odd_coordinates():
    topology = torus(4, 4)
    assert [edge[1] for edge in edges(topology, 0, 2)] == ["gpu1", "gpu2"]
    assert [edge[1] for edge in edges(topology, 2, 0)] == ["gpu3", "gpu0"]
    assert [edge[1] for edge in edges(topology, 3, 1)] == ["gpu2", "gpu1"]
    assert [edge[1] for edge in edges(topology, 0, 3)] == ["gpu3"]
    # The coordinate along the dimension counts, not the device's number.
    assert [edge[1] for edge in edges(torus(12, 3, 4), 3, 9)] == ["gpu0", "gpu9"]


# Hand-worked: a ring of 8 has 8 x (2 x (1 + 2 + 3) + 4) = 128 hops on 16 links; in a ring of 6, a tie's three senders
# of one parity cover the 6 links of their direction once or twice.
@pytest.mark.parametrize(
    ("sizes", "least", "most"), [((8,), 8, 8), ((16,), 32, 32), ((4, 8), 16, 32), ((6,), 4, 5), ((5,), 3, 3)]
)
def test_all_to_all_loads_the_links_of_a_dimension_evenly(sizes, least, most):
    topology = torus(math.prod(sizes), *sizes)
    sources, targets = np.divmod(np.arange(topology.devices**2), topology.devices)
    links = topology.paths(sources, targets).links
    loads = np.bincount(links[links != NO_LINK], minlength=topology.links.count)
    assert (loads.min(), loads.max()) == (least, most)


def test_paths_have_a_longest_length():
    assert torus(2048, 2048).paths(np.array([0]), np.array([1024])).links.shape == (1, 1024)
    with pytest.raises(InputError, match=r"up to 1,025 hops in a torus of 2050(.|\n)*at most 1,024 are possible"):
        torus(2050, 2050)
    with pytest.raises(InputError, match="up to 50,001 hops in a torus of 100000 x 2 x 1"):
        torus(200_000, 100_000, 2, 4)


def test_neighbours_upwards_keep_out_of_each_others_way():
    topology = torus(64, 4, 4, 4)
    devices = np.arange(64)
    for stride in (1, 4, 16):
        upward = devices + np.where(devices // stride % 4 < 3, stride, -3 * stride)
        links = topology.paths(devices, upward).links
        used = links[links != NO_LINK]
        assert len(used) == len(set(used.tolist())) == 64


@pytest.mark.parametrize("devices", [0, 1, 17, 144, -16])
def test_devices_have_to_fill_it(devices):
    with pytest.raises(InputError, match="do not fill a torus of 4 x 4 x 8") as error:
        torus(devices, 4, 4, 8)
    assert error.value.remedy == "use a multiple of 16, from 16 to 128 devices"
    assert error.value.where == f"topology '{about(devices).name}'"


def test_one_device_is_a_torus_without_links():
    topology = torus(1, 1, 4)
    assert topology.links.count == 0
    assert topology.route(0, 0) == ()
    assert topology.links.bytes_per_s.tolist() == [math.inf]
