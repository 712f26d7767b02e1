"""Which stacks somebody may have run who says little: what the rules guess, with what is not said taken either way."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection
from dataclasses import replace

from sim.errors import InputError
from sim.validation.conventions import UNKNOWN_YEAR, guessed_stack
from sim.validation.table import Row

_SHARDS_PARAMETERS = 3
_UNSAID = ("", "torch.compile", "without overlap")
"""What a source may leave out, in words that the rules look for."""


def plausible_stacks(
    device: str,
    year: int | None = None,
    framework: str = "",
    flash_attention: bool | None = None,
    zero_stage: int | None = None,
    tensor: int = 1,
    pipeline: int = 1,
) -> tuple[str, ...]:
    """Stacks that may have run on a device, the guess first; None: not said.

    device: a name of the catalogue or of the tables. framework: whatever names it.
    """
    fused = None if flash_attention is None else int(flash_attention)
    row = Row("a run", framework or "a run", device, year, tp=tensor, pp=pipeline)
    return plausible_of(replace(row, zero_stage=zero_stage, flash_attention=fused))


def plausible_of(row: Row, without: Collection[str] = ()) -> tuple[str, ...]:
    """As plausible_stacks, for what a row of a table says; `without`: stacks that are passed over, as in guessed_stack.

    A year may be off by one: what runs is rarely of the day. Attention, sharding, compiler and overlaps are varied
    where they are not said. Raises InputError where no rule holds for what the row says.
    """
    found = [guessed_stack(row, without)]
    for one in _variants(replace(row, id="")):
        try:
            found.append(guessed_stack(one, without))
        except InputError:
            continue
    return tuple(dict.fromkeys(found))


@functools.cache
def _variants(row: Row) -> tuple[Row, ...]:
    """The row with every fact that it leaves open taken each way."""
    year = row.year or UNKNOWN_YEAR
    fused = (None, 0, 1) if row.flash_attention is None else (row.flash_attention,)
    stages = (None, _SHARDS_PARAMETERS) if row.zero_stage is None else (row.zero_stage,)
    return tuple(
        replace(row, year=when, flash_attention=attention, zero_stage=stage, note=f"{row.note} {words}".strip())
        for when, attention, stage, words in itertools.product((year, year - 1, year + 1), fused, stages, _UNSAID)
    )
