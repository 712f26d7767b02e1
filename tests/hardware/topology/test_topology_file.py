"""Topology files: what is read from them, and what is said of those that cannot be used."""

import dataclasses

import pytest
from small_networks import (
    FABRIC,
    FAT_TREE,
    FAT_TREE_SIZES,
    LIBRARY,
    TIMING,
    figure,
    head,
    link_class,
    table,
)

from sim.catalog import PLAIN_LIBRARY, load_library
from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.hardware.topology.dragonfly import Dragonfly, DragonflySizes
from sim.hardware.topology.fat_tree import FatTreeSizes, NodeFatTree, RailFatTree
from sim.hardware.topology.single_node import SingleNode
from sim.hardware.topology.swarmx import SwarmxTree
from sim.hardware.topology.torus import Torus

NODE = head("single-node", LIBRARY) + table("sizes", devices_per_node=8) + link_class("scale_up") + TIMING
TORUS = head("torus", LIBRARY) + table("sizes", x=4, y=4, z=8) + link_class("torus") + TIMING
DRAGONFLY_SIZES = {
    "devices_per_node": 4, "nics_per_node": 4, "nodes_per_switch": 2, "switches_per_group": 3, "largest_groups": 5,
    "local_links": 2, "global_links": 3,
}  # fmt: skip
DRAGONFLY = (
    head("dragonfly", LIBRARY)
    + table("sizes", **DRAGONFLY_SIZES)
    + "".join(link_class(name) for name in ("scale_up", "nic", "local", "global"))
    + TIMING
)
WAFERS = head("swarmx-tree") + table("sizes", fan_out=4, largest_systems=16) + link_class("swarmx")
PER_LINK = 100e9 / 8 * 0.5
"""Achieved bytes/s of a link class as it stands."""


@pytest.fixture
def load(tmp_path):
    def from_text(text: str, devices: int = 8, **sizes: float):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_topology("mine.toml", devices, "[system] topology", tmp_path, sizes)

    return from_text


def test_a_single_node_is_read(load):
    node = load(NODE, 5)
    assert isinstance(node, SingleNode)
    assert (node.name, node.title, node.device, node.devices, node.domain) == ("mine", "Mine", "a100-80gb-sxm", 5, 8)
    link = node.route(0, 2)[0][1]
    assert link.bytes_per_s == pytest.approx(PER_LINK)  # bits in, achieved bytes out
    assert link.latency_s == pytest.approx(2e-6)
    assert load(NODE.replace("100 Gbit/s", "12.5 GB/s")).route(0, 2)[0][1] == link


def test_the_library_comes_from_the_catalogue_with_its_figures(load):
    topology = load(NODE)
    library = load_library("nccl-2024")
    assert topology.about.library == library
    assert len(topology.figures) == 1 + 3 + 2 + len(library.figures)
    assert topology.figures[-1] == library.figures[-1]


def test_times_are_read(load):
    about = load(NODE).about
    assert (about.collective_launch_s, about.send_launch_s, about.host_post_s) == pytest.approx((20e-6, 10e-6, 0.0))
    slower = load(NODE.replace(TIMING, f"{TIMING}host_post = {figure('5 us')}\n"))
    assert slower.about.host_post_s == pytest.approx(5e-6)


def test_a_scale_up_switch_may_reduce(load):
    assert load(NODE).about.in_switch_bytes_per_s is None
    reducing = NODE.replace(link_class("scale_up"), link_class("scale_up", reduction_efficiency=0.8))
    assert load(reducing).about.in_switch_bytes_per_s == pytest.approx(100e9 / 8 * 0.8)
    assert load(reducing).route(0, 1) == load(NODE).route(0, 1)


@pytest.mark.parametrize(("family", "build"), [("rail-fat-tree", RailFatTree), ("node-fat-tree", NodeFatTree)])
def test_fat_trees_are_read(load, family, build):
    topology = load(FAT_TREE.replace("rail-fat-tree", family), 100)
    assert type(topology) is build
    assert topology.sizes == FatTreeSizes(8, 8, 4, 2)
    assert (topology.routing, topology.cables) == ("adaptive", 1)
    assert topology.leaf_up.latency_s == pytest.approx(1e-6)
    assert not topology.about.fabric_reduces


def test_a_fabric_may_reduce_and_may_hash(load):
    reducing = FAT_TREE.replace(FABRIC, table("link_class.fabric", latency="1 us", reduces=True))
    assert load(reducing).about.fabric_reduces
    assert not load(reducing.replace("value = true", "value = false")).about.fabric_reduces
    hashed = load(FAT_TREE.replace(LIBRARY, f'{LIBRARY}\nrouting = "hashed"'))
    assert (hashed.routing, hashed.cables) == ("hashed", 4)


