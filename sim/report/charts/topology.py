"""A picture of a topology: devices, switches and stores, links coloured by class, a legend with what they carry."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from sim.hardware.topology import Topology
from sim.hardware.topology.fat_tree import FatTree
from sim.hardware.topology.parts import link_rows
from sim.page.borders import chart_text
from sim.page.numbers import latency
from sim.report.charts.canvas import ON_WHITE, Style, add_legend, annotate, sheet, spare, style_of
from sim.report.colours import FAINT, INK, LINK_COLOURS, colours_of
from sim.report.drawing.layers import picture
from sim.report.drawing.parts import LAYER_WIDTH, Line, Picture, Point, Spot
from sim.report.styles import SCREEN, ChartStyle

_MARKERS = {"device": "s", "switch": "o", "store": "D"}
_FACES = {"device": "#3d4a57", "switch": "white", "store": "#f2c14e"}
_CURVE_POINTS = 25
_MOST_NAMES = 10
"""Vertices of one layer up to which each has its name."""
_LAYER_INCHES = 1.15
_MARGINS = {"layers": (0.15, 0.4), "grid": (0.3, 0.25), "circle": (0.3, 0.3)}
_NAME_ROOM = 0.45
"""To the right of a layer, for the name of its last vertex."""
_LINE = 1.3
"""Height of a line of a label, in heights of its text."""
_WIDEST_INCHES = 10.4
_HIGHEST_INCHES = 5.2
_LOWEST_INCHES = 1.5
"""Of a grid or a circle, whose two directions have one scale."""
_COLUMNS = 2
_MANY_LINES, _MANY_SPOTS = 60, 30
"""From so many on they are drawn thinner and smaller."""
_FRAME: Style = {
    "boxstyle": "round,pad=0,rounding_size=0.12", "facecolor": "#f4f6f8", "edgecolor": "#b8c0c8", "linewidth": 0.9,
    "zorder": 0.5,
}  # fmt: skip
_CAPTION = (
    "Rates are what one direction of a link achieves; a full-duplex link counts once, and so do parallel cables that"
    " act as one."
)


def topology_figure(topology: Topology, style: ChartStyle = SCREEN) -> Figure:
    """The picture as a sheet with title, legend and caption."""
    found = picture(topology)
    caption = " ".join([*_explained(topology, found), _CAPTION])
    roles = dict.fromkeys(spot.role for spot in found.spots)
    rows = link_rows(topology)
    title = f"{topology.title}: {topology.devices:,} x {topology.device}"
    (ax,) = sheet([_height_inches(found)], title, caption, style)
    colours = colours_of(topology.links.classes, LINK_COLOURS)
    _draw(ax, found, colours)
    named: dict[str, Artist] = {}
    for row in rows:
        words = f"{row.link.link_class} ({', '.join(row.between)}): {row.link.bytes_per_s / 1e9:,.1f} GB/s each way,"
        words += f" {latency(row.link.latency_s)}, {row.count:,} links"
        named[words] = Line2D([], [], color=colours[row.link.link_class], linewidth=2.2)
    return add_legend(ax, _COLUMNS, named | {role: Line2D([], [], **_look(role, 7)) for role in roles})


def _explained(topology: Topology, found: Picture) -> list[str]:
    """What the picture shows and leaves out, in sentences."""
    said = []
    if found.shape == "grid":
        said.append(f"Each row of the {' x '.join(map(str, topology.levels))} torus closes to a ring.")
    if not found.is_whole:
        drawn = f"{found.drawn_devices:,} of {topology.devices:,}"
        said.append(f"Drawn: {drawn} devices and what they are joined to; short dashed ends lead to what is left out.")
    if isinstance(topology, FatTree) and topology.cables == 1 and "fabric" in topology.links.classes:
        said.append("Parallel switches and cables of a tier are drawn, and counted, as one of their summed rate.")
    if found.boxes:
        said.append("Frames: scale-up domains.")
    return said


def _height_inches(found: Picture) -> float:
    (left, right), (low, high) = _window(found, 0), _window(found, 1)
    if found.shape == "layers":
        return _LAYER_INCHES * (high - low)
    return min(_HIGHEST_INCHES, max(_LOWEST_INCHES, _WIDEST_INCHES * (high - low) / (right - left)))


def _draw(ax: Axes, found: Picture, colours: Mapping[str, str]) -> None:
    thin = len(found.lines) > _MANY_LINES
    for (link_class, colour), stub in itertools.product(colours.items(), (False, True)):
        curves = [_curve(one) for one in found.lines if one.link.link_class == link_class and one.is_stub == stub]
        style: Style = {"linestyles": (0, (2, 1.5)) if stub else "solid", "alpha": 0.75 if stub else 0.9, "zorder": 2}
        if curves:
            ax.add_collection(LineCollection(curves, colors=colour, linewidths=1.0 if thin or stub else 1.6, **style))
    for low, high in found.boxes:
        ax.add_patch(FancyBboxPatch(low, high[0] - low[0], high[1] - low[1], **_FRAME))
    size = 8 if len(found.spots) > _MANY_SPOTS else 11
    for role in dict.fromkeys(spot.role for spot in found.spots):
        own = [spot.at for spot in found.spots if spot.role == role]
        ax.plot([x for x, _ in own], [y for _, y in own], zorder=4, **_look(role, size))
    for spot in found.spots:
        _name(ax, spot, found)
    _labels(ax, found)
    ax.set_xlim(_window(found, 0))
    ax.set_ylim(_window(found, 1))
    if found.shape != "layers":
        ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()


def _look(role: str, size: float) -> Style:
    """How the markers of devices, switches or stores look."""
    colours = {"markerfacecolor": _FACES[role], "markeredgecolor": INK}
    return {"linestyle": "none", "marker": _MARKERS[role], "markersize": size, "markeredgewidth": 1.0, **colours}


def _curve(line: Line) -> list[Point]:
    """A straight line, or a parabola whose middle stands off by the bend."""
    if line.bend == 0:
        return [line.a, line.b]
    across, up = line.b[0] - line.a[0], line.b[1] - line.a[1]
    length = math.hypot(across, up)
    parts = [index / (_CURVE_POINTS - 1) for index in range(_CURVE_POINTS)]
    offs = [4 * part * (1 - part) * line.bend / length for part in parts]
    (x, y), steps = line.a, zip(parts, offs, strict=True)
    return [(x + part * across - off * up, y + part * up + off * across) for part, off in steps]


def _name(ax: Axes, spot: Spot, found: Picture) -> None:
    """A name: outside a circle, else to the right of the vertex; in a long layer only of the first and the last."""
    row = sorted(other.at[0] for other in found.spots if other.at[1] == spot.at[1])
    is_crowded = found.shape == "layers" and len(row) > _MOST_NAMES
    if is_crowded and spot.at[0] not in (row[0], row[-1]):
        return
    off, ha = (9.0, 7.0 if found.shape == "layers" and _is_free_above(spot, found) else -8.0), "left"
    if found.shape == "circle":
        x, y = spot.at
        length = math.hypot(x, y)
        off = (12 * x / length, 14 * y / length)
        ha = "left" if x > 0.2 * length else "right" if x < -0.2 * length else "center"
    elif is_crowded:
        off, ha = (0.0, 11.0 if off[1] > 0 else -11.0), "center"
    style: Style = {"size": style_of(ax).small_points, "ha": ha, "va": "center", "zorder": 5, "bbox": ON_WHITE}
    spare(ax, annotate(ax, chart_text(spot.name), spot.at, off, **style))


def _is_free_above(spot: Spot, found: Picture) -> bool:
    """A name fits better above a vertex than below it: no link rises there, or links leave a device both ways."""
    own = [line for line in found.lines if spot.at in (line.a, line.b) and not line.is_stub]
    rises = [line for line in own if line.bend > 0 or max(line.a[1], line.b[1]) > spot.at[1]]
    return not rises or (spot.role == "device" and len(rises) < len(own))


def _labels(ax: Axes, found: Picture) -> None:
    """Kind, number and neighbours of each layer, to the left of it."""
    look = style_of(ax)
    rows: dict[float, list[tuple[str, Style]]] = {}
    for label in found.labels:
        drawn = (f"{label.drawn} drawn",) if label.drawn < label.count else ()
        details = [(text, {"size": look.small_points, "color": FAINT}) for text in (*label.details, *drawn)]
        head = f"{label.count:,} {label.kind}", {"size": look.text_points, "weight": "bold"}
        rows.setdefault(label.y, []).extend([head, *details])
    place: Style = {"xycoords": ("axes fraction", "data"), "annotation_clip": False, "ha": "right", "va": "center"}
    for y, lines in rows.items():
        for index, (text, style) in enumerate(lines):
            off = (-8, _LINE * look.text_points * ((len(lines) - 1) / 2 - index))
            annotate(ax, chart_text(text), (0.0, y), off, **style, **place)


def _window(found: Picture, side: int) -> Point:
    """Lower and upper limit of an axis: what is drawn, with margins and room for the names on the right."""
    values = [spot.at[side] for spot in found.spots]
    values += [point[side] for line in found.lines for point in _curve(line)]
    values += [corner[side] for box in found.boxes for corner in box]
    low, high = min(values), max(values)
    margin = _MARGINS[found.shape][side]
    if side == 0 and found.shape == "layers":
        low, high = min(low, 0.0), max(high, LAYER_WIDTH)
    if side == 0 and found.shape != "circle":
        high += _NAME_ROOM
    return low - margin, high + margin
