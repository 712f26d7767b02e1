"""Reads a topology file: the family, its sizes, and what its links carry, each figure with its source.

    title = "..."             family = "rail-fat-tree"        device = "..."
    sizes.NAME = { value = 8, kind = ..., source = ..., date = ..., note = ... }
    link_class.NAME.rate, .efficiency, .latency = { value = ..., kind = ..., ... }    a rate is per direction
    timing.NAME = { value = "40 us", kind = ..., ... }

Family "graph" has [[link]] entries (a, b, class) and optionally devices = [...] and sizes.domain.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.catalog.figures import Figure, read_figure
from sim.errors import InputError, closest, unknown_name
from sim.hardware.families import (
    ExplicitGraph,
    FatTreeSizes,
    NodeFatTree,
    RailFatTree,
    SingleNode,
    SwarmxTree,
)
from sim.hardware.topology import About, Link, Topology, shelf, topology_names
from sim.units import fraction, link_rate, quantity

_FAT_TREE_SIZES = ("devices_per_node", "nics_per_node", "nodes_per_leaf", "leaves_per_spine", "largest_nodes")
_LINK_FIGURES = ("rate", "efficiency", "latency")
_TIMINGS = ("collective_launch", "send_launch", "tree_level")
_TOP = ("title", "family", "device", "sizes", "link_class", "timing")


@dataclass(slots=True)
class _File:
    """One file while it is read; figures collect what was cited."""

    where: str
    name: str
    raw: Mapping[str, Any]
    devices: int
    figures: list[Figure] = field(default_factory=list)

    def table(self, key: str, allowed: tuple[str, ...] | None, required: tuple[str, ...] = ()) -> Mapping[str, Any]:
        """A table of the file, its keys checked (None: any key will do)."""
        where = f"{self.where}: [{key}]"
        raw: Any = self.raw
        for part in key.split("."):
            raw = raw.get(part, {}) if isinstance(raw, Mapping) else None
        if not isinstance(raw, Mapping):
            raise InputError(where, "this is not a table", f"write [{key}]")
        _check_keys(where, raw, tuple(raw) if allowed is None else allowed, required)
        return raw

    def figure(self, key: str, raw: object) -> Any:
        """The value of one figure as written."""
        figure = read_figure(key, raw, self.where)
        self.figures.append(figure)
        return figure.value

    def sizes(self, *required: str, optional: tuple[str, ...] = ()) -> dict[str, Any]:
        """Whole numbers of at least 1; an oversubscription may be any number of at least 1."""
        raw = self.table("sizes", (*required, *optional), required)
        sizes: dict[str, Any] = {}
        for key, entry in raw.items():
            value = self.figure(f"sizes.{key}", entry)
            whole = isinstance(value, int) or (key == "oversubscription" and isinstance(value, float))
            if isinstance(value, bool) or not whole or value < 1:
                raise InputError(f"{self.where}: sizes.{key}", f"{value!r} is not a count", "write 1 or more")
            sizes[key] = value
        return sizes

    def link(self, name: str) -> Link:
        """A link class with rate, efficiency and latency."""
        key = f"link_class.{name}"
        raw = self.table(key, _LINK_FIGURES)
        if "rate" not in raw:
            raise InputError(
                f"{self.where}: [{key}]",
                f"link class '{name}' has no bandwidth",
                'add rate, for example "200 Gbit/s"',
            )
        raw = self.table(key, _LINK_FIGURES, _LINK_FIGURES)
        where = {part: f"{self.where}: {key}.{part}" for part in _LINK_FIGURES}
        rate = link_rate(self.figure(f"{key}.rate", raw["rate"]), where["rate"])
        efficiency = fraction(self.figure(f"{key}.efficiency", raw["efficiency"]), where["efficiency"])
        if efficiency == 0:
            raise InputError(where["efficiency"], "it carries nothing", "write a share above 0")
        latency_s = quantity(self.figure(f"{key}.latency", raw["latency"]), "s", where["latency"])
        return Link(name, rate * efficiency, latency_s)

    def fabric_latency_s(self) -> float:
        """Latency of the links between switches, whose rates follow from the network cards below them."""
        raw = self.table("link_class.fabric", ("latency",), ("latency",))
        value = self.figure("link_class.fabric.latency", raw["latency"])
        return quantity(value, "s", f"{self.where}: link_class.fabric.latency")

    def link_classes(self, *names: str) -> None:
        """Hold the file to these link classes."""
        self.table("link_class", names, names)

    def about(self, *required: str) -> About:
        """What every family says; call last, when all figures are read."""
        raw = self.table("timing", _TIMINGS, required)
        times = {
            key: quantity(self.figure(f"timing.{key}", entry), "s", f"{self.where}: timing.{key}")
            for key, entry in raw.items()
        }
        return About(
            self.name,
            str(self.raw["title"]),
            str(self.raw["device"]),
            self.devices,
            collective_launch_s=times.get("collective_launch", 0.0),
            send_launch_s=times.get("send_launch", 0.0),
            tree_level_s=times.get("tree_level"),
            figures=tuple(self.figures),
        )

    def fits(self, largest: int) -> None:
        """Refuse to build more devices than there are."""
        if not 1 <= self.devices <= largest:
            raise InputError(
                self.where,
                f"{self.devices} devices asked for, but '{self.name}' has {largest}"
                if self.devices > largest
                else f"{self.devices} devices asked for",
                f"use 1 to {largest} devices, or another topology",
            )


def load_topology(name: str, devices: int, where: str, base: Path | None = None) -> Topology:
    """Build `devices` devices of a topology.

    name: a name on the shelf, or a path ending in .toml, relative to base (default: the working directory).
    where: shown first in messages about the name.
    Raises InputError for an unknown name, a file that cannot be used, or a topology smaller than asked.
    """
    if name.endswith(".toml"):
        path = (base or Path.cwd()) / name
        if not path.is_file():
            raise InputError(where, f"no topology file '{name}' in {base or Path.cwd()}", "check the path")
        shown = name
    else:
        if name not in topology_names():
            raise unknown_name(where, "topology", name, topology_names())
        path = shelf("topologies") / f"{name}.toml"
        shown = f"topologies/{name}.toml"
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(shown, f"this is not TOML ({error})", "see the files in topologies/") from error
    family = str(raw.get("family", ""))
    allowed = _TOP if family in _FAMILIES and family != "graph" else (*_TOP, "link", "devices")
    _check_keys(shown, raw, allowed, ("title", "family", "device", "link_class"))
    if family not in _FAMILIES:
        raise unknown_name(f"{shown}: family", "family", family, _FAMILIES)
    return _FAMILIES[family](_File(shown, path.stem, raw, devices))


def _check_keys(where: str, raw: Mapping[str, Any], allowed: tuple[str, ...], required: tuple[str, ...]) -> None:
    for key in raw:
        if key not in allowed:
            raise InputError(where, f"unknown key '{key}'{closest(key, allowed)}", f"allowed: {', '.join(allowed)}")
    missing = [key for key in required if key not in raw]
    if missing:
        raise InputError(where, f"missing: {', '.join(missing)}", "add it; see the files in topologies/")


def _single_node(file: _File) -> Topology:
    sizes = file.sizes("devices_per_node")
    file.fits(sizes["devices_per_node"])
    file.link_classes("scale_up")
    scale_up = file.link("scale_up")
    return SingleNode(file.about("collective_launch", "send_launch"), sizes["devices_per_node"], scale_up)


def _fat_tree(build: type[RailFatTree] | type[NodeFatTree]) -> Callable[[_File], Topology]:
    def read(file: _File) -> Topology:
        sizes = file.sizes(*_FAT_TREE_SIZES, optional=("oversubscription",))
        file.fits(sizes.pop("largest_nodes") * sizes["devices_per_node"])
        if sizes["nics_per_node"] > sizes["devices_per_node"]:
            raise InputError(
                f"{file.where}: sizes.nics_per_node",
                f"{sizes['nics_per_node']} cards for {sizes['devices_per_node']} devices",
                "merge the cards of one device into one of their summed rate",
            )
        file.link_classes("scale_up", "nic", "fabric")
        links = file.link("scale_up"), file.link("nic"), file.fabric_latency_s()
        return build(file.about("collective_launch", "send_launch"), FatTreeSizes(**sizes), *links)

    return read


def _swarmx(file: _File) -> Topology:
    sizes = file.sizes("fan_out", "largest_systems")
    file.fits(sizes["largest_systems"])
    if sizes["fan_out"] < 2:
        raise InputError(f"{file.where}: sizes.fan_out", "a tree needs a fan-out of at least 2", "write 4")
    file.link_classes("swarmx")
    link = file.link("swarmx")
    return SwarmxTree(file.about(), sizes["fan_out"], link)


def _graph(file: _File) -> Topology:
    sizes = file.sizes(optional=("domain",))
    classes = {name: file.link(name) for name in file.table("link_class", None)}
    edges: dict[tuple[str, str], Link] = {}
    listed, wanted = file.raw.get("link", []), file.raw.get("devices")
    if not isinstance(listed, list) or not all(isinstance(raw, Mapping) for raw in listed):
        raise InputError(f"{file.where}: link", "links are a list of tables", "write [[link]] once per link")
    if wanted is not None and not isinstance(wanted, list):
        raise InputError(f"{file.where}: devices", f"{wanted!r} is not a list", 'write ["gpu0", "gpu1"]')
    for number, raw in enumerate(listed, start=1):
        where = f"{file.where}: [[link]] number {number}"
        _check_keys(where, raw, ("a", "b", "class"), ("a", "b", "class"))
        a, b = str(raw["a"]), str(raw["b"])
        if raw["class"] not in classes:
            raise unknown_name(where, "link class", str(raw["class"]), classes)
        if a == b or (a, b) in edges or (b, a) in edges:
            raise InputError(where, f"'{a}' and '{b}' are the same, or joined already", "one link per pair")
        edges[a, b] = classes[raw["class"]]
    vertices = dict.fromkeys(name for pair in edges for name in pair)
    numbered = [name for name in vertices if re.fullmatch(r"gpu\d+", name)]
    names = [str(name) for name in wanted or sorted(numbered, key=lambda name: int(name[3:]))]
    unknown = [name for name in names if name not in vertices]
    if unknown or not names or len(set(names)) < len(names):
        twice = f"{names} does not name each device once" if names else "no link has a device (gpu0, gpu1, ...)"
        raise InputError(
            f"{file.where}: devices",
            f"devices without a link: {unknown}" if unknown else twice,
            "name devices gpu0, gpu1, ... in the links, or list them",
        )
    file.fits(len(names))
    joined = [(a, b, link) for (a, b), link in edges.items()]
    return ExplicitGraph(file.about("collective_launch", "send_launch"), sizes.get("domain", 1), names, joined)


_FAMILIES: dict[str, Callable[[_File], Topology]] = {
    "single-node": _single_node,
    "rail-fat-tree": _fat_tree(RailFatTree),
    "node-fat-tree": _fat_tree(NodeFatTree),
    "swarmx-tree": _swarmx,
    "graph": _graph,
}
