"""What the scripts behind a measurement say where its table is silent: shapes of models, degrees, shapes of slices."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sim.catalog.data_files import read_data
from sim.validation.table import Row

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_PATTERNS = {"match": "source", "id": "id", "gpu": "gpu", "model": "model"}
"""Key of an entry -> the column whose cell it must match from the start."""


@dataclass(frozen=True, slots=True)
class Scripted:
    """A row with its blanks filled from scripts.

    sizes: of its topology. traits: of its model. filled: what was taken, in words.
    """

    row: Row
    sizes: Mapping[str, float] = field(default_factory=lambda: _NOTHING)
    traits: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    filled: tuple[str, ...] = ()


def scripted(row: Row) -> Scripted:
    """Fill a row's blanks by every entry of scripts.toml that matches it, later ones over earlier ones."""
    own = [
        one
        for one in _entries()
        if all(re.match(one[key], getattr(row, to)) for key, to in _PATTERNS.items() if key in one)
    ]
    if not own:
        return Scripted(row)
    said = {
        part: {key: value for one in own for key, value in one.get(part, {}).items()}
        for part in ("cells", "sizes", "traits")
    }
    cells = {key: value for key, value in said["cells"].items() if getattr(row, key) in (None, "")}
    whole = _with_batch(dataclasses.replace(row, **cells))
    told = [
        f"{key} {getattr(whole, key)}" for key in (*cells, "global_batch_sequences") if getattr(row, key) in (None, "")
    ]
    words = (f"from its scripts: {', '.join(dict.fromkeys(told))}",) if told else ()
    return Scripted(whole, said["sizes"], said["traits"], words)


def _with_batch(row: Row) -> Row:
    """The row with the batch that its micro-batch, accumulation and replicas make, where it is blank."""
    if row.global_batch_sequences is not None or None in (row.micro_batch, row.grad_accum, row.n_gpus):
        return row
    replicas = (row.n_gpus or 0) // ((row.tp or 1) * (row.pp or 1))
    return dataclasses.replace(row, global_batch_sequences=(row.micro_batch or 0) * (row.grad_accum or 0) * replicas)


@functools.cache
def _entries() -> tuple[Mapping[str, Any], ...]:
    return tuple(read_data("scripts", "sim.validation")["entry"])
