"""Hosts whose devices have PCIe alone: every message crosses a socket, but between bridged neighbours."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_networks import LIBRARY, TIMING, edges, head, link_class, table

from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.topology import Topology, load_topology

SIZES = table("sizes", devices_per_node=8, devices_per_socket=4)
CLASSES = link_class("pcie", rate="40 GB/s") + link_class("socket", rate="60 GB/s")
PLAIN = head("pcie-node", LIBRARY) + SIZES + CLASSES + TIMING
BRIDGED = PLAIN + link_class("bridge", rate="400 GB/s", latency="1 us")


def load(folder: Path, text: str, devices: int | None = None, **sizes: float) -> Topology:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return load_topology("mine.toml", devices, "[system] topology", folder, sizes)


def test_messages_cross_a_socket_or_two(tmp_path: Path) -> None:
    node = load(tmp_path, PLAIN)
    assert (node.devices, node.domain) == (8, 8)
    assert edges(node, 0, 1) == [("gpu0", "socket0"), ("socket0", "gpu1")]
    assert edges(node, 1, 6) == [("gpu1", "socket0"), ("socket0", "socket1"), ("socket1", "gpu6")]
    assert node.links.classes == ("pcie", "socket")


def test_bridges_join_neighbours_and_nobody_forwards_over_them(tmp_path: Path) -> None:
    node = load(tmp_path, BRIDGED)
    assert edges(node, 2, 3) == [("gpu2", "gpu3")]
    assert edges(node, 0, 3) == [("gpu0", "socket0"), ("socket0", "gpu3")]
    # An odd card at the end has no partner.
    assert edges(load(tmp_path, BRIDGED, devices_per_node=7), 6, 5)[0] == ("gpu6", "socket1")


def test_a_bridge_may_join_four(tmp_path: Path) -> None:
    node = load(tmp_path, BRIDGED.replace("[sizes]", table("sizes", devices_per_bridge=4).rstrip()))
    assert edges(node, 4, 7) == [("gpu4", "gpu7")]
    assert edges(node, 3, 4)[0] == ("gpu3", "socket0")
    (option, *_) = Network(node, ["ring"]).options("all_gather", Group(4))
    # Two rings over four cards, on the three links of each: half of the 400 GB/s is reached.
    assert 3 / 4 / option.s_per_byte / 0.25 == pytest.approx(2 * 200e9)


def test_sizes_say_how_many_and_on_how_many_sockets(tmp_path: Path) -> None:
    assert load(tmp_path, PLAIN, devices_per_node=4).links.classes == ("pcie",)
    assert load(tmp_path, PLAIN, 3).devices == 3
    three = load(tmp_path, PLAIN, devices_per_socket=3)
    assert edges(three, 0, 7)[1] == ("socket0", "socket2")


@pytest.mark.parametrize(
    ("text", "group", "rate"),
    [
        # Half of what the class says is reached. A ring over PCIe goes out of and into each device once; four rings of
        # pairs that lie across the sockets share the way between them. Half of the bytes go each way round, so with
        # bridges a device's PCIe link carries half of them out and half of them in.
        (PLAIN, Group(4), 20e9),
        (PLAIN, Group(2), 20e9),
        (PLAIN, Group(2, 4), 30e9 / 4),
        (BRIDGED, Group(2), 200e9),
        (BRIDGED, Group(4), 40e9),
    ],
)
def test_a_ring_is_as_fast_as_its_narrowest_link(text: str, group: Group, rate: float, tmp_path: Path) -> None:
    (option, *_) = [
        one
        for one in Network(load(tmp_path, text), ["ring"]).options("all_gather", group)
        if one.wave.protocol == "Simple"
    ]
    assert (group.ranks - 1) / group.ranks / option.s_per_byte == pytest.approx(rate)


def test_what_a_file_lacks_or_no_host_has_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing: socket"):
        load(tmp_path, PLAIN.replace("link_class.socket", "link_class.bridge"))
    with pytest.raises(InputError, match=r"size 'devices_per_node'\n  65 devices on PCIe\n  write at most 64"):
        load(tmp_path, PLAIN, devices_per_node=65)
    with pytest.raises(InputError, match="9 devices asked for, but 'mine' has 8"):
        load(tmp_path, PLAIN, 9)
