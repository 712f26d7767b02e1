"""One collective on one topology: what the library could run, what it takes, and which links that fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.errors import InputError, unknown_name
from sim.hardware.network import COLLECTIVES, Collective, Group, Network, Option, bus_share
from sim.hardware.network.algorithm import Shape
from sim.hardware.network.algorithms import ALGORITHMS
from sim.hardware.topology import EdgeKey, Topology
from sim.scenario.bounds import LARGEST_MESSAGE_BYTES, check_size
from sim.units import quantity

STORE_TREE = "store tree"
"""The algorithm of wafers, whose broadcasts come from a store and whose sums end there."""
DEFAULT_SPAN = "32 KiB:16 GiB"
_STEP = 4
"""Factor between the message sizes of a table."""
_ALIKE = 1e-9
"""Links this near to the busiest are as busy."""


@dataclass(frozen=True, slots=True)
class Busiest:
    """The links that an algorithm fills first.

    s_per_byte: how long one of them is busy for each byte of the collective's size.
    ends: one such link, in the direction of travel; None where all of the class are meant.
    alike: how many links (directions) are as busy, itself included.
    switch_s_per_byte: how long the scale-up switch itself reduces and multicasts; 0 where it does not.
    """

    link_class: str
    bytes_per_s: float
    s_per_byte: float
    ends: EdgeKey | None
    alike: int
    switch_s_per_byte: float = 0.0

    @property
    def is_switch_slower(self) -> bool:
        """The switch's own reduction holds the collective up for longer than the link does."""
        return self.switch_s_per_byte > self.s_per_byte


@dataclass(frozen=True, slots=True)
class Row:
    """One algorithm and protocol at one size."""

    size_bytes: float
    algorithm: str
    protocol: str
    time_s: float
    algorithm_bytes_per_s: float
    bus_bytes_per_s: float


class Study:
    """A collective on all groups of one shape at once, or on one of them alone.

    collective, topology, group: which, where and among whom. options: everything that the library could run.
    size_bytes: the size asked about. sizes_bytes: the sizes of tables and charts, ascending.
    algorithm: the only one that the library may use; any where it is empty. alone: all other groups are silent.
    Raises InputError for groups that the topology is too small for, for what wafers do not run, and for an algorithm
    that does not run here.
    """

    def __init__(
        self,
        topology: Topology,
        collective: Collective,
        group: Group,
        size_bytes: float,
        sizes_bytes: Sequence[float],
        algorithm: str = "",
        *,
        alone: bool = False,
    ) -> None:
        _check_group(topology, collective, group)
        self.topology = topology
        self.collective = collective
        self.group = group
        self.size_bytes = size_bytes
        self.sizes_bytes = tuple(sizes_bytes)
        self.bus_share = bus_share(collective, group.ranks)
        self.alone = alone
        self.algorithm = algorithm
        self._network = Network(topology, alone=alone)
        self.from_store = _is_from_store(topology, collective, group)
        self.options = self._store_options() if self.from_store else self._network.options(collective, group)
        if algorithm and algorithm not in self.algorithms:
            raise self._not_run(algorithm)
        self.options = tuple(one for one in self.options if algorithm in ("", one.wave.algorithm))
        self._busiest: dict[str, Busiest] = {}

    @property
    def title(self) -> str:
        """The collective as the command line spells it."""
        return self.collective.replace("_", "-")

    @property
    def groups(self) -> int:
        """Groups that communicate at once; a store feeds one."""
        return 1 if self.from_store or self.alone else self.topology.devices // self.group.block * self.group.stride

    @property
    def algorithms(self) -> list[str]:
        """Algorithms that can run, in the library's order."""
        return list(dict.fromkeys(option.wave.algorithm for option in self.options))

    @property
    def choice(self) -> str:
        """Whose choice the fastest option is, for labels."""
        return f"the best protocol of {self.algorithm}" if self.algorithm else "the library's choice"

    def fastest(self, size_bytes: float) -> Option:
        """The library's choice at one size."""
        return min(self.options, key=lambda option: option.time_s(size_bytes))

    def row(self, option: Option, size_bytes: float) -> Row:
        """Time and bandwidths of one option at one size.

        Bus bandwidth is bus_share * size / time, as nccl-tests defines it.
        """
        time_s = float(option.time_s(size_bytes))
        rate = size_bytes / time_s
        return Row(size_bytes, option.wave.algorithm, option.wave.protocol, time_s, rate, self.bus_share * rate)

    def busiest(self, option: Option) -> Busiest:
        """The links that an option's algorithm fills first."""
        if option.wave.algorithm not in self._busiest:
            self._busiest[option.wave.algorithm] = self._store_link() if self.from_store else self._fullest(option)
        return self._busiest[option.wave.algorithm]

    def limit_bytes_per_s(self, option: Option) -> float:
        """Bus bandwidth if an option took no longer than its busiest link, or the switch that reduces, is busy."""
        busiest = self.busiest(option)
        return self.bus_share / max(busiest.s_per_byte, busiest.switch_s_per_byte)

    def _not_run(self, algorithm: str) -> InputError:
        """Why an algorithm cannot be had: nobody knows it, or it does not run here."""
        if algorithm not in ALGORITHMS[self.collective]:
            return unknown_name("--algorithm", f"algorithm for {self.title}", algorithm, self.algorithms)
        library = self.topology.about.library
        has = algorithm in library.algorithms[self.collective]
        why = "it does not apply to these groups" if has else f"the library {library.name} does not have it"
        remedy = f"allowed here: {', '.join(self.algorithms)}"
        return InputError("--algorithm", f"'{algorithm}' does not run here: {why}", remedy)

    def _store_options(self) -> tuple[Option, ...]:
        """The one way through the store, by the name that people know it by."""
        (option,) = self._network.options(self.collective, self.group)
        return (replace(option, wave=replace(option.wave, algorithm=STORE_TREE)),)

    def _store_link(self) -> Busiest:
        tree = self.topology.broadcast_tree(self.group.ranks)
        if tree is None:
            raise ValueError(f"topology '{self.topology.name}' has no store")
        link = tree[1]
        return Busiest(link.link_class, link.bytes_per_s, 1 / link.bytes_per_s, None, 0)

    def _fullest(self, option: Option) -> Busiest:
        links = self.topology.links
        busy_s = self._network.loads(option.wave) / links.bytes_per_s[:-1]
        number = int(np.argmax(busy_s))
        s_per_byte = float(busy_s[number])
        link = links.link(number)
        alike = int(np.count_nonzero(busy_s >= s_per_byte * (1 - _ALIKE)))
        algorithm = ALGORITHMS[self.collective][option.wave.algorithm]
        all_devices = range(self.topology.devices)
        switch_s = algorithm.floor_s_per_byte(Shape(self.topology, self.group, all_devices, self._network.first))
        return Busiest(link.link_class, link.bytes_per_s, s_per_byte, links.ends(number), alike, switch_s)


