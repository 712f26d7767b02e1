"""What a comparison says about the simulator as a whole: errors by source and stack, targets, series, worst rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sim.validation.compare import Comparison, Validation
from sim.validation.errors import Errors, memory_errors, step_errors
from sim.validation.labels import label_of
from sim.validation.roles import Role
from sim.validation.scaling import Series, series_of
from sim.validation.targets import Target, headline, targets

_MOST_WORST = 10
_MOST_LINES = 3
_REASONS: tuple[tuple[str, str], ...] = (
    (r"the device '.*' is not in the catalogue", "the device is not in the catalogue"),
    (r"precision .* is not simulated yet", "precisions other than bf16 and fp16 are not simulated yet"),
    (r"the source does not say ", "the source does not say shape, devices or batch"),
    (r".* is no decoder-only language model", "no decoder-only language model"),
)
"""Reasons that differ from row to row only in a name."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one source: those that can be simulated, by role, in this run or not, and those that cannot."""

    check: int = 0
    fit: int = 0
    not_simulated: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Errors of the rows of one source or one stack. known: whether the source is listed with its stack.

    errors: of the step time. memory: of the peak memory, where it was measured.
    """

    name: str
    known: bool
    counts: Counts
    errors: Errors | None
    memory: Errors | None


@dataclass(frozen=True, slots=True)
class Worst:
    """One of the rows that are furthest off, and what its predicted step is made of.

    lines: the largest ledger lines but the useful one, with their shares of the device-seconds.
    """

    row: str
    source: str
    stack: str
    model: str
    devices: int
    plan: str
    error: float
    lines: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """Everything that is said of a comparison. Errors, targets and series are over the rows of one role."""

    role: Role
    simulated: int
    sources: tuple[Group, ...]
    stacks: tuple[Group, ...]
    headline: Errors | None
    targets: tuple[Target, ...]
    series: tuple[Series, ...]
    worst: tuple[Worst, ...]
    reasons: tuple[tuple[str, int], ...]
    """Why rows are not simulated, and how many, from the most frequent."""
    problems: tuple[str, ...]
    """What is wrong with rows that cannot be read."""


def summarise(validation: Validation, counts: Mapping[str, Counts] | None = None, role: Role = "check") -> Summary:
    """Say what a comparison shows over the rows of one role.

    counts: label of a source -> its rows, where rows beside the compared ones are to be counted too.
    """
    counted = [one for one in validation.comparisons if one.role == role]
    known = [one for one in counted if one.case.known]
    rows = counts or count_rows(validation)
    checks = counted if role == "check" else []
    return Summary(
        role=role,
        simulated=len(validation.comparisons),
        sources=_groups(counted, lambda one: label_of(one.row.source), rows),
        stacks=_groups(known, lambda one: one.stack, _by_stack(validation)),
        headline=headline(counted),
        targets=targets(checks) if checks else (),
        series=series_of(known),
        worst=tuple(_worst(one) for one in sorted(counted, key=lambda one: -abs(one.error))[:_MOST_WORST]),
        reasons=tuple(Counter(reason_words(one.reason) for one in validation.unsupported).most_common()),
        problems=tuple(str(problem) for problem in validation.problems),
    )


def count_rows(validation: Validation) -> dict[str, Counts]:
    """Label of a source -> its rows, over what was compared."""
    return counts_of(
        [(one.row.source, one.role) for one in validation.comparisons],
        [one.row.source for one in validation.unsupported],
    )


def counts_of(simulated: Sequence[tuple[str, Role]], others: Sequence[str]) -> dict[str, Counts]:
    """Label -> rows. simulated: (source, role) of each row that can be; others: source of each that cannot."""
    roles = Counter((label_of(source), role) for source, role in simulated)
    left_out = Counter(label_of(source) for source in others)
    labels = dict.fromkeys([*(label for label, _ in roles), *left_out])
    return {label: Counts(roles[label, "check"], roles[label, "fit"], left_out[label]) for label in labels}


def reason_words(reason: str) -> str:
    """A reason without the names that differ from row to row."""
    return next((words for pattern, words in _REASONS if re.match(pattern, reason)), reason)


def _by_stack(validation: Validation) -> dict[str, Counts]:
    roles = Counter((one.stack, one.role) for one in validation.comparisons)
    return {stack: Counts(roles[stack, "check"], roles[stack, "fit"]) for stack, _ in roles}


def _groups(
    comparisons: Sequence[Comparison], name: Callable[[Comparison], str], counts: Mapping[str, Counts]
) -> tuple[Group, ...]:
    """Groups with rows, by name; those of listed sources first."""
    members: dict[str, list[Comparison]] = {}
    for one in comparisons:
        members.setdefault(name(one), []).append(one)
    found = [
        Group(
            label,
            all(one.case.known for one in rows),
            counts.get(label, Counts()),
            step_errors(rows),
            memory_errors(rows),
        )
        for label, rows in members.items()
    ]
    return tuple(sorted(found, key=lambda group: (not group.known, group.name)))


def _worst(one: Comparison) -> Worst:
    lines = sorted(((line, share) for line, share in one.lines.items() if line != "useful"), key=lambda pair: -pair[1])
    system = one.case.scenario.system
    return Worst(
        row=one.row.id,
        source=label_of(one.row.source),
        stack=one.stack,
        model=one.row.model,
        devices=system.devices,
        plan=one.plan,
        error=one.error,
        lines=tuple(lines[:_MOST_LINES]),
    )
