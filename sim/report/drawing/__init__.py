"""Where the parts of a topology's picture stand, found from its graph alone; nothing is drawn here.

A network without switches becomes a grid where it has several levels, as a torus has, and a circle otherwise. Any other
is laid in layers by the number of hops from the devices. A large one is cut down to what a few devices are joined to.
"""

from __future__ import annotations

from sim.hardware.topology import Topology
from sim.hardware.topology.parts import roles
from sim.report.drawing.flat import circle, grid
from sim.report.drawing.layers import layers
from sim.report.drawing.parts import LARGEST_WHOLE, Picture

__all__ = ["LARGEST_WHOLE", "picture"]


def picture(topology: Topology) -> Picture:
    """Lay out a topology of any size, in a bounded number of vertices."""
    if set(roles(topology).values()) != {"device"}:
        return layers(topology)
    if len([size for size in topology.levels if size > 1]) > 1:
        return grid(topology)
    return circle(topology)
