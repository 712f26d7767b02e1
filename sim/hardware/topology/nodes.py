"""Nodes with a scale-up switch each, whose network cards end on the switches of some fabric."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.topology import About, Topology

Devices = TypeVar("Devices", int, Numbers)


class Nodes(Topology):
    """What all clusters of nodes share: the links inside a node and out of it.

    devices_per_node: devices that share a node's cards, and its scale-up switch unless that joins several nodes.
    nics_per_node: at most devices_per_node; neighbouring devices share one where there are fewer.
    scale_up: a device's link to its scale-up switch. nic: a card's link to the fabric.
    """

    def __init__(self, about: About, devices_per_node: int, nics_per_node: int, scale_up: Link, nic: Link) -> None:
        super().__init__(about, devices_per_node)
        self.devices_per_node = devices_per_node
        self.nics_per_node = nics_per_node
        self.nodes = -(-self.devices // devices_per_node)
        self.scale_up = scale_up
        self.nic = nic
        # A device reaches its share of a card over the host bus, which is never the narrower of the two. It has a class
        # of its own, so that bytes count once among those of the cards.
        self.host_port = replace(nic, link_class="host", latency_s=0.0)
        self._own_card = nics_per_node == devices_per_node
        self._switch = self.links.add_both(self.devices, scale_up, self._switch_ends)
        if self._own_card:
            self._nic = self.links.add_both(self.devices, nic, self._nic_ends)
        else:
            last = self.devices - 1
            cards = last // devices_per_node * nics_per_node + self._card(last) + 1
            self._nic = self.links.add_both(cards, nic, self._nic_ends)
            self._port = self.links.add_both(self.devices, self.host_port, self._port_ends)

    @property
    def node_devices(self) -> int:
        return self.devices_per_node

    def vertex(self, device: int) -> str:
        return f"gpu{device}"

    @abstractmethod
    def _edge_switch(self, node: int, card: int) -> str:
        """Name of the switch that a network card of a node ends on."""

    def _card(self, device: Devices) -> Devices:
        """Which network card of its node a device uses."""
        local = device % self.devices_per_node
        return local if self._own_card else local * self.nics_per_node // self.devices_per_node

    def _switch_ends(self, device: int) -> EdgeKey:
        return f"gpu{device}", f"nvswitch{device // self.domain}"

    def _port_ends(self, device: int) -> EdgeKey:
        return f"gpu{device}", f"nic{device // self.devices_per_node}.{self._card(device)}"

    def _nic_ends(self, index: int) -> EdgeKey:
        node, card = divmod(index, self.nics_per_node)
        return f"gpu{index}" if self._own_card else f"nic{node}.{card}", self._edge_switch(node, card)

    def _inside(self, sources: Numbers, targets: Numbers, where: NDArray[np.bool_]) -> list[Numbers]:
        """Two columns: through the scale-up switch, for the messages that `where` marks."""
        up, down = self._switch
        return [np.where(where, up + sources, NO_LINK), np.where(where, down + targets, NO_LINK)]

    def _out(self, devices: Numbers, side: int, where: NDArray[np.bool_]) -> list[Numbers]:
        """One or two columns between devices and the fabric, from the device outwards, for those that `where` marks.

        side: 0 for the way out, 1 for the way in (whose columns the caller reverses).
        """
        if self._own_card:
            return [np.where(where, self._nic[side] + devices, NO_LINK)]
        card = devices // self.devices_per_node * self.nics_per_node + self._card(devices)
        return [np.where(where, self._port[side] + devices, NO_LINK), np.where(where, self._nic[side] + card, NO_LINK)]