def test_oversubscription_need_not_be_whole(load):
    sizes = table("sizes", **FAT_TREE_SIZES)
    topology = load(FAT_TREE.replace(sizes, f"{sizes}oversubscription = {figure(1.5)}\n"))
    assert topology.sizes.oversubscription == 1.5
    assert topology.leaf_up.bytes_per_s == pytest.approx(4 * PER_LINK / 1.5)


def test_tori_are_read(load):
    topology = load(TORUS, 32)
    assert isinstance(topology, Torus)
    assert (topology.levels, topology.domain) == ((4, 4, 2), 4)
    flat = load(TORUS.replace(f"z = {figure(8)}\n", ""), 8)
    assert flat.levels == (4, 2)
    assert flat.link.bytes_per_s == pytest.approx(PER_LINK)


def test_dragonflies_are_read(load):
    topology = load(DRAGONFLY, 120)
    assert isinstance(topology, Dragonfly)
    assert topology.sizes == DragonflySizes(4, 4, 2, 3, 5, 2, 3)
    assert topology.local.bytes_per_s == pytest.approx(2 * PER_LINK)
    assert (topology.groups, topology.lanes, topology.cables) == (5, 3, 3)
    assert topology.lane.bytes_per_s == pytest.approx(PER_LINK)


def test_wafers_need_no_library_and_no_launch_times(load):
    topology = load(WAFERS, 16)
    assert isinstance(topology, SwarmxTree)
    assert topology.about.library == PLAIN_LIBRARY
    assert topology.about.collective_launch_s == 0


def test_sizes_may_be_given_instead_of_those_of_the_file(load):
    topology = load(FAT_TREE, 16, devices_per_node=4, nics_per_node=2.0, oversubscription=1.5)
    assert topology.sizes == FatTreeSizes(4, 2, 4, 2, 1.5)
    changed = {cited.name: cited for cited in topology.figures if cited.name.startswith("sizes.")}
    assert changed["sizes.devices_per_node"].value == 4
    assert changed["sizes.devices_per_node"].kind == "assumed"
    assert changed["sizes.devices_per_node"].note == "set by the scenario; the file says 8"
    assert changed["sizes.oversubscription"].note == "set by the scenario"
    assert changed["sizes.nodes_per_leaf"].note == "for the test"
    assert dataclasses.astuple(load(FAT_TREE, 16).sizes)[:2] == (8, 8)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"nodes_per_leave": 4}, r"unknown topology size 'nodes_per_leave'; did you mean 'nodes_per_leaf'"),
        ({"nodes_per_leaf": 2.5}, r"size 'nodes_per_leaf'\n  2.5 is not a whole number of at least 1"),
        ({"nodes_per_leaf": 0}, "0 is not a whole number"),
        ({"oversubscription": 0.5}, "0.5 is not a number of at least 1"),
        ({"oversubscription": float("inf")}, "inf is not a number"),
        ({"oversubscription": float("nan")}, "nan is not a number"),
        ({"largest_nodes": 0.0}, "0.0 is not a whole number"),
        ({"nics_per_node": 9}, "9 cards for 8 devices"),
        ({"nodes_per_leaf": 2**31}, "2,147,483,648 is too large\n  write at most 2147483647"),
        ({"oversubscription": 1e299}, r"1e\+299 is too large"),
        ({"nodes_per_leaf": 10**400}, "a number of very many digits is too large"),
        ({"nics_per_node": 9}, r"^\[system\] topology: size 'nics_per_node'\n"),
        (
            {"largest_nodes": 1, "oversubscription": 2},
            r"topology: sizes\n  9 devices asked for, but 'mine' has 8 with the sizes given \(largest_nodes = 1\)\n",
        ),
    ],
)
def test_sizes_that_cannot_be_given(load, sizes, message):
    with pytest.raises(InputError, match=message):
        load(FAT_TREE, 9, **sizes)
    with pytest.raises(InputError, match=r"^\[system\] topology"):
        load(FAT_TREE, 9, nodes_per_leaf=-1)


@pytest.mark.parametrize(
    ("text", "devices", "remedy"),
    [
        (NODE, 9, "use 1 to 8 devices"),
        (FAT_TREE, 801, "use 1 to 800 devices"),
        (DRAGONFLY, 121, "use 1 to 120 devices"),
        (WAFERS, 17, "use 1 to 16 devices"),
        (TORUS, 144, "use a multiple of 16, from 16 to 128 devices"),
        (TORUS, 20, "use a multiple of 16, from 16 to 128 devices"),
        (NODE, 0, "use 1 to 8 devices"),
    ],
)
def test_a_topology_that_is_too_small(load, text, devices, remedy):
    with pytest.raises(InputError, match=rf"^mine\.toml\n  {devices} devices(.|\n)*{remedy}"):
        load(text, devices)


