"""Fits all constants of stacks and devices at once to published step times, on fit rows only.

The most probable constants by pooling.py. How a row's error follows its constants is worked out by the closed form, a
little step along each; the errors themselves are the engine's, which has the last word: a round that makes all of it
less probable is halved, then taken back.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sim.catalog.writer import write_figures
from sim.errors import DoesNotFit, InputError
from sim.hardware.network import Network
from sim.machines import Prepared
from sim.prepare import prepare_as_measured
from sim.processes import mapped
from sim.validation.cases import Case, case_of
from sim.validation.constants import Constant, active_in, changed, cited, constants, families, half_width, present
from sim.validation.labels import label_of
from sim.validation.pooling import Linear, Numbers, Priors, common_values, distance, misfit, most_probable, row_weights
from sim.validation.roles import role_of
from sim.validation.table import read_tables
from sim.validation.tuning import settled

_ROUNDS = 4
_STEPS = 8
"""Of the closed form in each round of the engine."""
_SHARES = (1.0, 0.5, 0.25)
_LIKELIER = 0.01
"""Of the logarithm of how probable everything is: where a round gains less, the search ends."""
_FAR, _A_GOOD_PART = 0.005, 0.3
"""What a row is reckoned along its slopes for at most: a change of its time, and of a constant in standard deviations,
whose slope may be none where something else is the slower."""
_LITTLE = 0.02
"""The step, in the same, along which slopes are taken."""


class Worked(NamedTuple):
    """A row worked out at some values: its error, and how fast it follows each (distances of constants.py).

    closed_s: by the closed form there, for errors elsewhere.
    """

    error: float
    closed_s: float
    near: dict[Constant, float]
    slopes: dict[Constant, float]

    def reckoned(self, here: Mapping[Constant, float]) -> float:
        """Its error elsewhere, along its slopes."""
        return self.error + sum(slope * (here[one] - self.near[one]) for one, slope in self.slopes.items())

    def is_far_from(self, here: Mapping[Constant, float]) -> bool:
        """Whether its slopes will not do there: its time moves by more than a little, or a constant by a good part."""
        moved = max((abs(here[one] - at) for one, at in self.near.items()), default=0.0)
        return abs(self.reckoned(here) - self.error) > _FAR or moved > _A_GOOD_PART


class _Asked(NamedTuple):
    """A row to be worked out at some distances of all constants. known: where the closed form leads there from."""

    case: Case
    distances: dict[Constant, float]
    known: Worked | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was found. cases and rows: the fit rows, and what they are at these values. before: their first errors.

    values: in the units of the files, rounded to what files hold. Errors on these rows are no validation.
    """

    cases: tuple[Case, ...]
    rows: tuple[Worked, ...]
    before: tuple[float, ...]
    distances: dict[Constant, float]

    @property
    def values(self) -> dict[Constant, float]:
        """The constants, to four digits: more than the rows can tell."""
        return rounded(self.distances)

    @property
    def mean_absolute_before(self) -> float:
        """Mean absolute error of the rows before."""
        return _mean_absolute(self.before)

    @property
    def mean_absolute(self) -> float:
        """Mean absolute error of the rows now."""
        return _mean_absolute([row.reckoned(self.distances) for row in self.rows])

    @property
    def common(self) -> tuple[float, ...]:
        """The common value of each family; a share where the family has a unit."""
        found = common_values(_vector(self.distances), priors())
        return tuple(family.value(one) for family, one in zip(families(), found, strict=True))


def rounded(distances: Mapping[Constant, float]) -> dict[Constant, float]:
    """Values in the units of the files."""
    return {one: float(f"{one.value(at):.4g}") for one, at in distances.items()}


@functools.cache
def fit_cases() -> tuple[Case, ...]:
    """All rows that constants may be fitted on, as the tables have them."""
    cases = [case_of(row) for row in read_tables().rows]
    return tuple(case for case in cases if isinstance(case, Case) and role_of(case) == "fit")


