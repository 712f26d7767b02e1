"""How far predictions were off on sources that they had never seen, and what was compared: generated, never written."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sim.catalog.data_files import read_data

HELD = 0.8
"""Share of the measured values that a band is to hold: P10 to P90."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Published rows of one stack, of one source or several, and how far they reach.

    devices: kinds, by their names in the catalogue. Each range is the smallest and the largest among the rows:
    parameters of the model, number of devices, tokens of a sequence, sequences of a global batch. precisions: of the
    products, in the stack's own recipe for each. optimizers: by their names in the catalogue.
    """

    stack: str
    sources: tuple[str, ...]
    rows: int
    devices: tuple[str, ...]
    parameters: tuple[float, float]
    device_count: tuple[int, int]
    sequence: tuple[int, int]
    global_batch: tuple[int, int]
    precisions: tuple[str, ...]
    optimizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What predictions share whose errors are taken to be alike; an empty field is any.

    machine: label of the kind of machine. stack: whether the software is known by name, or guessed from what is known
    of it. reach: whether the prediction lies inside the rows of its stack that other sources measured. scale: devices
    within one node, up to 128, or more.
    """

    machine: str = ""
    stack: Literal["", "named", "guessed"] = ""
    reach: Literal["", "inside", "outside"] = ""
    scale: Literal["", "node", "to 128", "above 128"] = ""

    @property
    def wider(self) -> tuple[Situation, ...]:
        """Itself and what it merges into, in order: first the scale is dropped, then reach, stack and machine."""
        of_reach = Situation(self.machine, self.stack, self.reach)
        of_stack = Situation(self.machine, self.stack)
        return tuple(dict.fromkeys((self, of_reach, of_stack, Situation(self.machine), Situation())))

    @property
    def rank(self) -> tuple[str, int, int, int]:
        """By which situations are listed: each before its parts."""
        return (
            self.machine,
            ("", "named", "guessed").index(self.stack),
            ("", "inside", "outside").index(self.reach),
            ("", "node", "to 128", "above 128").index(self.scale),
        )


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """Predictions of sources that were left out, in one situation, and the band that their errors make.

    rows: predictions in it. half_width: of the band, in ln(predicted / measured). without: source -> the same from all
    other sources, for every source in it.
    """

    situation: Situation
    rows: int
    half_width: float
    without: Mapping[str, float]

    @property
    def ends(self) -> tuple[float, float]:
        """Low and high end of the band: errors as shares."""
        return math.expm1(-self.half_width), math.expm1(self.half_width)

    def half_width_for(self, source: str) -> float:
        """The half-width that nothing of a source has a part in; any other text leaves out nothing."""
        return self.without.get(source, self.half_width)


@dataclass(frozen=True, slots=True)
class Selection:
    """How much more optimistic the plan that is predicted fastest is than all plans of the same job.

    machine: label of the kind of machine. shift, spread: its error less the mean error of its job, in ln(predicted /
    measured): the mean over sources of each one's mean, and their standard deviation. jobs, rows, sources: behind them.
    most_plans: measured of one job.
    """

    machine: str
    shift: float
    spread: float
    jobs: int
    rows: int
    most_plans: int
    sources: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of measured values inside the bands that the other sources make.

    of: predictions in this situation; is_class: only those whose band is from the class of this situation. rows,
    sources: behind it. by_row: over all rows. by_source: the mean of every source's share.
    """

    of: Situation
    is_class: bool
    rows: int
    sources: int
    by_row: float
    by_source: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of errors on sources never seen.

    compared: one entry for each stack and source. classes: of step times; memory: of peak memory. memory_sources: how
    many sources measured it. selection: None where no source measured several plans of one job. coverage: from the
    whole to its parts.
    """

    compared: tuple[Compared, ...] = ()
    classes: tuple[ErrorClass, ...] = ()
    memory: tuple[ErrorClass, ...] = ()
    memory_sources: int = 0
    selection: Selection | None = None
    coverage: tuple[Coverage, ...] = ()


def class_of(classes: Iterable[ErrorClass], situation: Situation) -> ErrorClass | None:
    """The narrowest class that a situation merges into; None where there is none at all."""
    found = {one.situation: one for one in classes}
    return next((found[one] for one in situation.wider if one in found), None)


@functools.cache
def load_evidence() -> Evidence:
    """What the catalogue holds."""
    return evidence_from(read_data("accuracy"))


def evidence_from(data: Mapping[str, Any]) -> Evidence:
    """The evidence that a file holds."""
    selection = data.get("selection")
    return Evidence(
        compared=tuple(Compared(**_tuples(one)) for one in data.get("compared", ())),
        classes=tuple(map(_class, data.get("class", ()))),
        memory=tuple(map(_class, data.get("memory", ()))),
        memory_sources=data.get("memory_sources", 0),
        selection=None if selection is None else Selection(**selection),
        coverage=tuple(Coverage(**{**one, "of": Situation(**one["of"])}) for one in data.get("coverage", ())),
    )


def _class(entry: Mapping[str, Any]) -> ErrorClass:
    return ErrorClass(**{**entry, "situation": Situation(**entry["situation"])})


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in entry.items()}
