"""Processes that compute for this one: deaf to Ctrl-C, gone when it is gone, replaced when they are killed."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from types import ModuleType
from typing import TypeVar

from sim.errors import ScaletaxError

_ATTEMPTS = 3
# Forked from a process that holds no store and no threads.
_CONTEXT = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
Item = TypeVar("Item")
Found = TypeVar("Found")


class WorkersKilled(ScaletaxError):
    """The processes that compute were killed again and again."""


class _Worker(_CONTEXT.Process):  # type: ignore[misc, name-defined]
    """A process that does not run the user's script again, as Python's own do unless the script is written for it."""

    def start(self) -> None:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


def pool(jobs: int, preload: str, begin: Callable[[], object] | None = None) -> ProcessPoolExecutor:
    """So many processes; end them with stop.

    preload: the module that they need, imported once for all of them. begin: called once in each; can be sent to it.
    """
    if hasattr(os, "fork"):
        _CONTEXT.set_forkserver_preload([preload])
        with _ctrl_c_ignored():
            forkserver.ensure_running()
    place = copy.copy(_CONTEXT)
    vars(place)["Process"] = _Worker
    return ProcessPoolExecutor(jobs, mp_context=place, initializer=_settle, initargs=(begin,))


def stop(executor: Executor) -> None:
    """End the processes of a pool now; what they were at is lost.

    Killed first and waited for then, so that nothing of the pool is left for the end of this process to trip over.
    """
    for process in list((getattr(executor, "_processes", None) or {}).values()):
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)


def mapped(
    function: Callable[[Item], Found],
    items: Iterable[Item],
    jobs: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[Found]:
    """What the function finds of each item, in their order, on so many processes; on none but this one for one job.

    begin: as pool takes it; not called where this process computes.
    Raises WorkersKilled where a process is killed at the same item again and again, and what the function raises.
    """
    left = list(items)
    if jobs <= 1 or len(left) <= 1:
        yield from map(function, left)
        return
    attempts = 0
    while left:
        executor, found = pool(min(jobs, len(left)), function.__module__, begin), 0
        try:
            for one in executor.map(function, left):
                found += 1
                yield one
        except BrokenProcessPool:
            attempts = 1 if found else attempts + 1
            if attempts == _ATTEMPTS:
                raise WorkersKilled(
                    "--jobs",
                    f"a process that computes was killed, {_ATTEMPTS} times at the same place",
                    "perhaps the machine is short of memory: use fewer processes, or --jobs 1",
                ) from None
        finally:
            stop(executor)
        left = left[found:]


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """What is started meanwhile ignores Ctrl-C from its first moment, which is the parent's to answer."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _settle(begin: Callable[[], object] | None) -> None:
    """In a new process: leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if begin is not None:
        begin()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
