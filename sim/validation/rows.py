"""Reads the data files of this room: one dictionary of texts for each row."""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from importlib import resources

_ABOUT = ("id", "source", "note")
"""Columns of run_flags.csv that say which row is meant, and where it was read."""


def read_rows(name: str) -> list[dict[str, str]]:
    """All rows of one CSV file that the project carries."""
    text = (resources.files("sim.validation") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@functools.cache
def run_flags() -> Mapping[str, Mapping[str, str]]:
    """Id of a published row -> its cells in run_flags.csv that are not blank.

    Who measured printed a table; in which flags the runs differed stands in scripts and recipes beside it. These cells
    fill what the table leaves blank. Only a step time replaces the table's: some releases printed throughputs that were
    rounded to whole sequences a second, and a rate in FLOP/s of more digits (which is what the step time is from).
    """
    return {
        row["id"]: {key: cell for key, cell in row.items() if cell and key not in _ABOUT}
        for row in read_rows("run_flags.csv")
    }
