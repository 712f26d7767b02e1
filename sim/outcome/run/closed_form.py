"""What is known in closed form about runs that fail and start again: checks of the simulation, and its intervals.

Legend: u time lost per failure beside the work since the last checkpoint; w how long a checkpoint stops the run; M mean
time between failures of the whole cluster; D time between checkpoints.
"""

from __future__ import annotations

import numpy as np

from sim.hardware.kernel import Array


def young_interval_s(checkpoint_s: Array, between_failures_s: Array) -> Array:
    """Work between two checkpoints that loses least, to first order: sqrt(2 w M).

    Source: Young 1974, eq. 1 of the note; Daly 2006, eq. 4. Hand-worked: 10 s every 20,000 s: sqrt(400,000) = 632.5 s.
    """
    return np.sqrt(2.0 * np.asarray(checkpoint_s) * np.asarray(between_failures_s))


def effective_time_ratio(interval_s: Array, checkpoint_s: Array, between_failures_s: Array, recovery_s: Array) -> Array:
    """Expected share of wall time that trains, first order in the failures: (1 - (u + D/2) / M) / (1 + w / D).

    Source: Kokolis et al. 2024, sec. 3 (expected ETTR). Hand-worked: D 3600, w 36, M 36,000, u 360: 0.94 / 1.01.
    """
    lost = (np.asarray(recovery_s) + np.asarray(interval_s) / 2.0) / np.asarray(between_failures_s)
    return (1.0 - lost) / (1.0 + np.asarray(checkpoint_s) / np.asarray(interval_s))


def expected_cycle_s(interval_s: Array, checkpoint_s: Array, between_failures_s: Array, recovery_s: Array) -> Array:
    """Expected wall time for the work between two checkpoints, exact for exponential failures.

    M e^(u/M) (e^((D+w)/M) - 1), failures striking while it recovers as well. It is infinite where no float can hold it.
    Source: Daly 2006, eq. 20. Hand-worked: u 0, D + w = M = 1: e - 1 = 1.718 s.
    """
    mean_s = np.asarray(between_failures_s)
    busy = (np.asarray(interval_s) + np.asarray(checkpoint_s)) / mean_s
    with np.errstate(over="ignore"):
        return mean_s * np.exp(np.asarray(recovery_s) / mean_s) * np.expm1(busy)
