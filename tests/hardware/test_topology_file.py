"""Topology files: every one on the shelf, and what is said of those that cannot be used."""

import networkx
import pytest

from sim.catalog.loader import device_names, load_sources
from sim.errors import InputError
from sim.hardware.network import Group, Network
from sim.hardware.topology import shelf, topology_names
from sim.hardware.topology_file import load_topology

LARGEST = {
    "hgx-a100-node": 8,
    "hgx-h100-node": 8,
    "dgx-a100-superpod": 4480,
    "dgx-h100-superpod": 16384,
    "a100-cloud-1600gbps": 32768,
    "a100-40gb-cloud-1600gbps": 32768,
    "cs-2-single": 1,
    "andromeda": 16,
}
ASSUMED = '{ value = %s, kind = "assumed", note = "for the test" }'


def figure(value: object) -> str:
    return ASSUMED % (f'"{value}"' if isinstance(value, str) else value)


def link_class(name: str, **parts: object) -> str:
    parts = {"rate": "100 Gbit/s", "efficiency": 0.5, "latency": "2 us", **parts}
    lines = [f"{key} = {figure(value)}" for key, value in parts.items() if value is not None]
    return "\n".join([f"[link_class.{name}]", *lines, ""])


HEAD = 'title = "Mine"\nfamily = "graph"\ndevice = "a100-80gb-sxm"\n'
TIMING = f"[timing]\ncollective_launch = {figure('20 us')}\nsend_launch = {figure('10 us')}\n"
LINKS = "".join(f'[[link]]\na = "gpu{i}"\nb = "hub"\nclass = "cable"\n' for i in range(3))
GRAPH = HEAD + link_class("cable") + LINKS + TIMING


@pytest.fixture
def load(tmp_path):
    def from_text(text: str, devices: int = 3):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_topology("mine.toml", devices, "test", tmp_path)

    return from_text


def test_the_shelf_holds_what_it_should():
    assert shelf("topologies").is_dir()
    assert set(LARGEST) <= set(topology_names())


@pytest.mark.parametrize("name", topology_names())
def test_every_file_builds_with_connected_graph_and_routes_on_it(name):
    largest = LARGEST.get(name, 8)
    topology = load_topology(name, min(largest, 400), "test")
    assert topology.device in device_names()
    assert networkx.is_connected(topology.graph)
    for a in range(0, topology.devices, 7):
        for b in range(0, topology.devices, 11):
            route = topology.route(a, b)
            assert a == b or (route[0][0][0], route[-1][0][1]) == (topology.vertex(a), topology.vertex(b))
            assert all(topology.graph.has_edge(*edge) for edge, _ in route)


@pytest.mark.parametrize("name", topology_names())
def test_every_figure_has_a_source_that_is_listed(name):
    for cited in load_topology(name, 1, "test").figures:
        assert cited.source == "" or cited.source in load_sources(), cited


@pytest.mark.parametrize(("name", "largest"), LARGEST.items())
def test_no_file_builds_more_than_there_is(name, largest):
    assert load_topology(name, largest, "test").devices == largest
    with pytest.raises(InputError, match=f"{largest + 1} devices asked for, but '{name}' has {largest}"):
        load_topology(name, largest + 1, "test")
    with pytest.raises(InputError, match="0 devices asked for"):
        load_topology(name, 0, "test")


def test_domains():
    assert load_topology("dgx-a100-superpod", 64, "test").domain == 8
    assert load_topology("andromeda", 16, "test").domain == 1


@pytest.mark.parametrize(
    ("name", "devices", "measured"),
    [
        ("hgx-a100-node", 8, 235e9),  # nccl-tests, 16 GiB
        ("dgx-a100-superpod", 32, 192e9),  # GTC 2025, S72583
        ("dgx-h100-superpod", 32, 360e9),  # 352 to 370 by source
    ],
)
def test_bus_bandwidth_is_what_was_measured(name, devices, measured):
    network = Network(load_topology(name, devices, "test"))
    assert network.bus_bytes_per_s(Group(devices)) == pytest.approx(measured, rel=0.02)


@pytest.mark.parametrize(
    ("name", "ranks", "size", "measured_s", "tolerance"),
    [
        ("hgx-a100-node", 2, 2 << 20, 53.4e-6, 0.1),
        ("hgx-a100-node", 8, 2 << 20, 93.2e-6, 0.15),
        ("hgx-a100-node", 8, 1 << 30, 8193e-6, 0.05),
        ("dgx-h100-superpod", 64, 64 << 20, 693e-6, 0.1),
        ("dgx-h100-superpod", 512, 64 << 20, 969e-6, 0.15),
        ("dgx-h100-superpod", 4096, 64 << 20, 1186e-6, 0.1),
    ],
)
def test_all_reduce_times_are_near_measurements(name, ranks, size, measured_s, tolerance):
    network = Network(load_topology(name, ranks, "test"))
    assert network.all_reduce_s(float(size), Group(ranks)) == pytest.approx(measured_s, rel=tolerance)


