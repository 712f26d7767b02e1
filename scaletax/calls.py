"""The commands as functions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from scaletax.hardware import Model, Topology, as_model, given, in_temporary_folder
from scaletax.results import Run, count
from scaletax.scenarios import Scenario, Software, listed, source_of, text_of
from scaletax.studies import Plans, Sweep, Validation
from sim.asked import asked, with_limits
from sim.errors import InputError, shown
from sim.records.point_work import work
from sim.scenario import read_document
from sim.study.compare import check_comparison
from sim.study.findings import findings
from sim.study.plans import study_all, systems_of
from sim.sweep.execute import Failure, run_points
from sim.sweep.executors import workplace
from sim.sweep.grid import load, points_of
from sim.sweep.store import Store
from sim.sweep.sweep import run_sweep

Source = str | Path | Scenario
"""A scenario: the name of one that came with the program, the path of a file, or an object."""
Role = Literal["check", "fit", "all"]


def run(
    scenario: Source,
    *,
    devices: int | Sequence[int] | None = None,
    stack: Software | Sequence[Software] | None = None,
    set: Mapping[str, Any] | None = None,
    jobs: int = 1,
) -> Run:
    """Simulate every system of a scenario.

    Parameters
    ----------
    scenario : str, Path or Scenario
        A name (`scaletax list scenarios`), a path, or an object.
    devices : int or list of int, optional
        Sizes of every system, instead of the scenario's.
    stack : str, Path, mapping or list, optional
        Software, instead of the scenario's, a mapping with options of it; with several, the range.
    set : mapping, optional
        Keys to change: `{"training.tokens": "1T", "system.run.reliability": "llama-3"}`.
    jobs : int
        Processes to use; results do not depend on it.

    Returns
    -------
    Run

    Raises
    ------
    ScaletaxError
        Where no point could be simulated: InputError, or DoesNotFit. Where some could, they are in `failures`.

    Examples
    --------
    >>> import scaletax as st
    >>> result = st.run("quickstart", set={"training.tokens": "1B"})
    >>> print(repr(result))
    <Run: 2 points of 2 systems>
    """
    jobs = count("jobs", jobs)
    (path, text), sizes = source_of(scenario), [] if devices is None else [_axis("system.devices", devices)]
    loaded = load(path, _overrides(set, stack), _warn, sizes, text)
    check_comparison(loaded.scenarios)
    results = run_points(loaded.scenarios, jobs)
    failures = [one.error for one in results if isinstance(one, Failure)]
    outcomes = [one for one in results if not isinstance(one, Failure)]
    if not outcomes and failures:
        raise failures[0]
    return Run(findings(outcomes, [str(one) for one in failures], loaded.refusals), failures)


def plan(
    scenario: Source | None = None,
    *,
    model: str | Path | Model | None = None,
    topology: str | Path | Topology | None = None,
    devices: int | None = None,
    batch: int | str | None = None,
    sequence: int | None = None,
    tokens: float | str | None = None,
    stack: Software | Sequence[Software] | None = None,
    only: str | Sequence[str] = (),
    memory_margin: str | float | None = None,
    sizes: Sequence[int] = (),
    top: int = 10,
    jobs: int = 1,
    set: Mapping[str, Any] | None = None,
) -> Plans:
    """Search for the best plans of a model on a cluster, or of every system of a scenario.

    Parameters
    ----------
    scenario : str, Path or Scenario, optional
        Instead of model, topology, devices and batch.
    model, topology, devices, batch
        What is trained, on what, how many of it, and the batch of a step: `512` sequences or `"4M tokens"`.
    sequence : int, optional
        Tokens in a sequence; by default the model's longest.
    tokens : float or str, optional
        For the time to train; by default 20 per parameter.
    stack : str, mapping or list, optional
        Software; by default one of the device's time, and errors are those of a guess.
    only : str or list of str
        Limits, such as `["tensor <= 8", "recompute != full"]`.
    memory_margin : str or float, optional
        Share of the memory that a plan leaves free, such as `"10 %"` or `0.1`.
    sizes : list of int
        More cluster sizes to compare.
    top : int
        Plans that the engine tries at least.
    jobs : int
        Processes to use; results do not depend on it.
    set : mapping, optional
        Keys to change, as in `run`.

    Returns
    -------
    Plans

    Raises
    ------
    ScaletaxError
        InputError, or DoesNotFit where no plan fits.

    Examples
    --------
    >>> import scaletax as st
    >>> found = st.plan(model="cerebras-gpt-111m", topology="hgx-a100-node", devices=8, batch=64)
    >>> found.best.plan.devices
    8
    """
    jobs, top = count("jobs", jobs), count("top", top)
    more = [count("sizes", size) for size in sizes]
    needed = {"model": model, "topology": topology, "devices": devices, "batch": batch}
    beside = list(given(**needed, sequence=sequence, tokens=tokens))
    missing = [name for name, value in needed.items() if value is None]
    if scenario is not None:
        if beside:
            problem = f"both a scenario and {', '.join(beside)}"
            raise InputError("plan", problem, "leave one out; set={...} changes a key of a scenario")
        path, text = source_of(scenario)
        loaded = load(path, _overrides(set, stack), _warn, text=text)
        if not loaded.scenarios:
            raise loaded.refusals[0].reason
        scenarios = loaded.scenarios
    elif model is None or topology is None or missing:
        problem = f"neither a scenario nor {', '.join(missing)}"
        raise InputError("plan", problem, "give a scenario, or model, topology, devices and batch")
    else:
        place = in_temporary_folder(topology) if isinstance(topology, Topology) else str(topology)
        scenarios = asked(
            model=as_model(model).told, topology=place, devices=devices, batch=batch, sequence=sequence, tokens=tokens,
            stack=None if stack is None else listed(stack), overrides=_overrides(set),
        )  # fmt: skip
    limits = [only] if isinstance(only, str) else only
    systems = systems_of(with_limits(scenarios, limits, None if memory_margin is None else str(memory_margin)), more)
    studies, failures = study_all(systems, top, jobs)
    return Plans(studies, top, failures)


def sweep(
    scenario: Source,
    *,
    out: str | Path,
    axes: Mapping[str, Sequence[Any]] | None = None,
    set: Mapping[str, Any] | None = None,
    jobs: int = 1,
    executor: str = "local",
    limit: int | None = None,
) -> Sweep:
    """Simulate every point of a grid; what is finished is kept in a folder and never computed twice.

    Parameters
    ----------
    scenario : str, Path or Scenario
        With a `[sweep]`, or with axes.
    out : str or Path
        Folder of the sweep. One that is there already is gone on with.
    axes : mapping of lists, optional
        Axes beside those of the scenario: `{"system.devices": [8, 64, 256]}`.
    set : mapping, optional
        Keys to change.
    jobs : int
        Processes to use; results do not depend on it.
    executor : str
        `local`, or `dask://HOST:PORT`.
    limit : int, optional
        Simulate the first so many points only.

    Returns
    -------
    Sweep

    Examples
    --------
    >>> import scaletax as st, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> found = st.sweep("quickstart", out=folder, axes={"training.global_batch": ["264 sequences", "528 sequences"]})
    >>> len(found)
    4
    """
    jobs, limit = count("jobs", jobs), None if limit is None else count("limit", limit)
    (path, text), folder = source_of(scenario), Path(out)
    grid = [_axis(key, values) for key, values in _mapping("axes", axes).items()]
    document = read_document(path, _overrides(set), _warn, grid, text)
    with Store(folder, fresh=False) as store:
        place = workplace(executor, jobs, "sim.records.point_work")
        points = points_of(document, str(path), limit)
        progress = run_sweep(document, path, points, store, place, work, limit=limit, say=_warn)
    return Sweep(folder, progress.new)


def validate(
    *, source: str | None = None, data: str | Path | None = None, role: Role = "check", jobs: int = 1
) -> Validation:
    """Compare the simulator with published measurements, or with your own.

    Parameters
    ----------
    source : str, optional
        Only the sources whose name holds this text.
    data : str or Path, optional
        A CSV file of your own with the columns of the tables that come with the program.
    role : {"check", "fit", "all"}
        Rows held back for checking, rows that constants may have been fitted on, or both.
    jobs : int
        Processes to use.

    Returns
    -------
    Validation

    Examples
    --------
    >>> import scaletax as st
    >>> len(st.validate(source="zhang-2024"))
    6
    """
    from sim.validation.selection import read_selection, validate_rows

    jobs = count("jobs", jobs)
    if role not in get_args(Role):
        raise InputError("role", f"{shown(role)} is no role of rows", f"allowed: {', '.join(get_args(Role))}")
    return Validation(*validate_rows(read_selection(None if data is None else Path(data), source), role, jobs))


def _overrides(changes: Mapping[str, Any] | None, stack: Software | Sequence[Software] | None = None) -> list[str]:
    """Changes as --set takes them."""
    # The stack first, so that options of it can be set beside it.
    whole = {**({} if stack is None else {"system.stack": stack}), **_mapping("set", changes)}
    return [f"{key}={text_of(value, key)}" for key, value in whole.items()]


def _axis(key: str, values: Any) -> str:
    """An axis as --sweep takes it; a single value is one."""
    text = text_of(values, key)
    return f"{key}={text if text.startswith('[') else f'[{text}]'}"


def _mapping(name: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise InputError(name, f"{shown(given)} is no mapping", f'write for example {name}={{"training.tokens": "1T"}}')
    return given or {}


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=4)
