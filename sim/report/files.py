"""Writes the results of a run into a folder: all files or none, never half of one."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError
from sim.outcome.outcome import Outcome
from sim.report.document import RESULTS_SCHEMA, results_document, summary_rows
from sim.report.entries import entry_rows, has_entries
from sim.scenario import Refusal, resolved_toml

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_writable", "csv_text", "results_document", "write_chart", "write_folder", "write_results"]

_RESULTS = "results.json"
# Names that a run before this one may have left; kept in step with what is written here, and of a validation.
_OWN_NAMES = (
    "resolved*.toml",
    "ledger.*",
    "scaling.*",
    "goodput.*",
    "step-times.*",
    "timeline-*.*",
    "streams-*.*",
    "links-*.*",
    "rows.csv",
    "unsupported.csv",
    "parity.*",
    "errors.*",
    "plans*.*",
    "effort*.*",
    "best*.toml",
    "entries.*",
    "budget.*",
)


def write_results(
    outcomes: Sequence[Outcome],
    failures: Sequence[str],
    directory: Path,
    charts: bool | None = None,
    refusals: Sequence[Refusal] = (),
) -> list[Path]:
    """Write results.json, summary.csv, the resolved scenario and the charts; return their paths.

    failures: messages of the points that ended in an error. refusals: entries that were expected to be refused; a file
    with entries has entries.csv as well.
    directory: made if need be; files of an earlier run in it are replaced, other files are left alone.
    charts: whether to draw; None asks the scenarios.
    Everything is written beside its place and moved there at the end, so that stopping leaves nothing half-written.
    Raises InputError when the folder cannot be written.
    """
    if charts is None:
        charts = any(outcome.scenario.report.charts for outcome in outcomes)
    return write_folder(directory, lambda folder: _write_all(outcomes, failures, folder, charts, refusals))


def write_folder(directory: Path, write: Callable[[Path], Sequence[Path]]) -> list[Path]:
    """Have files written into a folder that is put in its place when they are complete; return where they are then.

    write: writes into the folder that it is given and returns the paths; among them results.json with its schema.
    Raises InputError when the folder cannot be written.
    """
    with _reported(directory), _workspace(directory) as workspace:
        folder = workspace / "results"
        folder.mkdir()
        names = [path.name for path in write(folder)]
        _move(folder, directory, names)
    return [directory / name for name in names]


def check_writable(directory: Path) -> None:
    """Raise InputError when results could not be written there: better before a long run than after it."""
    with _reported(directory), _workspace(directory) as workspace:
        (workspace / _RESULTS).touch()


def write_chart(figure: Figure, directory: Path, name: str) -> list[Path]:
    """Write one chart as name.png and name.svg beside whatever else lies in a folder, made if need be; return both.

    Raises InputError when the folder cannot be written.
    """
    from sim.report.charts.canvas import save

    with _reported(directory), _workspace(directory) as workspace:
        names = [path.name for path in save(figure, workspace, name)]
        directory.mkdir(parents=True, exist_ok=True)
        for each in names:
            os.replace(workspace / each, directory / each)
    return [directory / each for each in names]


def _write_all(
    outcomes: Sequence[Outcome], failures: Sequence[str], folder: Path, charts: bool, refusals: Sequence[Refusal]
) -> list[Path]:
    document = results_document(outcomes, failures, refusals)
    texts = {
        _RESULTS: json.dumps(document, indent=1, allow_nan=False) + "\n",
        "summary.csv": _summary(outcomes),
        **({"entries.csv": csv_text(entry_rows(outcomes, refusals))} if has_entries(outcomes, refusals) else {}),
        **_resolved(outcomes),
    }
    paths = []
    for name, text in texts.items():
        path = folder / name
        path.write_bytes(text.encode("utf-8"))
        paths.append(path)
    if charts and outcomes:
        # Drawing is the one heavy import of this room.
        from sim.report.charts import chart_files

        paths += chart_files(outcomes, folder)
    return paths


def _summary(outcomes: Sequence[Outcome]) -> str:
    return csv_text(summary_rows(outcomes))


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows that have the same keys as a CSV file. columns: of its header, where there may be no row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _resolved(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """File name -> text; points that one document cannot hold go to numbered ones."""
    documents = resolved_toml([outcome.scenario for outcome in outcomes])
    if len(documents) == 1:
        return {"resolved.toml": documents[0]}
    return {f"resolved-{number}.toml": text for number, text in enumerate(documents, start=1)}


@contextmanager
def _workspace(directory: Path) -> Iterator[Path]:
    """A temporary folder on the same disk as the target, gone afterwards whatever happens."""
    beside = directory if directory.exists() else _existing_parent(directory)
    with tempfile.TemporaryDirectory(prefix=".scaletax-", dir=beside) as name:
        yield Path(name)


def _existing_parent(directory: Path) -> Path:
    return next((parent for parent in directory.absolute().parents if parent.exists()), Path())


def _move(folder: Path, directory: Path, names: Sequence[str]) -> None:
    """Give a new folder its name in one go; in one that is there already replace file by file, results.json last.

    An interrupt waits until the move is done, so that no folder holds half of one run and half of another.
    """
    with _uninterrupted():
        _move_now(folder, directory, names)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C for a moment; signals can only be held in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if held:
        raise KeyboardInterrupt


def _move_now(folder: Path, directory: Path, names: Sequence[str]) -> None:
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(directory)
        return
    stale = _earlier_files(directory) - set(names)
    for name in sorted(stale):
        (directory / name).unlink()
    for name in sorted(names, key=lambda name: name == _RESULTS):
        os.replace(folder / name, directory / name)


def _earlier_files(directory: Path) -> set[str]:
    """Files of an earlier run; none where no results lie, so that nobody's own files are taken for them."""
    try:
        earlier = json.loads((directory / _RESULTS).read_text(encoding="utf-8"))
        if earlier["schema"] != RESULTS_SCHEMA or "scaletax" not in earlier:
            return set()
    except (OSError, ValueError, TypeError, KeyError):
        return set()
    return {path.name for pattern in _OWN_NAMES for path in directory.glob(pattern) if path.is_file()}


@contextmanager
def _reported(directory: Path) -> Iterator[None]:
    """Turn what the system says about a folder into a message about it."""
    try:
        yield
    except OSError as error:
        raise InputError(
            str(directory),
            f"results cannot be written here: {error.strerror or error}",
            "choose another folder with --out, or free this one",
        ) from None
