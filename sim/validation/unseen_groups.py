"""What predictions of sources that were left out come to: by device, by kind of plan, and beside other programs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from sim.catalog import load_device
from sim.catalog.data_files import read_data
from sim.machines import kind_of
from sim.validation.conventions import device_family
from sim.validation.errors import Errors, errors_of
from sim.validation.roles import fit_rows
from sim.validation.rows import read_rows
from sim.validation.unseen import Unseen, Way, by_source, unseen_errors

PLANS = ("data parallel only", "tensor parallel", "with a pipeline", "wafers")


@dataclass(frozen=True, slots=True)
class UnseenGroup:
    """Rows of one kind. seen: errors of the rows that were held back from sources whose other rows were fitted on.

    by_source: mean absolute error with every source weighing the same, by the way that its stack is come by.
    """

    name: str
    rows: int
    sources: int
    named: Errors | None
    guessed: Errors | None
    by_source: Mapping[Way, float | None]
    seen: Errors | None


@dataclass(frozen=True, slots=True)
class Peer:
    """A source that other programs were held against too. errors, first_look: mean absolute errors as shares."""

    source: str
    program: str
    errors: tuple[float, ...]
    first_look: float
    rows: int
    named: Errors | None
    guessed: Errors | None


def unseen_groups(rows: Sequence[Unseen], seen: Mapping[str, float]) -> tuple[UnseenGroup, ...]:
    """All rows, then by family of devices, then by kind of plan. seen: row -> error with everything that is fitted."""
    families = sorted({_family(row) for row in rows})
    kinds: list[tuple[str, Callable[[Unseen], bool]]] = [("all", lambda row: True)]
    kinds += [(name, functools.partial(_is_of, _family, name)) for name in families]
    kinds += [(name, functools.partial(_is_of, plan_kind, name)) for name in PLANS]
    found = ((name, [row for row in rows if holds(row)]) for name, holds in kinds)
    return tuple(_group(name, members, seen) for name, members in found if members)


def plan_kind(row: Unseen) -> str:
    """What of a plan decides what its step is made of."""
    if not kind_of(load_device(row.device)).has_degrees:
        return "wafers"
    if row.pipeline > 1:
        return "with a pipeline"
    return "tensor parallel" if row.tensor > 1 else "data parallel only"


def peers(rows: Sequence[Unseen]) -> tuple[Peer, ...]:
    """Sources with rows here that other programs were held against."""
    sources = by_source(rows)
    return tuple(
        Peer(
            entry["source"],
            entry["program"],
            tuple(one / 100 for one in entry["errors"]),
            entry["first_look"] / 100,
            len(sources[entry["source"]]),
            unseen_errors(sources[entry["source"]], "named"),
            unseen_errors(sources[entry["source"]], "guessed"),
        )
        for entry in read_data("peers", "sim.validation")["peer"]
        if entry["source"] in sources
    )


def first_look() -> Errors:
    """Of the rows that were predicted before they touched a fit or a decision."""
    found = errors_of((row["id"], float(row["error"])) for row in read_rows("first_look.csv"))
    assert found is not None
    return found


def mean_of_sources(rows: Sequence[Unseen], way: Way) -> float | None:
    """The mean absolute error with every source weighing the same; None where no row was predicted so."""
    found = [unseen_errors(members, way) for members in by_source(rows).values()]
    means = [errors.mean_absolute for errors in found if errors is not None]
    return fmean(means) if means else None


def _family(row: Unseen) -> str:
    return device_family(row.device)


def _is_of(what: Callable[[Unseen], str], name: str, row: Unseen) -> bool:
    return what(row) == name


def _group(name: str, rows: Sequence[Unseen], seen: Mapping[str, float]) -> UnseenGroup:
    fitted_on = {row.id for row in fit_rows()}
    held_back = [row.id for row in rows if row.named is not None and row.id not in fitted_on and row.id in seen]
    ways: tuple[Way, ...] = ("named", "guessed")
    return UnseenGroup(
        name,
        len(rows),
        len(by_source(rows)),
        unseen_errors(rows, "named"),
        unseen_errors(rows, "guessed"),
        {way: mean_of_sources(rows, way) for way in ways},
        errors_of((row, seen[row]) for row in held_back),
    )
