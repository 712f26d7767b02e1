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
    """Nodes kept to replace those that fail. (R, S) when each of them is there again."""

    def __init__(self, run: Conditions, runs: int, rng: np.random.Generator) -> None:
        self.run, self.rng = run, rng
        self.back_at_s = np.zeros((runs, run.spares or 0))

    def wait_s(self, failed: NDArray[np.bool_], at_s: Values) -> Values:
        """(R,) how long runs that failed then are without a node; nothing where no node is at fault.

        Without a spare the node itself is waited for; a spare that is out is there when the node it replaced is.
        """
        run = self.run
        broken = failed & (self.rng.random(failed.size) < run.hardware_share)
        if run.spares is None:
            return np.where(broken, run.replacement_s, 0.0)
        if run.spares == 0:
            return np.where(broken, run.repair_s, 0.0)
        first = self.back_at_s.argmin(axis=1)
        rows = np.arange(failed.size)
        waits_s = np.maximum(self.back_at_s[rows, first] - at_s, 0.0) + run.replacement_s
        self.back_at_s[rows[broken], first[broken]] = at_s[broken] + run.repair_s
        return np.where(broken, waits_s, 0.0)
