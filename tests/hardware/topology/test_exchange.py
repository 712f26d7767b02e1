"""Graphs from GraphML and node-link JSON, as networkx writes them."""

import json

import networkx
import pytest
from small_networks import CUBE_MESH, TIMING, head, link, link_class

from sim.errors import InputError
from sim.hardware.topology import load_topology

CLASSES = link_class("cable") + link_class("thin", rate="10 Gbit/s")
FORMATS = ["graphml", "json", "old json"]


def cube_mesh() -> networkx.Graph:
    """A DGX-1 whose second board hangs on thin cables."""
    graph = networkx.Graph()
    for pair in dict.fromkeys(CUBE_MESH):
        name = "thin" if min(pair) > "3" else "cable"
        graph.add_edge(f"gpu{pair[0]}", f"gpu{pair[2]}", **{"class": name, "count": CUBE_MESH.count(pair)})
    return graph


def write(graph: networkx.Graph, folder, form: str) -> str:
    """Write a graph as networkx does; its name."""
    if form == "graphml":
        networkx.write_graphml(graph, folder / "net.graphml")
        return "net.graphml"
    edges = "edges" if form == "json" else "links"
    (folder / "net.json").write_text(json.dumps(networkx.node_link_data(graph, edges=edges)), encoding="utf-8")
    return "net.json"


@pytest.fixture(params=FORMATS)
def load(tmp_path, request):
    def from_graph(graph: networkx.Graph, devices: int = 2, *more: str):
        name = write(graph, tmp_path, request.param)
        text = head("graph", f'graph_file = "{name}"', *more) + CLASSES + TIMING
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_topology("mine.toml", devices, "test", tmp_path)

    return from_graph


def pair(directed: bool = False, **data: object) -> networkx.Graph:
    """Two devices and the cable between them."""
    graph = networkx.DiGraph() if directed else networkx.Graph()
    graph.add_edge("gpu0", "gpu1", **({"class": "cable"} | data))
    return graph


def test_a_graph_file_is_read_as_the_same_links_in_toml(load, tmp_path):
    found = load(cube_mesh(), 8)
    links = "".join(
        link(a, b, data["class"], f"count = {data['count']}") for a, b, data in cube_mesh().edges(data=True)
    )
    (tmp_path / "listed.toml").write_text(head("graph") + CLASSES + links + TIMING, encoding="utf-8")
    listed = load_topology("listed.toml", 8, "test", tmp_path)
    assert networkx.utils.graphs_equal(found.graph, listed.graph)
    assert found.names == listed.names
    assert found.figures == listed.figures
    assert [found.route(0, device) for device in range(8)] == [listed.route(0, device) for device in range(8)]


def test_the_written_graph_of_a_topology_is_read_back(load):
    found = load(cube_mesh(), 8)
    again = networkx.Graph()
    for a, b, data in found.graph.edges(data=True):
        rate, latency = f"{data['bytes_per_s']!r} B/s", f"{data['latency_s']!r} s"
        again.add_edge(a, b, **{"class": f"own {data['link_class']}", "rate": rate, "latency": latency})
    back = load(again, 8)
    assert set(back.graph.edges) == set(found.graph.edges)
    for a, b, data in found.graph.edges(data=True):
        assert back.graph.edges[a, b]["bytes_per_s"] == pytest.approx(data["bytes_per_s"])


def test_a_directed_graph_with_equal_directions_is_a_full_duplex_one(load):
    directed = load(cube_mesh().to_directed(), 8)
    assert networkx.utils.graphs_equal(directed.graph, load(cube_mesh(), 8).graph)


@pytest.mark.parametrize("kind", [networkx.MultiGraph, networkx.MultiDiGraph])
def test_parallel_edges_are_parallel_cables(load, kind):
    graph = kind()
    ends = ["gpu0", "gpu1"] if kind is networkx.MultiDiGraph else ["gpu0"]
    for start in ends:
        other = "gpu1" if start == "gpu0" else "gpu0"
        graph.add_edge(start, other, **{"class": "cable"})
        graph.add_edge(start, other, **{"class": "cable", "count": 2})
    single, triple = load(pair()).route(0, 1)[0][1], load(graph).route(0, 1)[0][1]
    assert triple.bytes_per_s == pytest.approx(3 * single.bytes_per_s)


def test_edges_may_have_rates_of_their_own(load):
    graph = networkx.Graph()
    graph.add_edge("gpu0", "hub", rate="200 Gbit/s", latency="1 us")
    graph.add_edge("gpu1", "hub", **{"rate": "25 GB/s", "latency": "1 us", "class": "nic", "count": 2.0})
    (_, first), (_, second) = load(graph).route(0, 1)
    assert (first.link_class, first.bytes_per_s, first.latency_s) == ("link", pytest.approx(25e9), pytest.approx(1e-6))
    assert (second.link_class, second.bytes_per_s) == ("nic", pytest.approx(50e9))


