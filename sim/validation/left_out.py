"""Leaves out one source after the other: all constants fitted without it, then its rows predicted.

What one team measured is one source (labels.py). Its rows are predicted with the stack that it is listed with (its
constants without the source: where nothing else speaks of them, the common values of their families), and with the
stack that the rules at the end of sources.toml give a source that nobody has listed; stacks that only this source ran
are passed over there. What else is known of a source stays: its network, its models, what is taken for its blanks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from sim.errors import InputError, ScaletaxError
from sim.machines import Prepared
from sim.processes import mapped
from sim.validation.cases import Case, case_of
from sim.validation.compare import MOST_PASSES, length_of, measured_bytes, passes_of
from sim.validation.constants import Constant, Values, changed
from sim.validation.conventions import convention_of, guessed_stack
from sim.validation.fitting import Fitted, approach, rounded
from sim.validation.labels import origin_of
from sim.validation.obstacles import Unsupported
from sim.validation.table import Row, read_tables
from sim.validation.tuning import settled
from sim.validation.unseen import Prediction, Unseen
from sim.workload.parameters import count_parameters

_GIB = 2.0**30
_DIGITS = 6


class _Task(NamedTuple):
    """A source to be left out of a fit."""

    found: Fitted
    source: str


class _Question(NamedTuple):
    """A row to be predicted, with what is fitted without its source.

    named: whether its source is listed with a stack. guess: the stack that an unknown source would get; None where no
    rule gives one.
    """

    row: Row
    named: bool
    guess: str | None
    values: Values


def leave_out_each(
    found: Fitted | None, jobs: int = 1, progress: Callable[[int], object] = lambda total: None
) -> tuple[Unseen, ...]:
    """Every row that can be predicted, without its source, in the order of the tables; the same whatever `jobs`.

    found: the fit to all fit rows; without one the constants stay as the catalogue has them. progress: called after
    each row with how many there are.
    """
    cases = [case for case in map(case_of, read_tables().rows) if isinstance(case, Case)]
    sources = sorted({origin_of(case.row.source) for case in cases})
    values: dict[str, Values] = {source: {} for source in sources}
    if found is not None:
        tasks = [_Task(found, source) for source in sources]
        values = dict(zip(sources, mapped(_constants_without, tasks, jobs), strict=True))
    ran = _sources_of_stacks(cases)
    questions = [_question(case, ran, values[origin_of(case.row.source)]) for case in cases]
    # The longest first, so that no process is left with one of them at the end.
    order = sorted(range(len(cases)), key=lambda index: (-length_of(cases[index]), index))
    answers: dict[int, Unseen | None] = {}
    for index, answer in zip(order, mapped(_answer, [questions[index] for index in order], jobs), strict=True):
        answers[index] = answer
        progress(len(cases))
    return tuple(one for index in range(len(cases)) if (one := answers[index]) is not None)


def _constants_without(task: _Task) -> dict[Constant, float]:
    """What is fitted without any row of one source, from the full fit on.

    The full fit has every row's error and slopes; what leaving out moves beyond them is found by the closed form.
    """
    kept = [index for index, case in enumerate(task.found.cases) if origin_of(case.row.source) != task.source]
    cases, rows = [task.found.cases[index] for index in kept], [task.found.rows[index] for index in kept]
    return rounded(approach(cases, rows, task.found.distances))


def _sources_of_stacks(cases: Sequence[Case]) -> dict[str, set[str]]:
    """Stack -> the listed sources that ran it."""
    found: dict[str, set[str]] = {}
    for case in cases:
        if case.known:
            found.setdefault(case.stack, set()).add(origin_of(case.row.source))
    return found


def _question(case: Case, ran: Mapping[str, set[str]], values: Values) -> _Question:
    only = [stack for stack, sources in ran.items() if sources == {origin_of(case.row.source)}]
    guess = None
    with contextlib.suppress(InputError):
        guess = guessed_stack(case.row, only)
    return _Question(case.row, case.known, guess, values)


def _answer(question: _Question) -> Unseen | None:
    """A row and what is predicted for it; None where neither stack can run it."""
    row, values = question.row, question.values
    named = _predicted(case_of(row), values) if question.named else None
    guessed = None
    if question.guess is not None:
        same = named is not None and named[3].stack == question.guess
        guessed = named if same else _predicted(case_of(row, question.guess), values)
    shown = named or guessed
    if shown is None:
        return None
    return _record(*shown[:3], *(one and one[3] for one in (named, guessed)))


def _predicted(case: Case | Unsupported, values: Values) -> tuple[Case, Prepared, bool, Prediction] | None:
    """One prediction of a row, with its open settings chosen by the same constants; None where it cannot be made."""
    if isinstance(case, Unsupported):
        return None
    try:
        whole, prepared = settled(case, lambda one: changed(one, values))
        if passes_of(prepared) > MOST_PASSES:
            return None
        time_s = prepared.trace.step_time_s
    except ScaletaxError:
        return None
    measured = case.row.memory_GiB
    needs_GiB = measured_bytes(prepared.memory, convention_of(case.row).memory) / _GIB  # noqa: N806
    memory_error = round(needs_GiB / measured - 1.0, _DIGITS) if measured else None
    error = round(time_s / case.step_time_s - 1.0, _DIGITS)
    prediction = Prediction(prepared.stack.name, float(f"{time_s:.6g}"), error, memory_error)
    return whole, prepared, bool(case.open), prediction


def _record(
    case: Case, prepared: Prepared, chosen: bool, named: Prediction | None, guessed: Prediction | None
) -> Unseen:
    scenario, plan = prepared.scenario, prepared.plan
    training, asked = scenario.training, plan.request()
    return Unseen(
        id=case.row.id,
        source=origin_of(case.row.source),
        device=prepared.parts[0].device.name,
        devices=scenario.system.devices,
        devices_per_node=prepared.domains[0],
        parameters=count_parameters(scenario.model).total,
        sequence=training.sequence,
        global_batch=training.global_batch,
        precision=training.precision,
        optimizer=training.optimizer,
        plan=plan.summary(),
        tensor=asked.tensor or 1,
        pipeline=asked.pipeline or 1,
        data=asked.data or plan.devices,
        zero=asked.zero or 0,
        settings_chosen=chosen,
        measured_s=case.step_time_s,
        measured_memory_GiB=case.row.memory_GiB,
        named=named,
        guessed=guessed,
    )
