"""The commands as functions."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from scaletax.objects import Model, Scenario, System, Topology, as_model
from scaletax.results import Plans, Run, Sweep, Validation
from sim.errors import InputError, ScaletaxError

Source = str | Path | Scenario
"""A scenario: the name of one that came with the program, the path of a file, or an object."""


def run(
    scenario: Source,
    *,
    devices: int | Sequence[int] | None = None,
    stack: str | Sequence[str] | None = None,
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
    stack : str or list of str, optional
        Software, instead of the scenario's; with several, the range.
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
    from sim.study.compare import check_comparison
    from sim.study.findings import findings
    from sim.sweep.execute import Failure, run_points
    from sim.sweep.grid import load

    loaded = load(_path(scenario), _overrides(set, stack), _warn, _sizes(devices))
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
    stack: str | None = None,
    only: Sequence[str] = (),
    memory_margin: str | None = None,
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
    stack : str, optional
        Software; by default one of the device's time, and errors are those of a guess.
    only : list of str
        Limits, such as `["tensor <= 8", "recompute != full"]`.
    memory_margin : str, optional
        Share of the memory that a plan leaves free, such as `"10 %"`.
    sizes : list of int
        More cluster sizes to compare.
    top : int
        Plans that the engine tries at least.

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
    from sim.asked import asked, with_limits
    from sim.study.plans import study_all, systems_of
    from sim.sweep.grid import load_scenarios

    overrides = _overrides(set, None if scenario is None else stack)
    if scenario is not None:
        scenarios = load_scenarios(_path(scenario), overrides, _warn)
    elif isinstance(model, Model) or isinstance(topology, Topology):
        scenarios = load_scenarios(
            _own(model, topology, devices, batch, sequence, tokens, stack).path(), overrides, _warn
        )
    else:
        scenarios = asked(
            model=None if model is None else str(model),
            topology=None if topology is None else str(topology),
            devices=devices,
            batch=batch,
            sequence=sequence,
            tokens=tokens,
            stack=stack,
            overrides=overrides,
        )
    studies, failures = study_all(systems_of(with_limits(scenarios, only, memory_margin), list(sizes)), top, jobs)
    return Plans(studies, failures)


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
        Processes to use.
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
    from sim.records.point_work import work
    from sim.scenario import read_document
    from sim.sweep.executors import workplace
    from sim.sweep.grid import points_of
    from sim.sweep.store import Store
    from sim.sweep.sweep import run_sweep

    path, folder = _path(scenario), Path(out)
    given = [f"{key}={_written(list(values))}" for key, values in (axes or {}).items()]
    document = read_document(path, _overrides(set, None), _warn, given)
    with Store(folder, fresh=False) as store:
        place = workplace(executor, jobs, "sim.records.point_work")
        run_sweep(document, path, points_of(document, str(path), limit), store, place, work, limit=limit, say=_warn)
    return Sweep(folder)


def validate(
    *,
    source: str | None = None,
    data: str | Path | None = None,
    role: Literal["check", "fit", "all"] = "check",
    jobs: int = 1,
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

    return Validation(*validate_rows(read_selection(None if data is None else Path(data), source), role, jobs))


def _path(scenario: Source) -> Path:
    from sim.scenario.named import scenario_path

    return scenario.path() if isinstance(scenario, Scenario) else scenario_path(Path(scenario))


def _own(
    model: str | Path | Model | None,
    topology: str | Path | Topology | None,
    devices: int | None,
    batch: int | str | None,
    sequence: int | None,
    tokens: float | str | None,
    stack: str | None,
) -> Scenario:
    """The scenario that a search for objects of one's own describes. Raises InputError for what is missing."""
    if model is None or topology is None or devices is None or batch is None:
        raise InputError("plan", "model, topology, devices or batch is missing", "give all four, or a scenario")
    system = System("cluster", topology, devices, stack=stack)
    return Scenario(as_model(model), [system], tokens=tokens or "20 per parameter", batch=batch, sequence=sequence)


def _overrides(changes: Mapping[str, Any] | None, stack: str | Sequence[str] | None) -> list[str]:
    """Changes as --set takes them."""
    whole = {**(changes or {}), **({} if stack is None else {"system.stack": stack})}
    return [f"{key}={_written(value)}" for key, value in whole.items()]


def _sizes(devices: int | Sequence[int] | None) -> list[str]:
    """Sizes as --sweep takes them."""
    if devices is None:
        return []
    return [f"system.devices={_written([devices] if isinstance(devices, int) else list(devices))}"]


def _written(value: Any) -> str:
    """A value as TOML writes it: text, numbers, truth, lists and tables of them."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_written(one)}" for key, one in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _warn(note: str) -> None:
    warnings.warn(note, stacklevel=4)


__all__ = ["ScaletaxError", "plan", "run", "sweep", "validate"]
