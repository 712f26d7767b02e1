"""What a comparison says about the simulator as a whole: errors by source and stack, targets, series, worst rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sim.validation.cases import Case
from sim.validation.compare import Comparison, Validation
from sim.validation.errors import Errors, memory_errors, step_errors
from sim.validation.labels import label_of
from sim.validation.obstacles import Unsupported
from sim.validation.reach import Reach, reach_of
from sim.validation.recent import RecentErrors, Speedup, recent_errors, speedups
from sim.validation.roles import Role
from sim.validation.scaling import Series, series_of
from sim.validation.table import problem_lines
from sim.validation.targets import Target, headline, targets

_MOST_WORST = 10
_MOST_LINES = 3


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
class LeftOut:
    """Rows of one source that are not simulated or not scored for one reason."""

    source: str
    reason: str
    rows: int


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
    left_out: tuple[LeftOut, ...]
    """Rows that are not simulated or not scored."""
    problems: tuple[str, ...]
    """What is wrong with rows that cannot be read."""
    with_band: int = 0
    """Rows that have an error band, and how many of them lie inside."""
    inside: int = 0
    overall: Errors | None = None
    """Over all rows compared, of listed sources or not."""
    reach: tuple[Reach, ...] = ()
    """How many of the rows on dense training are simulated."""
    recent: tuple[RecentErrors, ...] = ()
    """Errors of today's training, group by group."""
    speedups: tuple[Speedup, ...] = ()

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """Why rows are not simulated or not scored, and how many, from the most frequent."""
        found: Counter[str] = Counter()
        for one in self.left_out:
            found[one.reason] += one.rows
        return found.most_common()


def summarise(
    validation: Validation, supported: Sequence[tuple[Case, Role]] | None = None, role: Role = "check"
) -> Summary:
    """Say what a comparison shows over the rows of one role.

    supported: every row that can be simulated with its role, where rows beside the compared ones are to be counted.
    """
    counted = [one for one in validation.comparisons if one.role == role]
    known = [one for one in counted if one.case.known]
    rows = [(one.case, one.role) for one in validation.comparisons] if supported is None else supported
    labels = [(label_of(case.row.source), its_role) for case, its_role in rows]
    stacks = [(case.stack, its_role) for case, its_role in rows if case.known]
    guessed = {label_of(case.row.source) for case, _ in rows if not case.known}
    left_out = [label_of(one.row.source) for one in validation.unsupported]
    series = series_of(known, [case for case, _ in rows if case.known])
    can = [case.row for case, _ in rows]
    reach = reach_of([*can, *(one.row for one in validation.unsupported)], validation.unsupported)
    return Summary(
        role=role,
        simulated=len(validation.comparisons),
        sources=_groups(counted, lambda one: label_of(one.row.source), _counts(labels, left_out), guessed),
        stacks=_groups(known, lambda one: one.stack, _counts(stacks)),
        headline=headline(counted),
        targets=targets(counted, series, reach) if role == "check" and counted else (),
        series=series,
        worst=tuple(_worst(one) for one in sorted(counted, key=lambda one: -abs(one.error))[:_MOST_WORST]),
        left_out=_left_out(validation.unsupported),
        problems=problem_lines(validation.problems),
        with_band=sum(one.is_inside is not None for one in counted),
        inside=sum(one.is_inside is True for one in counted),
        overall=step_errors(counted),
        reach=reach,
        recent=recent_errors(known, [case.row for case, _ in rows if case.known]),
        speedups=speedups(known),
    )


def _left_out(rows: Sequence[Unsupported]) -> tuple[LeftOut, ...]:
    """By source, and within a source from the most frequent reason."""
    found = Counter((label_of(one.row.source), one.general or one.reason) for one in rows)
    ordered = sorted(found, key=lambda pair: (pair[0].casefold(), -found[pair], pair[1]))
    return tuple(LeftOut(source, reason, found[source, reason]) for source, reason in ordered)


def _counts(rows: Sequence[tuple[str, Role]], left_out: Sequence[str] = ()) -> dict[str, Counts]:
    """Group -> its rows. rows: group and role of each that can be simulated; left_out: group of each that cannot."""
    roles, others = Counter(rows), Counter(left_out)
    names = dict.fromkeys([*(name for name, _ in rows), *left_out])
    return {name: Counts(roles[name, "check"], roles[name, "fit"], others[name]) for name in names}


def _groups(
    comparisons: Sequence[Comparison],
    name: Callable[[Comparison], str],
    counts: Mapping[str, Counts],
    guessed: Collection[str] = (),
) -> tuple[Group, ...]:
    """Groups with rows that can be simulated, in this run or not, by name; those of listed sources first."""
    members: dict[str, list[Comparison]] = {label: [] for label, one in counts.items() if one.check or one.fit}
    for one in comparisons:
        members.setdefault(name(one), []).append(one)
    found = [
        Group(label, label not in guessed, counts.get(label, Counts()), step_errors(rows), memory_errors(rows))
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
