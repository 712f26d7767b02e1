"""Everything that a run of a scenario file came to, put together once for screens, pages, files and charts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sim.outcome.comparison.knee import knee
from sim.outcome.outcome import Outcome
from sim.scenario import Refusal
from sim.study.compare import Comparison, compare, sizes_of, times_of
from sim.study.points import Curve, comparable, curves

MOST_ROWS = 12
"""Of a first screen."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Points, what ended in an error, and how the points compare.

    failures: messages of the points that ended in an error. refusals: entries that were expected to be refused.
    """

    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    curves: tuple[Curve, ...] = field(init=False)
    comparison: Comparison | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "curves", tuple(curves(self.outcomes)))
        object.__setattr__(self, "comparison", compare(self.outcomes))

    @property
    def has_entries(self) -> bool:
        """Whether the points are those of a file with entries."""
        return bool(self.refusals) or any(outcome.scenario.entry for outcome in self.outcomes)

    @property
    def has_published(self) -> bool:
        """Whether anything was published of the points, or an entry is refused: a column beside what is predicted."""
        return bool(self.refusals) or any(outcome.scenario.published for outcome in self.outcomes)

    def telling(self, most: int = MOST_ROWS) -> list[tuple[Curve, Outcome]]:
        """At most so many points, system by system: all, or the smallest, the knee and the largest of each.

        The points that others are held to are among them. Where that is too many, the fastest of each system, and of
        as many systems as there is room for: the fastest ones, where all train the same, and the first ones elsewhere.
        """
        every = [(curve, point) for curve in self.curves for point in curve.points]
        if len(every) <= most:
            return every
        held_to = [point for _, point in self.comparison.references] if self.comparison else []
        for chosen in (_ends_and_knee, _ends, _fastest):
            found = [(curve, point) for curve in self.curves for point in chosen(curve, held_to)]
            if len(found) <= most:
                return found
        if comparable(self.outcomes):
            kept = {id(point) for _, point in sorted(found, key=lambda row: row[1].time_to_train_s)[:most]}
            return [row for row in found if id(row[1]) in kept]
        return found[:most]


def knee_of(curve: Curve) -> Outcome | None:
    """The point at the knee of a curve of three sizes or more, where it lies between them."""
    if len(curve.sizes) < 3 or len(curve.sizes) < len(curve.points):
        return None
    found = knee(sizes_of(curve), times_of(curve))
    return curve.points[found.index] if found.place == "inside" else None


def _ends_and_knee(curve: Curve, held_to: Sequence[Outcome]) -> list[Outcome]:
    told = (curve.smallest, knee_of(curve), curve.largest, *held_to)
    return [point for point in curve.points if any(point is one for one in told)]


def _ends(curve: Curve, held_to: Sequence[Outcome]) -> list[Outcome]:
    told = (curve.smallest, curve.largest, *held_to)
    return [point for point in curve.points if any(point is one for one in told)]


def _fastest(curve: Curve, _: Sequence[Outcome]) -> list[Outcome]:
    return [min(curve.points, key=lambda point: point.time_to_train_s)]


def findings(outcomes: Sequence[Outcome], failures: Sequence[str] = (), refusals: Sequence[Refusal] = ()) -> Findings:
    """Put together what a run came to."""
    return Findings(tuple(outcomes), tuple(failures), tuple(refusals))
