"""What names a point: a hash of what it asks for, and of everything that its answer rests on."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from sim import __version__
from sim.hardware.topology import shelf
from sim.scenario.types import Report, Scenario
from sim.sweep.grid import Point

_ABOVE = ("cli", "report")
"""Rooms that draw and print, and decide no number."""


def point_key(scenario: Scenario) -> str:
    """The hash of a resolved scenario, the catalogue, and the program that simulates it.

    Title, name of the file, axes and what was published are left out: the same point of two files is one point. Any
    changed figure of the catalogue, topology of the shelf or line of the program is another point.
    """
    bare = dataclasses.replace(
        scenario,
        title="",
        path=Path(),
        axes={},
        entry="",
        published=None,
        report=Report(scenario.report.flop_convention),
    )
    files = [_file_digest(part.topology) for part in scenario.system.every_part if part.topology.endswith(".toml")]
    return _digest(repr(bare), environment(), *files)


def asked_key(point: Point, common: str) -> str:
    """The hash of a point as a grid has it, quick to find. common: digest_of the document that all points share."""
    system = point.document["system"][0]["name"]
    return _digest(common, point.entry, str(system), json.dumps(point.axes, sort_keys=True, default=str))


def digest_of(document: Mapping[str, Any], path: Path) -> str:
    """The hash of a document without its [sweep], of where its relative paths lead, and of the environment.

    Files that the document names by a path are read: what is in them counts, too.
    """
    common = {key: value for key, value in document.items() if key != "sweep"}
    texts = sorted(set(_paths(document)))
    files = [f"{text} {_file_digest(str(path.parent / text))}" for text in texts]
    return _digest(json.dumps(common, sort_keys=True, default=str), str(path.parent.resolve()), environment(), *files)


@functools.cache
def environment() -> str:
    """The hash of what every answer rests on: the program below the report, the catalogue, the topologies."""
    package = Path(str(resources.files("sim")))
    files = [
        file
        for file in sorted(package.rglob("*"))
        if file.suffix in (".py", ".toml", ".csv") and file.relative_to(package).parts[0] not in _ABOVE
    ]
    files += sorted(shelf("topologies").glob("*.toml"))
    contents = [f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files]
    return _digest(__version__, *contents)


def _paths(value: object) -> list[str]:
    """Texts in a document that look like paths of files."""
    if isinstance(value, Mapping):
        return [path for member in value.values() for path in _paths(member)]
    if isinstance(value, list):
        return [path for member in value for path in _paths(member)]
    return [value] if isinstance(value, str) and value.endswith((".toml", ".json", ".graphml")) else []


def _file_digest(name: str) -> str:
    """Of what a file holds; of its absence where it is not there."""
    path = Path(name)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"


def _digest(*texts: str) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)} {text}".encode())
    return found.hexdigest()[:32]
