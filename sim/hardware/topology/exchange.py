"""Graph files in common formats, as networkx reads them: GraphML and node-link JSON.

An edge has the attribute `class` (a [link_class] of the topology file), or a `rate` and a `latency` of its own (text
with units; then `class` is only a label), and optionally a `count` of parallel cables. A node is a device when it is
named gpu0, gpu1, ... or has kind = "device". Directed graphs are read as well, if both directions are equal.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from sim.errors import InputError, some_of, unknown_name
from sim.hardware.topology.explicit_graph import Cables
from sim.hardware.topology.figures_file import LARGEST_SIZE, FiguresFile, check_keys
from sim.hardware.topology.links import EdgeKey, Link
from sim.reading import parse_json, read_text
from sim.units import link_rate, quantity

if TYPE_CHECKING:
    import networkx

DEVICE = re.compile(r"gpu\d+")
"""Names of devices, where nothing else says which vertices are."""
_OWN = ("rate", "latency")
_EDGE_KEYS = ("class", *_OWN, "count", "id")
"""GraphML itself gives edges an id."""
_OWN_CLASS = "link"
_REMEDY = "give GraphML as .graphml, or node-link JSON as .json, as networkx writes them"


def read_exchanged(name: object, file: FiguresFile, classes: Mapping[str, Link]) -> tuple[list[Cables], frozenset[str]]:
    """The links of a graph file, and the nodes that are devices by their name or kind.

    name: path relative to the topology file. classes: link classes of the topology file.
    Raises InputError for a file that cannot be read, and for links that cannot be used.
    """
    key = f"{file.where}: graph_file"
    path = file.folder / str(name)
    if not isinstance(name, str) or path.suffix not in _READERS:
        raise InputError(key, f"{name!r} is no name of a graph file", _REMEDY)
    graph = _read(path, key)
    if any(not str(node).strip() for node in graph):
        raise InputError(f"{name}: nodes", "a node has an empty name", "give every node a name")
    kinds = {str(node): data.get("kind") for node, data in graph.nodes(data=True)}
    devices = frozenset(node for node, kind in kinds.items() if kind == "device" or DEVICE.fullmatch(node))
    found: dict[EdgeKey, Cables] = {}
    for one, other, data in graph.edges(data=True):
        a, b = str(one), str(other)
        where = f"{name}: edge from '{a}' to '{b}'"
        if a == b:
            raise InputError(where, "a vertex is joined to itself", "name two different vertices")
        cables = Cables(a, b, _link(where, data, classes), _count(where, data.get("count", 1)))
        # Parallel edges stand for parallel cables; those of an undirected graph may be written either way round.
        known = (b, a) if not graph.is_directed() and (b, a) in found else (a, b)
        if known in found and found[known].link != cables.link:
            raise InputError(where, "two kinds of link join the same vertices", "join them by one kind")
        known_count = found[known].count if known in found else 0
        found[known] = replace(cables, a=known[0], b=known[1], count=cables.count + known_count)
    return list((_both_ways(str(name), found) if graph.is_directed() else found).values()), devices


def _read(path: Path, key: str) -> networkx.Graph[Any]:
    """The file as networkx understands it, each node named once."""
    import networkx

    # A broken file fails in as many ways as there are parsers below; all of them mean the same to the user.
    broken = (ValueError, LookupError, TypeError, AttributeError, RecursionError, ElementTree.ParseError)
    text = read_text(path, key)
    try:
        graph, nodes = _READERS[path.suffix](text, path.name)
    except (*broken, networkx.NetworkXError) as error:
        raise InputError(key, f"'{path.name}' cannot be read ({error or type(error).__name__})", _REMEDY) from error
    twice = sorted(node for node, times in collections.Counter(nodes).items() if times > 1)
    if twice:
        raise InputError(f"{path.name}: nodes", f"named more than once: {some_of(twice)}", "give each node once")
    return graph


def _graphml(text: str, name: str) -> tuple[networkx.Graph[Any], Iterable[str]]:
    """GraphML: (graph, its nodes as written)."""
    import networkx

    elements = ElementTree.fromstring(text).iter()
    nodes = [str(one.get("id")) for one in elements if one.tag.rpartition("}")[2] == "node"]
    return networkx.parse_graphml(text), nodes


def _node_link(text: str, name: str) -> tuple[networkx.Graph[Any], Iterable[str]]:
    """Node-link JSON: (graph, its nodes as written). Edges are called "edges", or "links" by older versions."""
    import networkx

    raw = parse_json(text, name, _REMEDY)
    graph = networkx.node_link_graph(raw, edges="edges" if "edges" in raw else "links")
    return graph, [str(node["id"]) for node in raw["nodes"]]


_READERS = {".graphml": _graphml, ".json": _node_link}


def _link(where: str, data: Mapping[str, Any], classes: Mapping[str, Link]) -> Link:
    """What one edge carries."""
    check_keys(where, data, _EDGE_KEYS, ())
    own = [key for key in _OWN if key in data]
    name = str(data.get("class", _OWN_CLASS))
    if not own and "class" in data:
        if name not in classes:
            raise unknown_name(f"{where}: class", "link class", name, classes)
        return classes[name]
    if "rate" not in own:
        choice = f"class ({some_of(classes)}), or rate and latency" if classes else "rate and latency"
        raise InputError(where, "this link has no bandwidth", f"give {choice}")
    if "latency" not in own:
        raise InputError(where, "this link has a rate but no latency", 'add latency, for example "1 us"')
    if name in classes:
        remedy = "leave out one of the two, or call the class otherwise"
        raise InputError(where, f"it has a rate of its own and that of [link_class.{name}]", remedy)
    rate = link_rate(data["rate"], f"{where}: rate")
    return Link(name, rate, quantity(data["latency"], "s", f"{where}: latency"))


def _count(where: str, value: object) -> int:
    """Parallel cables; GraphML may write them as 2.0."""
    return cable_count(f"{where}: count", int(value) if isinstance(value, float) and value.is_integer() else value)


def cable_count(where: str, value: object) -> int:
    """A number of parallel cables. Raises InputError for anything else."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(where, f"{value!r} is not a whole number of at least 1", "write 1 or more")
    if value > LARGEST_SIZE:
        raise InputError(where, "too many cables", f"write at most {LARGEST_SIZE}")
    return value


def _both_ways(name: str, found: Mapping[EdgeKey, Cables]) -> dict[EdgeKey, Cables]:
    """Links of a directed graph, whose two directions have to be equal, once each."""
    once: dict[EdgeKey, Cables] = {}
    for (a, b), there in found.items():
        back = found.get((b, a))
        if back is None or (back.link, back.count) != (there.link, there.count):
            raise InputError(
                f"{name}: edges between '{a}' and '{b}'",
                f"asymmetric: {_said(there)} from '{a}' to '{b}', but {_said(back)} from '{b}' to '{a}'",
                "a link is full duplex: give both directions alike, or use an undirected graph",
            )
        if (b, a) not in once:
            once[a, b] = there
    return once


def _said(cables: Cables | None) -> str:
    if cables is None:
        return "nothing"
    link = cables.link
    return f"{cables.count} x {link.link_class} ({link.bytes_per_s:.4g} B/s, {link.latency_s:.4g} s)"
