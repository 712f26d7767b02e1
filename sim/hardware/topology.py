"""What a cluster's network is: devices, links, and the way a message takes between two devices.

A topology is a graph of devices ("gpu0", "wafer0", ...), switches and stores. Generated families compute
a route by arithmetic, so that a hundred thousand devices cost nothing until their graph is asked for.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sim.catalog.figures import Figure
from sim.errors import InputError

if TYPE_CHECKING:
    import networkx

    Graph = networkx.Graph[str]

EdgeKey = tuple[str, str]
"""A link in the direction of travel: (from vertex, to vertex)."""


@dataclass(frozen=True, slots=True)
class Link:
    """One full-duplex link, or several parallel ones merged.

    bytes_per_s: achieved rate per direction (nominal rate times efficiency).
    latency_s: what crossing this one link adds to a message.
    """

    link_class: str
    bytes_per_s: float
    latency_s: float


Route = tuple[tuple[EdgeKey, Link], ...]
"""The links that a message crosses, in order."""


@dataclass(frozen=True, slots=True)
class About:
    """What every topology says of itself, whatever its family.

    devices: how many are built; device: their name in the catalogue.
    collective_launch_s: fixed cost of starting one collective (library and kernel launch).
    send_launch_s: the same for one send between two devices.
    tree_level_s: what one level of a tree across scale-up domains adds, each way; None where the library
    has no such tree.
    """

    name: str
    title: str
    device: str
    devices: int
    collective_launch_s: float = 0.0
    send_launch_s: float = 0.0
    tree_level_s: float | None = None
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


class Topology(ABC):
    """A cluster's network; families differ in their vertices and routes.

    name, title, device, devices, collective_launch_s, send_launch_s, tree_level_s, figures: as in About.
    domain: devices in one scale-up domain (8 for an HGX node, 1 for wafers); device d is in d // domain.
    regular: the structure repeats from domain to domain, so that a part of it stands for the whole.
    """

    regular = True

    def __init__(self, about: About, domain: int) -> None:
        self.about = about
        self.name = about.name
        self.title = about.title
        self.device = about.device
        self.devices = about.devices
        self.collective_launch_s = about.collective_launch_s
        self.send_launch_s = about.send_launch_s
        self.tree_level_s = about.tree_level_s
        self.figures = about.figures
        self.domain = domain

    @abstractmethod
    def vertex(self, device: int) -> str:
        """Name of a device's vertex in the graph."""

    @abstractmethod
    def _route(self, a: int, b: int) -> Route:
        """The route between two different devices that exist."""

    @abstractmethod
    def _edges(self) -> dict[EdgeKey, Link]:
        """Every link once, in one of its two directions."""

    def route(self, a: int, b: int) -> Route:
        """The links from device a to device b, in order; empty when they are the same device.

        Raises InputError for a device that the topology does not have.
        """
        if not (0 <= a < self.devices and 0 <= b < self.devices):
            raise InputError(
                f"topology '{self.name}'",
                f"no route from device {a} to device {b}",
                f"devices are 0 to {self.devices - 1}",
            )
        return self._route(a, b) if a != b else ()

    def broadcast_tree(self, devices: int) -> tuple[int, Link] | None:
        """(links from the store to a device, one such link) where the fabric itself broadcasts and reduces.

        devices: how many take part; fewer need fewer levels. None where the fabric does not, and devices have to
        pass the data on.
        """
        return None

    @functools.cached_property
    def graph(self) -> Graph:
        """The whole network, built when first asked for.

        Vertices have kind "device", "switch" or "store"; edges have the attributes of Link.
        """
        import networkx

        graph: Graph = networkx.Graph()
        for device in range(self.devices):
            graph.add_node(self.vertex(device), kind="device")
        for (a, b), link in self._edges().items():
            for name in (a, b):
                if name not in graph:
                    graph.add_node(name, kind=self._kind(name))
            graph.add_edge(a, b, link_class=link.link_class, bytes_per_s=link.bytes_per_s, latency_s=link.latency_s)
        return graph

    def _kind(self, vertex: str) -> str:
        """Kind of a vertex that is not a device."""
        return "switch"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, devices={self.devices})"


def shelf(name: str) -> Path:
    """Folder of the user's shelf of this name ("topologies" or "scenarios").

    In the wheel the shelves lie inside the package, in a checkout beside it.
    """
    package = Path(__file__).resolve().parent.parent
    installed = package / "shelves" / name
    return installed if installed.is_dir() else package.parent / name


def topology_names() -> list[str]:
    """Names of all topologies on the shelf, sorted."""
    return sorted(path.stem for path in shelf("topologies").glob("*.toml"))
