"""How far to believe a prediction: the error band of its stack, and what of it was never checked."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sim.catalog import Accuracy
from sim.units import readable_number


@dataclass(frozen=True, slots=True)
class Confidence:
    """What published rows say about predictions like this one.

    accuracy: of the stack; None where no row checks it. outside: in what the scenario lies outside the checked rows, in
    words that name their range.
    """

    accuracy: Accuracy | None = None
    outside: tuple[str, ...] = ()

    @property
    def applies(self) -> bool:
        """Whether rows like this prediction were compared: there are some, and it lies within their range."""
        return self.accuracy is not None and not self.outside

    @property
    def errors(self) -> tuple[float, float] | None:
        """P10 and P90 of the errors of those rows, shares; None where none is like this prediction."""
        return (self.accuracy.error_p10, self.accuracy.error_p90) if self.accuracy and self.applies else None


NEVER_CHECKED = Confidence()
PRETRAINING = "pretrain"


def confidence(
    accuracy: Accuracy | None,
    *,
    devices: Collection[str],
    parameters: float,
    device_count: int,
    sequence: int,
    global_batch: int,
    precision: str,
    optimizer: str,
    usual_recipe: str | None = None,
    method: str = PRETRAINING,
) -> Confidence:
    """Hold a scenario to the rows that its stack was checked on, all of which pretrain in the stack's own recipes.

    devices: the kinds that it runs on, by name. method: of the training. usual_recipe: the stack's own for the
    precision, where the scenario trains in other formats.
    """
    if accuracy is None:
        return NEVER_CHECKED
    names = (
        (devices, accuracy.devices, "devices"),
        ([] if _alike(precision, accuracy) else [precision], accuracy.precisions, "precision"),
        ([optimizer], accuracy.optimizers, "optimizer"),
    )
    kinds = [f"{word} {', '.join(checked)}" for own, checked, word in names if set(own) - set(checked)]
    formats = [f"the formats of recipe {usual_recipe}"] if usual_recipe and _alike(precision, accuracy) else []
    billions = (accuracy.parameters[0] / 1e9, accuracy.parameters[1] / 1e9)
    ranges = (
        (parameters, accuracy.parameters, f"{_range(billions)} billion parameters"),
        (device_count, accuracy.device_count, f"{_range(accuracy.device_count)} devices"),
        (sequence, accuracy.sequence, f"sequences of {_range(accuracy.sequence)} tokens"),
        (global_batch, accuracy.global_batch, f"batches of {_range(accuracy.global_batch)} sequences"),
    )
    beyond = [words for value, (low, high), words in ranges if not low <= value <= high]
    others = [] if method == PRETRAINING else ["pretraining"]
    return Confidence(accuracy, (*others, *kinds, *formats, *beyond))


_HALF = {"bf16", "fp16"}
"""Formats of one width and one peak: a step takes as long in either."""


def _alike(precision: str, accuracy: Accuracy) -> bool:
    """Whether rows in a precision that takes as long are among those checked."""
    checked = set(accuracy.precisions)
    return precision in checked or (precision in _HALF and bool(_HALF & checked))


def _range(ends: tuple[float, float]) -> str:
    """ "8 to 512", or one number where both are the same."""
    low, high = map(readable_number, ends)
    return low if low == high else f"{low} to {high}"
