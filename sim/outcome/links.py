"""What a step does to the network: bytes and utilisation per link class, and the link that is busiest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sim.engine.trace import Trace
from sim.engine.transfers import Flow, Moved, repeated
from sim.hardware.network import Network


@dataclass(frozen=True, slots=True)
class LinkClassUse:
    """One class of links over one step. Links are counted one direction at a time.

    part: (number from 1, topology) of the part of the system that they belong to; None where there is one.
    total_bytes: over all of them. mean_utilisation: bytes over what all could carry in a step.
    busiest: the fullest link, "gpu0 > leaf0.0". busiest_utilisation: its share of busy time.
    """

    link_class: str
    links: int
    total_bytes: float
    mean_utilisation: float
    busiest: str
    busiest_utilisation: float
    part: tuple[int, str] | None = None

    @property
    def label(self) -> str:
        """How it is told from all others: "nic", or "nic of part 1, DGX A100 SuperPOD"."""
        return f"{self.link_class} of part {self.part[0]}, {self.part[1]}" if self.part else self.link_class


@dataclass(frozen=True, slots=True)
class LinkUse:
    """All link classes, and what each flow takes of them at full pace (for drawing a step)."""

    classes: tuple[LinkClassUse, ...]
    flow_shares: Mapping[Flow, NDArray[np.float64]] = field(compare=False, repr=False)
    """Flow -> (classes,) share of what all links could carry while it moves at full pace."""

    @property
    def bottleneck(self) -> LinkClassUse | None:
        """The class of the link that is busiest of all; None where nothing was sent."""
        used = [one for one in self.classes if one.total_bytes > 0]
        return max(used, key=lambda one: one.busiest_utilisation, default=None)

    def over_time(self, trace: Trace, samples: int = 400) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean utilisation of each class over the step: ((samples + 1,) edges in s, (classes, samples)).

        A transfer counts as evenly spread over its instruction.
        """
        edges = np.linspace(0.0, trace.step_time_s, samples + 1)
        moved_s = np.zeros((len(self.classes), samples))
        for span in trace.spans:
            length_s = span.end_s - span.start_s
            if not span.transfers or length_s <= 0:
                continue
            pace = np.zeros(len(self.classes))
            for one in span.transfers:
                pace += one.seconds / length_s * self.flow_shares[cast(Flow, one.wave)]
            first, last = np.searchsorted(edges, (span.start_s, span.end_s), side="right") - 1
            inside = slice(first, min(last + 1, samples))
            starts, ends = edges[:-1][inside], edges[1:][inside]
            overlap_s = np.minimum(ends, span.end_s) - np.maximum(starts, span.start_s)
            moved_s[:, inside] += np.outer(pace, np.maximum(overlap_s, 0.0))
        return edges, moved_s / np.diff(edges)


def link_use(trace: Trace, *networks: Network) -> LinkUse:
    """Add up what all transfers of a step put on the links of a topology, or of each part's own.

    networks: of each part of the system.
    """
    moved = repeated([span.instruction.transfers for span in trace.spans])
    classes: list[LinkClassUse] = []
    shares: dict[Flow, NDArray[np.float64]] = {}
    wanted = sum(len(network.topology.links.classes) for network in networks)
    for index, network in enumerate(networks):
        own = {flow: one for flow, one in moved.items() if flow.part == index}
        part = (index + 1, network.topology.title) if len(networks) > 1 else None
        found, taken = _network_use(own, network, trace.step_time_s, part)
        for flow, of_classes in taken.items():
            shares[flow] = np.pad(of_classes, (len(classes), wanted - len(classes) - len(found)))
        classes += found
    return LinkUse(tuple(classes), shares)


def _network_use(
    moved: Mapping[Flow, Moved], network: Network, step_time_s: float, part: tuple[int, str] | None
) -> tuple[list[LinkClassUse], dict[Flow, NDArray[np.float64]]]:
    """(its classes, flow -> (classes,) shares at full pace) of one network. moved: by each flow on it."""
    links = network.topology.links
    rate, count = links.bytes_per_s[:-1], len(links.classes)
    busy_s, carried_bytes, could_per_s = (
        np.zeros(links.count),
        np.zeros(count),
        np.bincount(links.class_of, rate, count),
    )
    flow_shares: dict[Flow, NDArray[np.float64]] = {}
    for flow, one in moved.items():
        numbers, shares = network.usage(flow.wave, flow.devices)
        busy_s[numbers] += one.seconds * shares
        _, loads = network.carried(flow.wave, flow.devices)
        carried_bytes += one.size_bytes * np.bincount(links.class_of[numbers], loads, count)
        flow_shares[flow] = np.bincount(links.class_of[numbers], shares * rate[numbers], count) / could_per_s
    classes = []
    for index, name in enumerate(links.classes):
        own = np.flatnonzero(links.class_of == index)
        fullest = own[np.argmax(busy_s[own])]
        could = float(np.sum(rate[own])) * step_time_s
        mean, most = float(np.sum(busy_s[own] * rate[own])) / could, float(busy_s[fullest]) / step_time_s
        ends = " > ".join(links.ends(int(fullest)))
        classes.append(LinkClassUse(name, len(own), float(carried_bytes[index]), mean, ends, most, part))
    return classes, flow_shares
