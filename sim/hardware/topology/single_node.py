"""One node, or one rack that is one scale-up domain: every device on one switch."""

from __future__ import annotations

from sim.hardware.topology.links import EdgeKey, Link, Numbers
from sim.hardware.topology.topology import About, Paths, Topology


class SingleNode(Topology):
    """A star around the scale-up switch.

    devices_per_node: how many the node can hold; fewer may be used.
    """

    def __init__(self, about: About, devices_per_node: int, scale_up: Link) -> None:
        super().__init__(about, devices_per_node)
        self._up, self._down = self.links.add_both(self.devices, scale_up, self._ends)

    def vertex(self, device: int) -> str:
        return f"gpu{device}"

    def _ends(self, device: int) -> EdgeKey:
        return f"gpu{device}", "nvswitch0"

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        return self._along(self._up + sources, self._down + targets)
