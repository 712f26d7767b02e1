"""Networks without switches: a grid for a torus, a circle for anything else."""

from __future__ import annotations

import itertools
import math

from sim.hardware.topology import Link, Topology
from sim.hardware.topology.vertex_names import kind_of, naturally
from sim.report.drawing.parts import LARGEST_WHOLE, Line, Picture, Point, Spot, link_of

_STEPS: tuple[Point, ...] = ((1.0, 0.0), (0.0, 1.0), (0.37, 0.29))
"""One device further along each dimension of a grid."""
_LONGEST = {2: 6, 3: 3}
"""Devices along each dimension of a grid that is cut down; along a fourth and further ones there is one."""
_BEND = 0.3
_STUB = 0.42
_CABLE_GAP = 0.03
_MOST_CABLES = 6

Place = tuple[int, ...]


def grid(topology: Topology) -> Picture:
    """A torus: its first devices along each dimension, all of them where they are few."""
    sizes = topology.levels
    is_whole = topology.devices <= LARGEST_WHOLE and sum(size > 1 for size in sizes) <= len(_STEPS)
    drawn = sizes if is_whole else _cut(sizes)
    strides = [math.prod(sizes[:axis]) for axis in range(len(sizes))]
    steps = _axis_steps(sizes)
    places: dict[str, Place] = {}
    for place in itertools.product(*(range(size) for size in drawn)):
        places[topology.vertex(sum(one * stride for one, stride in zip(place, strides, strict=True)))] = place
    at: dict[str, Point] = {}
    for name, place in places.items():
        x, y = (sum(one * step[side] for one, step in zip(place, steps, strict=True)) for side in (0, 1))
        at[name] = x, y
    found = Picture("grid", [Spot(name, kind_of(name), "device", at[name]) for name in places], is_whole=is_whole)
    device_of = {topology.vertex(device): device for device in range(topology.devices)}
    for name, place in places.items():
        for other, edge in topology.graph.adj[name].items():
            there = tuple(device_of[other] // stride % size for stride, size in zip(strides, sizes, strict=True))
            axis = next(axis for axis, (one, two) in enumerate(zip(place, there, strict=True)) if one != two)
            if other not in places:
                sign = _STUB if (there[axis] - place[axis]) % sizes[axis] == 1 else -_STUB
                x, y = at[name]
                end = (x + sign * steps[axis][0], y + sign * steps[axis][1])
                found.lines.append(Line(link_of(edge), at[name], end, is_stub=True))
            elif place < there:
                bend = _BEND if there[axis] - place[axis] > 1 else 0.0
                found.lines.append(Line(link_of(edge), at[name], at[other], bend))
    return found


def circle(topology: Topology) -> Picture:
    """Devices around a circle in their order, parallel cables side by side."""
    names = naturally(topology.graph)
    is_whole = len(names) <= LARGEST_WHOLE
    names = names[:LARGEST_WHOLE]
    radius = max(1.0, len(names) / 8)
    angles = [math.pi / 2 - 2 * math.pi * (index + 0.5) / len(names) for index in range(len(names))]
    at = {name: (radius * math.cos(angle), radius * math.sin(angle)) for name, angle in zip(names, angles, strict=True)}
    found = Picture("circle", [Spot(name, kind_of(name), "device", at[name]) for name in names], is_whole=is_whole)
    slowest: dict[str, float] = {}
    for _, _, edge in topology.graph.edges.data():
        link = link_of(edge)
        slowest[link.link_class] = min(slowest.get(link.link_class, math.inf), link.bytes_per_s)
    for a, b, edge in topology.graph.edges.data():
        if a in at and b in at:
            link = link_of(edge)
            found.lines += _cables(link, at[a], at[b], round(link.bytes_per_s / slowest[link.link_class]))
    return found


def _cut(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """How many devices to draw along each dimension."""
    long = list(itertools.accumulate(size > 1 for size in sizes))
    longest = _LONGEST.get(long[-1], _LONGEST[3])
    return tuple(min(size, longest) if nth <= len(_STEPS) else 1 for size, nth in zip(sizes, long, strict=True))


def _axis_steps(sizes: tuple[int, ...]) -> list[Point]:
    """Which way each dimension runs on paper; dimensions of one device need no room."""
    before = [sum(size > 1 for size in sizes[:axis]) for axis in range(len(sizes))]
    return [_STEPS[min(nth, len(_STEPS) - 1)] for nth in before]


def _cables(link: Link, a: Point, b: Point, count: int) -> list[Line]:
    """Parallel lines for the cables between two devices."""
    across, up = b[0] - a[0], b[1] - a[1]
    shown = min(max(count, 1), _MOST_CABLES)
    lines = []
    for index in range(shown):
        aside = (index - (shown - 1) / 2) * _CABLE_GAP * 2 / math.hypot(across, up)
        x, y = -up * aside, across * aside
        lines.append(Line(link, (a[0] + x, a[1] + y), (b[0] + x, b[1] + y)))
    return lines