def test_a_topology_that_its_callers_sizes_make_too_small(tmp_path):
    (tmp_path / "mine.toml").write_text(DRAGONFLY, encoding="utf-8")
    places = {"sizes_where": "--size", "devices_where": "--devices"}
    with pytest.raises(
        InputError, match=r"^--devices\n  30 devices(.|\n)*has 24 with the sizes given \(largest_groups = 1\)"
    ):
        load_topology("mine.toml", 30, "TOPOLOGY", tmp_path, {"largest_groups": 1}, **places)
    with pytest.raises(InputError, match=r"^--devices\n  0 devices asked for\n"):
        load_topology("mine.toml", 0, "TOPOLOGY", tmp_path, {}, **places)
    with pytest.raises(
        InputError, match=r"^--size\n  unknown topology size 'groups'(.|\n)*allowed: devices_per_node, global"
    ):
        load_topology("mine.toml", 30, "TOPOLOGY", tmp_path, {"groups": 1}, **places)
    (tmp_path / "mine.toml").write_text(TORUS, encoding="utf-8")
    with pytest.raises(InputError, match=r"^test: sizes\n  32 devices do not fill a torus of 3 x 4 x 8"):
        load_topology("mine.toml", 32, "test", tmp_path, {"x": 3})


def test_more_links_than_fit_into_memory(load):
    with pytest.raises(InputError, match=r"^links of class local\n(.|\n)*build fewer devices, or smaller groups"):
        load(DRAGONFLY, 64000, nodes_per_switch=1, switches_per_group=100_000)
    with pytest.raises(InputError, match="2,147,483,647 devices\n  at most 1,048,576 devices are simulated"):
        load(NODE, 2**31 - 1, devices_per_node=2**31 - 1)


