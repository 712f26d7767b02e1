"""Writes a comparison into a folder: the report, a row for every measurement, what was left out, JSON, two charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sim.page.blocks import Page
from sim.page.borders import csv_text
from sim.records.files import write_folder
from sim.records.validation import UNSUPPORTED_COLUMNS, row_record, unsupported_record, validation_document
from sim.validation.compare import Comparison, Validation
from sim.validation.summary import Summary


def write_validation(validation: Validation, summary: Summary, report: Page, directory: Path) -> list[Path]:
    """Write the report, rows.csv, unsupported.csv, results.json and the charts of the role that is counted.

    Returns their paths. Raises InputError when the folder cannot be written.
    """
    left_out = [*map(unsupported_record, validation.unsupported), *map(unsupported_record, validation.problems)]
    texts = {
        "rows.csv": csv_text([row_record(one) for one in validation.comparisons], ("id",)),
        "unsupported.csv": csv_text(left_out, UNSUPPORTED_COLUMNS),
    }
    counted = [one for one in validation.comparisons if one.role == summary.role]
    document = validation_document(validation, summary)
    return write_folder(directory, document, texts, lambda folder: validation_charts(counted, folder), report)


def validation_charts(counted: Sequence[Comparison], folder: Path) -> list[Path]:
    """Draw both charts of some rows into a folder that exists; return the paths, PNG and SVG of each."""
    from sim.report.charts.canvas import save
    from sim.report.charts.validation import errors_figure, parity_figure

    if not counted:
        return []
    return [*save(parity_figure(counted), folder, "parity"), *save(errors_figure(counted), folder, "errors")]
