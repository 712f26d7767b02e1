"""Partial pooling: constants of many stacks and devices from rows and from what their families have in common.

Gelman and Hill 2007, Data Analysis Using Regression and Multilevel/Hierarchical Models, chapter 12: a member's constant
is drawn around the common value of its family, the common value around where it is expected, and all are found at once
as the most probable ones. Nothing here knows a machine: rows are errors that constants move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_OWN_VARIANCE = 0.5
_COMMON_VARIANCE = 0.5
"""Of a member taken at random, whose variance is 1: what is its own, and what it shares with its family."""
_LONGEST_STEP = 1.0
"""In standard deviations: no further than this from where the errors were worked out."""
_MOST_ITERATIONS = 2000


@dataclass(frozen=True, slots=True)
class Linear:
    """Errors of rows near some values of the constants: error + slopes @ (values - near), row by row.

    error: logarithm of predicted over measured, one for each row. slopes: rows by constants; 0 where a row does not
    depend on one. near: rows by constants, where each row was worked out. weight: of each row.
    """

    error: Numbers
    slopes: Numbers
    near: Numbers
    weight: Numbers

    def errors(self, values: Numbers) -> Numbers:
        """Of every row, at some values of the constants."""
        return np.asarray(self.error + np.sum(self.slopes * (values - self.near), axis=1))


@dataclass(frozen=True, slots=True)
class Priors:
    """What is known of the constants before any row: each one's family, and how far it may go."""

    family: NDArray[np.int64]
    low: Numbers
    high: Numbers

    @property
    def families(self) -> int:
        """How many there are."""
        return int(self.family.max()) + 1


def row_weights(sources: list[str]) -> Numbers:
    """The weight of each row: those of a source together weigh the square root of how many they are.

    Hand-worked: four rows of one source weigh 1/2 each, a row that is its source's only one weighs 1.
    """
    names, place, count = np.unique(np.array(sources), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / np.sqrt(count[place])) if len(names) else np.zeros(0)


def misfit(errors: Numbers, weight: Numbers, half_width: float) -> float:
    """Minus the logarithm of how probable errors are, each a draw from a Cauchy distribution; up to a constant."""
    return float(np.sum(weight * np.log1p((errors / half_width) ** 2)))


def distance(values: Numbers, common: Numbers, priors: Priors) -> float:
    """Minus the logarithm of how probable constants and common values are before any row; up to a constant."""
    own = values - common[priors.family]
    return float(np.sum(own**2) / (2 * _OWN_VARIANCE) + np.sum(common**2) / (2 * _COMMON_VARIANCE))


def common_values(values: Numbers, priors: Priors) -> Numbers:
    """The most probable common value of each family, given its members' constants.

    Hand-worked, with both variances 1/2: members at 1 and 2 have (1 + 2) / (2 + 1) = 1 in common.
    """
    total = np.bincount(priors.family, values, priors.families)
    count = np.bincount(priors.family, minlength=priors.families)
    return np.asarray(total / (count + _OWN_VARIANCE / _COMMON_VARIANCE))


def most_probable(rows: Linear, priors: Priors, start: Numbers, half_width: float) -> Numbers:
    """The constants that are most probable with these rows, at most a step away from `start`."""
    from scipy.optimize import minimize

    def objective(values: Numbers) -> tuple[float, Numbers]:
        errors, common = rows.errors(values), common_values(values, priors)
        pull = rows.weight * 2 * errors / (half_width**2 + errors**2)
        # The common values are the best ones for these constants: the slope along them is 0.
        slope = rows.slopes.T @ pull + (values - common[priors.family]) / _OWN_VARIANCE
        return misfit(errors, rows.weight, half_width) + distance(values, common, priors), slope

    low, high = np.maximum(priors.low, start - _LONGEST_STEP), np.minimum(priors.high, start + _LONGEST_STEP)
    options = {"maxiter": _MOST_ITERATIONS, "ftol": 1e-12, "gtol": 1e-8}
    found = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=list(zip(low, high, strict=True)), options=options
    )
    return np.asarray(found.x)
