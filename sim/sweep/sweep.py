"""Runs the points of a grid that have no answer yet: in batches, on any executor, each batch kept when it is done."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sim.errors import ScaletaxError
from sim.scenario import PlanRequest, Scenario
from sim.sweep.executors import Workplace
from sim.sweep.grid import Point, scenario_of
from sim.sweep.keys import asked_key, digest_of, point_key
from sim.sweep.store import DONE, FAILED, LOST, Answer, Store

_WINDOW = 2000
"""Points that are looked at together: the heavy ones among them are begun first."""
_BATCH_S = 0.2
"""How long a batch should take: long beside what sending it costs, short beside two seconds to stop."""
_LARGEST_BATCH = 100
_AHEAD = 2
"""Batches for each worker that wait beside the one it is at."""
_ATTEMPTS = 3
"""A batch whose process was killed so often is taken apart, and its points are given up."""
_SEARCHED_WEIGHT = 20.0
"""A searched plan is about as heavy as so many that are given."""

Work = Callable[[Scenario], "Result"]


class Result(NamedTuple):
    """What a worker sends back of one point. record: plain data."""

    record: Mapping[str, Any]
    failed: bool


class _Task(NamedTuple):
    asked: str
    key: str
    scenario: Scenario


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
) -> Progress:
    """Compute every point that the store has no answer to; return what was done.

    points: of the document, in their order. work: what a worker does with a point; a function that can be sent to it.
    tell: called whenever something was kept. Raises StoreError where the store cannot be written; KeyboardInterrupt
    passes through, with everything kept that was finished.
    """
    common = digest_of(document, path)
    grid = digest_of({"of": common, "axes": repr(document.get("sweep")), "limit": limit}, path)
    progress = Progress()
    if store.begin(grid):
        total, done, failed, _ = store.counts()
        progress.total, progress.found = total, total
        if done + failed == total:
            progress.done, progress.failed = total, failed
            return progress
    tasks = _tasks(points, common, path, store, progress, grid)
    _Crew(place, work).compute(tasks, lambda answers: _keep(answers, store, progress, tell))
    return progress


def _keep(answers: Sequence[Answer], store: Store, progress: Progress, tell: Callable[[Progress], object]) -> None:
    """Write what a worker sent, and say so."""
    store.write(answers)
    progress.new += len(answers)
    progress.done += len(answers)
    progress.failed += sum(one.state != DONE for one in answers)
    tell(progress)


def _tasks(
    points: Iterable[Point], common: str, path: Path, store: Store, progress: Progress, grid: str
) -> Iterator[_Task]:
    """Points without an answer, the heavy ones of each window first; lists the grid on the way."""
    numbered = enumerate((point, asked_key(point, common)) for point in points)
    begun: set[str] = set()
    while window := list(itertools.islice(numbered, _WINDOW)):
        store.list((number, asked, _names(point, path)) for number, (point, asked) in window)
        known = store.known([asked for _, (_, asked) in window])
        progress.found += len(window) if progress.total is None else 0
        progress.done += len(known)
        new = [_resolved(point, asked, path) for _, (point, asked) in window if asked not in known]
        refused = [one for one in new if isinstance(one, Answer)]
        tasks = [one for one in new if isinstance(one, _Task)]
        there = store.has([task.key for task in tasks]) | (begun & {task.key for task in tasks})
        store.write(refused)
        store.name((task.asked, task.key) for task in tasks if task.key in there)
        progress.done += len(refused) + sum(task.key in there for task in tasks)
        progress.failed += len(refused)
        wanted = {task.key: task for task in reversed(tasks) if task.key not in there}
        store.name((task.asked, task.key) for task in tasks if task.key in wanted)
        progress.done += sum(task.key in wanted for task in tasks) - len(wanted)
        begun |= wanted.keys()
        yield from sorted(wanted.values(), key=lambda task: -_weight(task.scenario))
    if progress.total is None:
        progress.total = progress.found
        store.listed(grid)


def _resolved(point: Point, asked: str, path: Path) -> _Task | Answer:
    """The point ready to be computed, or the error that it has before that."""
    try:
        scenario = scenario_of(point, path)
        return _Task(asked, point_key(scenario), scenario)
    except ScaletaxError as error:
        record = {"row": {"system": point.document["system"][0].get("name"), "error": str(error)}}
        return Answer(asked, f"refused {asked}", record, FAILED, 0.0)


def _names(point: Point, path: Path) -> dict[str, Any]:
    """How its file calls a point: the same one may stand in several files, under other axes."""
    entry = {"entry": point.entry} if point.entry else {}
    axes = {key: axis_cell(value) for key, value in point.axes.items()}
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


class _Crew:
    """Sends tasks to the workers in batches, and takes back what they found.

    Batches whose process was killed go again; a batch to which that happens repeatedly is computed while nothing else
    is, so that what is innocent is told from what kills, and is taken apart down to the point that does.
    """

    def __init__(self, place: Workplace, work: Work) -> None:
        self.place, self.work = place, work
        self.executor = place.begin()
        self.flying: dict[Future[list[tuple[Result, float]]], _Batch] = {}
        self.waiting: list[_Batch] = []
        self.suspects: list[_Batch] = []
        self.each_s = _BATCH_S

    def compute(self, tasks: Iterator[_Task], keep: Callable[[Sequence[Answer]], object]) -> None:
        """Compute all tasks. keep: called with answers as they come."""
        try:
            while self._submit(tasks):
                done, _ = wait(self.flying, return_when=FIRST_COMPLETED)
                keep([answer for future in done for answer in self._taken(future)])
        finally:
            self.place.stop(self.executor)

    def _submit(self, tasks: Iterator[_Task]) -> bool:
        """Send what there is room for; False when nothing is left."""
        while len(self.flying) < self.place.workers * (1 + _AHEAD):
            batch = self.waiting.pop() if self.waiting else self._next_batch(tasks)
            if batch is None:
                break
            self._send(batch)
        if not self.flying and self.suspects:
            self._send(self.suspects.pop())
        return bool(self.flying)

    def _send(self, batch: _Batch) -> None:
        scenarios = [task.scenario for task in batch.tasks]
        try:
            future = self.executor.submit(_work, self.work, scenarios)
        except BrokenProcessPool:
            self._begin_again()
            future = self.executor.submit(_work, self.work, scenarios)
        self.flying[future] = batch

    def _taken(self, future: Future[list[tuple[Result, float]]]) -> list[Answer]:
        batch = self.flying.pop(future)
        error = future.exception()
        if error is None:
            return self._answers(batch, future.result())
        if not _was_killed(error):
            raise error
        return self._killed(batch)

    def _answers(self, batch: _Batch, results: Sequence[tuple[Result, float]]) -> list[Answer]:
        mean_s = sum(took_s for _, took_s in results) / len(results)
        self.each_s = 0.5 * (self.each_s + max(mean_s, 1e-4))
        return [
            Answer(task.asked, task.key, result.record, FAILED if result.failed else DONE, took_s)
            for task, (result, took_s) in zip(batch.tasks, results, strict=True)
        ]

    def _killed(self, batch: _Batch) -> list[Answer]:
        """Have a batch computed again, or give up a point that kills its process when it is alone."""
        again = _Batch(batch.tasks, batch.attempts + 1)
        if again.attempts < _ATTEMPTS:
            self.waiting.append(again)
        elif again.attempts == _ATTEMPTS:
            self.suspects.append(again)
        elif len(batch.tasks) > 1:
            self.suspects += [_Batch((task,), _ATTEMPTS) for task in batch.tasks]
        else:
            return [_lost(batch.tasks[0])]
        return []

    def _begin_again(self) -> None:
        self.place.stop(self.executor)
        self.executor = self.place.begin()

    def _next_batch(self, tasks: Iterator[_Task]) -> _Batch | None:
        size = int(min(max(_BATCH_S / self.each_s, 1), _LARGEST_BATCH))
        taken = tuple(itertools.islice(tasks, size))
        return _Batch(taken) if taken else None


class _Batch(NamedTuple):
    tasks: tuple[_Task, ...]
    attempts: int = 0


def _was_killed(error: BaseException) -> bool:
    """Whether the process that was at it is gone, and not the work at fault; by name where Dask says it."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


def _lost(task: _Task) -> Answer:
    words = "the process that computed this point was killed every time; perhaps the machine is short of memory"
    row = {"system": task.scenario.system.name, "error": words}
    return Answer(task.asked, task.key, {"row": row}, LOST, 0.0)


def _work(work: Work, scenarios: Sequence[Scenario]) -> list[tuple[Result, float]]:
    """What a worker does with a batch: each point's result, and how long it took."""
    found = []
    for scenario in scenarios:
        begun = time.perf_counter()
        result = work(scenario)
        found.append((result, time.perf_counter() - begun))
    return found
