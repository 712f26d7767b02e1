"""What differs from one run to the next: when failures come, how long steps take, whether a spare is there."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sim.outcome.run.conditions import Conditions
from sim.outcome.run.progress import Values


class Failures:
    """Draws times between failures, and mean steps of a stretch."""

    def __init__(self, run: Conditions, rng: np.random.Generator) -> None:
        self.run, self.rng = run, rng
        # The scale that gives a Weibull distribution its mean.
        self.scale_s = run.between_failures_s / math.gamma(1.0 + 1.0 / run.shape)

    def between_s(self, runs: int) -> Values:
        """(R,) times until the next failure."""
        if math.isinf(self.scale_s):
            return np.full(runs, np.inf)
        drawn: Values = self.scale_s * self.rng.weibull(self.run.shape, runs)
        return drawn

    def step_s(self, time_s: Values) -> Values:
        """(R,) mean step of so long a stretch: the mean of many steps differs less than one does."""
        run = self.run
        if not run.step_variation:
            return np.full(time_s.shape, run.step_s)
        steps = np.clip(np.nan_to_num(time_s, posinf=run.training_s) / run.step_s, 1.0, max(run.steps, 1.0))
        spread = run.step_variation * self.rng.standard_normal(time_s.size) / np.sqrt(steps)
        drawn: Values = run.step_s * np.maximum(1.0 + spread, 0.5)
        return drawn


class Spares:
    """Nodes kept to replace those that fail.

    All repairs take as long, so spares come back in the order in which they were taken. (R, S) when each of them is
    there again; columns are added as spares are first taken.
    """

    def __init__(self, run: Conditions, runs: int, rng: np.random.Generator) -> None:
        self.run, self.rng = run, rng
        self.taken = np.zeros(runs, dtype=np.int64)
        self.back_at_s = np.zeros((runs, 0))

    def wait_s(self, failed: NDArray[np.bool_], at_s: Values) -> Values:
        """(R,) how long runs that failed then are without a node; nothing where no node is at fault.

        A spare that is out is there when the node it replaced is. Where the node itself is there sooner than a spare,
        or none is kept, it is waited for.
        """
        run = self.run
        broken = failed & (self.rng.random(failed.size) < run.hardware_share)
        if run.spares is None:
            return np.where(broken, run.replacement_s, 0.0)
        if run.spares == 0:
            return np.where(broken, run.repair_s, 0.0)
        rows, slots = np.arange(failed.size), self.taken % run.spares
        self._widen(int(slots.max()) + 1)
        waits_s = np.maximum(self.back_at_s[rows, slots] - at_s, 0.0) + run.replacement_s
        taken = broken & (waits_s <= run.repair_s)
        self.back_at_s[rows[taken], slots[taken]] = at_s[taken] + run.repair_s
        self.taken += taken
        return np.where(broken, np.minimum(waits_s, run.repair_s), 0.0)

    def _widen(self, columns: int) -> None:
        more = columns - self.back_at_s.shape[1]
        if more > 0:
            self.back_at_s = np.pad(self.back_at_s, ((0, 0), (0, max(more, columns))))
