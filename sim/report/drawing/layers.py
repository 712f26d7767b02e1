"""Networks with switches, in layers: devices, scale-up switches below them, the fabric above, a store on top."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sim.hardware.topology import Topology
from sim.hardware.topology.parts import roles
from sim.hardware.topology.vertex_names import kind_of, natural, naturally
from sim.report.drawing.flat import circle, grid
from sim.report.drawing.parts import LARGEST_WHOLE, LAYER_WIDTH, Line, Picture, Point, RowLabel, Spot, link_of

if TYPE_CHECKING:
    from sim.hardware.topology.topology import Graph

_MOST_VERTICES = 80
_MOST_IN_ROW = 8
_SCALE_UP = "scale_up"
_BELOW = -1
"""The layer of switches that lead nowhere but to devices."""
_BELOW_Y = -0.85
_WIDEST_GAP = 1.25
_DOMAIN_GAP = 0.7
_BOX_MARGIN = (0.42, 0.34)
_STUB = (0.2, 0.3)
_BESIDE = ((0.3, 0.2), (0.14, 0.3))
"""Ends of stubs that lead to the same layer."""
_BEND = (0.1, 0.085)
"""How far a link inside a layer stands off it: at least, and more for each unit of its length."""
_HIGHEST_BEND = 0.62

Tiers = dict[str, int]
Places = dict[str, Point]


def picture(topology: Topology) -> Picture:
    """Lay out a topology of any size, in a bounded number of vertices."""
    if set(roles(topology).values()) != {"device"}:
        return layers(topology)
    if len([size for size in topology.levels if size > 1]) > 1:
        return grid(topology)
    return circle(topology)


def layers(topology: Topology) -> Picture:
    """Everything where it is little, else a few devices and what they are joined to."""
    role_of = roles(topology)
    graph, tiers = topology.graph, _tiers(topology.graph, role_of)
    names = [topology.vertex(device) for device in range(topology.devices)]
    is_whole = len(names) <= LARGEST_WHOLE and len(tiers) <= _MOST_VERTICES
    # As many whole domains as fit, or a part of one.
    first = min(_MOST_IN_ROW, max(topology.domain, _MOST_IN_ROW // topology.domain * topology.domain))
    shown = set(tiers) if is_whole else _repeating_part(graph, tiers, names[:first])
    place = _places(graph, tiers, shown, {name: device // topology.domain for device, name in enumerate(names)})
    found = Picture("layers", is_whole=is_whole)
    found.spots = [Spot(name, kind_of(name), role_of[name], place[name]) for name in naturally(shown)]
    found.lines = [*_lines(graph, tiers, place), *([] if is_whole else _stubs(graph, tiers, place))]
    found.labels = _labels(topology, tiers, shown)
    if topology.domain > 1 and topology.devices > topology.domain:
        found.boxes = _boxes(topology, tiers, place)
    return found


def _tiers(graph: Graph, role_of: dict[str, str]) -> Tiers:
    """Hops from the nearest device; -1 for a scale-up switch where there are other switches too."""
    tiers = {name: 0 for name, role in role_of.items() if role == "device"}
    others = [name for name in graph if name not in tiers]
    inner = [name for name in others if all(edge["link_class"] == _SCALE_UP for edge in graph.adj[name].values())]
    reached = list(tiers)
    for name in reached:
        for other in graph.adj[name]:
            if other not in tiers:
                tiers[other] = tiers[name] + 1
                reached.append(other)
    if len(inner) < len(others):
        tiers.update(dict.fromkeys(inner, _BELOW))
    return tiers


def _repeating_part(graph: Graph, tiers: Tiers, devices: Sequence[str]) -> set[str]:
    """Some devices, and layer by layer the first few vertices that they lead to."""
    rows: dict[int, list[str]] = {0: list(devices)}
    for tier in (_BELOW, *range(1, max(tiers.values()) + 1)):
        under = rows.get(tier - 1 if tier > 0 else 0, [])
        reached = naturally({other for name in under for other in graph.adj[name] if tiers[other] == tier})
        kinds = dict.fromkeys(kind_of(name) for name in reached)
        row = [name for kind in kinds for name in [each for each in reached if kind_of(each) == kind][:_MOST_IN_ROW]]
        rows[tier] = _widened(graph, tiers, row)
    return {name for row in rows.values() for name in row}


def _widened(graph: Graph, tiers: Tiers, row: list[str]) -> list[str]:
    """A layer with neighbours in the same layer added while there is room, each class of links in its turn."""
    neighbours: dict[str, dict[str, None]] = defaultdict(dict)
    for name in row:
        for other in naturally(graph.adj[name]):
            if tiers[other] == tiers[name] and other not in row:
                neighbours[str(graph.edges[name, other]["link_class"])][other] = None
    turns = itertools.zip_longest(*neighbours.values())
    added = dict.fromkeys(name for turn in turns for name in turn if name is not None)
    return [*row, *list(added)[: max(0, _MOST_IN_ROW - len(row))]]


def _places(graph: Graph, tiers: Tiers, shown: Iterable[str], domain_of: dict[str, int]) -> Places:
    """Devices in their order, domains apart; everything else over the middle of what it is joined to, if possible."""
    rows: dict[int, list[str]] = defaultdict(list)
    for name in naturally(shown):
        rows[tiers[name]].append(name)
    order = {name: index for index, name in enumerate(domain_of)}
    devices = sorted(rows[0], key=lambda name: order.get(name, len(order)))
    last = max(domain_of.values(), default=0)
    raw = [index + _DOMAIN_GAP * domain_of.get(name, last) for index, name in enumerate(devices)]
    span = max(raw[-1] - raw[0], 1e-9)
    scale = min(_WIDEST_GAP, LAYER_WIDTH / span)
    middle = LAYER_WIDTH / 2 - scale * span / 2
    xs = {name: middle + scale * (at - raw[0]) for name, at in zip(devices, raw, strict=True)}
    for tier in (_BELOW, *range(1, max(rows) + 1)):
        under = tier - 1 if tier > 0 else 0
        joined = {name: [o for o in graph.adj[name] if o in xs and tiers[o] == under] for name in rows.get(tier, [])}
        wanted = {name: sum(xs[one] for one in below) / len(below) for name, below in joined.items() if below}
        # What is joined to nothing below it stands beside what is.
        middle = sum(wanted.values()) / max(len(wanted), 1)
        wanted |= {name: middle for name in joined if name not in wanted}
        ordered = sorted(wanted, key=lambda name: (round(wanted[name], 6), natural(name)))
        xs.update(zip(ordered, _spread([wanted[name] for name in ordered]), strict=True))
    return {name: (x, _height(tiers[name])) for name, x in xs.items()}


def _spread(wanted: Sequence[float]) -> list[float]:
    """The places wanted where they are far enough apart, else as many even ones around the middle."""
    count = len(wanted)
    gap = min(_WIDEST_GAP, LAYER_WIDTH / max(count - 1, 1))
    if all(after - before > 0.6 * gap for before, after in itertools.pairwise(wanted)):
        return list(wanted)
    half = gap * (count - 1) / 2
    middle = min(max(sum(wanted) / count, half), LAYER_WIDTH - half)
    return [middle - half + gap * index for index in range(count)]


def _lines(graph: Graph, tiers: Tiers, place: Places) -> list[Line]:
    lines = []
    for a in place:
        for b, edge in graph.adj[a].items():
            if b in place and (place[a], a) <= (place[b], b):
                bend = min(_HIGHEST_BEND, _BEND[0] + _BEND[1] * (place[b][0] - place[a][0]))
                side = (tiers[a] == tiers[b]) * (1 if tiers[a] else -1)
                lines.append(Line(link_of(edge), place[a], place[b], side * bend))
    return lines


def _stubs(graph: Graph, tiers: Tiers, place: Places) -> list[Line]:
    """One short line for every direction and class of links that lead to something that is not drawn."""
    stubs = []
    for name, (x, y) in place.items():
        away = {o: edge for o, edge in graph.adj[name].items() if o not in place}
        missing = {(min(max(tiers[o] - tiers[name], -1), 1), link_of(edge)) for o, edge in away.items()}
        for direction in (-1, 0, 1):
            links = [link for way, link in sorted(missing, key=str) if way == direction]
            for index, link in enumerate(links):
                aside = (-_STUB[0] * (index + 1), direction * _STUB[1]) if direction else _BESIDE[min(index, 1)]
                stubs.append(Line(link, (x, y), (x + aside[0], y + aside[1]), is_stub=True))
    return stubs


def _labels(topology: Topology, tiers: Tiers, shown: set[str]) -> list[RowLabel]:
    """One label for every kind in every layer."""
    totals = Counter((tier, kind_of(name)) for name, tier in tiers.items())
    drawn = Counter((tiers[name], kind_of(name)) for name in shown)
    domains = -(-topology.devices // topology.domain)
    whole = (f"{domains:,} domains of {topology.domain}",) if topology.domain > 1 and domains > 1 else ()
    labels = []
    for (tier, kind), count in sorted(totals.items()):
        if (tier, kind) in drawn:
            details = whole if tier == 0 else _joined(topology.graph, tiers, tier, kind)
            labels.append(RowLabel(kind, count, drawn[tier, kind], _height(tier), details))
    return labels


def _height(tier: int) -> float:
    return float(tier) if tier >= 0 else _BELOW_Y


def _joined(graph: Graph, tiers: Tiers, tier: int, kind: str) -> tuple[str, ...]:
    """What each vertex of one kind and layer is joined to below it and beside it: "each to 32 gpu"."""
    found: dict[str, list[int]] = defaultdict(list)
    for name, own in tiers.items():
        if own != tier or kind_of(name) != kind:
            continue
        joined: Counter[str] = Counter()
        for other, edge in graph.adj[name].items():
            if tiers[other] == tier:
                joined[f"{edge['link_class']} links"] += 1
            elif tiers[other] < tier or tier == _BELOW:
                joined[kind_of(other)] += 1
        for what, count in joined.items():
            found[what].append(count)
    spans = {what: dict.fromkeys((min(counts), max(counts))) for what, counts in found.items()}
    return tuple(f"each to {' - '.join(f'{end:,}' for end in ends)} {what}" for what, ends in spans.items())


def _boxes(topology: Topology, tiers: Tiers, place: Places) -> list[tuple[Point, Point]]:
    """A frame around the drawn devices of each domain and the scale-up switches that only they are joined to."""
    inside: dict[int, set[str]] = defaultdict(set)
    for device in range(topology.devices):
        name = topology.vertex(device)
        if name in place:
            neighbours = topology.graph.adj[name]
            inside[device // topology.domain] |= {name, *(o for o in neighbours if o in place and tiers[o] == _BELOW)}
    across, up = _BOX_MARGIN
    columns = sorted(place[name][0] for names in inside.values() for name in names if tiers[name] == 0)
    closest = min((after - before for before, after in itertools.pairwise(columns)), default=1.0)
    gap = min(across, 0.75 * closest)
    places = [[place[name] for name in names] for names in inside.values()]
    sides = [([x for x, _ in own], [y for _, y in own]) for own in places]
    return [((min(xs) - gap, min(ys) - up), (max(xs) + gap, max(ys) + up)) for xs, ys in sides]
