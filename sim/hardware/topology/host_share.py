"""What one device has of the host of its node while the others of the node use it as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sim.catalog import Host

HostWay = Literal["to host", "to device"]
"""Which way bytes go between a device and its host."""


@dataclass(frozen=True, slots=True)
class HostShare:
    """One device's share of a host that `devices` of them have in common.

    link: kind of its link to the host. rates: bytes/s of its copies each way, none faster than its share of the host's
    memory. dram_bytes_per_s, dram_bytes: its share of the host's memory.
    """

    host: Host
    devices: int
    link: str
    rates: Mapping[HostWay, float]
    dram_bytes_per_s: float
    dram_bytes: float


def share_of(host: Host, devices: int) -> HostShare:
    """The share of each of some devices that one host serves.

    Hand-worked: memory of 486 GB/s for two devices with links of 297 GB/s: 243 GB/s each.
    """
    memory = host.dram_bytes_per_s / devices
    rates: dict[HostWay, float] = {
        "to host": min(host.to_host_bytes_per_s, memory),
        "to device": min(host.to_device_bytes_per_s, memory),
    }
    return HostShare(host, devices, host.link, rates, memory, host.dram_bytes / devices)
