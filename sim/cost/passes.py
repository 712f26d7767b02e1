"""What a pass of one micro-batch costs: phase by phase, by ledger line, with its exchanges and kernels.

Costs add up and multiply as layers do. Every number may be an array with one element per plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sim.cost.parts import Parts, combined, duration_s, plain, scaled
from sim.errors import ScaletaxError
from sim.hardware.kernel import Array, Kernel
from sim.hardware.network import Communication
from sim.workload.operations import Operation
from sim.workload.phases import Phase


class KernelRun(NamedTuple):
    """A kernel, the operation that it is part of, and how long it keeps the device busy."""

    operation: Operation
    kernel: Kernel
    time_s: Array


@dataclass(frozen=True, slots=True)
class Timed:
    """Kernels one after the other. busy_s: all of them; time_s: with their launches.

    wait_s: how long the device waits for its host, beside its own gaps. squares_s2: sum of their squared times.
    again: whether recomputation runs them, for the backward of the layer whose kernels stand before them.
    """

    runs: tuple[KernelRun, ...]
    busy_s: Array
    time_s: Array
    wait_s: Array
    squares_s2: Array
    again: bool = False

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels alone."""
        return tuple(run.kernel for run in self.runs)


@dataclass(frozen=True, slots=True)
class PhaseCost:
    """One phase of a pass.

    parts: ledger line -> seconds; recomputation is part of the phase that needs it first. exchanges: ledger line ->
    communication between ranks that share its work, as far as it is exposed; its seconds are among the parts.
    squares_s2: sum of the squared times of its kernels: what their independent variation adds up to.
    kernels: (kernels, how many times), for traces and reports that show more than seconds.
    """

    parts: Parts
    exchanges: Mapping[str, Communication] = field(default_factory=dict)
    squares_s2: Array = 0.0
    kernels: tuple[tuple[Timed, Array], ...] = ()

    @property
    def seconds(self) -> Array:
        """All of it."""
        return duration_s(self.parts)

    @property
    def wait_s(self) -> Array:
        """How long the device waits for its host in the phase's own kernels: of one layer, before costs add up."""
        return self.kernels[0][0].wait_s

    def __add__(self, other: PhaseCost) -> PhaseCost:
        return PhaseCost(
            combined(self.parts, other.parts),
            {
                line: self.exchanges.get(line, Communication()) + other.exchanges.get(line, Communication())
                for line in {**self.exchanges, **other.exchanges}
            },
            self.squares_s2 + other.squares_s2,
            (*self.kernels, *other.kernels),
        )

    def __mul__(self, times: Array) -> PhaseCost:
        return PhaseCost(
            scaled(self.parts, times),
            {line: one * times for line, one in self.exchanges.items()},
            self.squares_s2 * times,
            tuple((timed, count * times) for timed, count in self.kernels),
        )

    def plain(self) -> PhaseCost:
        """The cost of one plan in plain floats, as instructions carry it."""
        return PhaseCost(plain(self.parts), self.exchanges, float(self.squares_s2), self.kernels)


@dataclass(frozen=True, slots=True)
class PassCost:
    """All phases of a pass that a schedule may run: a backward in one go, its two gradients apart, or either."""

    phases: Mapping[Phase, PhaseCost]

    def __getitem__(self, phase: Phase) -> PhaseCost:
        return self.phases[phase]

    def __add__(self, other: PassCost) -> PassCost:
        """Phases that the other lacks cost nothing there; it has none beyond these."""
        if more := other.phases.keys() - self.phases.keys():
            raise ScaletaxError("costs", f"a pass without {', '.join(sorted(more))} cannot take them up")
        return PassCost(
            {phase: own + other.phases[phase] if phase in other.phases else own for phase, own in self.phases.items()}
        )

    def __mul__(self, times: Array) -> PassCost:
        return PassCost({phase: own * times for phase, own in self.phases.items()})

    def in_order(self, layers: Sequence[tuple[PassCost, int]]) -> PassCost:
        """The same with its kernels as they run. layers: it is the sum of, so many in a row of each."""
        kernels = {
            phase: tuple((timed, count * times) for one, times in layers for timed, count in one[phase].kernels)
            for phase in self.phases
        }
        return PassCost({phase: replace(own, kernels=kernels[phase]) for phase, own in self.phases.items()})

    def plain(self) -> PassCost:
        """The cost of one plan in plain floats."""
        return PassCost({phase: own.plain() for phase, own in self.phases.items()})

    @property
    def parts(self) -> Parts:
        """One forward and one backward."""
        return combined(self.phases["forward"].parts, *(one.parts for one in self._backward))

    @property
    def forward_s(self) -> Array:
        """Seconds of the forward."""
        return self.phases["forward"].seconds

    @property
    def backward_s(self) -> Array:
        """Seconds of the backward: in one go where a schedule runs it so, else of both gradients."""
        first, *rest = (one.seconds for one in self._backward)
        return first + rest[0] if rest else first

    @property
    def weight_s(self) -> Array:
        """Seconds of weight gradients that may run apart."""
        return self.phases["weight gradient"].seconds if "weight gradient" in self.phases else 0.0

    @property
    def _backward(self) -> tuple[PhaseCost, ...]:
        phases = self.phases
        if "backward" in phases:
            return (phases["backward"],)
        return phases["input gradient"], phases["weight gradient"]
