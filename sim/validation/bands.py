"""Error bands from predictions of sources that were left out: classes of situations, half-widths, what they hold.

A band is to hold the measured value of somebody who is no source yet. So nothing is calibrated on rows that a constant
was fitted on: every error is of a source without which everything was fitted (sim/validation/unseen.py), and the band
that a source is held to is made of the other sources alone. Rows of one source share their cause, so every source
weighs the same, however many rows it has.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import numpy as np
from numpy.typing import NDArray

from sim.catalog import load_device
from sim.catalog.accuracy import HELD, Compared, Coverage, ErrorClass, Evidence, Selection, Situation, class_of
from sim.machines import kind_of
from sim.outcome.confidence import Facts, standing, together
from sim.validation.unseen import Prediction, Unseen

Errors = NDArray[np.float64]
_FEWEST_SOURCES = 10
"""Of a class: with as many, two lie outside its band. With fewer its edge would rest on one source."""
_FEWEST_PLANS = 4
"""Different plans of one job, for the fastest of them to be a choice."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Scored:
    """The prediction of a row of a source that was left out, and where it stands. error: ln(predicted / measured)."""

    source: str
    situation: Situation
    error: float


def evidence_of(rows: Sequence[Unseen]) -> Evidence:
    """Everything that rows of sources that were left out say about predictions."""
    compared = compared_of(rows)
    steps = scored(rows, compared, lambda one: one.error)
    memory = scored(rows, compared, lambda one: one.memory_error)
    classes = classes_of(steps)
    return Evidence(
        compared=compared,
        classes=classes,
        memory=classes_of(memory),
        memory_sources=len({one.source for one in memory}),
        selection=selection_of(rows),
        coverage=coverage_of(steps, classes),
    )


def facts_of_row(row: Unseen, stack: str) -> Facts:
    """What says which other rows are like one. stack: that it is predicted with."""
    return Facts(
        machine=kind_of(load_device(row.device)).label,
        devices=(row.device,),
        device_count=row.devices,
        devices_per_node=row.devices_per_node,
        stack=stack,
        parameters=row.parameters,
        sequence=row.sequence,
        global_batch=row.global_batch,
        precision=row.precision,
        optimizer=row.optimizer,
    )


def compared_of(rows: Iterable[Unseen]) -> tuple[Compared, ...]:
    """What each listed source compares, stack by stack."""
    found: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for row in rows:
        if row.named is not None:
            found[row.named.stack, row.source].append(_compared(row, row.named.stack))
    return tuple(one for key in sorted(found) if (one := together(found[key])) is not None)


def _compared(row: Unseen, stack: str) -> Compared:
    """One row as what it compares."""
    return Compared(
        stack=stack,
        sources=(row.source,),
        rows=1,
        devices=(row.device,),
        parameters=(row.parameters, row.parameters),
        device_count=(row.devices, row.devices),
        sequence=(row.sequence, row.sequence),
        global_batch=(row.global_batch, row.global_batch),
        precisions=(row.precision,),
        optimizers=(row.optimizer,),
    )


def scored(
    rows: Iterable[Unseen], compared: Sequence[Compared], error: Callable[[Prediction], float | None]
) -> list[Scored]:
    """Both predictions of every row, where there are some and another source compares something like it."""
    found = []
    for row in rows:
        for prediction, is_guessed in ((row.named, False), (row.guessed, True)):
            value = None if prediction is None else error(prediction)
            if prediction is None or value is None:
                continue
            facts = facts_of_row(row, prediction.stack)
            place = standing(facts, compared, is_guessed=is_guessed, without=row.source).situation
            if place is not None:
                found.append(Scored(row.source, place, math.log1p(value)))
    return found