def scored(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Those of which some plan fits, with their open settings chosen."""
    chosen = []
    for case in cases:
        with contextlib.suppress(DoesNotFit):
            chosen.append(settled(case)[0])
    return tuple(chosen)


def fit(cases: Sequence[Case], jobs: int = 1, start: Mapping[Constant, float] | None = None) -> Fitted:
    """Fit to rows whose open settings are chosen. start: values to begin at, the catalogue's where none are given.

    Deterministic, whatever `jobs`: the same rows and starts give the same values.
    """
    begin = present() if start is None else start
    here = {one: one.standardised(begin[one]) for one in constants()}
    rows = work_out(cases, here, jobs)
    before = tuple(row.error for row in rows)
    sources = [label_of(case.row.source) for case in cases]
    for _ in range(_ROUNDS):
        aim = approach(cases, rows, here)
        now = _improbable(rows, sources, here)
        for share in _SHARES:
            nearer = {one: here[one] + share * (aim[one] - here[one]) for one in here}
            found = work_out(cases, nearer, jobs, rows)
            if _improbable(found, sources, nearer) < now:
                break
        else:
            break
        gain = now - _improbable(found, sources, nearer)
        here, rows = nearer, found
        if gain < _LIKELIER:
            break
    return Fitted(tuple(cases), rows, before, here)


def step(rows: Sequence[Worked], sources: list[str], here: Mapping[Constant, float]) -> dict[Constant, float]:
    """The most probable distances as far as rows worked out nearby can tell. sources: of each row."""
    found = most_probable(_linear(rows, sources), priors(), _vector(here), half_width())
    return dict(zip(constants(), map(float, found), strict=True))


def approach(cases: Sequence[Case], rows: Sequence[Worked], here: Mapping[Constant, float]) -> dict[Constant, float]:
    """The most probable distances by the closed form, from rows that the engine worked out nearby."""
    sources = [label_of(case.row.source) for case in cases]
    found = dict(here)
    for _ in range(_STEPS):
        aim, least = step(rows, sources, found), _improbable(rows, sources, found)
        for share in _SHARES:
            nearer = {one: at + share * (aim[one] - at) for one, at in found.items()}
            # Rows are so quick here that starting processes would take longer.
            tried = work_out(cases, nearer, 1, rows, engine=False)
            now = _improbable(tried, sources, nearer)
            if now < least:
                break
        else:
            break
        found, rows = nearer, tried
        if least - now < _LIKELIER:
            break
    return found


def work_out(
    cases: Sequence[Case],
    here: Mapping[Constant, float],
    jobs: int = 1,
    known: Sequence[Worked] | None = None,
    *,
    engine: bool = True,
) -> tuple[Worked, ...]:
    """Every row at some distances; of those that are known nearby only the ones that are now too far off.

    engine: False where the closed form will do from there on, with what the engine found beside it.
    """
    if known is None:
        return tuple(mapped(_work_out, [_Asked(case, dict(here)) for case in cases], jobs))
    asked = [_Asked(case, dict(here), None if engine else row) for case, row in zip(cases, known, strict=True)]
    stale = [index for index, row in enumerate(known) if row.is_far_from(here)]
    found = list(known)
    for index, row in zip(stale, mapped(_work_out, [asked[index] for index in stale], jobs), strict=True):
        found[index] = row
    return tuple(found)


def priors() -> Priors:
    """Of all constants."""
    bounds = [families()[one.family].bounds for one in constants()]
    low, high = (np.array(ends) for ends in zip(*bounds, strict=True))
    return Priors(np.array([one.family for one in constants()]), low, high)


def _work_out(asked: _Asked) -> Worked:
    prepared = prepare_as_measured(asked.case.scenario)
    near = {one: asked.distances[one] for one in active_in(prepared)}
    values = {one: one.value(at) for one, at in near.items()}
    network = Network(prepared.parts[0].topology)
    base_s = _closed_form_s(changed(prepared, values), network)
    if asked.known is None:
        error = float(np.log(changed(prepared, values).trace.step_time_s / asked.case.step_time_s))
    else:
        error = asked.known.error + float(np.log(base_s / asked.known.closed_s))
    slopes = {}
    for one, at in near.items():
        # Towards the middle, so that no step leaves the range.
        little = -_LITTLE if at > 0 else _LITTLE
        other_s = _closed_form_s(changed(prepared, {**values, one: one.value(at + little)}), network)
        slopes[one] = float(np.log(other_s / base_s)) / little
    return Worked(error, base_s, near, slopes)


def _closed_form_s(prepared: Prepared, network: Network) -> float:
    return prepared.kind.closed_form_s(prepared, network)


def _linear(rows: Sequence[Worked], sources: list[str]) -> Linear:
    slopes, near = (np.zeros((len(rows), len(constants()))) for _ in range(2))
    for index, row in enumerate(rows):
        for one, slope in row.slopes.items():
            slopes[index, _places()[one]], near[index, _places()[one]] = slope, row.near[one]
    return Linear(np.array([row.error for row in rows]), slopes, near, row_weights(sources))


def _improbable(rows: Sequence[Worked], sources: list[str], here: Mapping[Constant, float]) -> float:
    values = _vector(here)
    errors = np.array([row.reckoned(here) for row in rows])
    return misfit(errors, row_weights(sources), half_width()) + distance(
        values, common_values(values, priors()), priors()
    )


def _vector(here: Mapping[Constant, float]) -> Numbers:
    return np.array([here[one] for one in constants()])


@functools.cache
def _places() -> dict[Constant, int]:
    return {one: index for index, one in enumerate(constants())}


def movers(found: Fitted, constant: Constant) -> Counter[str]:
    """Stack -> its fit rows that move a constant."""
    stacks = [case.stack for case in found.cases]
    return Counter(str(stack) for stack, row in zip(stacks, found.rows, strict=True) if constant in row.near)


def note_of(found: Fitted, constant: Constant) -> str:
    """How a value was found, for the note of the figure."""
    own = movers(found, constant)
    family = families()[constant.family].name
    pooled = f"scaletax fit: pooled with the family '{family}'"
    if not own:
        return f"{pooled}, whose common value it takes: no row with role fit depends on it"
    rows = sum(own.values())
    return f"{pooled}, on the {rows} row{'s' if rows > 1 else ''} with role fit of {', '.join(sorted(own))}"


def write_fit(found: Fitted, date: str) -> list[Path]:
    """Write the values into the catalogue's files, with how they were found; return the files.

    Raises InputError where the catalogue cannot be written to, as in an installed package.
    """
    folder = Path(str(resources.files("sim.catalog")))
    written: list[Path] = []
    for constant, value in found.values.items():
        for name in (constant.name, *constant.follow):
            path = folder / constant.kind / f"{name}.toml"
            try:
                write_figures(path, {constant.label: value}, cited(constant.name), date, note_of(found, constant))
            except OSError as error:
                raise InputError(str(path), f"cannot write it: {error.strerror}", "fit in a checkout") from error
            written.append(path)
    return sorted(set(written))


def _mean_absolute(log_ratios: Sequence[float]) -> float:
    return float(np.mean(np.abs(np.expm1(log_ratios))))
