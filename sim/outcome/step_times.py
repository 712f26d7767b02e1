"""How long steps take where devices differ: their distribution, and the stragglers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.engine.lanes import Culprit, LaneRun, Order

PERCENTILES = (50, 95, 99)
"""Per cent of the steps whose longest is reported."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Whether one device stood for its equals ("folded") or each had a clock of its own ("full"), and why."""

    name: Literal["folded", "full"]
    why: str


FOLDED = Resolution("folded", "asked for")


@dataclass(frozen=True, slots=True)
class HeldUp:
    """A straggler: who was on the critical path and took most beyond the usual, and in how many of the steps.

    by: "device", "node", "network" or "nobody". device: its number; actor, replica, rank: its place in the plan. node:
    number of a node that is slow as a whole.
    """

    by: str
    steps: int
    device: int | None = None
    actor: str = ""
    replica: int = 0
    rank: int = 0
    node: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class StepTimes:
    """Simulated steps, one after the other.

    times_s: (S,). alike_s: what a step takes with every device alike. held_up: the stragglers, most often first.
    late_s: what the critical path of the mean step takes beyond the usual, by cause: "work" of devices that are slower,
    "stalls", and the ledger lines of communication that the network slows. node_devices: in a node.
    """

    times_s: NDArray[np.float64]
    alike_s: float
    held_up: tuple[HeldUp, ...]
    late_s: Mapping[str, float] = field(default_factory=dict)
    node_devices: int = 1

    @property
    def mean_s(self) -> float:
        """What a run's length follows from."""
        return float(self.times_s.mean())

    @property
    def coefficient_of_variation(self) -> float:
        """Standard deviation over mean; 0 for a single step, which tells nothing about others."""
        return float(self.times_s.std(ddof=1)) / self.mean_s if len(self.times_s) > 1 else 0.0

    def percentile_s(self, percent: float) -> float:
        """What so many per cent of the steps do not exceed, between neighbours interpolated."""
        return float(np.percentile(self.times_s, percent))


def step_times(run: LaneRun, order: Order, alike_s: float, node_devices: int) -> StepTimes:
    """Sum up what the lanes found. alike_s: the folded step. node_devices: in a node."""
    ranked = sorted(run.culprits.items(), key=lambda pair: (-pair[1], pair[0].by, pair[0].number or 0))
    held_up = tuple(_held_up(one, steps, order) for one, steps in ranked)
    return StepTimes(run.step_times_s, alike_s, held_up, run.late_s, node_devices)


def _held_up(culprit: Culprit, steps: int, order: Order) -> HeldUp:
    number = culprit.number
    if number is None:
        return HeldUp(culprit.by, steps)
    if culprit.by == "node":
        return HeldUp("node", steps, node=number)
    name, (rank, replica) = next((one.name, place) for one in order.lanes if (place := one.place(number)))
    return HeldUp(culprit.by, steps, number, name, replica, rank)
