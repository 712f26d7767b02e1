"""Tables and sentences on published measurements and their predictions: the same for screens, reports and documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TypeVar

from sim.catalog.accuracy import Coverage, ErrorClass, Evidence
from sim.page.blocks import Column, Table, table, words
from sim.page.numbers import counted, fixed, number, percent, points, signed_percent, whole
from sim.records.belief import situation_words
from sim.validation.conventions import device_family
from sim.validation.errors import Errors
from sim.validation.scaling import WEAK, Series, mean_scaling_error
from sim.validation.summary import Group, LeftOut, Summary, Worst
from sim.validation.targets import HEADLINE, Target
from sim.validation.unseen import Unseen, Way, unseen_errors
from sim.validation.unseen_groups import Peer, UnseenGroup, first_look, mean_of_sources

_WAYS: tuple[tuple[str, Way], ...] = (("stack known by name", "named"), ("stack guessed", "guessed"))
_Row = TypeVar("_Row")
_Believed = tuple[str, Errors | None, int, float | None]
ERROR_FIGURES = (
    ("mean signed", "mean"), ("mean abs.", "mean_absolute"), ("median abs.", "median_absolute"),
    ("P90 abs.", "p90_absolute"),
)  # fmt: skip
"""Columns of errors, and where Errors has them."""
_WHY_NOT = "not simulated or not scored because"
GUESSED = "*: no listed source, its stack is guessed."


def groups_table(groups: Sequence[Group], what: str) -> Table:
    """Errors group by group: of sources, say. what: the title of the names."""
    columns: list[Column[Group]] = [
        words(what, lambda group: group.name if group.known else f"{group.name} *", key=True),
        words("worst row", lambda group: group.errors.worst_row if group.errors else ""),
        Column("check rows", lambda group: whole(group.counts.check)),
        Column("fit rows", lambda group: whole(group.counts.fit)),
        Column("left out", lambda group: whole(group.counts.not_simulated)),
        *error_columns(),
    ]
    return table(groups, columns)


def error_columns() -> list[Column[Group]]:
    """Mean signed, mean, median and P90 absolute, worst."""
    figures = (*ERROR_FIGURES, ("worst", "worst"))
    return [
        errors_column(title, name, lambda group: group.errors, 90 if name == "mean" else 0) for title, name in figures
    ]


def errors_column(title: str, name: str, of: Callable[[_Row], Errors | None], from_width: int = 0) -> Column[_Row]:
    """A column of one figure of the errors; empty where there are none. name: of its attribute."""
    write = signed_percent if name in ("mean", "worst") else percent

    def text(row: _Row) -> str:
        errors = of(row)
        return write(getattr(errors, name)) if errors else ""

    return Column(title, text, from_width=from_width)


TARGETS: tuple[Column[Target], ...] = (
    words("figure to reach", lambda target: target.what, key=True),
    words("measure", lambda target: target.measure, key=True),
    words("counted over", lambda target: target.over),
    words("others", lambda target: target.others),
    Column("target", lambda target: f"<= {amount(target, target.limit)}"),
    Column("reached", lambda target: "no rows" if target.reached is None else amount(target, target.reached)),
    Column("", lambda target: {True: "met", False: "MISSED", None: ""}[target.met]),
)
"""Every target with what is reached."""


def amount(target: Target, value: float) -> str:
    """A limit, or what is reached."""
    if target.unit == "ratio":
        return fixed(value, 2)
    return percent(value) if target.unit == "%" else points(value, signed=False)


SERIES: tuple[Column[Series], ...] = (
    words("source", lambda one: one.source, key=True),
    words("stack", lambda one: one.stack),
    words("model", lambda one: one.model),
    words("the same", lambda one: f"{number(one.batch)} {'per device' if one.kind == WEAK else 'in all'}"),
    words("devices", lambda one: " ".join(map(whole, one.devices))),
    Column("measured loss", lambda one: percent(one.measured_loss)),
    Column("predicted loss", lambda one: percent(one.predicted_loss)),
    Column("error", lambda one: points(one.error)),
)
"""Measured and predicted loss of throughput, series by series."""

WORST: tuple[Column[Worst], ...] = (
    words("row", lambda one: one.row, key=True),
    words("stack", lambda one: one.stack),
    words("model", lambda one: one.model),
    words("plan", lambda one: one.plan),
    words("largest shares but useful", lambda one: ", ".join(f"{line} {percent(part, 0)}" for line, part in one.lines)),
    Column("devices", lambda one: whole(one.devices)),
    Column("error", lambda one: signed_percent(one.error)),
)
"""The rows that are furthest off, with the ledger lines that could explain them."""

REASONS: tuple[Column[tuple[str, int]], ...] = (
    words(_WHY_NOT, lambda one: one[0], key=True),
    Column("rows", lambda one: whole(one[1])),
)
"""Why rows are not simulated, and how many."""


LEFT_OUT: tuple[Column[LeftOut], ...] = (
    words("source", lambda one: one.source, key=True),
    words(_WHY_NOT, lambda one: one.reason),
    Column("rows", lambda one: whole(one.rows)),
)
"""What is not simulated, source by source."""


def believed_table(rows: Sequence[Unseen], summary: Summary) -> Table:
    """Errors on sources never seen, beside those on rows held back from known sources: dense, on A100 and H100."""
    dense = [row for row in rows if device_family(row.device) in HEADLINE]
    found: list[_Believed] = []
    for name, way in _WAYS:
        sources = {row.source for row in dense if row.predicted(way)}
        errors, alike = unseen_errors(dense, way), mean_of_sources(dense, way)
        found.append((f"sources never seen, {name}", errors, len(sources), alike))
    means = [group.errors.mean_absolute for group in summary.sources if group.known and group.errors]
    held = ("rows held back from known sources", summary.headline, len(means), fmean(means) if means else None)

    columns: list[Column[_Believed]] = [
        words("errors of step times", lambda one: one[0], key=True),
        Column("rows", lambda one: whole(one[1].rows if one[1] else 0)),
        Column("sources", lambda one: whole(one[2])),
        Column("mean abs., each source alike", lambda one: "" if one[3] is None else percent(one[3])),
        *(errors_column(title, name, lambda one: one[1]) for title, name in ERROR_FIGURES),
    ]
    return table([*found, held], columns)


COVERAGE: tuple[Column[Coverage], ...] = (
    words("predictions", lambda one: f"{'class: ' if one.is_class else ''}{situation_words(one.of)}", key=True),
    Column("rows", lambda one: whole(one.rows)),
    Column("sources", lambda one: whole(one.sources)),
    Column("held, by source", lambda one: percent(one.by_source)),
    Column("held, by row", lambda one: percent(one.by_row)),
)
"""What error bands hold of the sources that they were made without: of the whole, and class by class."""

BANDS: tuple[Column[ErrorClass], ...] = (
    words("class", lambda one: situation_words(one.situation), key=True),
    Column("rows", lambda one: whole(one.rows)),
    Column("sources", lambda one: whole(len(one.without))),
    Column("P10 to P90", lambda one: " to ".join(map(signed_percent, one.ends))),
)
"""Classes of predictions and their bands."""


def unseen_table(groups: Sequence[UnseenGroup]) -> Table:
    """Mean and median absolute errors by group: without the source, and on held-back rows of sources that are known.

    The latter only where a comparison with everything fitted is at hand.
    """

    def both(errors: Errors | None) -> str:
        return "" if errors is None else f"{percent(errors.mean_absolute)} / {percent(errors.median_absolute)}"

    def alike(group: UnseenGroup) -> str:
        return " / ".join("-" if one is None else percent(one) for one in group.by_source.values())

    columns: list[Column[UnseenGroup]] = [
        words("mean / median", lambda group: group.name, key=True),
        Column("rows", lambda group: whole(group.rows)),
        Column("sources", lambda group: whole(group.sources)),
        Column("unseen, named", lambda group: both(group.named)),
        Column("unseen, guessed", lambda group: both(group.guessed)),
        Column("each source alike", alike),
        *([Column("held back", lambda group: both(group.seen))] if any(group.seen for group in groups) else []),
    ]
    return table(groups, columns)


def peers_table(beside: Sequence[Peer]) -> Table:
    """Mean absolute errors on the rows of sources that other programs were held against."""
    columns: list[Column[Peer]] = [
        words("source", lambda one: one.source, key=True),
        words("others", lambda one: one.program),
        Column("rows", lambda one: whole(one.rows)),
        Column("others' error", lambda one: " / ".join(map(percent, one.errors))),
        Column("first look", lambda one: percent(one.first_look)),
        errors_column("unseen, named", "mean_absolute", lambda one: one.named),
        errors_column("unseen, guessed", "mean_absolute", lambda one: one.guessed),
    ]
    return table(beside, columns)


def headline_sentence(summary: Summary) -> str:
    """The one figure: errors over everything dense on A100 and H100 from listed sources."""
    errors = summary.headline
    what = f"{summary.role} rows of listed sources, dense bf16 and fp16 on A100 and H100"
    return f"No {what}." if errors is None else f"{errors.rows:,} {what}: {errors_words(errors)}."


def errors_words(errors: Errors) -> str:
    """Mean, median and P90 of the absolute errors, and the mean signed one."""
    return (
        f"mean absolute error {percent(errors.mean_absolute)}, median {percent(errors.median_absolute)},"
        f" P90 {percent(errors.p90_absolute)}, mean signed {signed_percent(errors.mean)}"
    )


def scaling_sentence(series: Sequence[Series]) -> str:
    """How well the loss of throughput with size is met."""
    mean = mean_scaling_error(series)
    if mean is None:
        return "No series of one model on three or more cluster sizes."
    sources = counted(len({one.source for one in series}), "source")
    return (
        f"Scaling loss, smallest to largest cluster: {fixed(100 * mean, 1)} percentage points off on average, over"
        f" {len(series):,} series of {sources}."
    )


def coverage_sentence(summary: Summary) -> str:
    """How many of the compared rows lie inside the bands that other sources make."""
    if not summary.with_band:
        return "No row has an error band."
    return (
        f"Of {counted(summary.with_band, 'row')} with an error band {summary.inside:,}"
        f" ({percent(summary.inside / summary.with_band)}) lie inside it; it is made without their sources."
    )


def selection_sentence(evidence: Evidence) -> str:
    """What choosing the plan that is predicted fastest adds."""
    found = evidence.selection
    if found is None:
        return "No source measured several plans of one job: what a search adds is unknown."
    return (
        f"In {found.jobs:,} jobs with 4 to {found.most_plans} measured plans ({found.rows:,} rows of"
        f" {found.sources} sources) the error of the plan predicted fastest differs from the mean error of its job by"
        f" {signed_percent(found.shift)} on average over sources, with a standard deviation of {percent(found.spread)}"
        " from source to source."
    )


def memory_sentence(evidence: Evidence) -> str:
    """The band of peak memory, or that too few sources measured it."""
    if evidence.memory:
        widest = evidence.memory[0]
        ends = " to ".join(map(signed_percent, widest.ends))
        return f"Peak memory: P10 to P90 {ends}, over {widest.rows:,} rows of {len(widest.without)} sources."
    sources = counted(evidence.memory_sources, "source")
    return f"Peak memory has no band: {sources} measured it where another one says how, too few for a band."


def first_look_sentence() -> str:
    """How far off the rows were that were predicted before they touched anything."""
    errors = first_look()
    return (
        f"At first sight, before any of their rows had touched a fit or a decision, {errors.rows} rows of four sources"
        f" were {percent(errors.mean_absolute)} off on average, {percent(errors.median_absolute)} in the median."
    )
