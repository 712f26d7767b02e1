"""base = "claim" or base = "other.toml": a scenario file on top of another one."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import InputError, closest, shown, some_of
from sim.scenario.overlay import overlaid
from sim.scenario.shelf import scenario_names, shelf

Parse = Callable[[Path], dict[str, Any]]
_MOST_FILES = 32
"""On top of one another."""
_FILES = ("topology", "stack")
"""Keys of hardware whose value may be the path of a file."""


def with_base(document: Mapping[str, Any], path: Path, parse: Parse) -> dict[str, Any]:
    """Return a document laid over its base, and that over its own; without "base".

    parse: reads one file. Paths in a base are taken from its own folder.
    Raises InputError for a base that is not there, or that leads back to a file which is laid over it.
    """
    return _laid(document, path, parse, (_absolute_path(path),))


def _laid(document: Mapping[str, Any], path: Path, parse: Parse, above: Sequence[Path]) -> dict[str, Any]:
    upper = {key: value for key, value in document.items() if key != "base"}
    if "base" not in document:
        return upper
    base = _found(document["base"], path)
    if len(above) == _MOST_FILES:
        raise InputError(f"{path}: base", f"more than {_MOST_FILES} files on top of one another", "join some of them")
    if _absolute_path(base) in above:
        chain = " -> ".join(one.name for one in (*above, base))
        raise InputError(f"{path}: base", f"the files are each other's base: {chain}", "leave out one 'base'")
    lower = _laid(_parsed(base, path, parse), base, parse, (*above, _absolute_path(base)))
    return overlaid(with_absolute_paths(lower, base.parent), upper)


def _parsed(base: Path, path: Path, parse: Parse) -> dict[str, Any]:
    try:
        return parse(base)
    except InputError as error:
        if error.where == str(base):
            raise InputError(f"{path}: base", error.problem, error.remedy) from None
        raise


def _found(name: object, path: Path) -> Path:
    """A file beside the one that names it, or a scenario on the shelf."""
    where, example = f"{path}: base", 'write the path of a .toml file, or the name of a scenario such as "claim"'
    if not isinstance(name, str) or not name:
        raise InputError(where, f"{shown(name)} is not the name of a scenario", example)
    if name.endswith(".toml"):
        return path.parent / name
    names = scenario_names()
    if name not in names:
        problem = f"unknown scenario '{name}'{closest(name, names)}"
        listed = some_of(names, name, listed_by="scaletax list scenarios")
        raise InputError(where, problem, f"scenarios: {listed}; a file ends in .toml")
    return shelf("scenarios") / f"{name}.toml"


def with_absolute_paths(document: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The document with the paths in it, of topologies, stacks and models' files, taken from a folder."""
    found = copy.deepcopy(dict(document))
    for tables in (found, *_tables(found.get("entry"))):
        for model in _tables([tables.get("model")]):
            if isinstance(model.get("config"), str):
                model["config"] = str(_absolute_path(folder / model["config"]))
        for system in _tables(tables.get("system")):
            for hardware in (system, *_tables(system.get("part"))):
                hardware.update({key: _absolute(hardware[key], folder) for key in _FILES if key in hardware})
    (sweep,) = _tables([found.get("sweep")]) or [{}]
    for axis, values in sweep.items():
        key = axis.removesuffix(".name").rsplit(".", 1)[-1]
        if isinstance(values, list) and key in _FILES:
            sweep[axis] = _absolute(values, folder)
        elif isinstance(values, list) and key == "config":
            sweep[axis] = [str(_absolute_path(folder / value)) if isinstance(value, str) else value for value in values]
    return found


def _tables(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _absolute(name: object, folder: Path) -> object:
    """A topology on the shelf, and a stack of the catalogue, is a name and stays one; of several, each."""
    if isinstance(name, list):
        return [_absolute(one, folder) for one in name]
    if isinstance(name, dict):
        return {key: _absolute(value, folder) for key, value in name.items()}
    return str(_absolute_path(folder / name)) if isinstance(name, str) and name.endswith(".toml") else name


def _absolute_path(path: Path) -> Path:
    """From the root; links are not followed, because they may lead nowhere."""
    return Path(os.path.abspath(path))