def test_edges_with_rates_of_their_own_need_no_link_class(tmp_path):
    write(pair(**{"class": "own", "rate": "1 GB/s", "latency": "1 us"}), tmp_path, "json")
    (tmp_path / "mine.toml").write_text(head("graph", 'graph_file = "net.json"') + TIMING, encoding="utf-8")
    assert load_topology("mine.toml", 2, "test", tmp_path).route(0, 1)[0][1].link_class == "own"


def test_nodes_may_be_marked_as_devices(load):
    graph = networkx.Graph()
    for number in (10, 9):
        graph.add_node(f"chip{number}", kind="device", rack=3)
        graph.add_edge(f"chip{number}", "hub", **{"class": "cable"})
    graph.add_node("hub", kind="switch")
    topology = load(graph)
    assert topology.names == ("chip9", "chip10")
    assert topology.graph.nodes["hub"]["kind"] == "switch"
    assert load(graph, 2, 'devices = ["chip10", "hub"]').names == ("chip10", "hub")


def test_node_names_may_be_numbers(load):
    graph = networkx.Graph()
    graph.add_node(1, kind="device")
    graph.add_node(0, kind="device")
    graph.add_edge(0, 1, **{"class": "cable"})
    assert load(graph).names == ("0", "1")


def lonely() -> networkx.Graph:
    graph = pair()
    graph.add_node("gpu2", kind="device")
    return graph


def forgotten() -> networkx.Graph:
    """A device by its name alone, without an edge."""
    graph = pair()
    graph.add_node("gpu7")
    return graph


def nameless() -> networkx.Graph:
    graph = pair()
    graph.add_edge("gpu1", " ", **{"class": "cable"})
    return graph


def two_kinds() -> networkx.Graph:
    graph = networkx.MultiGraph(pair())
    graph.add_edge("gpu0", "gpu1", **{"class": "thin"})
    return graph


def asymmetric(**data: object) -> networkx.Graph:
    graph = pair(directed=True)
    graph.add_edge("gpu1", "gpu0", **data)
    return graph


def islands() -> networkx.Graph:
    graph = pair()
    graph.add_edge("gpu2", "gpu3", **{"class": "cable"})
    return graph


@pytest.mark.parametrize(
    ("graph", "devices", "message"),
    [
        (pair(**{"class": "cabel"}), 2, r"edge from 'gpu0' to 'gpu1': class\n(.|\n)*'cabel'; did you mean 'cable'"),
        (
            networkx.Graph([("gpu0", "gpu1")]),
            2,
            r"edge from 'gpu0' to 'gpu1'\n  this link has no bandwidth\n.*cable, thin",
        ),
        (networkx.Graph([("gpu0", "gpu1", {"latency": "1 us"})]), 2, "no bandwidth"),
        (networkx.Graph([("gpu0", "gpu1", {"rate": "1 GB/s"})]), 2, "has a rate but no latency"),
        (pair(rate="1 GB/s", latency="1 us"), 2, r"a rate of its own and that of \[link_class\.cable\]"),
        (
            pair(**{"class": "x", "rate": "0 GB/s", "latency": "1 us"}),
            2,
            r"'gpu1': rate\n  '0 GB/s' must be above zero",
        ),
        (pair(**{"class": "x", "rate": "1 GB/s", "latency": "-1 us"}), 2, r"'gpu1': latency\n  '-1 us' must be above"),
        (pair(**{"class": "x", "rate": 3, "latency": "1 us"}), 2, r"'gpu1': rate\n  3 has no unit"),
        (pair(cout=2), 2, "unknown key 'cout'; did you mean 'count'"),
        (pair(count=0), 2, r"'gpu1': count\n  0 is not a whole number"),
        (pair(count=1.5), 2, "1.5 is not a whole number"),
        (pair(count="two"), 2, "'two' is not a whole number"),
        (networkx.Graph([("gpu0", "gpu0", {"class": "cable"})]), 1, "a vertex is joined to itself"),
        (two_kinds(), 2, "two kinds of link join the same vertices"),
        (
            pair(directed=True),
            2,
            r"'gpu0' and 'gpu1'\n  asymmetric: 1 x cable \(.*\) from 'gpu0' to 'gpu1', but nothing from",
        ),
        (
            asymmetric(**{"class": "thin"}),
            2,
            r"asymmetric: 1 x cable \(.*\) from 'gpu0' to 'gpu1', but 1 x thin \(6.25e\+08 B/s, 2e-06 s\) from",
        ),
        (asymmetric(**{"class": "cable", "count": 2}), 2, r"but 2 x cable \(.*\) from 'gpu1' to 'gpu0'"),
        (lonely(), 2, "devices\n  without a link: gpu2"),
        (forgotten(), 2, "devices\n  without a link: gpu7"),
        (nameless(), 2, r"net\.(graphml|json): nodes\n  a node has an empty name"),
        (pair(count=2**31), 2, r"'gpu1': count\n  too many cables\n  write at most 2147483647"),
        (islands(), 4, r"mine\.toml: graph_file\n  disconnected: no path from gpu0 to gpu2, gpu3"),
        (networkx.Graph([("a", "b", {"class": "cable"})]), 1, "no link has a device"),
        (pair(), 3, "3 devices asked for, but 'mine' has 2"),
    ],
)
def test_messages(load, graph, devices, message):
    with pytest.raises(InputError, match=message) as error:
        load(graph, devices)
    assert error.value.remedy


