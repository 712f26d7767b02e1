"""Fits constants of a stack or a device to published step times, on fit rows only.

Least squares on the logarithm of predicted over measured step time; a row far off pulls less the further off it is, so
that odd runs do not rule. The closed form follows the constants; what the engine finds beside it (contention, the order
of exchanges) is kept as a ratio for every row, and worked out anew after each round. The engine has the last word: a
round that makes its errors worse is taken back.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.catalog import load_device, load_stack, stack_names
from sim.catalog.data_files import read_data
from sim.catalog.loader import own_figures
from sim.catalog.writer import write_figures
from sim.errors import DoesNotFit, InputError, unknown_name
from sim.hardware.network import Network
from sim.machines import Prepared
from sim.prepare import prepare_as_measured
from sim.simulate import simulate_prepared
from sim.validation.cases import Case, case_of
from sim.validation.roles import role_of
from sim.validation.table import read_tables
from sim.validation.tuning import settled

_SOFT = 0.05
"""Relative error beyond which a row's pull falls (the scale of a Cauchy loss)."""
_ROUNDS = 4
_SMALL = 0.005
"""Of a constant's range: a smaller move ends the search."""
_INSIDE = 1e-6
"""Of a constant's range: the search starts this far inside it."""
_NOT_CONSTANTS = ("stacks", "shared_with", "source", "edge")
_MOST_EVALUATIONS = 12


