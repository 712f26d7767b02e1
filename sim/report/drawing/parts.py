"""The parts of a topology's picture: vertices, links and labels with their places, in units of the picture's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sim.hardware.topology import Link

LARGEST_WHOLE = 40
"""Devices up to which everything is drawn."""
LAYER_WIDTH = 10.0
"""Room for the vertices of a layer, which stand around its middle."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spot:
    """One vertex. role: "device", "switch" or "store"; kind: its name without a number."""

    name: str
    kind: str
    role: str
    at: Point


@dataclass(frozen=True, slots=True)
class Line:
    """One link between two places, or one of several parallel cables.

    bend: how far its middle stands off, to the left on the way from a to b.
    is_stub: only the beginning of a link that leads to something that is not drawn.
    """

    link: Link
    a: Point
    b: Point
    bend: float = 0.0
    is_stub: bool = False


@dataclass(frozen=True, slots=True)
class RowLabel:
    """What is said beside one layer: how many there are of its kind, how many are drawn, what they are joined to."""

    kind: str
    count: int
    drawn: int
    y: float
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class Picture:
    """What to draw, and where.

    boxes: (lower left, upper right) around scale-up domains. drawn_devices: how many of all devices there are.
    """

    shape: Literal["layers", "grid", "circle"]
    spots: list[Spot] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    labels: list[RowLabel] = field(default_factory=list)
    boxes: list[tuple[Point, Point]] = field(default_factory=list)
    is_whole: bool = True

    @property
    def drawn_devices(self) -> int:
        """Devices that are drawn."""
        return sum(spot.role == "device" for spot in self.spots)


def link_of(edge: dict[str, object]) -> Link:
    """The link of an edge of a topology's graph."""
    return Link(str(edge["link_class"]), float(str(edge["bytes_per_s"])), float(str(edge["latency_s"])))
