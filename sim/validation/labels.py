"""Short names of sources, as tables and options use them, and which of them one team measured."""

from __future__ import annotations

import functools
import re
import textwrap

from sim.catalog.data_files import read_data
from sim.errors import InputError, closest, some_of
from sim.validation.table import Table

_LONGEST = 32
_CUT = "..."


@functools.cache
def label_of(source: str) -> str:
    """A source in at most 32 characters: one from labels.toml, its own name, or the beginning of its name."""
    return _whole_label(source) or textwrap.shorten(source, _LONGEST, placeholder=_CUT)


def origin_of(source: str) -> str:
    """Who measured a source. Tables of one team share clusters and habits: they are left out together."""
    label = label_of(source)
    return _origins().get(label, label)


def _whole_label(source: str) -> str:
    """One from labels.toml, or its own name; empty where that has to be cut."""
    found = ((pattern.match(source), label) for pattern, label in _patterns())
    own = source if len(source) <= _LONGEST else ""
    return next((label.format(**match.groupdict()) for match, label in found if match), own)


def of_source(table: Table, wanted: str) -> Table:
    """The rows of the sources whose name or label holds a text, upper or lower case alike, readable or not.

    Raises InputError with the closest label where there is none.
    """
    rows = tuple(row for row in table.rows if _is_called(row.source, wanted))
    problems = tuple(one for one in table.problems if _is_called(one.source, wanted))
    if rows or problems:
        return Table(rows, problems)
    labels = sorted({label_of(row.source) for row in table.rows})
    parts = {part for label in labels for part in re.split(r"[^A-Za-z0-9.]+", label) if part}
    near = closest(wanted, labels) or closest(wanted, sorted(parts))
    whole = sorted({_whole_label(row.source) for row in table.rows} - {""})
    raise InputError(
        "--source", f"no source is called '{wanted}'{near}", f"sources: {some_of(whole, wanted) or 'none'}"
    )


def _is_called(source: str, wanted: str) -> bool:
    folded = wanted.casefold()
    return folded in source.casefold() or folded in label_of(source).casefold()


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    labels = read_data("labels", "sim.validation")["label"]
    return tuple((re.compile(entry["match"]), entry["label"]) for entry in labels)


@functools.cache
def _origins() -> dict[str, str]:
    """Label -> the team's name, for teams with several."""
    entries = read_data("labels", "sim.validation")["origin"]
    return {label: entry["name"] for entry in entries for label in entry["labels"]}
