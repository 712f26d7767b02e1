"""Wafers below a tree of broadcast-reduce nodes, a weight store on top."""

from __future__ import annotations

import functools

import numpy as np

from sim.hardware.topology.links import NO_LINK, EdgeKey, Link, Numbers
from sim.hardware.topology.topology import About, Paths, Topology


class SwarmxTree(Topology):
    """A tree whose nodes broadcast downwards and add upwards.

    Source: Cerebras glossary, SwarmX (1:4 broadcast-reduce nodes in a tree, reductions at line rate).
    """

    def __init__(self, about: About, fan_out: int, link: Link) -> None:
        super().__init__(about, 1)
        self.fan_out = fan_out
        self.link = link
        self.depth = self._levels(about.devices)
        """Levels of broadcast-reduce nodes between the store and a wafer."""
        self._tiers = [
            self.links.add_both(-(-self.devices // fan_out**level), link, functools.partial(self._ends, level))
            for level in range(self.depth + 1)
        ]

    def _levels(self, devices: int) -> int:
        """Levels that this many wafers need, at least one."""
        levels = 1
        while self.fan_out**levels < devices:
            levels += 1
        return levels

    def vertex(self, device: int) -> str:
        return f"wafer{device}"

    def _named(self, level: int, index: int) -> str:
        return f"wafer{index}" if level == 0 else f"swarmx{level}.{index}"

    def _ends(self, level: int, index: int) -> EdgeKey:
        above = "memoryx" if level == self.depth else self._named(level + 1, index // self.fan_out)
        return self._named(level, index), above

    def _paths(self, sources: Numbers, targets: Numbers) -> Paths:
        up: list[Numbers] = []
        down: list[Numbers] = []
        apart = np.ones(len(sources), dtype=bool)
        for level in range(self.depth):
            up.append(np.where(apart, self._tiers[level][0] + sources // self.fan_out**level, NO_LINK))
            down.append(np.where(apart, self._tiers[level][1] + targets // self.fan_out**level, NO_LINK))
            apart = apart & (sources // self.fan_out ** (level + 1) != targets // self.fan_out ** (level + 1))
        return self._along(*up, *reversed(down))

    def broadcast_tree(self, devices: int) -> tuple[int, Link]:
        return self._levels(devices) + 1, self.link

    def store_links(self, devices: int, *, inwards: bool) -> Numbers:
        side = 1 if inwards else 0
        counts = [-(-devices // self.fan_out**level) for level in range(self._levels(devices) + 1)]
        return np.concatenate([self._tiers[level][side] + np.arange(count) for level, count in enumerate(counts)])

    def _kind(self, vertex: str) -> str:
        return "store" if vertex == "memoryx" else "switch"
