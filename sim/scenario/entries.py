"""[[entry]]: named experiments of one file, each laid over what the file has in common."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import InputError, unknown_name
from sim.scenario.entry_tables import Collection, Published
from sim.scenario.keys import system_names
from sim.scenario.overlay import overlaid
from sim.scenario.problems import check, check_structure
from sim.scenario.table import read

# What an entry says itself; all else of the file is the same for every entry.
OWN_TABLES = ("model", "training", "system")


def filled(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return a document in which every entry has all its tables, and the file has none beside them.

    A document without entries comes back as it is. Raises InputError for entries that are none.
    """
    if "entry" not in document:
        return dict(document)
    check_structure(Collection, {"entry": document["entry"]}, path)
    common = {key: document[key] for key in OWN_TABLES if key in document}
    rest = {key: value for key, value in document.items() if key not in OWN_TABLES}
    return {**rest, "entry": [overlaid(common, entry) for entry in document["entry"]]}


def is_refused(entry: Mapping[str, Any]) -> bool:
    """Whether the file expects that an entry cannot be simulated."""
    return entry.get("expect") == "refused"


def whole(document: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of a filled document as a document of its own."""
    rest = {key: value for key, value in document.items() if key != "entry"}
    return {**rest, **{key: copy.deepcopy(entry[key]) for key in OWN_TABLES if key in entry}}


def check_entries(document: Mapping[str, Any], path: Path) -> None:
    """Hold every entry of a filled document to the structure of the format, laid over what is common.

    Raises InputError of the first entry that has problems, with all of them.
    """
    for entry in document["entry"]:
        if is_refused(entry):
            continue
        try:
            check(whole(document, entry), path)
        except InputError as error:
            raise within(error, path, entry["name"]) from None
        _check_published(entry, path)


def published_of(entry: Mapping[str, Any], system: str) -> Published | None:
    """What was published of one system of an entry: unless it is said of which, of the first."""
    table = entry.get("published")
    if table is None:
        return None
    first, *_ = [*system_names(entry), ""]
    return read(Published, table) if system == table.get("system", first) else None


def within(error: InputError, path: Path, entry: str) -> InputError:
    """The same error, with the entry that it is about in every place of the file that it names."""
    if not entry:
        return error
    bare, placed = f"{path}: [", f'{path}: [entry "{entry}"] ['
    if placed in error.where:
        return error
    where, problem = (text.replace(bare, placed) for text in (error.where, error.problem))
    return InputError(where if placed in where else f'{where}, [entry "{entry}"]', problem, error.remedy)


def _check_published(entry: Mapping[str, Any], path: Path) -> None:
    """The system that figures are said of must be there."""
    system = entry.get("published", {}).get("system")
    if system is not None and system not in system_names(entry):
        where = f'{path}: [entry "{entry["name"]}".published] system'
        raise unknown_name(where, "system of the entry", system, system_names(entry))
