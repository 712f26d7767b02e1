"""Reads family "graph": a network given link by link, in the topology file or in a graph file beside it.

Either one [[link]] per pair of vertices: a and b (their names), class (a [link_class]), and optionally count (parallel
cables). Or graph_file = "cluster.graphml" (GraphML) or "cluster.json" (node-link JSON); see exchange.py.

Devices are the vertices gpu0, gpu1, ... in natural order, or those that devices = [...] lists, in its order.
sizes.domain says how many of them make one scale-up domain, and divides their number; otherwise each is its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sim.errors import InputError, some_of, unknown_name
from sim.hardware.topology.exchange import DEVICE, cable_count, read_exchanged
from sim.hardware.topology.explicit_graph import Cables, ExplicitGraph
from sim.hardware.topology.figures_file import FiguresFile, check_keys
from sim.hardware.topology.links import EdgeKey, Link
from sim.hardware.topology.topology import Topology
from sim.hardware.topology.vertex_names import naturally

_LINK_KEYS = ("a", "b", "class", "count")


def read_graph(file: FiguresFile) -> Topology:
    """Build the graph that a file describes."""
    sizes = file.sizes(optional=("domain",))
    classes = {name: file.link(name) for name in file.table("link_class")}
    if "link" in file.raw and "graph_file" in file.raw:
        raise InputError(f"{file.where}: graph_file", "there are [[link]] entries as well", "keep one of the two")
    place = "graph_file" if "graph_file" in file.raw else "link"
    if place == "graph_file":
        cables, marked = read_exchanged(file.raw["graph_file"], file, classes)
    else:
        cables, marked = _listed(file, classes), frozenset[str]()
    names = _devices(file, cables, marked)
    file.fits(len(names))
    domain = sizes.get("domain", 1)
    if len(names) % domain:
        raise InputError(
            file.size_place("domain"),
            f"{len(names)} devices do not make up whole scale-up domains of {domain}",
            f"write a number that divides {len(names)}",
        )
    return ExplicitGraph(file.about(), domain, names, cables, f"{file.where}: {place}")


def _listed(file: FiguresFile, classes: Mapping[str, Link]) -> list[Cables]:
    """The [[link]] entries."""
    listed = file.raw.get("link", [])
    if not isinstance(listed, list) or not all(isinstance(raw, Mapping) for raw in listed):
        raise InputError(f"{file.where}: link", "links are a list of tables", "write [[link]] once per link")
    joined: dict[EdgeKey, Cables] = {}
    for number, raw in enumerate(listed, start=1):
        where = f"{file.where}: [[link]] number {number}"
        check_keys(where, raw, _LINK_KEYS, ("a", "b", "class"))
        a, b, name = (_text(f"{where}: {key}", raw[key]) for key in ("a", "b", "class"))
        if name not in classes:
            raise unknown_name(f"{where}: class", "link class", name, classes)
        cables = Cables(a, b, classes[name], cable_count(f"{where}: count", raw.get("count", 1)))
        _check_new(where, cables, joined)
        joined[cables.a, cables.b] = cables
    return list(joined.values())


def _text(where: str, value: object) -> str:
    """A name as it is written."""
    if not isinstance(value, str):
        raise InputError(where, f"{value!r} is not text", "write one name in quotes")
    if not value.strip():
        raise InputError(where, f"the name '{value}' is empty", "write a name")
    return value


def _check_new(where: str, new: Cables, joined: Mapping[EdgeKey, Cables]) -> None:
    """Two vertices are joined once, and a vertex never to itself."""
    if new.a == new.b:
        raise InputError(where, f"'{new.a}' is joined to itself", "name two different vertices")
    back = joined.get((new.b, new.a))
    if back is not None and (back.link, back.count) != (new.link, new.count):
        raise InputError(
            where,
            f"asymmetric: {new.count} x {new.link.link_class} from '{new.a}' to '{new.b}', "
            f"but {back.count} x {back.link.link_class} from '{new.b}' to '{new.a}'",
            "a link is full duplex, equal in both directions: give each pair once",
        )
    if back is not None or (new.a, new.b) in joined:
        raise InputError(
            where,
            f"'{new.a}' and '{new.b}' are joined already",
            "give each pair once, for both directions; count = 2 stands for two parallel cables",
        )


def _devices(file: FiguresFile, cables: Iterable[Cables], marked: frozenset[str]) -> list[str]:
    """Vertices of the devices in rank order: as listed, or those that their name or the graph file marks.

    marked: by the graph file, with or without a link.
    """
    where = f"{file.where}: devices"
    vertices = dict.fromkeys(name for entry in cables for name in (entry.a, entry.b))
    wanted: Any = file.raw.get("devices")
    if wanted is None:
        found = [name for name in {**vertices, **dict.fromkeys(marked)} if name in marked or DEVICE.fullmatch(name)]
        names = naturally(found)
    elif isinstance(wanted, list):
        names = [_text(where, name) for name in wanted]
    else:
        raise InputError(where, f"{wanted!r} is not a list", 'write ["gpu0", "gpu1"]')
    if not names:
        raise InputError(where, "no link has a device", "name devices gpu0, gpu1, ... in the links, or list them")
    twice = naturally(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InputError(where, f"named more than once: {some_of(twice)}", "list each device once")
    alone = [name for name in names if name not in vertices]
    if alone:
        raise InputError(where, f"without a link: {some_of(alone)}", "join each device by a link, or leave it out")
    return names
