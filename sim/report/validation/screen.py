"""The comparison on the screen: a table per source, the headline, targets, worst rows, and what was left out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from sim.catalog import load_evidence
from sim.page.borders import ascii_only
from sim.report.layout import wrapped
from sim.report.validation.believed import coverage_cells, coverage_sentence
from sim.report.validation.tables import (
    Cells,
    group_cells,
    headline_sentence,
    reason_cells,
    scaling_sentence,
    target_cells,
    worst_cells,
)
from sim.validation.scaling import mean_scaling_error
from sim.validation.summary import Group, Summary

_WORST_WIDTHS = (28, 24, 18, 18, 30, None, None)
_GROUP_WIDTHS = (34, 26, *[None] * 8)
_TARGET_WIDTHS = (34, 15, 18, 22, None, None, None)


def validation_screen(summary: Summary, *, problems: bool = True) -> str:
    """Return everything that a comparison shows as plain text. problems: whether to list rows that cannot be read."""
    parts = [_groups(summary.sources, "source"), _sentences(summary), _coverage(summary)]
    if len(summary.stacks) > 1:
        parts.insert(1, _groups(summary.stacks, "stack"))
    reached = [target for target in summary.targets if target.reached is not None]
    if reached:
        parts.append(_table(target_cells(reached), _TARGET_WIDTHS))
    if summary.worst:
        parts.append(f"Worst rows:\n\n{_table(worst_cells(summary.worst), _WORST_WIDTHS)}")
    if summary.reasons:
        parts.append(_table(reason_cells(summary.reasons)))
    if problems and summary.problems:
        parts.append("\n".join(["Rows that cannot be read:", *(f"  {one}" for one in summary.problems)]))
    return ascii_only("\n\n".join(parts))


def _groups(groups: Sequence[Group], what: str) -> str:
    if not groups:
        return "No row was simulated."
    cells, widths = group_cells(groups, what), _GROUP_WIDTHS
    guessed = "" if all(group.known for group in groups) else "\n\n*: no listed source, its stack is guessed"
    return _table(cells, widths) + guessed


def _coverage(summary: Summary) -> str:
    """What error bands hold of the rows compared, and what they hold of all sources, each left out in turn."""
    table = _table(coverage_cells(load_evidence().coverage))
    said = coverage_sentence(summary)
    return f"{wrapped(said)}\nShare of measured step times that bands hold, each source left out in turn:\n\n{table}"


def _sentences(summary: Summary) -> str:
    said = [headline_sentence(summary)]
    if summary.series:
        said.append(scaling_sentence(summary.series, mean_scaling_error(summary.series)))
    if summary.role == "fit":
        said.append("These are rows that constants may have been fitted on: they show a fit, they validate nothing.")
    else:
        said.append("Errors are predicted over measured step time; negative means predicted too fast.")
    return "\n".join(map(wrapped, said))


def _table(cells: Cells, widths: Sequence[int | None] = ()) -> str:
    rows = [
        [
            textwrap.fill(cell, width, break_on_hyphens=False) if width else cell
            for cell, width in zip(row, widths, strict=True)
        ]
        if widths
        else row
        for row in cells.rows
    ]
    # Headers of numbers take two lines, so that their columns are narrow.
    headers = [name if index < cells.words else name.replace(" ", "\n") for index, name in enumerate(cells.headers)]
    return tabulate(rows, headers, tablefmt="simple", colalign=cells.aligned, disable_numparse=True)
