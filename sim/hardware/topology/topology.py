"""What a cluster's network is: devices, links, and the ways that messages take between devices.

A topology is a graph of devices ("gpu0", "wafer0", ...), switches and stores. Generated families compute paths by
arithmetic, for many pairs of devices at once, so that a hundred thousand devices cost little and no graph is built
until somebody asks for one.
"""

from __future__ import annotations

import copy
import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from sim.catalog import PLAIN_LIBRARY, Device, Figure, Host, Library, host_of, load_device
from sim.errors import InputError
from sim.hardware.topology.host_share import HostShare, share_of
from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, LinkTable, Numbers

if TYPE_CHECKING:
    import networkx

    Graph = networkx.Graph[str]

Route = tuple[tuple[EdgeKey, Link], ...]
"""The links that a message crosses, in order."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What a cluster writes checkpoints to, over all its nodes. capacity_bytes: None where it is not known."""

    write_bytes_per_s: float
    read_bytes_per_s: float
    capacity_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What every topology says of itself, whatever its family.

    devices: how many are built; device: their name in the catalogue, or that of own_device.
    own_device: read from a file of the user's own; None where the catalogue has it.
    host: of its nodes, where the file names one.
    library: the collective library that runs on it.
    collective_launch_s: fixed cost of starting one collective (host and kernel launch).
    send_launch_s: the same for one send between two devices.
    host_post_s: how long its host takes to post a message to a network card.
    in_switch_bytes_per_s: rate per device and direction at which the scale-up switch itself reduces and multicasts;
    None where it does not.
    fabric_reduces: the switches between the domains reduce and multicast as well.
    link_rates: as the file states them, by link class.
    """

    name: str
    title: str
    device: str
    devices: int
    library: Library = PLAIN_LIBRARY
    collective_launch_s: float = 0.0
    send_launch_s: float = 0.0
    host_post_s: float = 0.0
    in_switch_bytes_per_s: float | None = None
    fabric_reduces: bool = False
    storage: Storage | None = None
    own_device: Device | None = None
    host: Host | None = None
    link_rates: Mapping[str, Figure] = field(default_factory=dict, compare=False, repr=False)
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Paths:
    """Ways of n messages. H is the longest of them.

    links: (n, H) link numbers, NO_LINK where a path has fewer. In order of travel where shares is None.
    link_latency_s: (L + 1,) of every link, zero for NO_LINK.
    shares: (n, H) share of the message on each link, where messages are split over equal-cost paths.
    """

    links: Numbers
    link_latency_s: NDArray[np.float64]
    shares: NDArray[np.float64] | None = None

    @functools.cached_property
    def latency_s(self) -> NDArray[np.float64]:
        """(n,) sum over the links of one path; worked out when asked for, because loads need none."""
        each_s = self.link_latency_s[self.links]
        total_s: NDArray[np.float64] = (each_s if self.shares is None else self.shares * each_s).sum(axis=1)
        return total_s


class Topology(ABC):
    """A cluster's network; families differ in their vertices and paths.

    about: name, title, device and timing. devices: how many there are.
    domain: devices in one scale-up domain (8 for an HGX node, 1 for wafers); device d is in d // domain.
    levels: sizes of the nested regular groups that collectives can be split over, innermost first.
    links: all links, numbered.
    """

    cabled = False
    """Whether devices are joined directly, so that the cables decide which rings there are."""

    def __init__(self, about: About, domain: int, levels: tuple[int, ...] = ()) -> None:
        self.about = about
        self.name = about.name
        self.title = about.title
        self.device = about.device
        self.devices = about.devices
        self.figures = about.figures
        self.domain = domain
        self.levels = levels or (domain,)
        self.links = LinkTable()
        self.host_links: tuple[int, int] | None = None
        """First link from a device to its host, and first link back; None where none has been built."""

    def load_device(self) -> Device:
        """What is known of its devices."""
        return self.about.own_device or load_device(self.device)

    @property
    def host(self) -> Host | None:
        """The host of its nodes: the one that its file names, else the usual one of its device; None without either."""
        own = self.about.own_device
        return self.about.host or host_of(own.base if own else self.device)

    @functools.cached_property
    def host_share(self) -> HostShare | None:
        """What one device has of its host while all others do the same; None where there is no host."""
        host = self.host
        return None if host is None else share_of(host, min(self.devices, host.devices or self.node_devices))

    @property
    def node_devices(self) -> int:
        """Devices of a node; a scale-up domain is one unless a family says otherwise."""
        return self.domain

    def with_device(self, device: Device) -> Self:
        """The same network with other devices on it."""
        other = copy.copy(self)
        other.about = replace(self.about, device=device.name, own_device=device)
        other.__dict__.pop("host_share", None)
        other.device = device.name
        return other

    def with_host_links(self) -> Self:
        """The same network with a link of each device to its host besides, and back; itself where there is no host."""
        share = self.host_share
        if share is None or self.host_links:
            return self
        other = self._with_links(lambda link: link)
        up, down = (Link(f"{share.link} {way}", rate, 0.0) for way, rate in share.rates.items())

        def ends(device: int) -> EdgeKey:
            return self.vertex(device), f"host{device // share.devices}"

        figures = (replace(one, name=f"host.{one.name}") for one in share.host.figures)
        other.figures = (*self.figures, *figures)
        other.host_links = other.links.add_both(self.devices, up, ends, down)
        return other

    @abstractmethod
    def vertex(self, device: int) -> str:
        """Name of a device's vertex in the graph."""

    @abstractmethod
    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        """Paths between devices that exist and differ."""

    def paths(self, sources: Numbers, targets: Numbers) -> Paths:
        """Paths of messages from sources to targets, both (n,) device numbers; empty between equal ones.

        Raises InputError for a device that the topology does not have.
        """
        outside = (np.minimum(sources, targets) < 0) | (np.maximum(sources, targets) >= self.devices)
        if outside.any():
            first = int(np.argmax(outside))
            raise InputError(
                f"topology '{self.name}'",
                f"no path from device {sources[first]} to device {targets[first]}",
                f"devices are 0 to {self.devices - 1}",
            )
        apart = sources != targets
        if apart.all():
            return self._paths(sources, targets)
        return _spread(self._paths(sources[apart], targets[apart]), apart)

    def route(self, a: int, b: int) -> Route:
        """The links from device a to device b, in order; empty when they are the same device.

        Where messages are split over equal paths, the first of them.
        Raises InputError for a device that the topology does not have.
        """
        numbers = self.paths(np.array([a]), np.array([b])).links[0]
        return tuple((self.links.ends(link), self.links.link(link)) for link in numbers.tolist() if link != NO_LINK)

    def broadcast_tree(self, devices: int) -> tuple[int, Link] | None:
        """(links from the store to a device, one such link) where weights come from a store through the fabric.

        devices: how many take part; fewer need fewer levels. None where devices have to pass the data on.
        """
        return None

    def ring_orders(self, members: tuple[int, ...]) -> list[tuple[float, tuple[int, ...]]] | None:
        """(share of the bytes, order) of the rings that run side by side where devices are joined directly.

        members: device numbers. None where a switch makes any order as good as another.
        """
        return None

    def store_links(self, devices: int, *, inwards: bool) -> Numbers:
        """Links that a broadcast from the store (inwards), or a reduction into it, crosses; none without a store."""
        return np.zeros(0, dtype=np.int64)

    def with_rates_times(self, factor: float) -> Self:
        """The same network with every link, and what switches add, at so many times the rate; latencies stay.

        Numbers of links and paths are the same, so what is known of paths is shared; what rests on rates is not.
        """
        faster = self._with_links(lambda link: replace(link, bytes_per_s=link.bytes_per_s * factor))
        added = self.about.in_switch_bytes_per_s
        faster.about = replace(self.about, in_switch_bytes_per_s=None if added is None else added * factor)
        return faster

    def with_latencies_times(self, factor: float) -> Self:
        """The same network with every link, and every hop of the library's messages, at so many times the latency."""
        slower = self._with_links(lambda link: replace(link, latency_s=link.latency_s * factor))
        library = self.about.library.with_hops_times(factor)
        slower.about = replace(self.about, library=library, host_post_s=self.about.host_post_s * factor)
        return slower

    def _with_links(self, change: Callable[[Link], Link]) -> Self:
        other = copy.copy(self)
        other.__dict__.pop("graph", None)
        other.links = self.links.changed(change)
        for name, value in vars(self).items():
            if isinstance(value, Link):
                setattr(other, name, change(value))
        return other

    def with_domains_of(self, devices: int) -> Topology | None:
        """The same devices and fabric with so many devices on a scale-up switch; None where that cannot be built.

        Each device keeps its links and its share of a network card.
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
        for number in range(self.links.count):
            (a, b), link = self.links.ends(number), self.links.link(number)
            for name in (a, b):
                if name not in graph:
                    graph.add_node(name, kind=self._kind(name))
            graph.add_edge(a, b, link_class=link.link_class, bytes_per_s=link.bytes_per_s, latency_s=link.latency_s)
        return graph

    def _kind(self, vertex: str) -> str:
        """Kind of a vertex that is not a device."""
        return "switch"

    def _along(self, *columns: Numbers) -> Paths:
        """Paths from their columns of link numbers."""
        links = np.stack(columns, axis=1) if columns else np.empty((0, 0), dtype=np.int64)
        return Paths(links, self.links.latency_s)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, devices={self.devices})"


def _spread(paths: Paths, where: NDArray[np.bool_]) -> Paths:
    """The same paths as rows of a longer list, empty in all other rows."""
    links = np.full((len(where), paths.links.shape[1]), NO_LINK, dtype=np.int64)
    links[where] = paths.links
    if paths.shares is None:
        return Paths(links, paths.link_latency_s)
    shares = np.zeros(links.shape)
    shares[where] = paths.shares
    return Paths(links, paths.link_latency_s, shares)
