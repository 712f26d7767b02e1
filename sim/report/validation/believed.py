"""What is told first: errors on sources never seen, beside those on rows held back, and what error bands hold."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from sim.catalog.accuracy import Coverage, Evidence
from sim.page.numbers import counted, percent, signed_percent
from sim.records.belief import situation_words
from sim.report.validation.tables import Cells
from sim.validation.conventions import device_family
from sim.validation.errors import Errors
from sim.validation.summary import Summary
from sim.validation.targets import HEADLINE
from sim.validation.unseen import Unseen, Way, unseen_errors
from sim.validation.unseen_groups import mean_of_sources

_WAYS: tuple[tuple[str, Way], ...] = (("stack known by name", "named"), ("stack guessed", "guessed"))
_ERRORS = (
    "errors of step times", "rows", "sources", "mean abs., each source alike",
    "mean signed", "mean abs.", "median abs.", "P90 abs.",
)  # fmt: skip


def unseen_cells(rows: Sequence[Unseen], summary: Summary) -> Cells:
    """Errors on sources never seen, beside those on rows held back from known sources: dense, on A100 and H100."""
    dense = [row for row in rows if device_family(row.device) in HEADLINE]
    found = []
    for name, way in _WAYS:
        sources = {row.source for row in dense if row.predicted(way)}
        alike = mean_of_sources(dense, way)
        found.append(_error_row(f"sources never seen, {name}", unseen_errors(dense, way), len(sources), alike))
    errors = summary.headline
    means = [group.errors.mean_absolute for group in summary.sources if group.known and group.errors]
    alike = fmean(means) if means else None
    found.append(_error_row("rows held back from known sources", errors, len(means), alike))
    return Cells(_ERRORS, tuple(found))


def coverage_cells(coverage: Sequence[Coverage]) -> Cells:
    """What error bands hold of the sources that they were made without: of the whole, and class by class."""
    rows = [
        (
            f"{'class: ' if one.is_class else ''}{situation_words(one.of)}",
            f"{one.rows:,}",
            f"{one.sources:,}",
            percent(one.by_source),
            percent(one.by_row),
        )
        for one in coverage
    ]
    return Cells(("predictions", "rows", "sources", "held, by source", "held, by row"), tuple(rows))


def band_cells(evidence: Evidence) -> Cells:
    """Every class and its band."""
    rows = [
        (
            situation_words(one.situation),
            f"{one.rows:,}",
            f"{len(one.without):,}",
            f"{signed_percent(one.ends[0])} to {signed_percent(one.ends[1])}",
        )
        for one in evidence.classes
    ]
    return Cells(("class", "rows", "sources", "P10 to P90"), tuple(rows))


def coverage_sentence(summary: Summary) -> str:
    """How many of the compared rows lie inside the bands that other sources make; empty where none has a band."""
    if not summary.with_band:
        return "No row has an error band."
    return (
        f"Of {summary.with_band:,} rows with an error band {summary.inside:,}"
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


def _error_row(what: str, errors: Errors | None, sources: int, alike: float | None) -> tuple[str, ...]:
    """alike: the mean of the sources' mean absolute errors."""
    if errors is None or alike is None:
        return (what, "0", "0", "", "", "", "", "")
    absolute = (errors.mean_absolute, errors.median_absolute, errors.p90_absolute)
    return (
        what, f"{errors.rows:,}", f"{sources}", percent(alike), signed_percent(errors.mean), *map(percent, absolute),
    )  # fmt: skip
