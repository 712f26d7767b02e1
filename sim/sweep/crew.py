"""Sends points to workers in batches, wherever those are, and takes back what they found."""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from sim.errors import InputError
from sim.reading import noting
from sim.scenario import Scenario
from sim.sweep.executors import ClusterGone, OtherProgram, Workplace
from sim.sweep.keys import environment, environment_words, of_the_user
from sim.sweep.store import DONE, FAILED, LOST, Answer

_BATCH_S = 0.2
"""How long a batch should take: long beside what sending it costs, short beside two seconds to stop."""
_LARGEST_BATCH = 100
_AHEAD = 2
"""Batches for each worker that wait beside the one it is at."""
_ATTEMPTS = 3
"""A batch whose process was killed so often is taken apart, and its points are given up."""

Work = Callable[[Scenario], "Result"]
IsSame = Callable[[str, str], bool]
"""Whether a file holds what had this digest."""


class Result(NamedTuple):
    """What a worker sends back of one point. record: plain data."""

    record: Mapping[str, Any]
    failed: bool


class Task(NamedTuple):
    """A point to be computed."""

    key: str
    scenario: Scenario


class _Found(NamedTuple):
    result: Result
    took_s: float
    files: Mapping[str, str]


class _Batch(NamedTuple):
    tasks: tuple[Task, ...]
    attempts: int = 0


class Crew:
    """The workers of a place, and what they are at.

    Batches whose process was killed go again; a batch to which that happens repeatedly is computed while nothing else
    is, so that what is innocent is told from what kills, and is taken apart down to the point that does.
    """

    def __init__(self, place: Workplace, work: Work, is_same: IsSame, say: Callable[[str], object]) -> None:
        """is_same: of the files that a worker read. say: called with what the user must know meanwhile."""
        self.place, self.work, self.is_same, self.say = place, work, is_same, say
        self.executor = place.begin()
        self.flying: dict[Future[list[_Found]], _Batch] = {}
        self.waiting: list[_Batch] = []
        self.suspects: list[_Batch] = []
        self.each_s = _BATCH_S
        self.said = ""

    def compute(self, tasks: Iterator[Task], keep: Callable[[Sequence[Answer]], object]) -> None:
        """Compute all tasks. keep: called with answers as they come.

        Raises OtherProgram, ClusterGone, InputError for a file that is not the same everywhere, and what the work does.
        """
        try:
            while self._submit(tasks):
                done, _ = wait(self.flying, self.place.patience_s, FIRST_COMPLETED)
                for future in sorted(done, key=_is_in_vain):
                    keep(self._taken(future))
                self._look_around(nothing_came=not done)
        finally:
            self.place.stop(self.executor)

    def _look_around(self, nothing_came: bool) -> None:
        """Say why nothing comes, once until something does."""
        trouble = self.place.trouble() if nothing_came else ""
        if trouble and trouble != self.said:
            self.say(trouble)
        self.said = trouble

    def _submit(self, tasks: Iterator[Task]) -> bool:
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
        arguments = self.work, environment(), environment_words(), [task.scenario for task in batch.tasks]
        try:
            future = self.executor.submit(_computed, *arguments)
        except BrokenProcessPool:
            self._begin_again()
            future = self.executor.submit(_computed, *arguments)
        except Exception as error:
            if type(error).__name__ != "ClosedClientError":
                raise
            raise ClusterGone(self.place.name) from None
        self.flying[future] = batch

    def _taken(self, future: Future[list[_Found]]) -> list[Answer]:
        batch = self.flying.pop(future)
        try:
            error = future.exception()
        except CancelledError:
            raise ClusterGone(self.place.name) from None
        if error is None:
            return self._answers(batch, future.result())
        if _was_killed(error):
            return self._killed(batch)
        self.place.check()
        raise error

    def _answers(self, batch: _Batch, found: Sequence[_Found]) -> list[Answer]:
        for path, digest in dict(item for one in found for item in one.files.items()).items():
            check_file(path, digest, self.is_same)
        mean_s = sum(one.took_s for one in found) / len(found)
        self.each_s = 0.5 * (self.each_s + max(mean_s, 1e-4))
        return [
            Answer(task.key, one.result.record, FAILED if one.result.failed else DONE, one.files)
            for task, one in zip(batch.tasks, found, strict=True)
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

    def _next_batch(self, tasks: Iterator[Task]) -> _Batch | None:
        size = int(min(max(_BATCH_S / self.each_s, 1), _LARGEST_BATCH))
        taken = tuple(itertools.islice(tasks, size))
        return _Batch(taken) if taken else None


def check_file(path: str, digest: str, is_same: IsSame) -> None:
    """Raise InputError for a file that was read with another content than it has for this sweep."""
    if not is_same(path, digest):
        raise InputError(
            path,
            "this file was changed while the sweep ran, or a machine that works on it has another one",
            "leave it as it is, on all machines, until the sweep is done; the same command goes on from there",
        )


def _is_in_vain(future: Future[Any]) -> bool:
    """Whether nothing came of it; what did is kept before that is looked at."""
    return future.cancelled() or future.exception() is not None


def _was_killed(error: BaseException) -> bool:
    """Whether the process that was at it is gone, and not the work at fault; by name where Dask says it."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


def _lost(task: Task) -> Answer:
    words = "the process that computed this point was killed every time; perhaps the machine is short of memory"
    return Answer(task.key, {"row": {"system": task.scenario.system.name, "error": words}}, LOST, {})


def _computed(work: Work, program: str, words: str, scenarios: Sequence[Scenario]) -> list[_Found]:
    """What a worker does with a batch. program: the environment that it must have. words: the same for people."""
    if environment() != program:
        raise OtherProgram(f"the worker on {platform.node()}, process {os.getpid()}", environment_words(), words)
    found = []
    for scenario in scenarios:
        begun = time.perf_counter()
        with noting() as read:
            result = work(scenario)
        found.append(_Found(result, time.perf_counter() - begun, of_the_user(read)))
    return found
