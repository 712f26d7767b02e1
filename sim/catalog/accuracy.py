"""How far each stack's predictions were off on published rows, and where it was checked: generated, never written."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from sim.catalog.data_files import read_data

FEWEST_ROWS = 5
"""Percentiles of fewer rows say little, and screens say so."""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors of simulated step times of one stack on its check rows, which nothing was fitted on.

    rows: how many. error_p10, error_p90, median_absolute_error: shares; negative means predicted too fast. devices:
    kinds, by their names in the catalogue. Each range is the smallest and the largest among the rows: parameters of the
    model, number of devices, tokens of a sequence, sequences of a global batch. precisions: of the products, in the
    stack's own recipe for each. optimizers: by their names in the catalogue.
    """

    stack: str
    rows: int
    error_p10: float
    error_p90: float
    median_absolute_error: float
    devices: tuple[str, ...]
    parameters: tuple[float, float]
    device_count: tuple[int, int]
    sequence: tuple[int, int]
    global_batch: tuple[int, int]
    precisions: tuple[str, ...]
    optimizers: tuple[str, ...]

    @property
    def has_few_rows(self) -> bool:
        """Whether the percentiles are those of too few rows to mean much."""
        return self.rows < FEWEST_ROWS


def load_accuracy(stack: str) -> Accuracy | None:
    """The accuracy of one stack; None where no published row checks it."""
    return _accuracies().get(stack)


def accuracy_stacks() -> list[str]:
    """Names of all stacks with check rows."""
    return list(_accuracies())


@functools.cache
def _accuracies() -> dict[str, Accuracy]:
    return {name: _accuracy(name, entry) for name, entry in read_data("accuracy").items()}


def _accuracy(stack: str, entry: dict[str, Any]) -> Accuracy:
    values: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()}
    return Accuracy(stack=stack, **values)
