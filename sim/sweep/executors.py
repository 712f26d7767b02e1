"""Where points are computed: processes of this machine, or a Dask cluster, both as standard executors."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from sim import processes
from sim.errors import InputError, ScaletaxError
from sim.sweep.keys import environment_words

DASK = "dask://"
_PATIENCE_S = 10.0


class OtherProgram(ScaletaxError):
    """A worker computes with another program than the one that asks it."""

    exit_code = 2

    def __init__(self, worker: str, its: str, asked: str) -> None:
        super().__init__(
            worker,
            f"it computes with {its}; this sweep with {asked}",
            "install the same there, and change nothing of it while the sweep runs; what differs was not kept, and the"
            " same command goes on from there",
        )
        self.args = worker, its, asked


class ClusterGone(ScaletaxError):
    """Nobody is at the address of the scheduler any more."""

    exit_code = 2

    def __init__(self, address: str) -> None:
        super().__init__(
            address,
            "the Dask scheduler is gone",
            "start it again, with its workers; what was finished is kept, and the same command goes on from there",
        )
        self.args = (address,)


@dataclass(frozen=True, slots=True)
class Workplace:
    """How to have an executor (another one when it is broken), how to stop one, and how much it works on at once.

    check: raises OtherProgram where a worker computes with another program. trouble: why nothing may be coming, asked
    when nothing came for patience_s; "" for none.
    """

    begin: Callable[[], Executor]
    stop: Callable[[Executor], None]
    workers: int
    name: str = "local"
    check: Callable[[], None] = lambda: None
    trouble: Callable[[], str] = lambda: ""
    patience_s: float | None = None


def local(jobs: int, preload: str) -> Workplace:
    """So many processes of this machine. preload: the module that they need, imported once for all of them."""
    return Workplace(lambda: processes.pool(jobs, preload), processes.stop, jobs)


def cluster(address: str, patience_s: float = _PATIENCE_S) -> Workplace:
    """The workers of a Dask scheduler at "dask://HOST:PORT".

    patience_s: how long to wait for an answer of the scheduler, or for anything that its workers find.
    Raises InputError where distributed is not installed, or nobody answers there; OtherProgram for a worker with
    another program.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--executor", "dask is not installed", "pip install 'scaletax[cluster]', or use --executor local"
        ) from None
    # What it logs of a scheduler that is gone is a traceback; the message is this program's to write.
    for name in ("distributed", "distributed.client", "tornado.application", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    build: Any = Client
    try:
        client = build(address.replace(DASK, "tcp://"), timeout=patience_s, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise InputError(
            "--executor",
            f"no Dask scheduler answers at {address}: {type(error).__name__}",
            "start one with `dask scheduler`, and workers with `dask worker HOST:PORT`",
        ) from None
    workers = sum(client.nthreads().values())
    try:
        if not workers:
            raise InputError(
                "--executor", f"the scheduler at {address} has no workers", "start one: dask worker HOST:PORT"
            )
        _check_programs(client)
    except ScaletaxError:
        client.close()
        raise

    def stop(executor: Executor) -> None:
        executor.shutdown(wait=False)
        client.close()

    return Workplace(
        lambda: client.get_executor(pure=False, retries=3),
        stop,
        workers,
        address,
        functools.partial(_check_programs, client),
        functools.partial(_trouble, client, address, patience_s),
        patience_s,
    )


def workplace(name: str, jobs: int, preload: str, patience_s: float = _PATIENCE_S) -> Workplace:
    """By the name that the command line has: "local", or "dask://HOST:PORT". Raises InputError for another one."""
    if name == "local":
        return local(jobs, preload)
    if name.startswith(DASK) and name.removeprefix(DASK):
        return cluster(name, patience_s)
    raise InputError("--executor", f"unknown executor '{name}'", "write local, or dask://HOST:PORT")


def _check_programs(client: Any) -> None:
    """Raise OtherProgram where a worker of the cluster has another program, or none."""
    mine = environment_words()
    for worker, words in client.run(environment_words, on_error="return").items():
        if words != mine:
            its = words if isinstance(words, str) else f"another scaletax, or none ({type(words).__name__})"
            raise OtherProgram(f"the Dask worker at {worker}", its, mine)


def _trouble(client: Any, address: str, patience_s: float) -> str:
    try:
        workers = client.nthreads()
    except OSError:  # that the scheduler is gone, its futures will say
        return ""
    if workers:
        return ""
    return (
        f"nothing came for {patience_s:g} s: the scheduler at {address} has no worker left. Start one, and the sweep"
        " goes on: dask worker HOST:PORT; or stop with Ctrl-C: what was finished is kept"
    )