BROKEN = {
    "empty.graphml": "",
    "text.graphml": "hello",
    "other.graphml": "<html><body/></html>",
    "cut.graphml": '<?xml version="1.0"?><graphml><graph><node id="gpu0"/>',
    "key.graphml": '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
    '<node id="gpu0"><data key="d9">x</data></node></graph></graphml>',
    "empty.json": "",
    "list.json": "[]",
    "number.json": "3",
    "table.json": "{}",
    "nodes.json": '{"nodes": 3, "edges": []}',
    "names.json": '{"nodes": [{"name": "gpu0"}], "edges": []}',
    "edges.json": '{"nodes": [{"id": "gpu0"}], "edges": [{"source": "gpu0"}]}',
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_cannot_be_read(tmp_path, name):
    (tmp_path / name).write_text(BROKEN[name], encoding="utf-8")
    (tmp_path / "mine.toml").write_text(head("graph", f'graph_file = "{name}"') + CLASSES + TIMING, encoding="utf-8")
    with pytest.raises(InputError, match=rf"^mine\.toml: graph_file\n  '{name}' cannot be read") as error:
        load_topology("mine.toml", 1, "test", tmp_path)
    assert "node-link JSON" in error.value.remedy


@pytest.mark.parametrize("name", ["net.graphml", "net.json"])
def test_bytes_that_are_no_text(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\x00\xfe\x80")
    (tmp_path / "mine.toml").write_text(head("graph", f'graph_file = "{name}"') + CLASSES + TIMING, encoding="utf-8")
    with pytest.raises(InputError, match="byte 0 is not UTF-8"):
        load_topology("mine.toml", 1, "test", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ('"none.graphml"', r"graph_file\n  there is no file .*none\.graphml"),
        ('"net.gexf"', r"'net\.gexf' is no name of a graph file"),
        ("3", "3 is no name of a graph file"),
    ],
)
def test_names_of_graph_files(tmp_path, name, message):
    (tmp_path / "mine.toml").write_text(head("graph", f"graph_file = {name}") + CLASSES + TIMING, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_topology("mine.toml", 1, "test", tmp_path)


NODES = {
    "twice.json": '{"nodes": [{"id": "gpu0"}, {"id": "gpu1"}, {"id": "gpu0"}], '
    '"edges": [{"source": "gpu0", "target": "gpu1", "class": "cable"}]}',
    "both.json": '{"nodes": [{"id": 1, "kind": "device"}, {"id": "1"}], "edges": []}',
    "twice.graphml": '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
    '<node id="gpu0"/><node id="gpu1"/><node id="gpu0"/></graph></graphml>',
}


@pytest.mark.parametrize(("name", "node"), [("twice.json", "gpu0"), ("both.json", "1"), ("twice.graphml", "gpu0")])
def test_a_node_that_is_named_twice(tmp_path, name, node):
    (tmp_path / name).write_text(NODES[name], encoding="utf-8")
    (tmp_path / "mine.toml").write_text(head("graph", f'graph_file = "{name}"') + CLASSES + TIMING, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}: nodes\n  named more than once: {node}\n"):
        load_topology("mine.toml", 1, "test", tmp_path)


def test_a_graph_file_lies_beside_the_topology_file(tmp_path, monkeypatch):
    (tmp_path / "nets").mkdir()
    write(pair(), tmp_path / "nets", "graphml")
    text = head("graph", 'graph_file = "net.graphml"') + CLASSES + TIMING
    (tmp_path / "nets" / "mine.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_topology("nets/mine.toml", 2, "test").devices == 2
