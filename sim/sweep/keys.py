"""What names a point: a hash of what it asks for, of the program, and of the catalogue.

Files of the user are no part of it: which of them an answer rests on is known only when it is there. It is kept with
them, each with what it held (sim/reading.py), and goes when one of them changes.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sim import __version__
from sim.hardware.topology import shelf
from sim.scenario.types import Report, Scenario
from sim.sweep.grid import Point

_LEFT_OUT = ("cli", "report", "shelves")
"""What only tells of results or reads a command line, and shelves, of which topologies alone decide numbers."""
_LIBRARIES = ("networkx", "numpy", "scipy", "simpy")
"""What the program computes with."""


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
    return _digest(repr(bare), environment())


def asked_key(point: Point, common: str) -> str:
    """The hash of a point as a grid has it, quick to find. common: digest_of the document that all points share."""
    system = point.document["system"][0]["name"]
    return _digest(common, point.entry, str(system), json.dumps(point.axes, sort_keys=True, default=str))


def digest_of(document: Mapping[str, Any], path: Path) -> str:
    """The hash of a document without its [sweep], of where its relative paths lead, and of the environment."""
    common = {key: value for key, value in document.items() if key != "sweep"}
    return _digest(json.dumps(common, sort_keys=True, default=str), str(path.parent.resolve()), environment())


@functools.cache
def environment() -> str:
    """The hash of what every answer rests on: the program but what only draws, the catalogue, the topologies."""
    contents = [f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}" for name, file in environment_files().items()]
    return _digest(*_versions(), *contents)


def environment_words() -> str:
    """The environment for people: the same words for the same hash, and what they differ in where they do."""
    return f"{', '.join(_versions())} (files: {environment()[:8]})"


@functools.cache
def environment_files() -> dict[str, Path]:
    """Files that environment is the hash of, by a name that does not depend on where the program lies."""
    package = Path(str(resources.files("sim")))
    own = {file.relative_to(package).as_posix(): file for file in sorted(package.rglob("*")) if file.is_file()}
    left_out = tuple(f"{room}/" for room in _LEFT_OUT)
    found = {name: file for name, file in own.items() if "__pycache__" not in name and not name.startswith(left_out)}
    return found | {f"topologies/{file.name}": file for file in sorted(shelf("topologies").glob("*.toml"))}


def of_the_user(files: Mapping[str, str]) -> dict[str, str]:
    """Those of the files that were read (sim/reading.py) which are not in the environment."""
    own = {str(file) for file in environment_files().values()}
    return {path: digest for path, digest in files.items() if path not in own}


def _versions() -> list[str]:
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return [f"scaletax {__version__}", python, *(f"{name} {version(name)}" for name in _LIBRARIES)]


def _digest(*texts: str) -> str:
    found = hashlib.sha256()
    for text in texts:
        found.update(f"{len(text)} {text}".encode())
    return found.hexdigest()[:32]