@dataclass(frozen=True, slots=True)
class Free:
    """One constant to be fitted: its field of the record (and its key there), start and physical range."""

    path: tuple[str, ...]
    start: float
    low: float
    high: float

    @property
    def name(self) -> str:
        """As files have it: "table.key" inside a table of figures."""
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class FitPlan:
    """What is fitted, and on what.

    name: of the stack or device. kind: "stacks" or "devices". shared_with: devices that take the same values.
    cases: fit rows, their open settings chosen. source: what the fitted figures cite.
    """

    name: str
    kind: str
    shared_with: tuple[str, ...]
    free: tuple[Free, ...]
    cases: tuple[Case, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """Values that were found, and the error that they leave on the rows they were fitted on (no validation)."""

    plan: FitPlan
    values: dict[str, float]
    mean_absolute_error: float
    mean_absolute_error_before: float

    @property
    def at_the_edge(self) -> list[str]:
        """Constants that ended at the edge of their physical range."""
        near = 1e-3
        return [
            one.name
            for one in self.plan.free
            if min(self.values[one.name] - one.low, one.high - self.values[one.name]) < near * (one.high - one.low)
        ]


def fit_plan(name: str) -> FitPlan:
    """What fits.toml says of a stack or device. Raises InputError for a name that it does not list."""
    table = _fits()
    kind = next((kind for kind in table if name in table[kind]), None)
    if kind is None:
        raise unknown_name("scaletax fit", "stack or device with fitted constants", name, fitted_names())
    entry = table[kind][name]
    stacks = entry.get("stacks", [one for one in stack_names() if name in _line(one)])
    cases = _scored(case for case in fit_cases() if case.scenario.system.stack in stacks)
    names = (name, *entry.get("shared_with", ()))
    if kind == "devices":
        cases = [case for case in cases if prepare_as_measured(case.scenario).parts[0].device.name in names]
    if not cases:
        raise InputError(f"scaletax fit {name}", "it has no fit rows", "see docs/validation.md for the rule of roles")
    record = load_stack(name) if kind == "stacks" else load_device(name)
    ranges = {tuple(key.split(".", 1)): bounds for key, bounds in entry.items() if key not in _NOT_CONSTANTS}
    free = tuple(Free(path, _value(record, path), float(low), float(high)) for path, (low, high) in ranges.items())
    return FitPlan(name, kind, tuple(entry.get("shared_with", ())), free, tuple(cases), entry["source"])


def _scored(cases: Iterable[Case]) -> list[Case]:
    """Those of which some plan fits, with their open settings chosen."""
    chosen = []
    for case in cases:
        with contextlib.suppress(DoesNotFit):
            chosen.append(settled(case)[0])
    return chosen


def fitted_names() -> list[str]:
    """Everything that can be fitted."""
    return sorted(name for kind in _fits().values() for name in kind)


@functools.cache
def fit_cases() -> tuple[Case, ...]:
    """All rows that constants may be fitted on."""
    cases = [case_of(row) for row in read_tables().rows]
    return tuple(case for case in cases if isinstance(case, Case) and role_of(case) == "fit")


def fit(plan: FitPlan) -> Fitted:
    """Fit. Deterministic: the same rows and starts give the same values."""
    problem = _Problem(plan)
    start = np.array([one.start for one in plan.free])
    best = np.clip(start, problem.low, problem.high)
    errors = before = problem.engine_errors(best)
    for _ in range(_ROUNDS):
        candidate = problem.least_squares(best, errors)
        change = float(np.max(np.abs(candidate - best) / (problem.high - problem.low)))
        # What the engine finds beside the closed form moves too: where that makes the whole step worse, go half of it.
        for share in (1.0, 0.5):
            nearer = best + share * (candidate - best)
            found = problem.engine_errors(nearer)
            if _cost(found) < _cost(errors):
                best, errors = nearer, found
                break
        else:
            break
        if change < _SMALL:
            break
    # Four digits: more than the rows can tell.
    values = {one.name: float(f"{value:.4g}") for one, value in zip(plan.free, best, strict=True)}
    return Fitted(plan, values, _mean_absolute(errors), _mean_absolute(before))


class _Problem:
    """The rows of a fit, and their errors: logarithms of simulated over measured step time."""

    def __init__(self, plan: FitPlan) -> None:
        self.plan = plan
        self.measured = np.array([case.step_time_s for case in plan.cases])
        self.prepared = [prepare_as_measured(case.scenario) for case in plan.cases]
        self.networks = [Network(one.parts[0].topology) for one in self.prepared]
        self.low, self.high = (np.array([getattr(one, side) for one in plan.free]) for side in ("low", "high"))

    def engine_errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """By the engine."""
        times = [simulate_prepared(_changed(one, self.plan, values)).step_time_s for one in self.prepared]
        return np.asarray(np.log(np.array(times) / self.measured))

    def quick_errors(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """By the closed form where there is one."""
        rows = zip(self.prepared, self.networks, strict=True)
        changed = ((_changed(one, self.plan, values), network) for one, network in rows)
        times = [one.kind.closed_form_s(one, network) for one, network in changed]
        return np.asarray(np.log(np.array(times) / self.measured))

    def least_squares(self, near: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
        """The best values by the closed form, with what the engine finds beside it near some values."""
        from scipy.optimize import least_squares

        beside = errors - self.quick_errors(near)
        inside = np.clip(
            near, self.low + _INSIDE * (self.high - self.low), self.high - _INSIDE * (self.high - self.low)
        )
        result = least_squares(
            lambda values: self.quick_errors(values) + beside,
            inside,
            bounds=(self.low, self.high),
            x_scale=np.maximum(np.abs(near), 1e-3 * (self.high - self.low)),
            loss="cauchy",
            f_scale=_SOFT,
            max_nfev=_MOST_EVALUATIONS,
        )
        return np.asarray(result.x)


def _cost(errors: NDArray[np.float64]) -> float:
    """The Cauchy loss that is made least."""
    return float(np.sum(np.log1p((errors / _SOFT) ** 2)))


def note_of(found: Fitted) -> str:
    """How the values were found, for the note of each figure."""
    stacks = sorted({case.scenario.system.stack for case in found.plan.cases})
    rows = len(found.plan.cases)
    return (
        f"scaletax fit {found.plan.name}: least squares on the logarithm of simulated over measured step time, on the"
        f" {rows} row{'s' if rows > 1 else ''} with role fit of {', '.join(stacks)}"
    )


def write_fit(found: Fitted, date: str) -> list[Path]:
    """Write the values into the catalogue's files, with how they were found; return the files.

    Raises InputError where the catalogue cannot be written to, as in an installed package.
    """
    folder = Path(str(resources.files("sim.catalog"))) / found.plan.kind
    paths = [folder / f"{name}.toml" for name in (found.plan.name, *found.plan.shared_with)]
    for path in paths:
        try:
            write_figures(path, found.values, found.plan.source, date, note_of(found))
        except OSError as error:
            raise InputError(str(path), f"cannot write it: {error.strerror}", "fit in a checkout") from error
    return paths


def _changed(prepared: Prepared, plan: FitPlan, values: Sequence[float] | NDArray[np.float64]) -> Prepared:
    """The same with constants changed: of its stack where it has no value of its own, or of its device."""
    wanted = {one: float(value) for one, value in zip(plan.free, values, strict=True)}
    if plan.kind == "stacks":
        stack = prepared.stack.name
        inherited = {one: value for one, value in wanted.items() if not _overrides(stack, plan.name, one.path[0])}
        return dataclasses.replace(prepared, stack=_with(prepared.stack, inherited))
    parts = tuple(dataclasses.replace(part, device=_with(part.device, wanted)) for part in prepared.parts)
    return dataclasses.replace(prepared, parts=parts)


def _with(record: Any, values: Mapping[Free, float]) -> Any:
    """A record with fields changed, or entries of its tables."""
    changes: dict[str, Any] = {}
    for one, value in values.items():
        field, *key = one.path
        changes[field] = {**changes.get(field, getattr(record, field)), key[0]: value} if key else value
    return dataclasses.replace(record, **changes)


def _value(record: Any, path: tuple[str, ...]) -> float:
    found = getattr(record, path[0])
    return float(found[path[1]] if path[1:] else found)


@functools.cache
def _line(stack: str) -> tuple[str, ...]:
    """A stack, its base, the base's base, ..."""
    base = own_figures(stack).get("base")
    return (stack, *(_line(base) if base else ()))


def _overrides(stack: str, base: str, field: str) -> bool:
    """Whether a stack between `stack` and its base has a value of its own for a constant."""
    line = _line(stack)
    between = line[: line.index(base)] if base in line else ()
    return any(field in own_figures(one) for one in between)


def _fits() -> dict[str, dict[str, dict[str, Any]]]:
    return read_data("fits", "sim.validation")


def _mean_absolute(log_ratios: NDArray[np.float64]) -> float:
    return float(np.mean(np.abs(np.expm1(log_ratios))))
