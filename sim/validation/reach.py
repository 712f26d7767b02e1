"""How many of the rows on dense training are simulated at all, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.validation.obstacles import Unsupported, is_dense_training, splits_sequences
from sim.validation.table import Row

RECENT_YEAR = 2024


@dataclass(frozen=True, slots=True)
class Reach:
    """Rows of one kind, how many of them are simulated, and for what reasons the rest are not, most frequent first."""

    what: str
    rows: int
    simulated: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def left_out(self) -> float | None:
        """Share of the rows that are not simulated; None of no rows."""
        return None if not self.rows else 1.0 - self.simulated / self.rows


def reach_of(rows: Iterable[Row], unsupported: Sequence[Unsupported]) -> tuple[Reach, ...]:
    """What is reached of all rows on dense training, of those whose sequences are not split, and of recent ones.

    A row counts that was read in its source and says how fast a decoder without experts was trained.
    """
    dense = [row for row in rows if is_dense_training(row)]
    whole = [row for row in dense if not splits_sequences(row)]
    recent = [row for row in whole if (row.year or 0) >= RECENT_YEAR]
    reasons = {one.row.id: one.general or one.reason for one in unsupported}
    return (
        _reach("dense training", dense, reasons),
        _reach("without context parallelism", whole, reasons),
        _reach(f"without context parallelism, since {RECENT_YEAR}", recent, reasons),
    )


def _reach(what: str, rows: Sequence[Row], reasons: dict[str, str]) -> Reach:
    found = Counter(reasons[row.id] for row in rows if row.id in reasons)
    return Reach(what, len(rows), len(rows) - found.total(), tuple(found.most_common()))