def test_an_explicit_graph_is_read(load):
    topology = load(GRAPH)
    assert (topology.name, topology.title, topology.domain) == ("mine", "Mine", 1)
    assert topology.collective_launch_s == pytest.approx(20e-6)
    link = topology.route(0, 2)[0][1]
    assert link.bytes_per_s == pytest.approx(100e9 / 8 * 0.5)  # bits in, achieved bytes out
    assert link.latency_s == pytest.approx(2e-6)
    assert len(topology.figures) == 5
    assert load(GRAPH.replace("100 Gbit/s", "12.5 GB/s")).route(0, 2)[0][1] == link
    assert load(GRAPH, 2).devices == 2


def test_devices_of_a_graph_may_have_any_name(load):
    named = GRAPH.replace("gpu", "chip-").replace("device =", 'devices = ["chip-2", "chip-0"]\ndevice =')
    assert load(named, 2).vertex(0) == "chip-2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GRAPH.replace("family", "familly"), "unknown key 'familly'; did you mean 'family'"),
        (GRAPH.replace('"graph"', '"grap"'), "unknown family 'grap'; did you mean 'graph'"),
        (GRAPH.replace("title", "titel"), "unknown key 'titel'; did you mean 'title'"),
        (GRAPH.replace('title = "Mine"\n', ""), "missing: title"),
        (GRAPH.replace("latency", "latencies"), "unknown key 'latencies'; did you mean 'latency'"),
        (GRAPH.replace("send_launch", "send_lunch"), "unknown key 'send_lunch'; did you mean 'send_launch'"),
        (
            GRAPH.replace('class = "cable"', 'class = "cabel"', 1),
            "unknown link class 'cabel'; did you mean 'cable'",
        ),
        (GRAPH.replace('b = "hub"', 'to = "hub"', 1), "number 1\n  unknown key 'to'"),
        (HEAD + link_class("cable", rate=None) + LINKS + TIMING, "link class 'cable' has no bandwidth"),
        (HEAD + link_class("cable", latency="-2 us") + LINKS + TIMING, "must be above zero"),
        (HEAD + link_class("cable", latency="2 m") + LINKS + TIMING, r"link_class\.cable\.latency"),
        (HEAD + link_class("cable", rate="100 Gbit") + LINKS + TIMING, "bits and bytes are different"),
        (HEAD + link_class("cable", rate=100) + LINKS + TIMING, "100 has no unit"),
        (HEAD + link_class("cable", efficiency=1.2) + LINKS + TIMING, "not a share between 0 and 1"),
        (HEAD + link_class("cable", efficiency=0) + LINKS + TIMING, "write a share above 0"),
        (GRAPH.replace(figure("20 us"), '"20 us"'), "is not a figure"),
        (
            GRAPH.replace('a = "gpu2"\nb = "hub"', 'a = "gpu2"\nb = "island"'),
            "disconnected: no path from gpu0 to gpu2",
        ),
        (GRAPH.replace('a = "gpu2"', 'a = "gpu1"'), "joined already"),
        (
            GRAPH.replace("device =", 'devices = ["gpu0", "gpu7"]\ndevice ='),
            r"devices without a link: \['gpu7'\]",
        ),
        ("title = ", "this is not TOML"),
        ("link_class = 3\n" + HEAD + TIMING, "not a table"),
        ("link = 3\n" + HEAD + link_class("cable") + TIMING, r"write \[\[link\]\]"),
        ("devices = 3\n" + GRAPH, "3 is not a list"),
    ],
)
def test_messages(load, text, message):
    with pytest.raises(InputError, match=message):
        load(text)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nics_per_node = { value = 8", "nics_per_node = { value = 16", "16 cards for 8 devices"),
        ("nodes_per_leaf = { value = 20", "nodes_per_leaf = { value = 2.5", "2.5 is not a count"),
        (
            "nodes_per_leaf",
            "nodes_per_leaves",
            "unknown key 'nodes_per_leaves'; did you mean 'nodes_per_leaf'",
        ),
        ("[link_class.fabric]", "[link_class.fabrik]", "unknown key 'fabrik'; did you mean 'fabric'"),
    ],
)
def test_messages_on_fat_trees(load, old, new, message):
    text = (shelf("topologies") / "dgx-a100-superpod.toml").read_text(encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(text.replace(old, new))


def test_unknown_names_and_paths(tmp_path):
    with pytest.raises(InputError, match="unknown topology 'dgx-a100-superpot'; did you mean 'dgx-a100-superpod'"):
        load_topology("dgx-a100-superpot", 8, "test")
    with pytest.raises(InputError, match=r"no topology file 'none\.toml'"):
        load_topology("none.toml", 8, "test", tmp_path)
