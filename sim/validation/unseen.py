"""Predictions of sources that were left out: what is stored of them, and what follows from it.

docs/unseen.json is written by `make unseen`: every row that can be simulated, predicted with constants that were
fitted without any row of its source. Twice: with the stack that its source is known to have run, and with the one that
the rules guess for a source that nobody knows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import sim
from sim.errors import InputError
from sim.validation.errors import Errors, errors_of

SCHEMA = 1
STORED = Path(sim.__file__).parents[1] / "docs" / "unseen.json"
Way = Literal["named", "guessed"]
"""How the stack of a row is come by: its source is listed with it, or the rules for unknown sources guess it."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """One prediction of a row. Errors are relative and signed: negative where the prediction is too small."""

    stack: str
    predicted_s: float
    error: float
    memory_error: float | None


@dataclass(frozen=True, slots=True)
class Unseen:
    """One measured row and what was predicted for it without its source.

    device: by its catalogue name. source: who measured it (labels.origin_of). plan: in words, for people.
    settings_chosen: settings that the source does not state were chosen as the fastest. named: None where nobody lists
    the source's stack, guessed: None where the guessed stack cannot run it.
    """

    id: str
    source: str
    device: str
    devices: int
    devices_per_node: int
    parameters: int
    sequence: int
    global_batch: int
    precision: str
    optimizer: str
    plan: str
    tensor: int
    pipeline: int
    data: int
    zero: int
    settings_chosen: bool
    measured_s: float
    measured_memory_GiB: float | None  # noqa: N815
    named: Prediction | None
    guessed: Prediction | None

    def predicted(self, way: Way) -> Prediction | None:
        """The prediction with its named or its guessed stack."""
        return self.named if way == "named" else self.guessed


def read_unseen(path: Path = STORED) -> tuple[Unseen, ...]:
    """The stored predictions. Raises InputError where there are none, or of another schema."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot read it: {error}", "make unseen, in a checkout") from None
    if document.get("schema") != SCHEMA:
        raise InputError(str(path), f"its schema is {document.get('schema')}, not {SCHEMA}", "make unseen")
    return tuple(_read(row) for row in document["rows"])


def unseen_text(rows: Iterable[Unseen]) -> str:
    """The stored file of these rows, one row a line."""
    lines = [json.dumps(dataclasses.asdict(row), allow_nan=False) for row in rows]
    head = f'{{"schema": {SCHEMA}, "scaletax": {json.dumps(sim.__version__)}, "rows": [\n'
    return head + ",\n".join(lines) + "\n]}\n"


def by_source(rows: Iterable[Unseen]) -> dict[str, tuple[Unseen, ...]]:
    """Source -> its rows, in the order of the tables."""
    found: dict[str, list[Unseen]] = {}
    for row in rows:
        found.setdefault(row.source, []).append(row)
    return {source: tuple(members) for source, members in found.items()}


def unseen_errors(rows: Iterable[Unseen], way: Way) -> Errors | None:
    """Mean, median and the rest, over the rows that were predicted so; None where none was."""
    predictions = ((row.id, row.predicted(way)) for row in rows)
    return errors_of((name, one.error) for name, one in predictions if one is not None)


def unseen_memory_errors(rows: Iterable[Unseen], way: Way) -> Errors | None:
    """The same of the peak memory, over the rows that measured it."""
    predictions = ((row.id, row.predicted(way)) for row in rows)
    pairs = [(name, one.memory_error) for name, one in predictions if one is not None]
    return errors_of((name, error) for name, error in pairs if error is not None)


def _read(row: Mapping[str, Any]) -> Unseen:
    ways = {way: row[way] and Prediction(**row[way]) for way in ("named", "guessed")}
    return Unseen(**{**row, **ways})
