"""Writes the results of a run into a folder: all files or none, never half of one."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sim.errors import InputError, shown
from sim.page.blocks import Page, Picture, Section
from sim.page.html import html
from sim.page.markdown import markdown
from sim.scenario import Scenario, resolved_toml

_RESULTS, _FILES = "results.json", "files"
_STOPS = (signal.SIGINT, signal.SIGTERM)
_SUFFIXES = (".json", ".csv", ".toml", ".md", ".html", ".png", ".svg", ".gz")
"""Of everything that is written into a folder."""


def write_folder(
    directory: Path,
    document: Mapping[str, Any],
    texts: Mapping[str, str | bytes],
    draw: Callable[[Path], Sequence[Path]] | None = None,
    page: Page | None = None,
) -> list[Path]:
    """Write results.json, other texts and charts into a folder, all of them or none; return the paths.

    document: for results.json, which also gets the name and the SHA-256 of every other file. texts: by file name.
    draw: draws into the folder that it is given, and returns the paths. page: the report, written as report.md and
    report.html with the charts that were drawn. What an earlier run recorded and is still as it
    was written is replaced or deleted. Any other file with a name that is needed is the user's: it gets another name,
    and a note on stderr says so. Raises InputError when the folder cannot be written.
    """
    with _reported(directory), _workspace(directory) as workspace:
        folder = workspace / "results"
        folder.mkdir()
        charts = [path.name for path in (draw(folder) if draw else ())]
        written = {**(_reports(page, charts) if page else {}), **texts}
        for name, text in written.items():
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        names = [*written, *charts]
        whole = {**document, _FILES: {name: _digest(folder / name) for name in names}}
        (folder / _RESULTS).write_text(json.dumps(whole, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        own = _earlier_files(directory)
        kept = _renamed(directory, [name for name in whole[_FILES] if name not in own])
        _move(folder, directory, [*names, _RESULTS], own, kept)
    for name, other in kept.items():
        print(f"note: {name} was not as a run wrote it: it is kept as {directory / other}", file=sys.stderr)
    return [directory / name for name in (_RESULTS, *names)]


def check_writable(directory: Path) -> None:
    """Raise InputError when results could not be written there: better before a long run than after it."""
    with _reported(directory), _workspace(directory) as workspace:
        (workspace / _RESULTS).touch()
        _refuse_folders(directory)


def write_beside(write: Callable[[Path], Sequence[Path]], directory: Path) -> list[Path]:
    """Write charts or traces beside whatever else lies in a folder, made if need be; return their paths.

    write: into the folder that it is given; returns the paths. Raises InputError when the folder cannot be written.
    """
    with _reported(directory), _workspace(directory) as workspace:
        folder = workspace / "written"
        folder.mkdir()
        names = [path.name for path in write(folder)]
        _move(folder, directory, names)
    return [directory / each for each in names]


def resolved_files(scenarios: Sequence[Scenario], name: str = "resolved") -> dict[str, str]:
    """Name of a file -> scenarios with every default written out; what one document cannot hold goes to several."""
    documents = resolved_toml(scenarios)
    if len(documents) == 1:
        return {f"{name}.toml": documents[0]}
    return {f"{name}-{number}.toml": text for number, text in enumerate(documents, start=1)}


def _reports(page: Page, charts: Sequence[str]) -> dict[str, str]:
    """The report in both formats. Markdown has the charts at its end; the page draws its own."""
    pictures = tuple(Picture(name, Path(name).stem.replace("-", " ")) for name in charts if Path(name).suffix == ".png")
    whole = replace(page, sections=(*page.sections, *([Section("Charts", pictures)] if pictures else [])))
    return {"report.md": markdown(whole), "report.html": html(page)}


@contextmanager
def _workspace(directory: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as the target, gone afterwards whatever happens."""
    parent = next((place for place in (directory, *directory.absolute().parents) if place.exists()), Path())
    folder = tempfile.TemporaryDirectory(prefix=".scaletax-", dir=parent)
    try:
        yield Path(folder.name)
    finally:
        with _uninterrupted():
            folder.cleanup()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C and SIGTERM for a moment; signals can only be held in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {each: signal.signal(each, lambda number, _: held.append(number)) for each in _STOPS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in held[:1]:
            signal.raise_signal(number)


def _move(
    folder: Path,
    directory: Path,
    names: Sequence[str],
    stale: Collection[str] = (),
    kept: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Give a new folder its name in one go; in one that is there already replace files, all of them or none.

    names: to move, in this order. stale: to delete. kept: files that get another name first. An interrupt waits until
    the move is done, so that no folder holds half of one run and half of another.
    """
    with _uninterrupted():
        if not directory.exists():
            directory.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(directory)
            return
        _refuse_folders(directory)
        aside = folder.with_name("earlier")
        aside.mkdir()
        before = [name for name in {*names, *stale} - kept.keys() if os.path.lexists(directory / name)]
        moves = [(directory / name, directory / other) for name, other in kept.items()]
        moves += [(directory / name, aside / name) for name in before]
        moves += [(folder / name, directory / name) for name in names]
        _move_all(moves)


def _move_all(moves: Sequence[tuple[Path, Path]]) -> None:
    """Move files, and back again where one cannot be moved."""
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            os.replace(source, target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            os.replace(target, source)
        raise


def _refuse_folders(directory: Path) -> None:
    """Raise InputError where a folder stands in the way of a file."""
    inside = sorted(directory.iterdir()) if directory.is_dir() else []
    found = [path.name for path in inside if path.suffix in _SUFFIXES and path.is_dir() and not path.is_symlink()]
    if found:
        raise InputError(
            str(directory),
            f"results cannot be written here: {shown(found[0])} is a folder with the name of a file",
            "rename it, or choose another folder with --out",
        )


def _earlier_files(directory: Path) -> set[str]:
    """Files that an earlier run recorded as its own and that are as it wrote them; none where nothing is recorded."""
    try:
        earlier = json.loads((directory / _RESULTS).read_text(encoding="utf-8"))
        recorded = dict(earlier[_FILES]) if "scaletax" in earlier else {}
        inside = {path.name: path for path in directory.iterdir()}
        return {name for name, digest in recorded.items() if name in inside and _digest(inside[name]) == digest}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return set()


def _renamed(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """Those of the names that are taken, and results.json where no run wrote it, each with a free name to go by."""
    taken = [name for name in names if os.path.lexists(directory / name)]
    if os.path.lexists(directory / _RESULTS) and not is_of_a_run(directory / _RESULTS):
        taken.append(_RESULTS)
    found = {}
    for name in taken:
        stem, suffix = os.path.splitext(name)
        free = (f"{stem}.kept-{number}{suffix}" for number in itertools.count(1))
        found[name] = next(other for other in free if not os.path.lexists(directory / other))
    return found


def is_of_a_run(path: Path) -> bool:
    """Whether a file is a results.json of this program."""
    try:
        return "scaletax" in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _digest(path: Path) -> str | None:
    """SHA-256 of a file in hexadecimal; None of what is no file."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else None


@contextmanager
def _reported(directory: Path) -> Iterator[None]:
    """Turn what the system says about a folder into a message about it."""
    try:
        yield
    except OSError as error:
        raise InputError(
            str(directory),
            f"results cannot be written here: {error.strerror or error}",
            "choose another folder, or make this one writable",
        ) from None
