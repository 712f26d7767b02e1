"""The seam between communication and time: what a collective costs on a topology.

All groups of one shape communicate at the same moment (one wave), so the links they share are charged for all
of them. What other waves do to those links meanwhile is for the engine to find out.

Each algorithm and protocol costs a latency and so many seconds for every byte; the library takes the fastest at each
size, so a collective's time is the lower envelope of those lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.hardware.network.algorithm import Algorithm, Hops, Shape
from sim.hardware.network.algorithms import ALGORITHMS, Collective
from sim.hardware.network.communication import NOTHING, Communication, Option, Wave, bus_share
from sim.hardware.network.groups import Devices, Group, numbers_of
from sim.hardware.network.loads import Loads, busiest_s_per_byte, message_loads, path_loads
from sim.hardware.network.messages import Messages, sends
from sim.hardware.network.protocols import Course, option
from sim.hardware.topology import HostShare, HostWay, Numbers, Paths, Topology


class _Ways(NamedTuple):
    """Paths from device `first` and all after it to the devices `distance` further on."""

    distance: int
    first: int
    paths: Paths

    def among(self, sources: Numbers) -> Paths:
        """Those from some of the devices."""
        rows, paths = sources - self.first, self.paths
        shares = None if paths.shares is None else paths.shares[rows]
        return Paths(paths.links[rows], paths.link_latency_s, shares)


class Network:
    """Times of collectives on one topology, each by the fastest algorithm and protocol at its size.

    only: algorithms that the library is held to; all that it has where empty.
    alone: one group of each shape communicates, the first, instead of all of them at once.
    """

    def __init__(self, topology: Topology, only: Sequence[str] = (), *, alone: bool = False) -> None:
        self.topology = topology
        self.only = tuple(only)
        self.first = 1 if alone else None
        self._options: dict[tuple[Collective, Group], tuple[Option, ...]] = {}
        self._runs: dict[tuple[Algorithm, Group], tuple[float, Hops]] = {}
        self._sends: dict[tuple[int, Group | None], Option] = {}
        self._last_ways: _Ways | None = None
        self._carried: dict[tuple[Wave, Devices], tuple[Numbers, Loads]] = {}

    @property
    def domain(self) -> int:
        """Devices in a scale-up domain."""
        return self.topology.domain

    def options(self, collective: Collective, group: Group) -> tuple[Option, ...]:
        """Everything that the library could run for a collective, in its own order.

        Raises InputError for a group that the topology is too small for.
        """
        key = (collective, group)
        if key not in self._options:
            self._require(group.block)
            found = tuple(self._costed(collective, group))
            if not found:
                offered = self.topology.about.library.algorithms[collective]
                raise InputError(
                    f"topology '{self.topology.name}'",
                    f"none of {', '.join(self.only)} runs {collective.replace('_', '-')} here",
                    f"algorithms of its library: {', '.join(offered)}",
                )
            self._options[key] = found
        return self._options[key]

    def fastest(self, collective: Collective, size_bytes: float, group: Group) -> Option:
        """The library's choice at one size."""
        return min(self.options(collective, group), key=lambda option: option.time_s(size_bytes))

    def run(self, collective: Collective, size_bytes: float, group: Group) -> Communication:
        """One collective by the fastest algorithm and protocol at its size; nothing for a group of one."""
        if group.ranks == 1:
            return NOTHING
        return self.fastest(collective, size_bytes, group).of(size_bytes)

    def stream(self, kind: Literal["broadcast", "reduce"], size_bytes: float, devices: int) -> Communication:
        """Bytes from the fabric's store to the first `devices` devices, or their sum into it.

        The bytes come from, or end at, the store, so one device takes time as well.
        Raises InputError where the fabric has no store.
        """
        self._require(devices)
        if self.topology.broadcast_tree(devices) is None:
            raise InputError(
                f"topology '{self.topology.name}'", "it has no store to stream from", "use a wafer topology"
            )
        return self.fastest(kind, size_bytes, Group(devices)).of(size_bytes)

    def send(self, size_bytes: float, distance: int, group: Group | None = None) -> Communication:
        """Every device sends size_bytes to the device `distance` further on, all at once.

        distance: negative sends backwards; 0 takes no time.
        group: if given, only those send whose receiver is in their group, as in a pipeline.
        Raises InputError when no device has a neighbour that far away.
        """
        if distance == 0:
            return NOTHING
        return self.send_option(distance, group).of(size_bytes)

    def loads(self, wave: Wave, devices: Devices | None = None) -> Loads:
        """(L,) bytes that a wave puts on every link for each byte of its size.

        devices: only the groups (or senders) among these; all by default.
        """
        some = self._all if devices is None else devices
        if wave.kind == "to host" or wave.kind == "to device":
            return self._host_loads(wave.kind, some)
        if wave.algorithm == "store" and wave.group is not None:
            links = self.topology.store_links(wave.group.ranks, inwards=wave.kind == "broadcast")
            return np.bincount(links, minlength=self.topology.links.count).astype(np.float64)
        if wave.kind == "send" or wave.group is None:
            return message_loads(self.topology, [self._messages(wave.distance, wave.group, some)])
        algorithm = ALGORITHMS[wave.kind][wave.algorithm]
        total: Loads = np.sum(algorithm.phases(Shape(self.topology, wave.group, some, self.first)), axis=0)
        return total

    def usage(self, wave: Wave, devices: Devices) -> tuple[Numbers, NDArray[np.float64]]:
        """((U,) links, (U,) share of each one's rate) that some devices' part of a wave takes at full pace.

        Full pace is what all groups of the wave together allow: they are charged together.
        """
        links, loads = self.carried(wave, devices)
        return links, loads / (self.topology.links.bytes_per_s[links] * self._option(wave).s_per_byte)

    def carried(self, wave: Wave, devices: Devices) -> tuple[Numbers, Loads]:
        """((U,) links, (U,) bytes on each for each byte of its size) of some devices' part of a wave."""
        key = (wave, devices)
        if key not in self._carried:
            loads = self.loads(wave, devices)
            links = np.flatnonzero(loads)
            self._carried[key] = links, loads[links]
        return self._carried[key]

    @property
    def _host(self) -> HostShare:
        """What each device has of its host."""
        if self.topology.host_share is None or self.topology.host_links is None:
            raise InputError(f"topology '{self.topology.name}'", "it has no links to hosts", "build it with them")
        return self.topology.host_share

    def _host_loads(self, way: HostWay, devices: Devices) -> Loads:
        """One byte on the link of each device to or from its host."""
        firsts = self.topology.host_links or (0, 0)
        numbers = firsts[way == "to device"] + numbers_of(devices)
        return np.bincount(numbers, minlength=self.topology.links.count).astype(np.float64)

    def _option(self, wave: Wave) -> Option:
        """What a wave costs."""
        if wave.kind == "send":
            return self.send_option(wave.distance, wave.group)
        if wave.kind == "to host" or wave.kind == "to device":
            return Option(wave, 0.0, 1 / self._host.rates[wave.kind])
        if wave.group is None:
            raise InputError(f"wave {wave}", "only sends are without a group", "give the group")
        return next(option for option in self.options(wave.kind, wave.group) if option.wave == wave)

    @property
    def _all(self) -> range:
        return range(self.topology.devices)

    def _costed(self, collective: Collective, group: Group) -> list[Option]:
        """What each algorithm and protocol costs.

        Where a store broadcasts and adds through the fabric, only that: at line rate, plus the latency of the tree;
        nodes forward, or add, while they receive.
        Source: Cerebras glossary, SwarmX (reductions at line rate; latency grows with the depth of the tree).
        """
        about = self.topology.about
        tree = self.topology.broadcast_tree(group.ranks)
        if tree is not None and collective in ("broadcast", "reduce"):
            links, link = tree
            latency_s = about.collective_launch_s + links * link.latency_s
            return [Option(Wave(collective, group, "store"), latency_s, 1 / link.bytes_per_s)]
        shape = Shape(self.topology, group, self._all, self.first)
        found: list[Option] = []
        for name in about.library.algorithms[collective]:
            algorithm = ALGORITHMS[collective][name]
            if (self.only and name not in self.only) or not algorithm.applies(shape):
                continue
            course = self._course(algorithm, shape, bus_share(collective, group.ranks))
            for protocol, cost in about.library.protocols[name].items():
                found.append(option(Wave(collective, group, name, protocol), course, cost, about))
        return found

    def _course(self, algorithm: Algorithm, shape: Shape, share: float) -> Course:
        """How an algorithm runs on a shape; where bytes pass along all of its chain, with one group alone as well."""
        s_per_byte, hops = self._run(algorithm, shape)
        if not algorithm.passes_on or not hops.network:
            return Course(s_per_byte, hops, share)
        loads: Loads = np.sum(algorithm.phases(replace(shape, first=1)), axis=0)
        busy_s = loads / self.topology.links.bytes_per_s[:-1]
        fullest = int(np.argmax(busy_s))
        return Course(s_per_byte, hops, share, algorithm.passes_on, float(busy_s[fullest]), float(loads[fullest]))

    def _run(self, algorithm: Algorithm, shape: Shape) -> tuple[float, Hops]:
        """Seconds for each byte and longest chain of an algorithm; worked out once for those that run it again."""
        again, times = algorithm.repeats
        key = (again, shape.group)
        if key not in self._runs:
            links_s = sum(busiest_s_per_byte(self.topology, loads) for loads in again.phases(shape))
            self._runs[key] = max(links_s, again.floor_s_per_byte(shape)), again.hops(shape)
        s_per_byte, hops = self._runs[key]
        return s_per_byte * times, hops * times

    def send_option(self, distance: int, group: Group | None) -> Option:
        """What a send over a distance other than zero costs. See send."""
        key = (distance, group)
        if key not in self._sends:
            self._require(abs(distance) + 1)
            paths = self._ways(distance).among(self._messages(distance, group, self._all).sources)
            wave = Wave("send", group, "direct", distance=distance)
            latency_s = self.topology.about.send_launch_s + float(paths.latency_s.max())
            loads = path_loads(self.topology, paths)
            self._sends[key] = Option(wave, latency_s, busiest_s_per_byte(self.topology, loads))
        return self._sends[key]

    def _ways(self, distance: int) -> _Ways:
        """The paths of everybody who can send so far; the last distance's are kept, for groups of other sizes."""
        if self._last_ways is None or self._last_ways.distance != distance:
            everybody = sends(self._all, distance, self.topology.devices, None)
            paths = self.topology.paths(everybody.sources, everybody.targets)
            self._last_ways = _Ways(distance, int(everybody.sources[0]), paths)
        return self._last_ways

    def _messages(self, distance: int, group: Group | None, devices: Devices) -> Messages:
        """One message per sender whose receiver exists and is in its group."""
        everybody = None if group is None else group.members(self._all)
        messages = sends(devices, distance, self.topology.devices, everybody)
        if not len(messages.sources) and devices == self._all:
            raise InputError(f"send over {distance} devices", f"stays in no {group}", "check the stride")
        return messages

    def _require(self, devices: int) -> None:
        if not 1 <= devices <= self.topology.devices:
            raise InputError(
                f"topology '{self.topology.name}'",
                f"this communication needs {devices} devices, but {self.topology.devices} are built",
                "use smaller groups, or more devices",
            )


class FreeNetwork(Network):
    """A network on which everything arrives at once: for asking what the real one costs."""

    def run(self, collective: Collective, size_bytes: float, group: Group) -> Communication:
        """Nothing."""
        return NOTHING

    def stream(self, kind: Literal["broadcast", "reduce"], size_bytes: float, devices: int) -> Communication:
        """Nothing."""
        return NOTHING

    def send(self, size_bytes: float, distance: int, group: Group | None = None) -> Communication:
        """Nothing."""
        return NOTHING
