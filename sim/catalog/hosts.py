"""Hosts: the processors and memory of a node, and the links between them and its devices."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

from sim.catalog.data_files import names_on
from sim.catalog.figures import Figure
from sim.catalog.loader import construct, values_of, with_base
from sim.errors import unknown_name

LinkKind = Literal["pcie", "c2c"]
"""How devices are joined to their host: PCI Express, or NVLink-C2C to a processor on the same board."""


@dataclass(frozen=True, slots=True)
class Host:
    """The host of some devices: what it holds and moves for them.

    Rates of links are one way; all bytes are of one host.
    """

    name: str
    title: str
    link: LinkKind
    sockets: int
    """Processors, each with memory of its own."""
    devices: int
    """Devices that one host serves; 0: all of a node, whatever their number."""
    dram_bytes: float
    """Memory of all sockets."""
    socket_bytes_per_s: float
    """Rate of the memory of one socket: channels times their rate."""
    dram_efficiency: float
    """Share of that rate that streaming through memory reaches."""
    link_bytes_per_s: float
    """Nominal rate of the link of one device, each way."""
    to_host_efficiency: float
    """Share of it that copies from the device to the host reach."""
    to_device_efficiency: float
    """Share of it that copies from the host to the device reach."""
    launch_factor: float
    """Host time of one kernel launch, relative to the x86 hosts on which stacks' launch times were found."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)

    @property
    def dram_bytes_per_s(self) -> float:
        """What all its sockets together reach, reads and writes together."""
        return self.sockets * self.socket_bytes_per_s * self.dram_efficiency

    @property
    def to_host_bytes_per_s(self) -> float:
        """What one device's copies to the host reach."""
        return self.link_bytes_per_s * self.to_host_efficiency

    @property
    def to_device_bytes_per_s(self) -> float:
        """What one device's copies from the host reach."""
        return self.link_bytes_per_s * self.to_device_efficiency


def host_names() -> list[str]:
    """Names of all hosts."""
    return list(names_on("hosts"))


@functools.cache
def load_host(name: str, where: str = "catalogue") -> Host:
    """Read one host. Raises InputError with the closest match for an unknown name."""
    if name not in host_names():
        raise unknown_name(where, "host", name, host_names())
    place, raw = f"catalogue: {name}", _raw(name)
    values = values_of(name, {key: entry for key, entry in raw.items() if key not in _WORDS}, place)
    return construct(Host, {**values, "link": raw["link"]}, place)


def host_of(device: str) -> Host | None:
    """The host that a device is taken to have where its topology names none; None where no host lists it."""
    return next((load_host(name) for name in host_names() if device in _raw(name)["default_for"]), None)


def hosted_by(host: str) -> tuple[str, ...]:
    """The devices that are taken to have a host."""
    return tuple(_raw(host)["default_for"])


_WORDS = ("link", "default_for")


@functools.cache
def _raw(name: str) -> dict[str, Any]:
    return with_base("hosts", name)
