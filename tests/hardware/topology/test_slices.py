"""Slices of a torus: shapes, closed and open rows, and ways from one slice to another."""

import math
from dataclasses import replace

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_networks import FAST, SLOW, about

from sim.catalog import load_library
from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.topology import NO_LINK, load_topology
from sim.hardware.topology.links import Link
from sim.hardware.topology.slices import SliceSizes, TorusSlices, slice_shape, slices_of

PLANE, CUBES = SliceSizes(2, 16, 256, 64), SliceSizes(3, 4, 8960, 16)


def slices(devices: int, *shape: int, wraps_at: int = 4) -> TorusSlices:
    return TorusSlices(about(devices), shape, wraps_at, FAST, SLOW)


@pytest.mark.parametrize(
    ("devices", "shape"),
    [(4, (2, 2)), (8, (4, 2)), (32, (8, 4)), (64, (8, 8)), (128, (16, 8)), (256, (16, 16)), (1, (1, 1))],
)
def test_shapes_on_a_plane_are_those_that_google_lists(devices, shape):
    assert slice_shape(devices, PLANE) == shape


@pytest.mark.parametrize(
    ("devices", "shape"),
    [
        (4, (2, 2, 1)), (8, (2, 2, 2)), (16, (4, 2, 2)), (32, (4, 4, 2)), (64, (4, 4, 4)), (128, (8, 4, 4)),
        (192, (12, 4, 4)), (256, (8, 8, 4)), (512, (8, 8, 8)), (1024, (16, 8, 8)), (4096, (16, 16, 16)),
        (6144, (24, 16, 16)),
    ],
)  # fmt: skip
def test_shapes_of_cubes_are_those_that_google_lists(devices, shape):
    assert slice_shape(devices, CUBES) == shape


@given(devices=st.integers(1, 9000), dimensions=st.sampled_from([PLANE, CUBES]))
def test_a_shape_holds_all_its_devices(devices, dimensions):
    shape = slice_shape(devices, dimensions)
    assert math.prod(shape) == devices
    assert len(shape) == dimensions.dimensions
    assert list(shape) == sorted(shape, reverse=True)


def test_as_few_slices_as_hold_the_devices():
    assert slices_of(512, None, PLANE, "test") == 2
    assert slices_of(256, None, PLANE, "test") == 1
    assert slices_of(256, 4, PLANE, "test") == 4
    with pytest.raises(InputError, match="257 devices do not make 2 equal slices"):
        slices_of(257, None, PLANE, "test")
    with pytest.raises(
        InputError, match=r"1024 devices in 2 slices are 512 a slice, of at most 256(.|\n)*set slices to 4"
    ):
        slices_of(1024, 2, PLANE, "test")


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=3).map(tuple), count=st.integers(1, 3))
def test_paths_inside_a_slice_are_the_shortest_and_those_out_of_it_cross_two_cards(shape, count):
    topology = slices(math.prod(shape) * count, *shape)
    sources, targets = np.divmod(np.arange(topology.devices**2), topology.devices)
    found = (topology.paths(sources, targets).links != NO_LINK).sum(axis=1)
    cut = networkx.Graph([edge for edge in topology.graph.edges if "dcn0" not in edge])
    cut.add_nodes_from(topology.vertex(device) for device in range(topology.devices))
    shortest = dict(networkx.all_pairs_shortest_path_length(cut))
    for a, b, hops in zip(sources.tolist(), targets.tolist(), found.tolist(), strict=True):
        same = a // topology.domain == b // topology.domain
        assert hops == (shortest[topology.vertex(a)][topology.vertex(b)] if same else 2)


def test_a_row_is_closed_where_it_is_a_multiple():
    assert slices(4, 4, 1).links.count == 2 * 4
    assert slices(3, 3, 1).links.count == 2 * 2
    assert slices(64, 4, 4, 4).graph.degree("tpu21") == 6


