"""Runs the points of a grid that have no answer yet: in batches, on any executor, each batch kept when it is done."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sim import reading
from sim.errors import ScaletaxError
from sim.scenario import PlanRequest, Scenario
from sim.sweep.crew import Crew, IsSame, Task, Work, check_file
from sim.sweep.executors import Workplace
from sim.sweep.grid import Point, scenario_of
from sim.sweep.keys import asked_key, digest_of, of_the_user, point_key
from sim.sweep.store import DONE, FAILED, Answer, Asked, Store

_WINDOW = 2000
"""Points that are looked at together: the heavy ones among them are begun first."""
_SEARCHED_WEIGHT = 20.0
"""A searched plan is about as heavy as so many that are given."""


class _Resolved(NamedTuple):
    """A point of the grid with its key: to be computed, or refused before that."""

    asked: Asked
    task: Task | None
    refusal: Answer | None


@dataclass(slots=True)
class Progress:
    """How far a sweep is. total: None until all points were counted. new: computed by this run, failed among them."""

    found: int = 0
    done: int = 0
    new: int = 0
    failed: int = 0
    total: int | None = None


def run_sweep(
    document: Mapping[str, Any],
    path: Path,
    points: Iterable[Point],
    store: Store,
    place: Workplace,
    work: Work,
    tell: Callable[[Progress], object] = lambda progress: None,
    limit: int | None = None,
    say: Callable[[str], object] = lambda words: None,
) -> Progress:
    """Compute every point that the store has no answer to; return what was done.

    points: of the document, in their order. work: what a worker does with a point; a function that can be sent to it.
    tell: called whenever something was kept. say: called with what the user must know meanwhile. Raises StoreError
    where the store cannot be written, and what Crew.compute raises; KeyboardInterrupt passes through. Whatever is
    raised, what was finished is kept.
    """
    common = digest_of(document, path)
    grid = digest_of({"of": common, "axes": repr(document.get("sweep")), "limit": limit}, path)
    now = functools.cache(reading.digest_of)

    def is_same(file: str, digest: str) -> bool:
        return now(file) == digest

    progress = Progress()
    store.forget_changed(is_same)
    if store.begin(grid):
        total, done, failed, _ = store.counts()
        progress.total, progress.found = total, total
        if done + failed == total:
            progress.done, progress.failed = total, failed
            return progress
    tasks = _tasks(points, common, path, store, progress, grid, is_same)
    Crew(place, work, is_same, say).compute(tasks, lambda answers: _keep(answers, store, progress, tell))
    return progress


def _keep(answers: Sequence[Answer], store: Store, progress: Progress, tell: Callable[[Progress], object]) -> None:
    """Write what a worker sent, and say so."""
    store.write(answers)
    progress.new += len(answers)
    progress.done += len(answers)
    progress.failed += sum(one.state != DONE for one in answers)
    tell(progress)


def _tasks(
    points: Iterable[Point], common: str, path: Path, store: Store, progress: Progress, grid: str, is_same: IsSame
) -> Iterator[Task]:
    """Points without an answer, the heavy ones of each window first; lists the grid on the way."""
    numbered = enumerate((point, asked_key(point, common)) for point in points)
    begun: set[str] = set()
    while window := list(itertools.islice(numbered, _WINDOW)):
        store.list((number, asked, _names(point, path)) for number, (point, asked) in window)
        known = store.known([asked for _, (_, asked) in window])
        new = [_resolved(point, asked, path, is_same) for _, (point, asked) in window if asked not in known]
        store.name(one.asked for one in new)
        refused = [one.refusal for one in new if one.refusal is not None]
        store.write(refused)
        tasks = [one.task for one in new if one.task is not None]
        there = store.has([task.key for task in tasks]) | begun
        wanted = {task.key: task for task in reversed(tasks) if task.key not in there}
        begun |= wanted.keys()
        progress.found += len(window) if progress.total is None else 0
        progress.done += len(known) + len(new) - len(wanted)
        progress.failed += len(refused)
        yield from sorted(wanted.values(), key=lambda task: -_weight(task.scenario))
    if progress.total is None:
        progress.total = progress.found
        store.listed(grid)


def _resolved(point: Point, asked: str, path: Path, is_same: IsSame) -> _Resolved:
    """The point ready to be computed, or the error that it has before that."""
    with reading.noting() as read:
        try:
            scenario = scenario_of(point, path)
            task, refusal = Task(point_key(scenario), scenario), None
        except ScaletaxError as error:
            row = {"system": point.document["system"][0].get("name"), "error": str(error)}
            record = {"row": row, "problem": error.headline, "remedy": error.remedy}
            task, refusal = None, Answer(f"refused {asked}", record, FAILED, {})
    files = of_the_user(read)
    for file, digest in files.items():
        check_file(file, digest, is_same)
    return _Resolved(Asked(asked, task.key if task else f"refused {asked}", files), task, refusal)


def _names(point: Point, path: Path) -> dict[str, Any]:
    """How its file calls a point: the same one may stand in several files, under other axes."""
    entry = {"entry": point.entry} if point.entry else {}
    axes: dict[str, Any] = {key: axis_cell(value) for key, value in point.axes.items()}
    return {"title": point.document.get("title", path.stem), **entry, **axes}


def axis_cell(value: Any) -> Any:
    """A value of an axis in a cell: numbers and text as they are, anything else as JSON."""
    is_plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return value if is_plain else json.dumps(value, ensure_ascii=False, default=str)


def _weight(scenario: Scenario) -> float:
    """How long a point is expected to take beside others."""
    system = scenario.system
    every_device = scenario.steps * system.devices if system.resolution == "full" or not system.variation.is_none else 1
    searched = _SEARCHED_WEIGHT if system.plan == PlanRequest() or system.plan.rule == "best" else 1.0
    return float(searched * (1.0 + system.devices**0.5 / 100) + every_device / 100)
