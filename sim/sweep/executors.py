"""Where points are computed: processes of this machine, or a Dask cluster, both as standard executors."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver
from typing import Any

from sim.errors import InputError

DASK = "dask://"
_LOOKS_AFTER_S = 0.5


@dataclass(frozen=True, slots=True)
class Workplace:
    """How to have an executor (another one when it is broken), how to stop one, and how much it works on at once."""

    begin: Callable[[], Executor]
    stop: Callable[[Executor], None]
    workers: int


def local(jobs: int, preload: str) -> Workplace:
    """So many processes of this machine. preload: the module that they need, imported once for all of them."""

    def pool() -> Executor:
        # Forked from a process that holds no store and no threads.
        context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
        if hasattr(os, "fork"):
            context.set_forkserver_preload([preload])
            with _ctrl_c_ignored():
                forkserver.ensure_running()
        return ProcessPoolExecutor(jobs, mp_context=context, initializer=_settle, initargs=(os.getpid(),))

    return Workplace(pool, _stop_processes, jobs)


def cluster(address: str) -> Workplace:
    """The workers of a Dask scheduler at "dask://HOST:PORT".

    Raises InputError where distributed is not installed, or nobody answers there.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--executor", "dask is not installed", "pip install 'scaletax[cluster]', or use --executor local"
        ) from None
    build: Any = Client
    try:
        client = build(address.replace(DASK, "tcp://"), timeout=10, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise InputError(
            "--executor",
            f"no Dask scheduler answers at {address}: {type(error).__name__}",
            "start one with `dask scheduler`, and workers with `dask worker HOST:PORT`",
        ) from None
    workers = sum(client.nthreads().values())
    if not workers:
        client.close()
        raise InputError("--executor", f"the scheduler at {address} has no workers", "start one: dask worker HOST:PORT")

    def stop(executor: Executor) -> None:
        executor.shutdown(wait=False)
        client.close()

    return Workplace(lambda: client.get_executor(pure=False, retries=3), stop, workers)


def workplace(name: str, jobs: int, preload: str) -> Workplace:
    """By the name that the command line has: "local", or "dask://HOST:PORT". Raises InputError for another one."""
    if name == "local":
        return local(jobs, preload)
    if name.startswith(DASK) and name.removeprefix(DASK):
        return cluster(name)
    raise InputError("--executor", f"unknown executor '{name}'", "write local, or dask://HOST:PORT")


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


def _settle(parent: int) -> None:
    """Leave Ctrl-C to the parent, and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def look_after() -> None:
        while True:
            time.sleep(_LOOKS_AFTER_S)
            try:
                os.kill(parent, 0)
            except OSError:
                os._exit(1)

    threading.Thread(target=look_after, daemon=True).start()


def _stop_processes(executor: Executor) -> None:
    """End the processes now; what they were at is computed again another time.

    Killed first and waited for then, so that nothing of the pool is left for the end of this process to trip over.
    """
    for process in multiprocessing.active_children():
        process.kill()
    executor.shutdown(wait=True, cancel_futures=True)
