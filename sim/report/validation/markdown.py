"""The comparison as blocks of Markdown: what the documentation and the README say of it, figure for figure."""

from __future__ import annotations

from collections.abc import Sequence

from tabulate import tabulate

from sim.catalog.accuracy import Evidence, Situation
from sim.report.validation.believed import (
    band_cells,
    coverage_cells,
    memory_sentence,
    selection_sentence,
    unseen_cells,
)
from sim.report.validation.tables import (
    Cells,
    group_cells,
    headline_sentence,
    left_out_cells,
    reason_cells,
    scaling_sentence,
    series_cells,
    target_cells,
    worst_cells,
)
from sim.validation.scaling import mean_scaling_error
from sim.validation.summary import Group, Summary
from sim.validation.unseen import Unseen

_README_ERRORS = ("errors of step times", "rows", "sources", "mean abs., each source alike", "median abs.", "P90 abs.")
_GUESSED = "\\*: no listed source, its stack is guessed."


def documentation_blocks(summary: Summary) -> dict[str, str]:
    """Name of a block of docs/validation.md -> its text."""
    problems = "\n".join(f"- {problem}" for problem in summary.problems)
    return {
        "headline": f"{headline_sentence(summary)}\n\n{_scaling(summary)}",
        "targets": _table(target_cells(summary.targets)),
        "sources": _with_legend(_table(group_cells(summary.sources, "source")), summary.sources),
        "stacks": _table(group_cells(summary.stacks, "stack")),
        "series": _table(series_cells(summary.series)),
        "worst": _table(worst_cells(summary.worst)),
        "left-out": f"{_table(reason_cells(summary.reasons))}\n\n{_table(left_out_cells(summary.left_out))}",
        "problems": problems or "None.",
    }


def believed_blocks(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> dict[str, str]:
    """Name of a block of docs/validation.md on sources never seen -> its text."""
    return {
        "believed": f"{_table(unseen_cells(rows, summary))}\n\n{_table(coverage_cells(evidence.coverage))}",
        "bands": f"{_table(band_cells(evidence))}\n\n{selection_sentence(evidence)}\n\n{memory_sentence(evidence)}",
    }


def readme_block(rows: Sequence[Unseen], summary: Summary, evidence: Evidence) -> str:
    """The README's block: errors on sources never seen, and what error bands hold, kind of machine by kind."""
    errors = _table(_only(unseen_cells(rows, summary), _README_ERRORS))
    machines = [one for one in evidence.coverage if one.of == Situation(one.of.machine) and not one.is_class]
    return f"{errors}\n\n{_table(coverage_cells(machines))}"


def _scaling(summary: Summary) -> str:
    return scaling_sentence(summary.series, mean_scaling_error(summary.series))


def _with_legend(table: str, groups: Sequence[Group]) -> str:
    return table if all(group.known for group in groups) else f"{table}\n\n{_GUESSED}"


def _only(cells: Cells, wanted: Sequence[str]) -> Cells:
    """The columns of these names, in their order."""
    kept = [cells.headers.index(name) for name in wanted]
    words = sum(index < cells.words for index in kept)
    return Cells(tuple(wanted), tuple(tuple(row[index] for index in kept) for row in cells.rows), words)


def _table(cells: Cells) -> str:
    rows = [[cell.replace("|", "\\|").replace("*", "\\*") for cell in row] for row in cells.rows]
    return tabulate(rows, cells.headers, tablefmt="pipe", colalign=cells.aligned, disable_numparse=True)