def read_study(
    kind: str,
    topology: Topology,
    ranks: int | None,
    stride: int,
    size: str,
    span: str = DEFAULT_SPAN,
    algorithm: str = "",
    *,
    alone: bool = False,
) -> Study:
    """A study from what the command line says.

    kind: spelled with hyphens. ranks: all devices where it is None. size, span: texts such as "1 GB", "1 MB:1 GB".
    algorithm, alone: as for Study.
    Raises InputError for groups that do not fit and for sizes that cannot be read.
    """
    names = {name.replace("_", "-"): name for name in COLLECTIVES}
    if kind not in names:
        raise unknown_name("KIND", "collective", kind, names)
    if stride < 1:
        raise InputError("--stride", f"a stride of {stride} is too small", "use 1 or more")
    if ranks is not None and ranks < 1:
        raise InputError("--ranks", f"{ranks} ranks are too few", "use at least 2, or leave --ranks out")
    group = Group(topology.devices if ranks is None else ranks, stride)
    size_bytes, sizes_bytes = quantity(size, "bytes", "--bytes"), size_range(span, "--sizes")
    check_size(size_bytes, LARGEST_MESSAGE_BYTES, "bytes", "--bytes")
    check_size(sizes_bytes[-1], LARGEST_MESSAGE_BYTES, "bytes", "--sizes")
    return Study(topology, names[kind], group, size_bytes, sizes_bytes, algorithm, alone=alone)


def file_stem(study: Study) -> str:
    """What the files of a study are called."""
    shape = f"-{study.group.ranks}x{study.group.stride}" if study.group.ranks < study.topology.devices else ""
    held = f"-{study.algorithm.replace(' ', '-')}" if study.algorithm else ""
    alone = "-alone" if study.alone else ""
    return f"{study.title}-{study.topology.name}-{study.topology.devices}{shape}{held}{alone}"


def size_range(text: str, where: str) -> list[float]:
    """Sizes from "32 KiB:16 GiB": powers of four times the first, and the last.

    Raises InputError for anything that is not two sizes, the smaller first.
    """
    first, colon, last = text.partition(":")
    if not colon:
        raise InputError(where, f"'{text}' is not a range", 'write for example "32 KiB:16 GiB"')
    low, high = quantity(first, "bytes", where), quantity(last, "bytes", where)
    if low >= high:
        raise InputError(where, f"'{text}' does not ascend", 'write the smaller size first: "32 KiB:16 GiB"')
    sizes = [low]
    while sizes[-1] * _STEP < high:
        sizes.append(sizes[-1] * _STEP)
    return [*sizes, high]


def _check_group(topology: Topology, collective: Collective, group: Group) -> None:
    """Explain in the words of the command line what does not fit."""
    ranks, devices = group.ranks, topology.devices
    from_store = _is_from_store(topology, collective, group)
    if not from_store and topology.broadcast_tree(1) is not None:
        raise InputError(
            "KIND",
            f"wafers exchange nothing with each other, so '{topology.name}' runs no {collective.replace('_', '-')}",
            "use broadcast (weights, from the store to every wafer) or reduce (gradients, added on their way to it)",
        )
    if ranks < 2 and not from_store:
        where = "--devices" if devices < 2 else "--ranks"
        raise InputError(where, "one device has nobody to communicate with", "use at least 2")
    if ranks > devices:
        raise InputError("--ranks", f"{ranks} ranks, but {devices} devices are built", "use fewer, or more devices")
    if group.block > devices:
        raise InputError(
            "--stride",
            f"{ranks} ranks x stride {group.stride} take {group.block} devices, but {devices} are built",
            f"use a stride of at most {devices // ranks}, fewer ranks, or more devices",
        )
    if from_store and group.stride > 1:
        raise InputError("--stride", "the store reaches devices in their order, without gaps", "leave --stride out")


def _is_from_store(topology: Topology, collective: Collective, group: Group) -> bool:
    return collective in ("broadcast", "reduce") and topology.broadcast_tree(group.ranks) is not None
