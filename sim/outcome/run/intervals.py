"""How often to write a checkpoint: the interval that is expected to lose least."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sim.outcome.run.closed_form import expected_cycle_s, young_interval_s
from sim.outcome.run.conditions import Conditions

_CHOICES = 400
_REACH = 30.0
"""Intervals are looked for from so much less than Young's to so much more."""


def best_interval_steps(run: Conditions) -> int:
    """Whole steps between checkpoints that are expected to lose least; 0 where no failure is expected to need one.

    Never so few that one is begun before the last is written, nor as many as the run has.
    """
    if math.isinf(run.between_failures_s):
        return 0
    candidates = _candidates(run)
    rates = expected_cycle_s(
        candidates * run.step_s, run.checkpoints.blocking_s, run.between_failures_s, run.mean_recovery_s
    )
    per_step = cast(NDArray[np.float64], rates) / candidates
    best = int(candidates[int(np.argmin(per_step))])
    return 0 if best >= run.steps else best


def least_interval_steps(run: Conditions) -> int:
    """The fewest steps after which the last checkpoint is written."""
    spare_s = run.checkpoints.write_s - run.checkpoints.blocking_s
    return max(1, math.ceil(spare_s / run.step_s - 1e-9))


def _candidates(run: Conditions) -> NDArray[np.float64]:
    """(C,) whole steps around Young's interval."""
    # A checkpoint that costs nothing is written after every step.
    young = float(young_interval_s(run.checkpoints.blocking_s, run.between_failures_s)) / run.step_s
    least = least_interval_steps(run)
    low, high = max(least, young / _REACH), max(least, young * _REACH, 1.0)
    most = max(float(least), math.ceil(run.steps))
    return np.unique(np.clip(np.round(np.geomspace(low, high, _CHOICES)), least, most))