def test_a_way_to_another_slice_leaves_by_the_card():
    route = slices(16, 4, 2).route(1, 9)
    assert [edge for edge, _ in route] == [("tpu1", "dcn0"), ("dcn0", "tpu9")]
    assert slices(8, 4, 2).links.count == 2 * (8 + 4)


# ---- collectives against closed forms: bytes (x - 1) / x over both directions of a closed row, one of an open one ----

ALONE = Link("torus", 1e9, 0.0)


def network(devices: int, *shape: int, wraps_at: int = 4) -> Network:
    library = load_library("textbook")
    return Network(TorusSlices(replace(about(devices), library=library), shape, wraps_at, ALONE, SLOW))


def gather_s(found: Network, ranks: int, stride: int = 1) -> float:
    return found.run("all_gather", 1e9, Group(ranks, stride)).seconds


@pytest.mark.parametrize(("ranks", "stride"), [(8, 1), (4, 8), (4, 32)])
def test_a_gather_along_an_axis(ranks, stride):
    assert gather_s(network(128, 8, 4, 4), ranks, stride) == pytest.approx((ranks - 1) / ranks / 2, rel=1e-6)


def test_a_gather_along_an_open_row_takes_twice_as_long():
    assert gather_s(network(8, 8, 1, wraps_at=16), 8) == pytest.approx(7 / 8, rel=1e-6)


@pytest.mark.parametrize(("ranks", "stride", "axes"), [(16, 8, 2), (64, 1, 3)])
def test_axes_that_gather_at_once_add_up_their_rates(ranks, stride, axes):
    shape = (4, 4, 4) if axes == 3 else (8, 4, 4)
    found = gather_s(network(math.prod(shape), *shape), ranks, stride)
    assert found == pytest.approx((ranks - 1) / ranks / 2 / axes, rel=1e-6)


def test_a_sum_over_slices_goes_over_the_cards():
    # Each chip sums its share with its counterparts: 2 (n - 1) / n of the bytes leave and arrive at SLOW.
    found = network(4 * 16, 4, 4)
    expected = 2 * 3 / 4 * 1e9 / SLOW.bytes_per_s
    assert found.run("all_reduce", 1e9, Group(4, 16)).seconds == pytest.approx(expected, rel=1e-3)


# ---- files ----


def test_a_file_takes_a_shape_or_makes_one():
    assert load_topology("tpu-v5p", 512, "test").levels == (8, 8, 8)
    assert load_topology("tpu-v5p", 512, "test", sizes={"slices": 2}).levels == (8, 8, 4, 2)
    given = load_topology("tpu-v5p", 128, "test", sizes={"x": 4, "y": 4, "z": 4})
    assert (given.levels, given.domain) == ((4, 4, 4, 2), 64)
    assert load_topology("tpu-v5e", 8192, "test").levels == (16, 16, 32)


@pytest.mark.parametrize(
    ("name", "devices", "sizes", "words"),
    [
        ("tpu-v5p", 100, {"x": 4, "y": 4, "z": 4}, "100 devices do not make slices of 4 x 4 x 4"),
        (
            "tpu-v5p",
            128,
            {"x": 4, "y": 4, "z": 4, "slices": 4},
            "128 devices do not make slices of 4 x 4 x 4, 4 of them",
        ),
        ("tpu-v5p", 64, {"x": 8, "y": 8}, "a slice has 3 dimensions, and its shape is given in 2"),
        ("tpu-v5e", 256, {"x": 4, "y": 4, "z": 16}, "a slice has 2 dimensions, and its shape is given in 3"),
        ("tpu-v5e", 301, {}, "301 devices do not make 2 equal slices"),
        ("tpu-v5e", 512, {"x": 32, "y": 16}, "512 devices in 1 slices are 512 a slice, of at most 256"),
    ],
)
def test_shapes_that_do_not_go_are_refused(name, devices, sizes, words):
    with pytest.raises(InputError, match=words):
        load_topology(name, devices, "test", sizes=sizes)