def renamed(old: str, new: str) -> str:
    assert old in FAT_TREE
    return FAT_TREE.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (renamed("family", "familly"), r"mine\.toml\n  unknown key 'familly'; did you mean 'family'"),
        (
            renamed("rail-fat-tree", "rail-fat-three"),
            "family\n  unknown family 'rail-fat-three'; did you mean 'rail-fat-",
        ),
        (renamed("title", "titel"), "unknown key 'titel'; did you mean 'title'"),
        (renamed('title = "Mine"\n', ""), "missing: title"),
        (renamed(LIBRARY, ""), r"mine\.toml\n  missing: library"),
        (renamed("nccl-2024", "nccl-2042"), r"mine\.toml: library\n(.|\n)*'nccl-2042'; did you mean 'nccl-20"),
        (renamed(LIBRARY, f'{LIBRARY}\nrouting = "hash"'), r"routing\n  unknown routing 'hash'; did you mean 'hashed'"),
        (renamed("nodes_per_leaf", "nodes_per_leaves"), r"\[sizes\]\n  unknown key 'nodes_per_leaves'; did you mean"),
        (renamed(f"nodes_per_leaf = {figure(4)}", ""), r"\[sizes\]\n  missing: nodes_per_leaf"),
        (renamed(figure(4), figure(2.5)), r"mine\.toml: sizes\.nodes_per_leaf\n  2\.5 is not a whole number"),
        (
            renamed(figure(4), figure(1e20)),
            r"mine\.toml: sizes\.nodes_per_leaf\n  1e\+20 is too large\n  write at most 2147483647",
        ),
        (renamed("a100-80gb-sxm", "a100-80-sxm"), r"mine\.toml: device\n  unknown device 'a100-80-sxm'; did you mean"),
        (renamed('"a100-80gb-sxm"', "[3]"), r"mine\.toml: device\n  unknown device"),
        (renamed(link_class("nic"), link_class("nic", rate=f"{'9' * 400} GB/s")), "the number is too large"),
        (renamed(link_class("nic"), link_class("nic", efficiency=10**18)), "is not a share between 0 and 1"),
        (renamed(figure(4), figure(True)), "True is not a whole number"),
        (renamed(figure(4), figure("4")), "'4' is not a whole number"),
        (renamed(figure(4), figure(-4)), "-4 is not a whole number"),
        (renamed(f"nics_per_node = {figure(8)}", f"nics_per_node = {figure(16)}"), "16 cards for 8 devices"),
        (renamed("[link_class.fabric]", "[link_class.fabrik]"), "unknown key 'fabrik'; did you mean 'fabric'"),
        (renamed(link_class("nic"), ""), r"\[link_class\]\n  missing: nic"),
        (renamed(link_class("nic"), link_class("nic", rate=None)), "link class 'nic' has no bandwidth"),
        (renamed(link_class("nic"), link_class("nic", rate="0 Gbit/s")), r"nic\.rate\n  '0 Gbit/s' must be above zero"),
        (renamed(link_class("nic"), link_class("nic", rate="-1 GB/s")), r"nic\.rate\n  '-1 GB/s' must be above zero"),
        (renamed(link_class("nic"), link_class("nic", rate="100 Gbit")), "bits and bytes are different"),
        (renamed(link_class("nic"), link_class("nic", rate=100)), r"nic\.rate\n  100 has no unit"),
        (renamed(link_class("nic"), link_class("nic", latency="-2 us")), r"nic\.latency\n  '-2 us' must be above zero"),
        (renamed(link_class("nic"), link_class("nic", latency="2 m")), r"mine\.toml: link_class\.nic\.latency"),
        (renamed(link_class("nic"), link_class("nic", latency=None)), r"\[link_class\.nic\]\n  missing: latency"),
        (renamed(link_class("nic"), link_class("nic", efficiency=1.2)), "1.2 is not a share between 0 and 1"),
        (renamed(link_class("nic"), link_class("nic", efficiency=-0.1)), "-0.1 is not a share between 0 and 1"),
        (renamed(link_class("nic"), link_class("nic", efficiency=0)), r"nic\.efficiency\n(.|\n)*write a share above 0"),
        (renamed(link_class("nic"), link_class("nic", reduction_efficiency=0.5)), "unknown key 'reduction_efficiency'"),
        (
            renamed(link_class("scale_up"), link_class("scale_up", reduction_efficiency=1.5)),
            r"link_class\.scale_up\.reduction_efficiency\n  1.5 is not a share",
        ),
        (
            renamed(link_class("scale_up"), link_class("scale_up", reduction_efficiency=0)),
            r"scale_up\.reduction_efficiency\n(.|\n)*write a share above 0",
        ),
        (renamed(FABRIC, f"{FABRIC}rate = {figure('1 GB/s')}\n"), "unknown key 'rate'"),
        (
            renamed(FABRIC, f"{FABRIC}reduces = {figure('yes')}\n"),
            r"fabric\.reduces\n  'yes' is neither true nor false",
        ),
        (renamed(FABRIC, f"{FABRIC}reduces = {figure(1)}\n"), "1 is neither true nor false"),
        (renamed("send_launch", "send_lunch"), "unknown key 'send_lunch'; did you mean 'send_launch'"),
        (renamed("send_launch", "handshake"), "unknown key 'handshake'"),
        (renamed(TIMING, ""), r"\[timing\]\n  missing: collective_launch, send_launch"),
        (renamed(figure("20 us"), '"20 us"'), "'timing.collective_launch' is not a figure"),
        (renamed(figure("20 us"), figure("20")), r"timing\.collective_launch\n  '20' has no unit"),
        ("link_class = 3\n" + head("torus", LIBRARY), "missing: x, y"),
        ("link_class = 3\n" + NODE.replace(link_class("scale_up"), ""), r"\[link_class\]\n  this is not a table"),
        ("sizes = 3\n" + NODE.replace(table("sizes", devices_per_node=8), ""), r"\[sizes\]\n  this is not a table"),
        (NODE.replace(LIBRARY, f'{LIBRARY}\nrouting = "hashed"'), "unknown key 'routing'"),
        (NODE.replace(LIBRARY, f'{LIBRARY}\ngraph_file = "x.json"'), "unknown key 'graph_file'"),
        (WAFERS.replace(figure(4), figure(1)), r"sizes\.fan_out\n  a tree needs a fan-out of at least 2"),
        (DRAGONFLY.replace(f"nics_per_node = {figure(4)}", f"nics_per_node = {figure(5)}"), "5 cards for 4 devices"),
        (DRAGONFLY.replace("[link_class.global]", "[link_class.globe]"), "unknown key 'globe'; did you mean 'global'"),
        ("title = ", r"mine\.toml: line 1, column 9\n  not TOML"),
    ],
)
def test_messages(load, text, message):
    with pytest.raises(InputError, match=message) as error:
        load(text)
    assert error.value.remedy


def test_text_that_is_not_text(load, tmp_path):
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="byte 0 is not UTF-8"):
        load_topology("mine.toml", 8, "test", tmp_path)


def test_unknown_names_and_paths(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="unknown topology 'dgx-a100-superpot'; did you mean 'dgx-a100-superpod'"):
        load_topology("dgx-a100-superpot", 8, "test")
    with pytest.raises(InputError, match=r"test\n  there is no file .*none\.toml"):
        load_topology("none.toml", 8, "test", tmp_path)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match=r"test\n  .*folder\.toml is a folder"):
        load_topology("folder.toml", 8, "test", tmp_path)
    (tmp_path / "here.toml").write_text(NODE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_topology("here.toml", 8, "test").name == "here"
    assert load_topology(str(tmp_path / "here.toml"), 8, "test", tmp_path / "elsewhere").name == "here"