def classes_of(predictions: Sequence[Scored]) -> tuple[ErrorClass, ...]:
    """Every situation of at least ten sources, and the widest one, where its band can be made without any of them."""
    members: dict[Situation, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in predictions:
        for situation in one.situation.wider:
            members[situation][one.source].append(abs(one.error))
    found = [
        _class(situation, {source: np.array(errors) for source, errors in sorted(by_source.items())})
        for situation, by_source in members.items()
        if len(by_source) >= _FEWEST_SOURCES or situation == Situation()
    ]
    finite = [one for one in found if all(map(math.isfinite, (one.half_width, *one.without.values())))]
    return tuple(sorted(finite, key=lambda one: one.situation.rank))


def _class(situation: Situation, by_source: Mapping[str, Errors]) -> ErrorClass:
    without = {
        source: half_width([errors for other, errors in by_source.items() if other != source]) for source in by_source
    }
    return ErrorClass(situation, sum(map(len, by_source.values())), half_width(list(by_source.values())), without)


def half_width(errors: Sequence[Errors]) -> float:
    """The absolute error that 80 % of the rows of one more source stay within; infinity where too few sources say so.

    errors: of each source, (R,) absolute. It is a quantile of all errors, every source weighing the same. Its level is
    the one at which the same quantile of the others would have held 80 % of each source that is left out in turn: a
    conformal band over groups of rows (Lee, Barber and Willett 2023, Distribution-free inference with hierarchical
    data), with its correction for few sources taken from the sources themselves instead of the worst case.

    Hand-worked: ten sources of one row each, errors 1 to 10. The r-th smallest needs level r / 9 of the others, 80 % of
    them 8 / 9, which of all ten is the ninth, 9: what (n + 1) x 80 % = 8.8 says as well.
    """
    if len(errors) < 2:
        return math.inf
    needed = [_level_of(one, [*errors[:index], *errors[index + 1 :]]) for index, one in enumerate(errors)]
    return _quantile(errors, _quantile(needed, HELD))


def _level_of(own: Errors, others: Sequence[Errors]) -> Errors:
    """(R,) the level at which a quantile of other sources' errors reaches each of a source's own; infinite for none."""
    values, shares = _pooled(others)
    at = np.searchsorted(values, own)
    return np.where(at < len(values), shares[np.minimum(at, len(values) - 1)], np.inf)


def _quantile(of_sources: Sequence[Errors], level: float) -> float:
    """The smallest value that a share of all reaches, every source weighing the same."""
    values, shares = _pooled(of_sources)
    at = int(np.searchsorted(shares, level - _ROUNDING))
    return float(values[at]) if at < len(values) else math.inf


def _pooled(of_sources: Sequence[Errors]) -> tuple[Errors, Errors]:
    """All values in order, and up to each the share of sources that stay within it."""
    values = np.concatenate(of_sources)
    weights = np.concatenate([np.full(len(one), 1.0 / (len(one) * len(of_sources))) for one in of_sources])
    order = np.argsort(values, kind="stable")
    return values[order], np.cumsum(weights[order])


def coverage_of(predictions: Sequence[Scored], classes: Sequence[ErrorClass]) -> tuple[Coverage, ...]:
    """What bands of the other sources hold: of everything, of named and of guessed stacks, of machines, class by class.

    A prediction counts for the class that its band is from.
    """
    held: dict[tuple[Situation, bool], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in predictions:
        found = class_of(classes, one.situation)
        if found is None:
            continue
        is_held = float(abs(one.error) <= found.half_width_for(one.source) + _ROUNDING)
        machine, stack = one.situation.machine, one.situation.stack
        for whole in (Situation(), Situation(machine), Situation(machine, stack)):
            held[whole, False][one.source].append(is_held)
        held[found.situation, True][one.source].append(is_held)
    return tuple(_coverage(*key, held[key]) for key in sorted(held, key=lambda key: (key[1], key[0].rank)))


def _coverage(of: Situation, is_class: bool, held: Mapping[str, Sequence[float]]) -> Coverage:
    every = [one for of_source in held.values() for one in of_source]
    return Coverage(of, is_class, len(every), len(held), fmean(every), fmean(map(fmean, held.values())))


def selection_of(rows: Iterable[Unseen]) -> Selection | None:
    """How much more optimistic the plan predicted fastest is than all plans that a source ran of one job.

    A job: one stack, model, sequence, batch and number of devices. Settings that were chosen for a row are no choice
    among measured plans, so such rows do not count. How errors of plans scatter within a job is in every class already,
    and the fastest plan's scatter no more than the others', so that only what moves a whole source is added.
    """
    jobs: dict[tuple[object, ...], list[tuple[Unseen, Prediction]]] = defaultdict(list)
    for row in rows:
        if row.named is not None and not row.settings_chosen:
            size = (row.devices, row.parameters, row.sequence, row.global_batch, row.precision)
            jobs[row.source, row.named.stack, row.device, *size].append((row, row.named))
    several = [job for job in jobs.values() if len({row.plan for row, _ in job}) >= _FEWEST_PLANS]
    shifts: dict[str, list[float]] = defaultdict(list)
    for job in several:
        fastest = min((one for _, one in job), key=lambda one: one.predicted_s)
        mean = fmean(math.log1p(one.error) for _, one in job)
        shifts[job[0][0].source].append(math.log1p(fastest.error) - mean)
    if not shifts:
        return None
    machines = {kind_of(load_device(row.device)).label for job in several for row, _ in job}
    assert len(machines) == 1, "searches are of one kind of machine"
    means = [fmean(of_source) for of_source in shifts.values()]
    rows_in_all, most = sum(map(len, several)), max(map(len, several))
    return Selection(machines.pop(), fmean(means), pstdev(means), len(several), rows_in_all, most, len(shifts))
