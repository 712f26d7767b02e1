"""Reads the data files of this room: one dictionary of texts for each row."""

from __future__ import annotations

import csv
from importlib import resources


def read_rows(name: str) -> list[dict[str, str]]:
    """All rows of one CSV file that the project carries."""
    text = (resources.files("sim.validation") / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
