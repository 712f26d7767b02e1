"""What a sweep came to, gathered from its store for the screen and the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sim.records.metrics import MFU_HALF, TIME_TO_TRAIN, by_key
from sim.records.series import DEVICES, Column, Row, Series, along, axes_of_rows, series_of, usual_x
from sim.scenario import AxisKey
from sim.study.points import changes_work
from sim.sweep.store import Store
from sim.sweep.tables import problems_of, rows_of

MORE = tuple(
    by_key()[key] for key in ("step_time_s", "tokens_per_s_per_device", "goodput", "memory_peak_bytes", "rental_usd")
)
"""Metrics of the report besides those of the screen; points.csv has all."""
_KEPT = {
    "title", "entry", "system", "devices", "plan", "flop_convention", "mfu_full", "mfu_causal", "mfu_half",
    "distribution_tax", "time_to_train_s", "outside_checked_range", "step_time_error_p10", "step_time_error_p90",
    *(one.key for one in MORE),
}  # fmt: skip
"""Columns besides the axes of a large sweep: a hundred thousand points have to fit into memory."""
_MOST_WHOLE = 1000
"""Points of a sweep that is kept with every column."""


class _Row(Mapping[str, Any]):
    """A row whose columns are shared with others that have the same. places: column -> its place among the values."""

    __slots__ = ("places", "values_")

    def __init__(self, places: Mapping[str, int], values: tuple[Any, ...]) -> None:
        self.places, self.values_ = places, values

    def __getitem__(self, key: str) -> Any:
        return self.values_[self.places[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


class Place(NamedTuple):
    """A point of a curve."""

    curve: Series
    nth: int

    @property
    def row(self) -> Row:
        """Its row; the middle one of those that differ in their seed."""
        return self.curve.rows[self.nth]

    @property
    def time_s(self) -> float:
        """Its time to train, s."""
        return float(self.row[TIME_TO_TRAIN.key])

    @property
    def mfu(self) -> float:
        """Its MFU by the convention of its scenario."""
        return float(self.row["mfu_causal" if self.row["flop_convention"] == "causal-attention" else "mfu_full"])

    @property
    def mfu_half(self) -> float:
        """The same against the peak of half precision."""
        return float(self.row[MFU_HALF.key])

    @property
    def is_narrow(self) -> bool:
        """Whether MFU is held against a higher peak than that."""
        return self.mfu_half > self.mfu * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class Swept:
    """The points of a sweep that were simulated, their curves of time against an axis, and what failed.

    counts: points of the grid, done, failed. new: computed by this run. x: the axis; curves: of the time to train along
    it. beside: axes that advance together with x, those of text first. differing: axes that change what is trained, so
    that times are not compared. problems: errors in sentences.
    """

    title: str
    counts: tuple[int, int, int]
    new: int
    rows: tuple[Row, ...]
    x: Column
    curves: tuple[Series, ...]
    beside: tuple[Column, ...]
    differing: tuple[str, ...]
    problems: tuple[str, ...]

    def places(self) -> list[Place]:
        """Every point of every curve."""
        return [Place(curve, nth) for curve in self.curves for nth in range(len(curve.xs))]

    def spread_out(self, most: int) -> list[Place]:
        """All points, or where there are more than so many as many of each curve, evenly, its ends among them."""
        each = max(most // max(len(self.curves), 1), 2)
        places = []
        for curve in self.curves[: most // 2]:
            last = len(curve.xs) - 1
            nths = (
                dict.fromkeys(round(nth * last / (each - 1)) for nth in range(each))
                if last >= each
                else range(last + 1)
            )
            places += [Place(curve, nth) for nth in nths]
        return places if len(self.places()) > most else self.places()

    def telling(self, most: int) -> list[Place]:
        """At most so many points, curve by curve: all, or the first, the knee and the last of each, or the ends.

        Where that is too many, the fastest of each curve, and of as many curves as there is room for, fast ones first.
        """
        every = self.places()
        told = [one for one in every if one.nth in (0, one.curve.bend, len(one.curve.xs) - 1)]
        ends = [one for one in told if one.nth in (0, len(one.curve.xs) - 1)]
        fastest = [Place(curve, curve.ys.index(min(curve.ys))) for curve in self.curves]
        kept = sorted(fastest, key=lambda one: one.time_s)[:most]
        return next((found for found in (every, told, ends) if len(found) <= most), [o for o in fastest if o in kept])


def swept(store: Store, new: int) -> Swept:
    """What a store has. new: points that were computed now. Raises StoreError."""
    rows: list[Row] = []
    columns: dict[tuple[str, ...], dict[str, int]] = {}
    all_kept = store.counts()[0] <= _MOST_WHOLE
    for row in rows_of(store):
        if not row["error"]:
            names = tuple(key for key in row if all_kept or key in _KEPT or isinstance(key, AxisKey))
            places = columns.setdefault(names, {key: place for place, key in enumerate(names)})
            # Text that many points have is kept once.
            values = (row[key] for key in names)
            rows.append(_Row(places, tuple(sys.intern(one) if type(one) is str else one for one in values)))
    total, done, failed, lost = store.counts()
    x = usual_x(rows) or DEVICES
    beside = [Column(key.last, (key,)).as_axis(rows) for key in along(rows, x) if key.last != "devices"]
    entries = ["entry"] if len({row.get("entry") for row in rows}) > 1 else []
    return Swept(
        str(rows[0]["title"]) if rows else store.path.parent.name,
        (total, done, failed + lost),
        new,
        tuple(rows),
        x,
        tuple(series_of(rows, x, Column("time", (TIME_TO_TRAIN.key,), TIME_TO_TRAIN))),
        tuple(sorted(beside, key=lambda one: not one.categories)),
        (*entries, *(str(key) for key in axes_of_rows(rows) if changes_work(key))),
        tuple(problems_of(store)) if failed or lost else (),
    )
